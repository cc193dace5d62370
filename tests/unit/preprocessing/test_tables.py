"""Tables in files: formats, chunks, and what must survive them."""

import contextlib
import datetime
import decimal
import io
import sys
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pyarrow
import pytest
from pyarrow import feather, parquet

from paradime.preprocessing.table_writing import TableWriter, write_table
from paradime.preprocessing.tables import TableError, file_format, read_chunks, read_table

FRAME = pd.DataFrame(
    {"id": ["007", "NA", "ä,b"], "n": [1, 2, 3], "size": [0.5, -1e-9, 1e300], "on": [True, False, True]}
)
# what no program may change on its way: beyond double precision, with gaps, with zeros, texts that look like gaps
CODES = 'big,zip,land,price,note\n9007199254740993,00501,NA,1.50,"a ""b"", c"\n,10001,null,2,\n-1,02134,DE,3.0,é\n'


@pytest.mark.parametrize("name", ["t.csv", "t.tsv", "t.csv.gz", "t.TSV.GZ", "t.parquet", "t.feather", "t.npz"])
def test_what_is_written_is_read_again(tmp_path, name):
    write_table(FRAME, tmp_path / name)
    found = read_table(tmp_path / name).frame
    np.testing.assert_array_equal(found["size"], FRAME["size"])
    assert found["n"].tolist() == [1, 2, 3]
    assert found["on"].tolist() == [True, False, True]
    assert found["id"].tolist() == FRAME["id"].tolist()


@pytest.mark.parametrize("name", ["t.csv", "t.parquet", "t.feather", "t.npy", "t.npz"])
def test_chunks_make_the_whole(tmp_path, name):
    frame = pd.DataFrame(np.random.default_rng(0).normal(size=(1000, 3)), columns=["x0", "x1", "x2"])
    with TableWriter(tmp_path / name, ["x0", "x1", "x2"]) as table:
        for start in range(0, 1000, 300):
            table.write(frame[start : start + 300])
    parts = list(read_chunks(tmp_path / name, n_rows=130))
    np.testing.assert_array_equal(np.concatenate([part.numbers(part.names) for part in parts]), frame)
    assert [part.names for part in parts] == [["x0", "x1", "x2"]] * len(parts)
    if name != "t.npz":
        assert len(parts) > 1


@pytest.mark.parametrize("n_rows", [1, 2, 20_000])
def test_texts_of_csv_go_through_unchanged(tmp_path, n_rows):
    (tmp_path / "t.csv").write_text(CODES, encoding="utf-8")
    with TableWriter(tmp_path / "out.csv") as table:
        for part in read_chunks(tmp_path / "t.csv", n_rows=n_rows):
            table.write(part.written(part.names, "csv"))
    assert (tmp_path / "out.csv").read_text(encoding="utf-8") == CODES


@pytest.mark.parametrize("name", ["t.parquet", "t.feather"])
@pytest.mark.parametrize("source", ["file", "standard input"])
def test_texts_of_csv_become_what_their_whole_column_holds(tmp_path, monkeypatch, name, source):
    (tmp_path / "t.csv").write_text(CODES, encoding="utf-8")
    path = tmp_path / "t.csv"
    if source != "file":
        path = "-"
        monkeypatch.setattr(sys, "stdin", SimpleNamespace(buffer=io.BytesIO(CODES.encode())))
    with TableWriter(tmp_path / name) as table:
        for part in read_chunks(path, n_rows=1, typed=True):
            table.write(part.written(part.names, "parquet"))
    found = (parquet.read_table if name == "t.parquet" else feather.read_table)(tmp_path / name)
    assert found.to_pydict() == {
        "big": [9007199254740993, None, -1],
        "zip": ["00501", "10001", "02134"],
        "land": ["NA", "null", "DE"],
        "price": [1.5, 2.0, 3.0],
        "note": ['a "b", c', None, "é"],
    }
    again = pd.read_parquet(tmp_path / name) if name == "t.parquet" else pd.read_feather(tmp_path / name)
    assert again["big"][0] == 9007199254740993  # also as pandas reads it
    assert "pyarrow" not in repr(again["price"].dtype)


