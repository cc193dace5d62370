"""Rows of files: each format returns the rows of the array, and faults are named."""

import copy
import pickle

import numpy as np
import pytest
import torch

from paradime.sources import SourceError, StoredRows, is_source, open_data, open_rows, random_access
from paradime.sources.reader import FileStamp
from paradime.utils.rows import rows_of


@pytest.fixture
def X():
    return np.random.default_rng(0).normal(size=(70, 3)).astype(np.float32)


def write_npy(folder, X):
    np.save(folder / "rows.npy", X)
    return folder / "rows.npy"


def write_shards(folder, X):
    for i, part in enumerate(np.split(X, [20, 45])):
        np.save(folder / f"part{i}.npy", part)
    return folder


def write_parquet(folder, X):
    import pyarrow
    from pyarrow import parquet

    table = pyarrow.table({f"c{j}": X[:, j] for j in range(X.shape[1])})
    parquet.write_table(table, folder / "rows.parquet", row_group_size=16)
    return folder / "rows.parquet"


def write_lists(folder, X):
    import pyarrow
    from pyarrow import parquet

    lists = pyarrow.FixedSizeListArray.from_arrays(X.ravel(), X.shape[1])
    parquet.write_table(pyarrow.table({"v": lists}), folder / "lists.parquet", row_group_size=16)
    return folder / "lists.parquet"


def write_dataset(folder, X):
    import pyarrow.dataset

    write_parquet(folder, X)
    return pyarrow.dataset.dataset(folder / "rows.parquet")


def write_hdf5(folder, X):
    import h5py

    with h5py.File(folder / "rows.h5", "w") as file:
        file.create_dataset("data", data=X, chunks=(16, 3), compression="gzip")
    return folder / "rows.h5"


def write_sparse_h5ad(folder, X):
    import h5py
    import scipy.sparse

    matrix = scipy.sparse.csr_array(X)
    with h5py.File(folder / "cells.h5ad", "w") as file:
        group = file.create_group("X")
        group.attrs["encoding-type"], group.attrs["shape"] = "csr_matrix", X.shape
        for name in ("data", "indices", "indptr"):
            group[name] = getattr(matrix, name)
    return folder / "cells.h5ad"


def write_zarr(folder, X):
    zarr = pytest.importorskip("zarr")
    array = zarr.open(str(folder / "rows.zarr"), mode="w", shape=X.shape, chunks=(16, 3), dtype=X.dtype)
    array[:] = X
    return folder / "rows.zarr"


class Batched:
    """Rows of a user's own class."""

    def __init__(self, X):
        self.X = X

    def __len__(self):
        return len(self.X)

    def __getitem__(self, rows):
        return self.X[rows]


NEEDS = {
    "npy": (write_npy, []),
    "shards": (write_shards, []),
    "batched": (lambda _, X: Batched(X), []),
    "map": (lambda folder, X: np.load(write_npy(folder, X), mmap_mode="r"), []),
    "parquet": (write_parquet, ["pyarrow"]),
    "lists": (write_lists, ["pyarrow"]),
    "dataset": (write_dataset, ["pyarrow"]),
    "hdf5": (write_hdf5, ["h5py"]),
    "h5ad": (write_sparse_h5ad, ["h5py"]),
    "zarr": (write_zarr, ["zarr"]),
}
FORMATS = [
    pytest.param(name, marks=[pytest.mark.needs(*needs)] if needs else []) for name, (_, needs) in NEEDS.items()
]


@pytest.fixture(params=FORMATS)
def rows(request, tmp_path, X):
    return open_rows(NEEDS[request.param][0](tmp_path, X))


def test_rows_of_each_format_are_those_of_the_array(rows, X):
    assert isinstance(rows, StoredRows)
    assert rows.shape == X.shape
    assert rows.dtype == torch.float32
    assert torch.equal(rows.dense(), torch.from_numpy(X))
    # backwards, repeated, and beyond the borders of groups and shards
    chosen = [44, 45, 3, 69, 0, 3, 19, 20]
    assert torch.equal(rows[chosen], torch.from_numpy(X[chosen]))
    assert torch.equal(torch.cat(list(rows.split(11))), torch.from_numpy(X))


def test_selected_and_converted_rows_stay_on_disk(rows, X):
    part = rows.take(slice(5, 60, 2)).to(torch.float64)
    assert isinstance(part, StoredRows)
    assert torch.equal(part[[3, 1]], torch.from_numpy(X[5:60:2][[3, 1]]).double())
    assert rows.dtype == torch.float32


