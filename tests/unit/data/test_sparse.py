import multiprocessing

import numpy as np
import pytest
import scipy.sparse
import torch

from paradime import (
    ParametricAutoencoder,
    ParametricContrastive,
    ParametricPaCMAP,
    ParametricTSNE,
    ParametricUMAP,
)
from paradime.data import Dataset, local_radius
from paradime.data.derived import pca
from paradime.models.scaling import InputScaling
from paradime.relationdata import relation_factory
from paradime.utils.sparse import SparseRows, without_offset

pytestmark = pytest.mark.usefixtures("few_first_steps")
FORMATS = ["csr", "csc", "coo", "lil", "dok", "bsr", "dia"]


@pytest.fixture
def X():
    rng = np.random.default_rng(0)
    return np.where(rng.random((120, 30)) < 0.3, rng.normal(size=(120, 30)), 0).astype(np.float32)


@pytest.mark.filterwarnings("ignore:Constructing a DIA matrix")
@pytest.mark.parametrize("kind", FORMATS)
def test_rows_of_any_format_are_those_of_the_dense_matrix(kind, X):
    for given in (scipy.sparse.csr_array(X).asformat(kind), scipy.sparse.csr_matrix(X).asformat(kind)):
        rows = SparseRows(given)
        wanted = torch.tensor(X)
        assert torch.equal(rows[:], wanted)
        assert torch.equal(rows[3], wanted[3])
        assert torch.equal(rows[-1], wanted[-1])
        assert torch.equal(rows[[5, 0, 5]], wanted[[5, 0, 5]])
        assert torch.equal(rows[wanted[:, 0] > 0], wanted[wanted[:, 0] > 0])
        assert torch.equal(rows[torch.tensor([[1, 2], [3, 4]])], wanted[torch.tensor([[1, 2], [3, 4]])])
        assert torch.equal(rows.take([7, 7, 2])[:], wanted[[7, 7, 2]])
        torch.testing.assert_close(rows.mean(dim=0), wanted.mean(dim=0))


def test_sparse_tensors_and_entries_stored_twice_are_read():
    twice = scipy.sparse.coo_array(([1.0, 2.0, 5.0], ([0, 0, 1], [1, 1, 0])), shape=(2, 2))
    assert SparseRows(twice)[:].tolist() == [[0.0, 3.0], [5.0, 0.0]]
    assert len(twice.data) == 3
    assert SparseRows(torch.eye(3).to_sparse())[:].tolist() == torch.eye(3).tolist()


def test_means_and_deviations_are_those_of_the_dense_matrix(X):
    for given in (X.astype(np.float64), 1e9 + X.astype(np.float64), np.where(X > 0, 3, 0)):
        mean, deviation = SparseRows(scipy.sparse.csr_array(given)).mean_and_deviation()
        np.testing.assert_allclose(mean.numpy(), given.mean(axis=0))
        np.testing.assert_allclose(deviation.numpy(), given.std(axis=0), atol=1e-6)


def test_offsets_are_taken_of_columns_that_all_rows_store(X):
    first, second = X[:100].astype(np.float64), X[100:].astype(np.float64)
    first[:, :2] += 1e9
    second[:, 0] += 1e9
    near = [part.toarray() for part in without_offset(*map(scipy.sparse.csr_array, (first, second)))]
    for part, given in zip(near, (first, second), strict=True):
        np.testing.assert_array_equal(part[:, 0], given[:, 0] - first[0, 0])
        np.testing.assert_array_equal(part[:, 1:], given[:, 1:])


def test_rows_are_not_made_dense_as_a_whole(X):
    with pytest.raises(TypeError, match="to_scipy"):
        np.asarray(SparseRows(scipy.sparse.csr_array(X)))
    wide = SparseRows(scipy.sparse.csr_array((100_000, 20_000)))
    with pytest.raises(MemoryError, match="batch_size"):
        wide[:]


@pytest.mark.parametrize(("value", "words"), [(np.nan, "NaN"), (np.inf, "infinity")])
def test_values_that_are_not_finite_are_named_with_their_place(value, words, X):
    X[4, 7] = value
    with pytest.raises(ValueError, match=f"contains {words}, first at row 4, column 7"):
        Dataset(scipy.sparse.csr_array(X))