def test_kinds_of_columns_do_not_change_from_chunk_to_chunk(tmp_path):
    (tmp_path / "t.csv").write_text("a,b\n1,\n2,7\nx,8.5\n")
    whole = read_table(tmp_path / "t.csv").frame
    assert whole["a"].tolist() == ["1", "2", "x"]
    assert whole["b"].tolist()[1:] == [7.0, 8.5]
    parts = [
        part.frame.dtypes.astype(str).tolist() for part in read_chunks(tmp_path / "t.csv", n_rows=1, typed=True)
    ]
    assert parts == [whole.dtypes.astype(str).tolist()] * 3


def test_columns_of_csv_are_numbers_texts_or_truth_values(tmp_path):
    rows = ["n,gap,real,code,flag,text,empty,hex", "1,1,1e3,01,True,a,,0x1F", "+2,,-.5,1,FALSE,NA,NA,0x2"]
    (tmp_path / "t.csv").write_text("\n".join(rows))
    found = read_table(tmp_path / "t.csv").frame
    kinds = {name: str(kind) for name, kind in found.dtypes.items()}
    assert kinds | {"n": "int64", "gap": "Int64", "real": "float64", "flag": "bool"} == kinds
    assert found["code"].tolist() == ["01", "1"]
    assert found["text"].tolist() == ["a", "NA"]
    assert found["hex"].tolist() == ["0x1F", "0x2"]
    assert found["empty"].isna().all()


@pytest.mark.parametrize("head", ["", "\ufeff"])
def test_spreadsheets_with_decimal_commas_are_recognised(tmp_path, head):
    (tmp_path / "t.csv").write_text(f"{head}a;b;day\n1,5;2;01.02.2024\n-0,25;3;02.02.2024\n", encoding="utf-8")
    table = read_table(tmp_path / "t.csv")
    assert table.names == ["a", "b", "day"]
    assert table.frame["a"].tolist() == [1.5, -0.25]
    assert table.numbers(["a", "b"]).tolist() == [[1.5, 2], [-0.25, 3]]
    assert table.written(["a"], "csv")["a"].tolist() == ["1,5", "-0,25"]


def test_decimal_commas_are_recognised_without_a_line_of_names(tmp_path):
    # one comma in each number: the lines are as regular with commas as separators
    (tmp_path / "a.csv").write_text("5,1;3,5;1,4\n4,9;3,0;1,3\n" * 5)
    with pytest.raises(TableError, match=r"like data: 5,1, 3,5, 1,4\."):
        read_table(tmp_path / "a.csv")
    table = read_table(tmp_path / "a.csv", header=False)
    assert table.names == ["x0", "x1", "x2"]
    assert table.numbers(table.names)[:2].tolist() == [[5.1, 3.5, 1.4], [4.9, 3.0, 1.3]]
    (tmp_path / "b.csv").write_text("size,tags\n" + "1,x;y\n2,z;w\n" * 5)
    assert read_table(tmp_path / "b.csv").frame["tags"].tolist()[:2] == ["x;y", "z;w"]


