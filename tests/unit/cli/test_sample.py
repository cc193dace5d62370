"""``fit --sample``: fits to random rows of a table, and places all of them."""

import numpy as np
import pandas as pd
import pytest

from paradime.preprocessing.tables import read_sample

FIT = ["fit", "t.parquet", "--sample", "40", "--out", "m.paradime", "--method", "mds", "--set", "epochs=1"]


@pytest.fixture
def table(forest):
    """A table of 90 rows in the present folder."""
    frame = forest[:90][["Cell", "Elevation", "Slope", "Aspect"]].reset_index(drop=True)

    def write():
        frame.to_parquet("t.parquet", row_group_size=25)
        return frame

    return write


def test_model_of_a_sample_places_all_rows(run, table):
    frame = table()
    code, _, err = run(*FIT, "--embedding", "map.csv")
    assert code == 0, err
    assert "a sample of 40 of 90 rows" in err
    assert pd.read_csv("map.csv", dtype=str)["Cell"].tolist() == frame["Cell"].tolist()
    run("transform", "m.paradime", "t.parquet", "--out", "again.csv")
    pd.testing.assert_frame_equal(pd.read_csv("map.csv"), pd.read_csv("again.csv"))


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["fit", "t.parquet", "--sample", "1", "--out", "m.paradime"], "--sample: must be at least 2 rows, got 1"),
        (
            ["fit", "t.parquet", "--sample", "9", "--embedding", "map.csv"],
            "Pass --out MODEL, and a table in a file",
        ),
    ],
)
def test_wrong_samples_are_refused(run, table, words, message):
    table()
    code, _, err = run(*words)
    assert code == 2
    assert message in " ".join(err.split())


@pytest.mark.parametrize("suffix", ["csv", "parquet", "npy"])
def test_sample_has_rows_of_the_table_in_their_order(tmp_path, suffix, monkeypatch):
    monkeypatch.setattr("paradime.preprocessing.tables._CHUNK_ROWS", 16)
    monkeypatch.setattr("paradime.preprocessing._table_formats._MIN_CHUNK_ROWS", 16)
    frame, path = pd.DataFrame({"x0": np.arange(100.0), "x1": 1.0}), tmp_path / f"t.{suffix}"
    if suffix == "npy":
        np.save(path, frame.to_numpy())
    else:
        frame.to_parquet(path) if suffix == "parquet" else frame.to_csv(path, index=False)
    drawn = []
    for seed in range(200):
        sample, n_rows = read_sample(path, 10, seed=seed)
        rows = sample.numbers(["x0"])[:, 0]
        assert n_rows == 100
        assert len(rows) == 10
        assert (np.diff(rows) > 0).all()
        drawn.append(rows)
        if suffix != "npy" and seed == 20:
            return
    # each row is in a tenth of the samples, ±5 standard deviations
    counts = np.bincount(np.concatenate(drawn).astype(int), minlength=100)
    assert abs(counts - 20).max() < 5 * np.sqrt(200 * 0.1 * 0.9)


def test_sample_of_no_fewer_rows_is_the_table(tmp_path):
    pd.DataFrame({"a": ["007", "x"], "b": [1, 2]}).to_csv(tmp_path / "t.csv", index=False)
    sample, n_rows = read_sample(tmp_path / "t.csv", 5)
    assert n_rows == 2
    assert sample.frame.to_numpy().tolist() == [["007", 1], ["x", 2]]
