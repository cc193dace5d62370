"""Pipelines of an encoder and a routine are saved; Python and the command line read the same file alike."""

import numpy as np
import pandas as pd
import polars as pl
import pytest
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

import paradime
from paradime import ParametricMDS
from paradime.cli import main
from paradime.preprocessing import TabularEncoder, pipeline_of, save_pipeline

N = 60


@pytest.fixture
def frame():
    rng = np.random.default_rng(0)
    return pd.DataFrame(
        {
            "size": rng.normal(5, 2, N).round(3),
            "colour": rng.choice(["red", "blue", "1.50"], N),
            "age": rng.integers(1, 9, N),
        }
    )


@pytest.fixture
def run(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)

    def run_command(*words):
        code = main(list(map(str, words)))
        return code, capsys.readouterr().err

    return run_command


def short():
    return ParametricMDS(epochs=1, random_state=0, decoder=True)


@pytest.mark.parametrize("names", [True, False], ids=["with names", "without names"])
def test_the_command_line_encodes_tables_as_the_saved_pipeline_does(run, frame, names, capsys):
    encoder = TabularEncoder().set_output(transform="pandas" if names else "default")
    pipeline = make_pipeline(encoder, short()).fit(frame)
    save_pipeline(pipeline, "m.paradime", metadata={"by": "me"}, verify=True)
    expected = pipeline.transform(frame)
    assert paradime.load("m.paradime").metadata_["by"] == "me"
    np.testing.assert_array_equal(pipeline_of(paradime.load("m.paradime")).transform(frame), expected)
    # other columns, and another order
    frame.assign(note="x")[["note", "age", "colour", "size"]].to_csv("t.csv", index=False)
    assert run("transform", "m.paradime", "t.csv", "--out", "map.csv") == (0, "embedded 60 rows in map.csv\n")
    np.testing.assert_allclose(pd.read_csv("map.csv")[["x", "y"]], expected, atol=1e-5)
    for words in (
        ["evaluate", "m.paradime", "t.csv", "--out", "a.csv"],
        ["explain", "m.paradime", "t.csv", "--method", "permutation", "--out", "b.csv"],
        ["explore", "m.paradime", "t.csv", "--out", "c.html", "--color", "colour"],
        ["info", "m.paradime"],
        ["export", "m.paradime", "--torch", "d.pt2"],
    ):
        code, err = run(*words)
        assert code == 0
        assert "warning" not in err
        assert ("takes encoded features, not columns of the table" in err) == (words[0] == "export")
    main(["info", "m.paradime"])
    assert "standardised by the encoder" in capsys.readouterr().out
    assert pd.read_csv("b.csv")["feature"].str.contains("colour=red").any()


def test_python_encodes_data_frames_as_the_command_line_did(run, frame, monkeypatch):
    frame.loc[3, "colour"] = None
    frame.assign(name=[f"n{i}" for i in range(N)]).to_csv("t.csv", index=False)
    words = ["--encode", "--scale", "standard", "--method", "mds", "--set", "epochs=1"]
    shown = []
    monkeypatch.setattr("paradime.explorer.explore", lambda *_, columns, **__: shown.append(list(columns)))
    outputs = ["--out", "m", "--embedding", "map.csv", "--explore", "map.html"]
    assert run("fit", "t.csv", *outputs, *words)[0] == 0
    assert run("explore", "m", "t.csv", "--out", "map.html")[0] == 0
    assert [sorted(columns) for columns in shown] == [["colour", "name"]] * 2
    routine = paradime.load("m")
    assert routine.feature_names_in_.tolist() == [
        "size",
        "age",
        "colour=1.50",
        "colour=blue",
        "colour=red",
        "colour=missing",
    ]
    pipeline = pipeline_of(routine)
    rows = pl.from_pandas(frame).select(pipeline[0].feature_names_in_.tolist())
    expected = pd.read_csv("map.csv")[["x", "y"]].to_numpy()
    np.testing.assert_allclose(pipeline.transform(rows), expected, atol=1e-3 * np.ptp(expected))
    # what else is known of the table is saved again
    save_pipeline(pipeline, "again.paradime", metadata={"by": "me"})
    assert paradime.load("again.paradime").metadata_ == {**routine.metadata_, "by": "me"}


def test_categories_of_csv_are_read_alike_whatever_other_rows_of_a_chunk_hold(run, frame, monkeypatch):
    frame.to_csv("t.csv", index=False)
    words = ["--encode", "--method", "mds", "--set", "epochs=1"]
    assert run("fit", "t.csv", "--out", "m", "--embedding", "map.csv", *words)[0] == 0
    monkeypatch.setattr("paradime.preprocessing.tables._CHUNK_ROWS", 1)
    assert run("transform", "m", "t.csv", "--out", "placed.csv")[0] == 0
    expected = pd.read_csv("map.csv")[["x", "y"]].to_numpy()
    np.testing.assert_allclose(pd.read_csv("placed.csv")[["x", "y"]], expected, atol=1e-3 * np.ptp(expected))