def test_copies_have_a_place_for_each_row(rows, X, tmp_path):
    (tmp_path / "copies").mkdir()
    copy = random_access(rows, tmp_path / "copies")
    assert copy.reader.is_random
    assert torch.equal(copy.dense(), torch.from_numpy(X))
    assert (copy is rows) == rows.reader.is_random
    copied = list((tmp_path / "copies").iterdir())
    assert len(copied) == (copy is not rows)
    del copy
    assert rows.reader.is_random or not copied[0].exists()


@pytest.mark.parametrize("write", [write_npy, pytest.param(write_parquet, marks=pytest.mark.needs("pyarrow"))])
def test_copies_of_rows_read_the_file_themselves(tmp_path, X, write):
    rows = open_rows(write(tmp_path, X)).take([3, 1])
    for other in (copy.deepcopy(rows), pickle.loads(pickle.dumps(rows))):
        assert torch.equal(other.dense(), rows.dense())


def test_near_and_far_rows_are_read_in_runs(tmp_path):
    X = np.arange(200_000, dtype=np.int16)[:, None]
    rows = open_rows(Batched(X))
    chosen = torch.tensor([0, 1, 5, 150_000, 150_001, 199_999])
    assert rows[chosen].flatten().tolist() == X[chosen.numpy(), 0].tolist()


@pytest.mark.parametrize("dtype", ["f2", ">f4", "f8", "i1", "u2", "i8", "?"])
def test_numbers_of_all_types_are_read(tmp_path, dtype):
    X = np.arange(6).reshape(3, 2).astype(dtype)
    np.save(tmp_path / "rows.npy", X)
    assert open_rows(tmp_path / "rows.npy").dense().tolist() == X.tolist()


def test_rows_of_several_axes_are_read(tmp_path):
    X = np.arange(24, dtype=np.uint8).reshape(3, 2, 4)
    np.save(tmp_path / "rows.npy", X)
    rows = open_rows(tmp_path / "rows.npy")
    assert rows[[2]].tolist() == X[[2]].tolist()
    assert rows.flat()[[1]].tolist() == X.reshape(3, 8)[[1]].tolist()


@pytest.mark.needs("pyarrow")
def test_names_of_columns_are_those_of_the_file(tmp_path, X):
    path = write_parquet(tmp_path, X)
    assert open_rows(path).columns == ["c0", "c1", "c2"]
    assert torch.equal(open_rows(path, columns=["c2", "c0"]).dense(), torch.from_numpy(X[:, [2, 0]]))


def test_paths_and_handles_are_sources_and_arrays_are_not(tmp_path, X):
    np.save(tmp_path / "rows.npy", X)
    mapped = np.load(tmp_path / "rows.npy", mmap_mode="r")
    assert not is_source(mapped)  # which is an array; only open_rows makes it rows that are read in blocks
    assert torch.equal(open_rows(mapped[::-1])[[0]], torch.from_numpy(X[[69]]))
    assert not any(is_source(one) for one in (X, X.tolist(), "rows", None, [], ["a", 1], rows_of(X)))
    opened = open_data({"main": str(tmp_path / "rows.npy"), "labels": [1] * 70})
    assert isinstance(opened["main"], StoredRows)
    assert opened["labels"] == [1] * 70


# -- faults ---------------------------------------------------------------------------------------------


def test_file_that_is_truncated_while_it_is_read_is_named(tmp_path, X):
    rows = open_rows(write_npy(tmp_path, X))
    with (tmp_path / "rows.npy").open("r+b") as file:
        file.truncate(400)
    for read in (lambda: rows[[60, 2]], lambda: rows.dense()):
        with pytest.raises(
            SourceError, match=r"rows.npy: must not change while it is read, got 400 bytes, had 968"
        ):
            read()
    with pytest.raises(SourceError, match=r"must have the 968 bytes of its 70 rows, got 400: it is truncated"):
        open_rows(tmp_path / "rows.npy")


def test_file_that_is_truncated_after_its_size_was_checked_is_an_error_too(tmp_path, X, monkeypatch):
    rows = open_rows(write_npy(tmp_path, X))
    monkeypatch.setattr(FileStamp, "check", lambda _: None)
    with (tmp_path / "rows.npy").open("r+b") as file:
        file.truncate(400)
    for read in (lambda: rows[[60, 2]], lambda: rows.dense()):
        with pytest.raises(SourceError, match=r"rows.npy: must not change while it is read, got its end"):
            read()


