"""What rows promise however they are stored: they agree with the matrix, whatever the blocks they are read in."""

import numpy as np
import pytest
import scipy.sparse
import torch

from paradime import ParametricPaCMAP, ParametricUMAP
from paradime.data import Dataset
from paradime.metrics import knn_recall
from paradime.neighbors import nearest_neighbors
from paradime.relations import PDist
from paradime.sources import open_rows
from paradime.utils import row_protocol
from paradime.utils.rows import DenseRows, Rows, rows_of, stacked
from paradime.utils.sparse import SparseRows

TYPES = ["float32", "float64", "int32", "int64", "uint8", "bool"]


class FileRows(Rows):
    """Rows on disk that define no more than they must."""

    def __init__(self, array, index=None, dtype=None):
        self._array = array
        self._index = np.arange(len(array)) if index is None else index
        self.shape = (len(self._index), *array.shape[1:])
        self.dtype = torch.from_numpy(array[:0].copy()).dtype if dtype is None else dtype
        self.device = torch.device("cpu")

    def gather(self, index):
        return torch.from_numpy(np.array(self._array[self._index[index.numpy()]])).to(self.dtype)

    def take(self, rows):
        return FileRows(self._array, self._index[self._numbers(rows).numpy()], self.dtype)

    def to(self, *args, **kwargs):
        return FileRows(self._array, self._index, torch.empty(0, dtype=self.dtype).to(*args, **kwargs).dtype)


@pytest.fixture(params=["dense", "sparse", "file", "stored"])
def make(request, tmp_path):
    """Makes rows of a form of an array."""

    def on_disk(array):
        path = tmp_path / "rows.bin"
        np.ascontiguousarray(array).tofile(path)
        return FileRows(np.memmap(path, array.dtype, "r", shape=array.shape))

    def stored(array):
        path = tmp_path / f"rows{len(list(tmp_path.iterdir()))}.npy"
        np.save(path, np.ascontiguousarray(array))
        return open_rows(path)

    forms = {
        "dense": lambda array: DenseRows(torch.tensor(array)),
        "sparse": lambda array: SparseRows(scipy.sparse.csr_array(array)),
        "file": on_disk,
        "stored": stored,
    }
    return forms[request.param]


@pytest.fixture(autouse=True)
def small_blocks(monkeypatch):
    monkeypatch.setattr(row_protocol, "_BLOCK_BYTES", 300)
    monkeypatch.setattr(row_protocol, "_PAIR_BYTES", 300)


@pytest.fixture
def X():
    rng = np.random.default_rng(0)
    X = np.where(rng.random((40, 7)) < 0.4, rng.normal(size=(40, 7)), 0)
    X[:, 2], X[:, 4], X[:, 5] = 3.0, 0.0, 1 + rng.random(40)
    return X


@pytest.mark.parametrize("dtype", TYPES)
def test_rows_are_selected_as_those_of_a_tensor(make, X, dtype):
    array = np.abs(10 * X).astype(dtype)
    rows, tensor = make(array), torch.tensor(array)
    assert (len(rows), rows.ndim, tuple(rows.shape), rows.numel()) == (40, 2, (40, 7), 280)
    assert (rows.dtype, rows.device, rows.is_floating_point()) == (
        tensor.dtype,
        tensor.device,
        tensor.is_floating_point(),
    )
    selections = [0, -1, slice(3, 30, 4), [5, 0, -2], tensor[:, 0] > 0, torch.tensor([[1, 2], [3, 4]])]
    for selected in selections:
        assert torch.equal(rows[selected], tensor[selected])
    assert torch.equal(rows.index_select(0, torch.tensor([4, 4])), tensor[[4, 4]])
    assert torch.equal(torch.stack(list(rows)), tensor)
    assert [len(block) for block in rows.split(15)] == [15, 15, 10]
    assert torch.equal(torch.cat(list(rows.split(15))), tensor)
    assert torch.equal(rows.dense(), tensor)