def test_separators_are_those_that_all_lines_agree_on(tmp_path):
    (tmp_path / "t.csv").write_text("a,b\n1;5,2\n")
    assert read_table(tmp_path / "t.csv").frame["a"].tolist() == ["1;5"]
    (tmp_path / "t.csv").write_text('"size, total";b\n1,5;2\n2,5;3\n')
    assert read_table(tmp_path / "t.csv").names == ["size, total", "b"]
    (tmp_path / "t.csv").write_text("a\tb\n1\t2\n")
    assert read_table(tmp_path / "t.csv").names == ["a", "b"]


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("5.1,3.5,setosa\n4.9,3.0,setosa\n", None),
        ("5.1,3.5\n4.9,3.0\n", None),
        ("3\n1\n2\n", None),
        ("5.1,,1\n4.9,3.0,2\n", None),
        ("5.1;3,5\n4.9;3,0\n", None),
        ("a,b\n1,2\n", ["a", "b"]),
        ("red,blue\ngreen,red\n", ["red", "blue"]),
        ("0,1,2\n5.1,3.5,1.4\n", ["0", "1", "2"]),
        (",0,1\n0,5.1,3.5\n1,4.9,3.0\n", ["Unnamed: 0", "0", "1"]),
        ("400,402,404\n0.1,0.2,0.3\n", ["400", "402", "404"]),
        ("id,2001,2002,2003\na,5,6,7\n", ["id", "2001", "2002", "2003"]),
    ],
)
def test_first_line_that_looks_like_data_is_refused(tmp_path, text, names):
    (tmp_path / "t.csv").write_text(text)
    if names is None:
        with pytest.raises(TableError, match="--no-header"):
            read_table(tmp_path / "t.csv")
        with pytest.raises(TableError, match="--no-header"):
            next(read_chunks(tmp_path / "t.csv"))
        whole = read_table(tmp_path / "t.csv", header=False)
        assert whole.names == [f"x{j}" for j in range(len(whole.names))]
        assert len(whole) == text.count("\n")
        assert len(read_table(tmp_path / "t.csv", header=True)) == text.count("\n") - 1
    else:
        assert read_table(tmp_path / "t.csv").names == names


def test_columns_that_other_programs_write_without_a_name_are_kept_apart(tmp_path):
    (tmp_path / "r.csv").write_text('"a","b"\n"first",1,2\n"second",3,4\n')
    by_r = read_table(tmp_path / "r.csv")
    assert by_r.names == ["Unnamed: 0", "a", "b"]
    assert by_r.about == ("Unnamed: 0",)
    (tmp_path / "t.csv").write_text("a,b\n1,2,\n3,4,\n")
    assert read_table(tmp_path / "t.csv").numbers(["a", "b"]).tolist() == [[1, 2], [3, 4]]


def test_lines_of_another_length_are_named(tmp_path):
    (tmp_path / "t.csv").write_text("a,b\n1,2\n3\n")
    with pytest.raises(TableError, match="line 3 must have 2 values, got 1"):
        read_table(tmp_path / "t.csv")


def test_long_lines_and_values_over_several_lines_are_read(tmp_path):
    names = [f"c{j}" for j in range(30_000)]
    (tmp_path / "wide.csv").write_text(",".join(names) + "\n" + ",".join(["1.25"] * 30_000) + "\n")
    assert read_table(tmp_path / "wide.csv").numbers(names).sum() == 1.25 * 30_000
    (tmp_path / "t.csv").write_text('"a\nb",c\r\n"1\n2",3\r\n')
    found = read_table(tmp_path / "t.csv").frame
    assert found.to_dict("list") == {"a\nb": ["1\n2"], "c": [3]}


def test_numbers_that_are_none_are_nan(tmp_path):
    (tmp_path / "t.csv").write_text("a\n 1\nsteep\nNA\n1_000\nTrue\ninf\n")
    found = read_table(tmp_path / "t.csv").numbers(["a"])[:, 0]
    np.testing.assert_array_equal(found, [1, np.nan, np.nan, np.nan, 1, np.inf])


@pytest.mark.parametrize("name", ["t.csv", "t.parquet", "t.feather", "t.npz"])
def test_names_that_occur_twice_are_refused(tmp_path, name):
    table = pyarrow.table([[1], [2], [3]], names=["a", "b", "a"])
    if name == "t.csv":
        (tmp_path / name).write_text("a,b,a\n1,2,3\n")
    elif name == "t.parquet":
        parquet.write_table(table, tmp_path / name)
    elif name == "t.feather":
        feather.write_feather(table, tmp_path / name)
    else:
        np.savez(tmp_path / name, data=np.eye(3), x1=[1, 2, 3])
    twice = "'x1' for columns 2 and 4" if name == "t.npz" else "'a' for columns 1 and 3"
    for read in (read_table, lambda path: list(read_chunks(path))):
        with pytest.raises(TableError, match=twice):
            read(tmp_path / name)


