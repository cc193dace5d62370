"""Routines on rows of files: they learn what they learn from the array, and embed from file to file."""

import numpy as np
import pytest
import torch

from paradime import ParametricMDS, ParametricUMAP
from paradime.data import Dataset
from paradime.dr.streaming import sample_of
from paradime.sources import SourceError, StoredRows, open_rows


@pytest.fixture
def X():
    return np.random.default_rng(0).normal(size=(120, 4)).astype(np.float32)


@pytest.fixture
def path(tmp_path, X):
    np.save(tmp_path / "rows.npy", X)
    return tmp_path / "rows.npy"


def fitted(X, **kwargs):
    return ParametricUMAP(epochs=1, init_epochs=1, random_state=0).fit(X, **kwargs)


def test_fit_on_a_file_is_that_on_its_rows(path, X):
    expected, routine = fitted(X), fitted(path)
    assert isinstance(routine._components.dataset["main"], StoredRows)
    assert np.array_equal(routine.embedding_, expected.embedding_)
    assert np.array_equal(routine.transform(path), expected.transform(X))
    assert np.array_equal(routine.transform(str(path)), routine.transform([path]))


def test_update_and_partial_fit_take_files(path, X):
    results = []
    for rows in (X, path):
        mds = ParametricMDS(epochs=1, random_state=0).partial_fit(rows)
        results.append(mds.partial_fit(rows).update(rows).transform(X))
    assert np.array_equal(*results)


def test_train_and_data_sets_take_files(path, X):
    routine = ParametricMDS(epochs=1, random_state=0)
    routine.train({"main": str(path)})
    assert routine.transform(X).shape == (120, 2)
    assert torch.equal(Dataset(path)["main"][[3]], torch.from_numpy(X[[3]]))


@pytest.mark.needs("pyarrow", "pandas")
def test_names_of_columns_are_checked(tmp_path, X):
    import pandas as pd

    frame = pd.DataFrame(X, columns=list("abcd"))
    frame.to_parquet(tmp_path / "rows.parquet")
    frame.rename(columns={"a": "e"}).to_parquet(tmp_path / "others.parquet")
    routine = fitted(tmp_path / "rows.parquet")
    assert routine.feature_names_in_.tolist() == list("abcd")
    assert np.array_equal(routine.transform(frame), routine.transform(tmp_path / "rows.parquet"))
    with pytest.raises(ValueError, match="feature names should match"):
        routine.transform(tmp_path / "others.parquet", out=tmp_path / "out.npy")
    assert not (tmp_path / "out.npy").exists()


@pytest.mark.needs("pyarrow", "pandas")
@pytest.mark.parametrize("suffix", ["npy", "parquet", "csv"])
def test_rows_are_embedded_from_file_to_file(path, X, tmp_path, suffix, monkeypatch):
    import pandas as pd

    monkeypatch.setattr("paradime.dr.streaming._BLOCK_BYTES", 50 * 4 * 8)
    routine, out = fitted(X), tmp_path / f"map.{suffix}"
    assert routine.transform(path, out=out) == out
    if suffix == "npy":
        positions = np.load(out)
    else:
        frame = pd.read_parquet(out) if suffix == "parquet" else pd.read_csv(out)
        assert frame.columns.tolist() == ["x", "y"]
        positions = frame.to_numpy()
    assert positions == pytest.approx(routine.transform(X), abs=1e-6)


def test_rows_in_memory_are_embedded_to_a_file(X, tmp_path):
    routine = fitted(X)
    routine.transform(X, out=tmp_path / "map.npy")
    assert np.array_equal(np.load(tmp_path / "map.npy"), routine.transform(X))


def test_output_must_not_be_the_input(path, X):
    with pytest.raises(ValueError, match="out must be another file than the rows"):
        fitted(X).transform(path, out=path)
    assert np.array_equal(np.load(path), X)


@pytest.mark.parametrize(("value", "kind"), [(np.nan, "NaN"), (-np.inf, "infinity")])
def test_row_of_a_value_that_is_not_finite_is_named(path, X, tmp_path, monkeypatch, value, kind):
    monkeypatch.setattr("paradime.dr.streaming._BLOCK_BYTES", 50 * 4 * 8)
    routine = fitted(X)
    X[110, 2] = value
    np.save(path, X)
    with pytest.raises(ValueError, match=f"{kind}, first at row 110, column 2"):
        fitted(path)
    with pytest.raises(ValueError, match=f"rows.npy contains {kind}, first at row 110, column 2"):
        routine.transform(path, out=tmp_path / "map.npy")
    assert not (tmp_path / "map.npy").exists()


def test_file_that_changes_leaves_what_was_learned(path, X):
    routine, rows = fitted(X), open_rows(path)
    before = routine.transform(X)
    path.write_bytes(path.read_bytes()[:-4])
    with pytest.raises(SourceError, match="must not change while it is read"):
        routine.fit(rows)
    assert np.array_equal(routine.transform(X), before)


def test_fit_to_a_sample_is_that_to_the_sampled_rows(path, X):
    y = np.arange(120) % 3
    rows, targets = sample_of(X, y, 50, 0)
    expected = fitted(rows, y=targets)
    for given in (path, X):
        routine = fitted(given, y=y, sample=50)
        assert routine.embedding_.shape == (50, 2)
        assert np.array_equal(routine.embedding_, expected.embedding_)
        assert routine.transform(path).shape == (120, 2)


def test_sample_of_no_fewer_rows_is_all_of_them(X):
    assert sample_of(X, None, 120, 0)[0] is X
    entries, _ = sample_of({"main": X, "other": X.tolist()}, None, 7, 0)
    assert len(entries["main"]) == len(entries["other"]) == 7
    assert entries["main"].tolist() == entries["other"]


@pytest.mark.parametrize(
    ("kwargs", "message"),
    [
        ({"sample": 1}, "sample must be an integer of at least 2, got 1"),
        ({"sample": 50, "y": [0, 1]}, "y must have one target a row, 120 in all, got 2"),
    ],
)
def test_wrong_samples_are_refused(X, kwargs, message):
    with pytest.raises(ValueError, match=message):
        fitted(X, **kwargs)