@pytest.mark.parametrize("make", ["sparse", "file"], indirect=True)
def test_rows_that_there_are_not_are_refused(make, X):
    rows = make(X)
    for index in (40, -41, [3, 40], [-41, 0], torch.tensor([[1, 2], [3, 99]])):
        with pytest.raises(IndexError):
            rows[index]
    with pytest.raises(
        IndexError, match=r"indices of rows must lie in \[-40, 39\], got -41\. There are 40 rows\."
    ):
        rows.take([0, -41])
    with pytest.raises(IndexError, match=r"a mask of rows must have shape \(40,\), got \(5,\)\."):
        rows[torch.ones(5, dtype=torch.bool)]
    with pytest.raises(IndexError, match=r"indices of rows must be integers, got torch\.float32\."):
        rows[[1.5]]


@pytest.mark.parametrize("make", ["sparse", "file"], indirect=True)
def test_no_rows_are_selected_by_an_empty_list(make, X):
    rows = make(X)
    assert rows[[]].shape == (0, 7)
    assert len(rows.take([])) == 0


@pytest.mark.parametrize("make", ["sparse", "file"], indirect=True)
def test_rows_are_selected_by_small_types_of_integers(make, X):
    rows, tensor = make(np.repeat(X, 10, axis=0)), torch.tensor(np.repeat(X, 10, axis=0))
    assert rows[torch.tensor([-1, 2], dtype=torch.int8)].equal(tensor[[-1, 2]])
    assert rows[torch.tensor([200, 3], dtype=torch.uint8)].equal(tensor[[200, 3]])


@pytest.mark.parametrize(
    ("gathered", "error", "message"),
    [
        (lambda rows: rows.numpy(), TypeError, r"Bad\.gather must return a dense tensor, got ndarray\."),
        (
            lambda rows: rows.to_sparse(),
            TypeError,
            r"Bad\.gather must return a dense tensor, got torch\.sparse_coo",
        ),
        (lambda rows: rows[1:], ValueError, r"must return a tensor of shape \(\d+, 7\).*, got \(\d+, 7\)\."),
        (lambda rows: rows[:, :5], ValueError, r"must return a tensor of shape \(\d+, 7\).*, got \(\d+, 5\)\."),
    ],
)
def test_what_a_class_of_rows_returns_is_checked(X, gathered, error, message):
    class Bad(FileRows):
        def gather(self, index):
            return gathered(super().gather(index))

    with pytest.raises(error, match=message):
        ParametricUMAP(epochs=1, n_neighbors=5).fit(Bad(X))


@pytest.mark.parametrize(
    ("attribute", "value", "message"),
    [
        ("shape", [40, 7], r"FileRows\.shape must be a tuple, got \[40, 7\]\. Set it in the constructor, such as"),
        ("dtype", np.dtype("float32"), r"FileRows\.dtype must be a dtype, got dtype\('float32'\)\."),
        (
            "device",
            "cpu",
            r"FileRows\.device must be a device, got 'cpu'\. .* self\.device = torch\.device\('cpu'\)",
        ),
    ],
)
def test_rows_whose_attributes_are_not_those_of_a_tensor_are_refused(X, attribute, value, message):
    rows = FileRows(X)
    setattr(rows, attribute, value)
    with pytest.raises(TypeError, match=message):
        ParametricUMAP(epochs=1, n_neighbors=5).fit(rows)


def test_rows_without_attributes_are_refused(X):
    class Bare(FileRows):
        def __init__(self, array):
            self._array = array

    with pytest.raises(TypeError, match=r"Bare\.shape must be a tuple, got None\."):
        rows_of(Bare(X))


