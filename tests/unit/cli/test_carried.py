"""What goes along with positions stays as it is, in every format and chunk."""

import gzip
import io
import json
import sys
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pyarrow
import pytest
from pyarrow import feather, parquet

N = 60


def texts(path):
    return pd.read_csv(path, dtype=str, keep_default_na=False)


@pytest.mark.parametrize("n_rows", [7, 20_000])
@pytest.mark.parametrize("name", ["placed.csv", "placed.tsv", "placed.csv.gz"])
def test_what_goes_along_stays_as_it_is_in_texts(run, codes, monkeypatch, n_rows, name):
    monkeypatch.setattr("paradime.preprocessing.tables._CHUNK_ROWS", n_rows)
    assert run("transform", "m.paradime", "t.csv", "--out", name)[0] == 0
    if name.endswith(".gz"):
        Path("placed.csv").write_bytes(gzip.decompress(Path(name).read_bytes()))
    separator = "\t" if name.endswith("tsv") else ","
    placed = pd.read_csv(
        "placed.tsv" if separator == "\t" else "placed.csv", sep=separator, dtype=str, keep_default_na=False
    )
    for found in (placed, texts("fitted.csv")):
        for column, values in codes.items():
            assert found[column].tolist() == values


@pytest.mark.parametrize("n_rows", [7, 20_000])
@pytest.mark.parametrize("name", ["placed.parquet", "placed.feather", "placed.npz", "placed.h5ad"])
def test_what_goes_along_stays_as_it_is_in_other_formats(run, codes, monkeypatch, n_rows, name, short):
    monkeypatch.setattr("paradime.preprocessing.tables._CHUNK_ROWS", n_rows)
    fitted = ["fit", "t.csv", "--columns", "a,b,c", "--embedding", f"of_fit_{name}", "--quiet", *short]
    assert run(*fitted)[0] == 0
    assert run("transform", "m.paradime", "t.csv", "--out", name)[0] == 0
    for path in (name, f"of_fit_{name}"):
        big, land, zips, prices = read(path)
        expected = [None if not text else int(text) for text in codes["big"]]
        assert [None if value in (None, "") else int(value) for value in big] == expected
        assert list(land) == codes["land"]
        assert list(zips) == codes["zip"]
        assert list(prices) == [float(price) for price in codes["price"]]


def read(path):
    names = ["big", "land", "zip", "price"]
    if path.endswith((".parquet", ".feather")):
        table = (parquet if path.endswith("parquet") else feather).read_table(path)
        return [table[name].to_pylist() for name in names]
    if path.endswith(".npz"):
        with np.load(path) as archive:
            return [archive[name].tolist() for name in names]
    anndata = pytest.importorskip("anndata")
    obs = anndata.read_h5ad(path).obs
    return [
        [None if missing else value for value, missing in zip(obs[n], obs[n].isna(), strict=True)] for n in names
    ]


def test_what_goes_along_from_parquet_stays_as_it_is(run, numbers, short):
    big = [2**60 + i if i != 4 else None for i in range(N)]
    table = pyarrow.Table.from_pandas(numbers).append_column("big", [big])
    parquet.write_table(table, "t.parquet", row_group_size=11)
    assert run("fit", "t.parquet", "--id", "big", "--out", "m", "--embedding", "a.csv", *short)[0] == 0
    assert texts("a.csv")["big"].tolist() == ["" if value is None else str(value) for value in big]
    assert run("transform", "m", "t.parquet", "--out", "b.feather")[0] == 0
    assert feather.read_table("b.feather")["big"].to_pylist() == big


def test_what_goes_along_from_standard_input_stays_as_it_is(run, codes, monkeypatch):
    for name in ("placed.csv", "placed.parquet"):
        monkeypatch.setattr(sys, "stdin", SimpleNamespace(buffer=io.BytesIO(Path("t.csv").read_bytes())))
        assert run("transform", "m.paradime", "-", "--out", name)[0] == 0
    assert texts("placed.csv")["big"].tolist() == codes["big"]
    assert pd.read_parquet("placed.parquet")["zip"].tolist() == codes["zip"]


def test_positions_that_are_decoded_keep_what_goes_along(run, codes, short):
    words = ["--columns", "a,b,c", "--id", "big", "--out", "d", "--embedding", "e.csv", "--set", "decoder=true"]
    assert run("fit", "t.csv", *words, *short)[0] == 0
    for name in ("back.csv", "back.parquet"):
        assert run("inverse", "d", "e.csv", "--out", name)[0] == 0
    assert texts("back.csv")["big"].tolist() == codes["big"]
    assert texts("back.csv")["land"].tolist() == codes["land"]
    assert pd.read_parquet("back.parquet")["zip"].tolist() == codes["zip"]


def test_pages_show_whole_numbers_that_they_cannot_hold_as_texts(run, codes, short):
    assert run("explore", "m.paradime", "t.csv", "--out", "a.html")[0] == 0
    run("fit", "t.csv", "--columns", "a,b,c", "--explore", "b.html", "--quiet", *short)
    for name in ("a.html", "b.html"):
        page = Path(name).read_text(encoding="utf-8")
        columns = {column["name"]: column for column in described(page)["columns"]}
        assert columns["big"]["kind"] == "text"
        assert columns["land"]["names"] == ["DE", "NA", "null"]
        assert columns["price"]["kind"] == "number"


def described(page):
    start = page.index('{"', page.index('id="about"') if 'id="about"' in page else 0)
    return json.JSONDecoder().raw_decode(page[start:])[0]


@pytest.mark.parametrize("suffix", ["csv", "tsv", "parquet", "feather", "npy", "npz", "h5ad"])
def test_tables_of_nothing_but_features_are_placed(run, codes, numbers, suffix, short):
    numbers.to_csv("n.csv", index=False)
    numbers.to_parquet("n.parquet")
    for source in ("n.csv", "n.parquet"):
        assert run("transform", "m.paradime", source, "--out", f"placed.{suffix}")[0] == 0
    assert run("fit", "n.csv", "--embedding", f"fitted.{suffix}", "--quiet", *short)[0] == 0


def test_tables_of_nothing_but_features_are_drawn(run, codes, numbers):
    numbers.to_csv("n.csv", index=False)
    numbers.to_parquet("n.parquet")
    for source in ("n.csv", "n.parquet"):
        assert run("plot", "m.paradime", source, "--out", "a.png")[0] == 0