def test_entry_stays_sparse_and_its_rows_are_dense(X):
    dataset = Dataset({"main": scipy.sparse.csr_array(X.astype(np.float64)), "labels": np.arange(120)})
    assert isinstance(dataset["main"], SparseRows)
    assert dataset["main"].dtype == torch.float32
    assert dataset.source("main").dtype == torch.float64
    assert torch.equal(dataset.rows([3, 1])["main"], torch.tensor(X[[3, 1]]))
    part = dataset.subset([3, 1])
    assert isinstance(part["main"], SparseRows)
    assert part["labels"].tolist() == [3, 1]
    assert part["indices"].tolist() == [0, 1]


def test_principal_components_and_radii_are_those_of_the_dense_matrix(X):
    for d in (30, 3):
        dense = pca(X[:, :d])
        np.testing.assert_allclose(pca(scipy.sparse.csr_array(X[:, :d])), dense, atol=1e-5)
    wide = np.tile(X, 20)
    np.testing.assert_allclose(pca(scipy.sparse.csr_array(wide)), pca(wide, svd_solver="full"), atol=1e-4)
    graph = relation_factory(scipy.sparse.random_array((120, 120), density=0.1, rng=0))
    np.testing.assert_allclose(local_radius(graph, scipy.sparse.csr_array(X)), local_radius(graph, X), rtol=1e-5)


def test_scaling_is_that_of_the_dense_matrix(X):
    X[:, 4], X[:3, 4] = 0, 2  # a column of next to no values
    for rows in (X, np.tile(X, 80)):
        dense, sparse = InputScaling(rows.shape[1], 5), InputScaling(rows.shape[1], 5)
        dense.prepare(torch.tensor(rows), torch.Generator().manual_seed(0))
        sparse.prepare(SparseRows(scipy.sparse.csr_array(rows)), torch.Generator().manual_seed(0))
        for name, values in dense.state_dict().items():
            torch.testing.assert_close(sparse.state_dict()[name], values, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize(
    "routine",
    [
        ParametricUMAP(epochs=2, batch_size=60, n_neighbors=10, random_state=0),
        ParametricTSNE(perplexity=10, epochs=2, batch_size=50, random_state=0),
        ParametricContrastive(epochs=2, decoder=True, density=True, structure=True, random_state=0),
        ParametricPaCMAP(epochs=3, random_state=0),
        ParametricAutoencoder(epochs=2, random_state=0),
    ],
    ids=lambda routine: type(routine).__name__,
)
def test_sparse_data_are_embedded_as_dense_data_are(routine, X):
    dense = routine.fit_transform(X)
    sparse = routine.fit_transform(scipy.sparse.csr_array(X))
    np.testing.assert_allclose(sparse, dense, atol=1e-3 * np.abs(dense).max())
    np.testing.assert_allclose(routine.transform(X), sparse, atol=1e-6)
    np.testing.assert_allclose(routine.transform(scipy.sparse.csc_matrix(X)), sparse, atol=1e-6)


SCRIPT = """
import resource
import numpy as np, scipy.sparse
from paradime.dr import ParametricDR
from paradime.loss import PositionLoss, ReconstructionLoss
from paradime.data import DerivedData
from paradime.data.derived import pca
from paradime.models import ModelRecipe
n, d = 12_500, 80_000  # in double precision, as they are given
rng = np.random.default_rng(0)
X = scipy.sparse.csr_array(
    (rng.random(4 * n), rng.integers(0, d, 4 * n), np.arange(0, 4 * n + 1, 4)), shape=(n, d)
)
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
options = {"n_centers": 8, "n_components": 4, "hidden_dims": [20]}
routine = ParametricDR(
    model=ModelRecipe("centers", options=options, decoder=True),
    derived_data={"pos": DerivedData(pca)},
    losses={"position": PositionLoss(), "reconstruction": ReconstructionLoss()},
    random_state=0,
)
routine.add_training_phase(
    epochs=1, batches_per_epoch=1, batch_size=100, loss_keys=["position", "reconstruction"]
)
routine.train(X)
assert np.isfinite(routine.apply(X[:100]).numpy()).all()
result.send(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)
"""


def test_matrix_of_eight_gigabytes_when_dense_is_trained_on(forked):
    receiver, sender = multiprocessing.Pipe(duplex=False)
    process = forked(SCRIPT, result=sender)
    sender.close()
    taken = receiver.recv() / 2**20  # gigabytes
    process.join()
    assert process.exitcode == 0
    assert taken < 1.5