def test_selected_rows_are_stored_as_all_are(make, X):
    rows = make(X)
    for selected in (slice(3, 30, 4), [5, 0, -2], torch.tensor(X[:, 0] > 0), torch.tensor([7, 7])):
        part = rows.take(selected)
        assert type(part) is type(rows)
        assert torch.equal(part.dense(), torch.tensor(X)[selected])
        assert torch.equal(part.take([0]).dense(), torch.tensor(X)[selected][:1])


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.int64])
def test_rows_of_another_type_leave_the_first_ones_as_they_were(make, X, dtype):
    rows = make(10 * X)
    converted = rows.to(dtype)
    assert torch.equal(converted[:], torch.tensor(10 * X).to(dtype))
    assert (converted.dtype, rows.dtype) == (dtype, torch.float64)
    assert rows.single().dtype == torch.float32


@pytest.mark.parametrize("dtype", TYPES)
def test_statistics_are_those_of_the_matrix(make, X, dtype):
    array = np.abs(10 * X).astype(dtype)
    rows = make(array)
    for bound, wanted in zip(rows.extremes(), (array.min(axis=0), array.max(axis=0)), strict=True):
        assert bound.dtype == (torch.int64 if dtype == "int64" else torch.float64)
        np.testing.assert_array_equal(bound, wanted.astype(np.float64))
    mean, deviation = rows.mean_and_deviation()
    np.testing.assert_allclose(mean, array.astype(np.float64).mean(axis=0), rtol=1e-12)
    np.testing.assert_allclose(deviation, array.astype(np.float64).std(axis=0), rtol=1e-12, atol=1e-12)
    np.testing.assert_array_equal(rows.constant_columns(), (array == array[0]).all(axis=0))
    np.testing.assert_array_equal(rows.columns_with_zeros(), (array == 0).any(axis=0))
    np.testing.assert_array_equal(rows.max_abs_per_row(), array.max(axis=1))
    np.testing.assert_array_equal(rows.column(3), array[:, 3])


def test_mean_has_the_precision_of_the_rows(make, X):
    np.testing.assert_allclose(make(X).mean(dim=0), X.mean(axis=0))
    assert make(X).mean().dtype == torch.float64
    assert make(X).to(torch.float32).mean().dtype == torch.float32


@pytest.mark.parametrize("least", [0.0, 0.5])
def test_sampled_columns_are_those_of_the_sample_except_columns_of_few_entries(make, X, least):
    sample = torch.tensor([9, 3, 3, 20])
    columns = torch.full((4, 7), torch.nan, dtype=torch.float64)
    for chosen, block in make(X).sampled_columns(sample, 2, least):
        assert block.shape[1] <= 2
        columns[:, chosen] = block
    wanted = torch.tensor(X[sample])
    left_out = columns.isnan().all(dim=0)
    assert torch.equal(columns[:, ~left_out], wanted[:, ~left_out])
    assert bool(((wanted[:, left_out] != 0).double().mean(dim=0) <= least).all())


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_first_entry_that_is_not_finite_is_found(make, X, value):
    assert make(X).surely_finite()
    assert make(X).first_where(torch.isnan) is None
    X[30, 6] = X[31, 1] = value
    rows = make(X)
    assert not rows.surely_finite()
    index, found = rows.first_where(lambda entries: ~entries.isfinite())
    assert index == (30, 6)
    np.testing.assert_equal(found, value)
    with pytest.raises(ValueError, match=r"contains (NaN|infinity), first at row 30, column 6\."):
        Dataset(rows)
    with pytest.raises(ValueError, match="first in row 30"):
        nearest_neighbors(rows, 3)


def test_values_beyond_single_precision_are_named(make, X):
    X[12, 1] = 1e300
    with pytest.raises(ValueError, match=r"single precision, 1e\+300 at row 12, column 1\."):
        Dataset(make(X))


def test_digest_depends_on_values_and_type(make, X):
    rows = make(X)
    digest = rows.digest()
    assert make(X.copy()).digest() == digest
    assert rows.to(torch.float32).digest() != digest
    X[39, 6] += 1
    assert make(X).digest() != digest


