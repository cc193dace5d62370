"""Tables in files: formats, chunks, and what must survive them."""

import contextlib

import numpy as np
import pandas as pd
import pytest

from paradime.utils.table_writing import TableWriter, write_table
from paradime.utils.tables import TableError, file_format, read_chunks, read_table

FRAME = pd.DataFrame(
    {"id": ["007", "NA", "ä,b"], "n": [1, 2, 3], "size": [0.5, -1e-9, 1e300], "on": [True, False, True]}
)


@pytest.mark.parametrize("name", ["t.csv", "t.tsv", "t.csv.gz", "t.TSV.GZ", "t.parquet", "t.feather", "t.npz"])
def test_what_is_written_is_read_again(tmp_path, name):
    write_table(FRAME, tmp_path / name)
    found = read_table(tmp_path / name, as_text=["id"])
    np.testing.assert_array_equal(found["size"], FRAME["size"])
    assert found["n"].tolist() == [1, 2, 3]
    if not name.endswith("npz"):
        pd.testing.assert_series_equal(found["id"].fillna("NA"), FRAME["id"], check_dtype=False)


@pytest.mark.parametrize("name", ["t.csv", "t.parquet", "t.feather", "t.npy", "t.npz"])
def test_chunks_make_the_whole(tmp_path, name):
    frame = pd.DataFrame(np.random.default_rng(0).normal(size=(1000, 3)), columns=["x0", "x1", "x2"])
    with TableWriter(tmp_path / name, ["x0", "x1", "x2"]) as table:
        for start in range(0, 1000, 300):
            table.write(frame[start : start + 300])
    parts = list(read_chunks(tmp_path / name, n_rows=130))
    pd.testing.assert_frame_equal(pd.concat(parts), frame, check_index_type=False)
    if name != "t.npz":
        assert len(parts) > 1


def test_texts_stay_as_they_are_beside_numbers(tmp_path):
    (tmp_path / "t.csv").write_text('country,size,code\nNA,1.5,01\n"",NA,2.50\n')
    (part,) = read_chunks(tmp_path / "t.csv", numbers=["size"])
    assert part["country"].tolist() == ["NA", ""]
    assert part["code"].tolist() == ["01", "2.50"]
    np.testing.assert_array_equal(part["size"], [1.5, np.nan])


@pytest.mark.parametrize("head", ["", "\ufeff"])
def test_spreadsheets_with_decimal_commas_are_recognised(tmp_path, head):
    (tmp_path / "t.csv").write_text(f"{head}a;b\n1,5;2\n-0,25;3\n", encoding="utf-8")
    found = read_table(tmp_path / "t.csv")
    assert list(found) == ["a", "b"]
    assert found["a"].tolist() == [1.5, -0.25]


def test_semicolons_within_a_table_of_commas_change_nothing(tmp_path):
    (tmp_path / "t.csv").write_text("a,b\n1;5,2\n")
    assert read_table(tmp_path / "t.csv")["a"].tolist() == ["1;5"]


def test_file_stays_as_it_was_if_writing_ends_early(tmp_path):
    path = tmp_path / "t.parquet"
    write_table(FRAME, path)
    before = path.read_bytes()
    with contextlib.suppress(RuntimeError), TableWriter(path) as table:
        table.write(FRAME)
        raise RuntimeError
    assert path.read_bytes() == before
    assert [entry.name for entry in tmp_path.iterdir()] == ["t.parquet"]


def test_columns_that_change_their_kind_between_chunks_are_refused_with_advice(tmp_path):
    with contextlib.suppress(TableError), TableWriter(tmp_path / "t.parquet") as table:
        table.write(pd.DataFrame({"a": [1, 2]}))
        with pytest.raises(TableError, match="Write CSV") as raised:
            table.write(pd.DataFrame({"a": ["one", "two"]}))
        raise raised.value
    assert not (tmp_path / "t.parquet").exists()


def test_columns_beside_a_matrix_are_marked(tmp_path):
    np.savez(tmp_path / "t.npz", data=np.eye(3), target=[1, 2, 3], weights=np.ones(7))
    found = read_table(tmp_path / "t.npz")
    assert list(found) == ["x0", "x1", "x2", "target"]
    assert found.attrs["about"] == ["target"]


def test_cells_of_h5ad_keep_their_names_and_labels(tmp_path):
    anndata = pytest.importorskip("anndata")
    positions = pd.DataFrame({"obs_names": ["c1", "c2"], "kind": ["a", None], "x": [1.0, 2.0], "y": [3.0, 4.0]})
    write_table(positions, tmp_path / "t.h5ad", coordinates=["x", "y"])
    found = anndata.read_h5ad(tmp_path / "t.h5ad")
    assert found.obs_names.tolist() == ["c1", "c2"]
    assert found.obs["kind"].astype(str).tolist() == ["a", ""]
    np.testing.assert_array_equal(found.obsm["X_paradime"], [[1, 3], [2, 4]])


def test_npz_with_several_matrices_says_what_it_holds(tmp_path):
    np.savez(tmp_path / "t.npz", first=np.eye(3), second=np.eye(3))
    with pytest.raises(TableError, match=r"first \(3, 3\), second \(3, 3\)"):
        read_table(tmp_path / "t.npz")


def test_pickles_are_not_opened(tmp_path):
    np.save(tmp_path / "t.npy", np.array([{"a": 1}], dtype=object), allow_pickle=True)
    with pytest.raises(TableError, match="no NPY file"):
        read_table(tmp_path / "t.npy")


@pytest.mark.parametrize("name", ["t", "t.txt", "t.parquet.gz", "t.xlsx"])
def test_other_suffixes_are_refused(name):
    with pytest.raises(TableError, match="suffix"):
        file_format(name)