def test_selected_rows_are_the_same_without_reads_at_places(tmp_path, X, monkeypatch):
    monkeypatch.delattr("os.pread")  # as on Windows
    rows = open_rows(write_npy(tmp_path, X))
    assert np.array_equal(rows[[60, 2, 60]], X[[60, 2, 60]])


def test_file_that_changes_or_vanishes_is_named(tmp_path, X):
    import os

    rows = open_rows(write_npy(tmp_path, X))
    os.utime(tmp_path / "rows.npy", ns=(1, 1))
    with pytest.raises(SourceError, match="another time of change"):
        rows.dense()
    (tmp_path / "rows.npy").unlink()
    with pytest.raises(SourceError, match="No such file"):
        rows[[0]]


def test_shards_of_different_types_or_widths_are_refused(tmp_path, X):
    np.save(tmp_path / "a.npy", X)
    np.save(tmp_path / "b.npy", X.astype(np.float64))
    np.save(tmp_path / "c.npy", X[:, :2])
    with pytest.raises(
        SourceError, match=r"b.npy: .* the same type of numbers, got float64 after float32 in .*a.npy"
    ):
        open_rows([tmp_path / "a.npy", tmp_path / "b.npy"])
    with pytest.raises(SourceError, match=r"c.npy: .* rows of the same shape, got \(2,\) after \(3,\)"):
        open_rows([tmp_path / "a.npy", tmp_path / "c.npy"])


@pytest.mark.needs("pyarrow")
def test_parquet_files_of_different_types_are_refused(tmp_path, X):
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    write_parquet(tmp_path / "a", X)
    write_parquet(tmp_path / "b", X.astype(np.float64))
    with pytest.raises(SourceError, match=r"b/rows.parquet: files that are joined must have the same type"):
        open_rows(tmp_path)


@pytest.mark.needs("pyarrow")
@pytest.mark.parametrize(
    ("columns", "message"),
    [
        ({"a": ["x", "y"]}, r"column 'a' must hold numbers, .* got string"),
        ({"a": [1.0, None]}, r"column 'a' has missing values, first in row 1"),
        ({"a": [[1.0, 2.0], [3.0]]}, r"lists of column 'a' must have 2 numbers each"),
    ],
)
def test_columns_that_are_no_numbers_are_refused(tmp_path, columns, message):
    import pyarrow
    from pyarrow import parquet

    parquet.write_table(pyarrow.table(columns), tmp_path / "rows.parquet")
    with pytest.raises(SourceError, match=message):
        open_rows(tmp_path / "rows.parquet").dense()


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("rows.npy", b"no array", "is not a valid NPY file"),
        pytest.param("rows.parquet", b"no table", "is not a valid Arrow file", marks=pytest.mark.needs("pyarrow")),
        pytest.param("rows.h5", b"no matrix", "is not a valid HDF5 file", marks=pytest.mark.needs("h5py")),
        ("rows.bin", b"x", r"the suffix must say the format, got '.bin'"),
    ],
)
def test_files_of_other_content_are_refused(tmp_path, name, content, message):
    (tmp_path / name).write_bytes(content)
    with pytest.raises(SourceError, match=message):
        open_rows(tmp_path / name)


def test_arrays_without_rows_of_numbers_are_refused(tmp_path):
    np.save(tmp_path / "a.npy", np.asfortranarray(np.ones((3, 2))))
    np.save(tmp_path / "b.npy", np.array(["x"]))
    (tmp_path / "empty").mkdir()
    for name, message in (
        ("a.npy", "got Fortran order"),
        ("b.npy", "must hold rows of real numbers"),
        ("empty", "got none"),
    ):
        with pytest.raises(SourceError, match=message):
            open_rows(tmp_path / name)
    with pytest.raises(FileNotFoundError, match=r"no such file. Did you mean 'a.npy'"):
        open_rows(tmp_path / "aa.npy")
    with pytest.raises(SourceError, match="has no key to choose"):
        open_rows(tmp_path / "a.npy", key="X")


def test_object_whose_batches_differ_is_refused():
    class Odd(Batched):
        def __getitem__(self, rows):
            return self.X[rows] if rows.start == 0 else self.X[rows][:, :1]

    with pytest.raises(SourceError, match=r"rows 2 to 3 must be an array of shape \(2, 3\)"):
        open_rows(Odd(np.ones((5, 3))))[[2, 3]]