@pytest.mark.parametrize("name", ["t.parquet", "t.feather"])
@pytest.mark.parametrize("n_rows", [None, 2])
def test_indexes_of_pandas_are_columns_and_no_features(tmp_path, name, n_rows):
    frame = pd.DataFrame({"a": [1.0, 2.0, 3.0]})
    indexes = {
        "cell": pd.Index(["c1", "c2", "c3"], name="cell"),
        "row": pd.RangeIndex(10, 16, 2, name="row"),
        "index": pd.Index(["c1", "c2", "c3"]),
    }
    for named, index in indexes.items():
        table = pyarrow.Table.from_pandas(frame.set_axis(index))
        (parquet.write_table if name == "t.parquet" else feather.write_feather)(table, tmp_path / name)
        parts = (
            [read_table(tmp_path / name)] if n_rows is None else list(read_chunks(tmp_path / name, n_rows=n_rows))
        )
        assert set(parts[0].names) == {"a", named}
        assert parts[0].about == (named,)
        assert [value for part in parts for value in part.frame[named]] == index.tolist()


def test_levels_of_names_are_joined(tmp_path):
    columns = pd.MultiIndex.from_tuples([("size", "x"), ("size", "y"), ("kind", "")])
    pd.DataFrame([[1, 2, "a"]], columns=columns).to_parquet(tmp_path / "t.parquet")
    assert read_table(tmp_path / "t.parquet").names == ["size_x", "size_y", "kind"]
    columns = pd.MultiIndex.from_tuples([("a_b", "c"), ("a", "b_c")])
    pd.DataFrame([[1, 2]], columns=columns).to_parquet(tmp_path / "t.parquet")
    with pytest.raises(TableError, match="'a_b_c'"):
        read_table(tmp_path / "t.parquet")


def test_numbers_as_names_are_texts(tmp_path):
    pd.DataFrame({0: [1.5], 1: [2.5]}).to_parquet(tmp_path / "t.parquet")
    assert read_table(tmp_path / "t.parquet").numbers(["0", "1"]).tolist() == [[1.5, 2.5]]


ARROW = pyarrow.table(
    {
        "price": pyarrow.array([decimal.Decimal("1.10"), None], pyarrow.decimal128(20, 2)),
        "day": pyarrow.array([datetime.date(2024, 1, 31), None]),
        "tags": pyarrow.array([["a", "b"], None]),
        "big": pyarrow.array([2**60 + 1, None]),
        "small": pyarrow.array([None, 3], pyarrow.int8()),
        "on": pyarrow.array([True, None]),
        "kind": pyarrow.array(["a", "b"]).dictionary_encode(),
        "part": pyarrow.array([0.1, float("nan")], pyarrow.float32()),
    }
)


def test_types_of_arrow_go_through_unchanged(tmp_path):
    parquet.write_table(ARROW, tmp_path / "t.parquet")
    for name in ("out.parquet", "out.feather"):
        with TableWriter(tmp_path / name) as table:
            for part in read_chunks(tmp_path / "t.parquet", n_rows=1):
                table.write(part.written(part.names, file_format(name)))
        found = (parquet.read_table if name == "out.parquet" else feather.read_table)(tmp_path / name)
        assert repr(found.to_pydict()) == repr(ARROW.to_pydict())
    write_table(read_table(tmp_path / "t.parquet").written(ARROW.column_names, "csv"), tmp_path / "out.csv")
    assert (tmp_path / "out.csv").read_text().splitlines()[
        1
    ] == '1.10,2024-01-31,"[""a"", ""b""]",1152921504606846977,,True,a,0.1'