def test_reconstructed_rows_are_rows_of_the_table(run, frame):
    frame.to_csv("t.csv", index=False)
    words = ["--encode", "--method", "mds", "--set", "epochs=30", "--set", "decoder=true"]
    assert run("fit", "t.csv", "--out", "m", "--embedding", "map.csv", *words)[0] == 0
    assert run("inverse", "m", "map.csv", "--out", "back.csv")[0] == 0
    back = pd.read_csv("back.csv", dtype={"colour": str})
    assert set(back) >= {"size", "colour", "age"}
    assert set(back["colour"]) <= {"red", "blue", "1.50"}
    assert run("transform", "m", "back.csv", "--out", "again.csv")[0] == 0


def test_other_pipelines_are_refused(frame, tmp_path):
    for steps in ([StandardScaler(), short()], [TabularEncoder(), StandardScaler(), short()], [TabularEncoder()]):
        with pytest.raises(ValueError, match="must be a TabularEncoder and a routine to be saved, got"):
            save_pipeline(make_pipeline(*steps), tmp_path / "m.paradime")
    short().fit(frame[["size", "age"]].to_numpy()).save(tmp_path / "n.paradime")
    with pytest.raises(ValueError, match="without names of columns"):
        pipeline_of(paradime.load(tmp_path / "n.paradime"))


@pytest.mark.parametrize(
    ("damage", "told"),
    [
        ({"mean": [0.0]}, "mean must have 2 entries, got 1"),
        ({"scale": ["1", 1.0]}, "scale: 0: "),
        ({"columns": None}, "columns: "),
        ({"more": 1}, "more: "),
        ({"categories": {"weight": ["a"] * 3}}, "categories must be those of columns"),
        (None, "valid dictionary"),
    ],
)
def test_damaged_encoders_are_told_with_file_and_place(run, frame, damage, told):
    encoder = TabularEncoder().fit(frame)
    routine = short().fit(encoder.transform(frame))
    damaged = None if damage is None else {**encoder.to_dict(), **damage}
    routine.save("m.paradime", metadata={"table": {"encoder": damaged}})
    frame.to_csv("t.csv", index=False)
    code, err = run("transform", "m.paradime", "t.csv")
    assert code == 2
    assert "m.paradime: the saved encoder is damaged" in err
    assert told in err


def test_models_that_were_saved_with_categories_in_place_of_an_encoder_are_read(run, frame):
    """As the command line of earlier versions saved them."""
    categories = {"colour": ["1.50", "blue", "red"]}
    features = frame[["size", "age"]].assign(
        **{f"colour={value}": (frame["colour"] == value).astype(float) for value in categories["colour"]}
    )
    features.loc[4, features.columns[2:]] = 0.0
    routine = short().fit(features)
    routine.save("m", metadata={"table": {"features": ["size", "age"], "categories": categories, "offsets": {}}})
    frame.loc[4, "colour"] = None
    frame.to_csv("t.csv", index=False)
    assert run("transform", "m", "t.csv", "--out", "map.csv")[0] == 0
    np.testing.assert_allclose(pd.read_csv("map.csv")[["x", "y"]], routine.transform(features), atol=1e-5)
    rows = frame[["size", "age", "colour"]]
    np.testing.assert_allclose(
        pipeline_of(paradime.load("m")).transform(rows), routine.transform(features), atol=1e-5
    )


def test_metadata_of_ones_own_are_no_encoder(run, frame):
    frame = frame[["size", "age"]]
    assert TabularEncoder(numbers="keep").fit(frame).keeps_columns
    assert not TabularEncoder().fit(frame).keeps_columns
    frame.to_csv("t.csv", index=False)
    for metadata in ({"table": "cells"}, {"table": {"features": 2}}, {"other": 1}):
        routine = ParametricMDS(epochs=1, random_state=0).fit(frame)
        routine.save("m.paradime", metadata=metadata)
        assert run("transform", "m.paradime", "t.csv", "--out", "map.csv")[0] == 0
        np.testing.assert_allclose(pd.read_csv("map.csv"), routine.transform(frame), atol=1e-5)


def test_encoders_come_back_from_what_they_write(frame):
    frame.loc[[1, 2], "size"] = None
    for settings in ({}, {"numbers": "keep"}, {"unknown": "error"}):
        encoder = TabularEncoder(**settings).fit(frame)
        again = TabularEncoder.from_dict(encoder.to_dict())
        np.testing.assert_array_equal(again.transform(frame), encoder.transform(frame))
        assert again.get_params() == encoder.get_params()
        assert again.get_feature_names_out().tolist() == encoder.get_feature_names_out().tolist()
        pd.testing.assert_frame_equal(
            again.inverse_transform(encoder.transform(frame)),
            frame.fillna({"size": frame["size"].median()}),
            check_dtype=False,
            rtol=1e-9,
            check_exact=False,
        )
    with pytest.raises(ValueError, match=r"X must have shape \(m, 5\), got \(60, 3\)"):
        encoder.inverse_transform(np.zeros((60, 3)))