def test_squared_distances_of_pairs_are_those_of_the_matrix(make, X):
    first, second = torch.arange(40), torch.arange(40).flip(0)
    wanted = ((X - X[::-1]) ** 2).sum(axis=1)
    np.testing.assert_allclose(make(X).sq_dists(first, second), wanted, rtol=1e-12)


def test_rows_are_joined_with_rows_of_any_form(make, X):
    for other in (torch.tensor(X), scipy.sparse.csr_array(X), make(X)):
        assert torch.equal(rows_of(stacked(make(X), other)).dense(), torch.tensor(np.vstack([X, X])))


def test_dataset_holds_rows_as_they_are_stored(make, X):
    X = np.delete(X, [2, 4], axis=1)  # constant columns are warned of
    rows = make(X)
    dataset = Dataset({"main": rows, "labels": np.arange(40)})
    part = dataset.subset([3, 1]).to(torch.device("cpu"))
    for held in (dataset["main"], part["main"]):
        assert isinstance(held, torch.Tensor) if rows.in_memory else type(held) is type(rows)
    assert torch.equal(dataset.rows([3, 1])["main"], torch.tensor(X[[3, 1]], dtype=torch.float32))
    assert torch.equal(part["main"][:], torch.tensor(X[[3, 1]], dtype=torch.float32))
    assert torch.equal(part.source("main")[:], torch.tensor(X[[3, 1]]))


@pytest.mark.parametrize("make", ["sparse", "file"], indirect=True)
def test_rows_that_do_not_fit_into_memory_are_refused(make, X, monkeypatch):
    rows = make(X)
    monkeypatch.setattr(row_protocol, "MAX_DENSE_BYTES", 1_000)
    with pytest.raises(MemoryError, match="40 rows of 7 numbers"):
        rows[:]
    with pytest.raises(TypeError, match=r"rows\[indices\]"):
        np.asarray(rows)
    with pytest.raises(TypeError, match="take one index"):
        rows[0, 1]
    with pytest.raises(ValueError, match="dim must be 0"):
        rows.index_select(1, torch.tensor([0]))
    with pytest.raises(ValueError, match="dim must be 0"):
        rows.mean(dim=1)


@pytest.mark.parametrize("metric", ["euclidean", "manhattan"])
def test_neighbors_and_distances_are_those_of_the_matrix(make, X, metric):
    indices, dists = nearest_neighbors(X, 5, metric=metric)
    found, found_dists = nearest_neighbors(make(X), 5, metric=metric)
    assert torch.equal(found, indices)
    torch.testing.assert_close(found_dists, dists)
    wanted = PDist(metric=metric).compute_relations(X).data
    np.testing.assert_allclose(PDist(metric=metric).compute_relations(make(X)).data, wanted, rtol=1e-5, atol=1e-6)
    assert knn_recall(make(X), X[:, :2], n_neighbors=5) == knn_recall(X, X[:, :2], n_neighbors=5)


@pytest.mark.usefixtures("few_first_steps")
@pytest.mark.parametrize("scale", [1.0, 1e-30])
@pytest.mark.parametrize(
    "make_routine",
    [
        lambda: ParametricUMAP(epochs=2, n_neighbors=5, decoder=True, random_state=0),
        lambda: ParametricPaCMAP(epochs=3, random_state=0, validation_fraction=0.2),
    ],
    ids=["umap", "pacmap"],
)
def test_rows_of_any_form_are_fitted_and_updated_as_the_matrix_is(make, X, make_routine, scale):
    X = np.vstack([X, X + 0.1]) * scale
    X = np.delete(X, [2, 4], axis=1)  # constant columns are warned of
    dense, routine = make_routine().fit(X), make_routine().fit(make(X))
    wanted = dense.transform(X)
    for given in (X, make(X)):
        np.testing.assert_allclose(routine.transform(given), wanted, atol=1e-3 * np.abs(wanted).max())
    routine.update(make(X[:20]), epochs=1)
    assert np.isfinite(routine.transform(X)).all()