def test_types_of_arrow_are_numbers_dates_or_texts(tmp_path):
    parquet.write_table(ARROW, tmp_path / "t.parquet")
    table = read_table(tmp_path / "t.parquet")
    frame = table.frame
    assert frame["price"].tolist()[0] == 1.1  # decimals are numbers
    assert table.numbers(["price", "big", "day"])[0].tolist()[:2] == [1.1, float(2**60)]
    assert np.isnan(table.numbers(["day"])).all()
    assert frame["day"].dtype.kind == "M"
    assert frame["tags"].tolist()[0] == '["a", "b"]'
    assert frame["big"][0] == 2**60 + 1
    assert str(frame["on"].dtype) == "boolean"


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
    assert found.names == ["x0", "x1", "x2", "target"]
    assert found.about == ("target",)


def test_cells_of_h5ad_keep_their_names_labels_and_gaps(tmp_path):
    anndata = pytest.importorskip("anndata")
    positions = pd.DataFrame(
        {
            "obs_names": ["c1", "c2"],
            "kind": ["NA", None],
            "big": pd.array([2**60 + 1, None], dtype="Int64"),
            "x": [1.0, 2.0],
            "y": [3.0, 4.0],
        }
    )
    write_table(positions, tmp_path / "t.h5ad", coordinates=["x", "y"])
    found = anndata.read_h5ad(tmp_path / "t.h5ad")
    assert found.obs_names.tolist() == ["c1", "c2"]
    assert found.obs["kind"].isna().tolist() == [False, True]
    assert found.obs["kind"].iloc[0] == "NA"
    assert found.obs["big"].iloc[0] == 2**60 + 1
    np.testing.assert_array_equal(found.obsm["X_paradime"], [[1, 3], [2, 4]])


def _texts(*names):
    # anndata cannot write texts in the form that pandas 3 gives them
    return pd.Index(names, dtype=object)


@pytest.mark.parametrize("n_rows", [None, 1])
def test_columns_of_h5ad_that_are_called_like_a_gene_are_kept(tmp_path, n_rows):
    anndata, h5py = pytest.importorskip("anndata"), pytest.importorskip("h5py")
    labels = pd.Categorical(["a", None], categories=_texts("a"))
    obs = pd.DataFrame({"g1": labels, "n": [2**60 + 1, 1]}, index=_texts("c1", "c2"))
    genes = pd.DataFrame(index=_texts("g1", "g2"))
    anndata.AnnData(np.eye(2, dtype=np.float32), obs=obs, var=genes).write_h5ad(tmp_path / "t.h5ad")
    parts = (
        [read_table(tmp_path / "t.h5ad")] if n_rows is None else list(read_chunks(tmp_path / "t.h5ad", n_rows=1))
    )
    assert parts[0].names == ["g1", "g2", "obs_names", "obs_g1", "n"]
    frame = pd.concat([part.frame for part in parts], ignore_index=True)
    assert frame["obs_g1"].isna().tolist() == [False, True]
    assert frame["n"].tolist() == [2**60 + 1, 1]
    with h5py.File(tmp_path / "t.h5ad", "r+") as file:
        file["var/_index"][1] = "g1"
    with pytest.warns(UserWarning, match="not unique"), pytest.raises(TableError, match="'g1'"):
        read_table(tmp_path / "t.h5ad")


def test_npz_with_several_matrices_says_what_it_holds(tmp_path):
    np.savez(tmp_path / "t.npz", first=np.eye(3), second=np.eye(3))
    with pytest.raises(TableError, match=r"first \(3, 3\), second \(3, 3\)"):
        read_table(tmp_path / "t.npz")


def test_pickles_are_not_opened(tmp_path):
    np.save(tmp_path / "t.npy", np.array([{"a": 1}], dtype=object), allow_pickle=True)
    with pytest.raises(TableError, match="not a valid NPY file"):
        read_table(tmp_path / "t.npy")


@pytest.mark.parametrize("name", ["t", "t.txt", "t.parquet.gz", "t.xlsx"])
def test_other_suffixes_are_refused(name):
    with pytest.raises(TableError, match="suffix"):
        file_format(name)
