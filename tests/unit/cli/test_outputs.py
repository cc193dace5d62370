"""What commands write: never over what they read, checked before the work, and the model first."""

import importlib.util
import json
import os
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
from matplotlib.figure import Figure

from paradime import ParametricMDS
from paradime.persistence import load

SHORT = ["--method", "mds", "--set", "epochs=1", "--set", "batch_size=50", "--quiet"]
SPELLINGS = {
    "as it is": lambda name: name,
    "with a dot": lambda name: f"./{name}",
    "by a detour": lambda name: f"sub/../{name}",
    "absolute": os.path.abspath,
    "by a link": lambda name: f"link{Path(name).suffix}",
    "by a linked folder": lambda name: f"linked/{name}",
}
COMMANDS = {
    "fit --embedding": ["fit", "IN", "--embedding", "OUT"],
    "transform": ["transform", "m.paradime", "IN", "--out", "OUT"],
    "inverse": ["inverse", "m.paradime", "IN", "--out", "OUT"],
    "evaluate": ["evaluate", "m.paradime", "IN", "--out", "OUT"],
    "evaluate --train": ["evaluate", "m.paradime", "other.csv", "--train", "IN", "--out", "OUT"],
    "explain": ["explain", "m.paradime", "IN", "--out", "OUT"],
}


@pytest.fixture
def table(forest):
    """Writes a small table into the present folder."""

    def write(name="t.csv", n_rows=60):
        forest[:n_rows][["Cell", "Elevation", "Slope", "Aspect", "Cover"]].to_csv(name, index=False)

    return write


@pytest.fixture
def untrained(monkeypatch):
    """Makes any training an error."""

    def fit(*_, **__):
        raise AssertionError("trained all the same")

    monkeypatch.setattr("paradime.dr.ParametricDR.fit", fit)


@pytest.mark.parametrize("spelling", SPELLINGS)
@pytest.mark.parametrize("command", COMMANDS)
def test_a_table_that_is_read_is_never_written_over(run, command, spelling):
    # neither a model nor a table: it is refused before anything is read
    Path("t.csv").write_text("anything")
    Path("sub").mkdir()
    Path("link.csv").symlink_to("t.csv")
    Path("linked").symlink_to(".")
    words = [{"IN": "t.csv", "OUT": SPELLINGS[spelling]("t.csv")}.get(word, word) for word in COMMANDS[command]]
    code, out, err = run(*words)
    assert (code, out) == (2, "")
    assert "the table that is read" in err or "a table that is read" in err
    assert Path("t.csv").read_text() == "anything"


@pytest.mark.parametrize(
    "words",
    [
        ["export", "m.paradime", "--onnx", "./m.paradime"],
        ["export", "m.paradime", "--torch", "m.paradime"],
        ["fit", "t.csv", "--spec", "s.yaml", "--out", "s.yaml"],
        ["plot", "m.png", "t.csv", "--out", "m.png"],
        ["explore", "m.html", "t.csv", "--out", "m.html"],
    ],
)
def test_models_and_specifications_are_never_written_over(run, words):
    for name in ("m.paradime", "s.yaml", "m.png", "m.html"):
        Path(name).write_text(name)
    code, _, err = run(*words)
    assert code == 2
    assert "must not overwrite" in err
    assert all(Path(name).read_text() == name for name in ("m.paradime", "s.yaml", "m.png", "m.html"))


@pytest.mark.parametrize(
    ("words", "both"),
    [
        (["fit", "t.csv", "--explore", "a.html", "--report", "./a.html"], "--explore and --report"),
        (["export", "m.paradime", "--onnx", "a", "--torch", "a"], "--onnx and --torch"),
    ],
)
def test_two_outputs_need_two_files(run, words, both):
    code, _, err = run(*words)
    assert code == 2
    assert f"{both} must be different files" in err


@pytest.mark.parametrize(
    "words",
    [
        ["export", "m", "--onnx", "m/model.safetensors"],
        ["transform", "m", "t.csv", "--out", "m/map.csv"],
        ["explain", "m", "t.csv", "--plot", "./m/a.png"],
        ["fit", "t.csv", "--out", "m", "--embedding", "m/map.csv"],
    ],
)
def test_nothing_is_written_into_the_folder_of_a_model(run, words):
    Path("m").mkdir()
    Path("m/model.safetensors").write_text("weights")
    code, _, err = run(*words)
    assert code == 2
    assert "must not lie in" in err
    assert [(path.name, path.read_text()) for path in Path("m").iterdir()] == [("model.safetensors", "weights")]


def test_a_model_overwrites_no_file_of_others_in_a_folder(run, table, untrained):
    table()
    Path("README.md").write_text("mine")
    code, _, err = run("fit", "t.csv", "--out", ".", *SHORT)
    assert code == 2
    assert "'README.md' that belongs to no saved routine" in err
    assert Path("README.md").read_text() == "mine"


def test_a_specification_does_not_take_the_name_of_something_else(run):
    Path("m.paradime").write_text("model")
    code, _, err = run("spec", "init", "umap", "--out", "m.paradime", "--force")
    assert code == 2
    assert "must end in .yaml, .yml or .json" in err
    assert Path("m.paradime").read_text() == "model"


def test_link_without_a_file_behind_it_may_be_written(run, table):
    table()
    Path("new.csv").symlink_to("later.csv")
    assert run("fit", "t.csv", "--embedding", "new.csv", *SHORT)[0] == 0
    assert len(pd.read_csv("later.csv")) == 60


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["--out", "no/m"], "there is no folder 'no'"),
        (["--out", "m.csv"], "'.paradime'"),
        (["--out", "m.png"], "'.paradime'"),
        (["--out", "notes"], "got 'notes', a file of another kind"),
        (["--embedding", "no/a.csv"], "there is no folder 'no'"),
        (["--embedding", "a.xlsx"], "suffix"),
        (["--embedding", "folder.csv"], "must be a file, got the folder"),
        (["--plot", "folder.png"], "must be a file, got the folder"),
        (["--plot", "a.gif"], ".png"),
        (["--explore", "folder.html"], "must be a file, got the folder"),
        (["--report", "a.pdf"], ".html"),
        (["--report", "no/a.html"], "there is no folder 'no'"),
        (["--plot", "a.png", "--set", "n_components=3"], "2 dimensions, got 3"),
        (["--explore", "a.html", "--set", "n_components=1"], "2 dimensions, got 1"),
    ],
)
def test_outputs_that_cannot_be_written_are_refused_before_the_training(run, table, untrained, words, told):
    table()
    Path("notes").write_text("mine")
    for name in ("folder.csv", "folder.png", "folder.html"):
        Path(name).mkdir()
    code, _, err = run("fit", "t.csv", "--method", "mds", "--out", "good", *words)
    assert code == 2
    assert told in err
    assert not Path("good").exists()


@pytest.mark.parametrize("library", ["pandas", "pyarrow", "matplotlib", "plotly"])
def test_demo_names_a_missing_library_before_it_writes(run, monkeypatch, library):
    find = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None if name == library else find(name))
    code, _, err = run("demo", "--out", "demo")
    assert (code, Path("demo").exists()) == (2, False)
    assert f"paradime demo needs {library}, which cannot be imported. Install it: pip install " in err


def test_verify_loads_the_model_that_is_written_and_needs_one(run, table, monkeypatch):
    from paradime.dr import saving

    table()
    assert run("fit", "t.csv", "--embedding", "a.csv", "--verify", *SHORT)[0] == 2
    assert run("fit", "t.csv", "--out", "m", "--verify", *SHORT)[0] == 0
    monkeypatch.setattr(saving, "_agree", lambda *tensors, **_: False)
    code, _, err = run("fit", "t.csv", "--out", "other", "--verify", *SHORT)
    assert (code, Path("other").exists()) == (2, False)
    assert "would be loaded with other values" in err


def test_folder_that_may_not_be_written_to_is_refused_before_the_training(run, table, untrained, monkeypatch):
    table()
    Path("locked").mkdir()
    monkeypatch.setattr(os, "access", lambda path, mode: Path(path).name != "locked")
    for option, name in {"--out": "m", "--embedding": "a.csv", "--plot": "a.png", "--report": "a.html"}.items():
        code, _, err = run("fit", "t.csv", option, f"locked/{name}")
        assert code == 2
        assert "is not writable" in err


@pytest.mark.parametrize(
    ("library", "words", "install"),
    [
        ("matplotlib", ["--plot", "a.png"], "matplotlib datashader pandas"),
        ("matplotlib", ["--report", "a.html"], "matplotlib datashader pandas"),
        ("plotly", ["--explore", "a.html"], "plotly"),
        ("pyarrow", ["--embedding", "a.parquet"], "pandas pyarrow h5py"),
        ("anndata", ["--embedding", "a.h5ad"], "anndata"),
    ],
)
def test_missing_libraries_are_told_of_before_the_training(
    run, table, untrained, monkeypatch, library, words, install
):
    table()
    find = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None if name == library else find(name))
    code, _, err = run("fit", "t.csv", *words)
    assert code == 2
    assert f"needs {library}" in err
    assert f"pip install {install}" in err


def test_an_output_that_fails_takes_nothing_along(run, table, monkeypatch):
    table()

    def fail(*_, **__):
        raise OSError(28, "No space left on device", "a.png")

    monkeypatch.setattr("paradime.cli.outputs.draw", fail)
    outputs = [
        "--plot",
        "a.png",
        "--out",
        "m",
        "--embedding",
        "a.csv",
        "--explore",
        "a.html",
        "--report",
        "r.html",
    ]
    code, _, err = run("fit", "t.csv", *outputs, *SHORT)
    assert code == 2
    assert err.count("error: ") == 1
    assert "a.png: No space left on device" in err
    positions = load("m").transform(pd.read_csv("t.csv")[["Elevation", "Slope", "Aspect"]])
    written = pd.read_csv("a.csv")[["x", "y"]]
    np.testing.assert_allclose(positions, written, atol=1e-3 * np.ptp(written.to_numpy()))
    assert all(Path(name).stat().st_size > 10_000 for name in ("a.html", "r.html"))


def test_model_that_cannot_take_over_the_scaling_takes_no_positions_along(run, table, monkeypatch):
    table()

    def fail(routine, *_):
        routine.model.load_state_dict({name: 0 * part for name, part in routine.model.state_dict().items()})
        raise RuntimeError("the model places rows elsewhere")

    def report(fitted, _):
        np.testing.assert_allclose(fitted.routine.transform(fitted.rows), fitted.embedding, atol=1e-6)
        shown.append("report")

    shown = []
    monkeypatch.setattr("paradime.cli.fitting.fold", fail)
    monkeypatch.setattr("paradime.cli.fitting._report", report)
    words = ["--scale", "standard", "--out", "m", "--embedding", "a.csv", "--report", "r.html"]
    code, _, err = run("fit", "t.csv", *words, *SHORT)
    assert code == 1
    assert "the model places rows elsewhere" in err
    assert shown == ["report"]
    assert len(pd.read_csv("a.csv")) == 60


def test_model_is_saved_before_anything_is_drawn(run, table, monkeypatch):
    table()

    def killed(*_, **__):
        raise KeyboardInterrupt

    monkeypatch.setattr("paradime.cli.outputs.draw", killed)
    assert run("fit", "t.csv", "--plot", "a.png", "--out", "m.paradime", *SHORT)[0] == 130
    assert isinstance(load("m.paradime"), ParametricMDS)


def test_routine_is_judged_as_it_was_trained_after_it_was_saved(run, table, monkeypatch):
    """The report compares standardised rows, the model takes rows as they are."""
    table()
    seen = {}

    def report(routine, rows, y, path):
        seen.update(places=routine.transform(rows), same=routine.dataset["main"].shape)

    monkeypatch.setattr("paradime.reporting.report", report)
    words = ["--scale", "standard", "--out", "m", "--embedding", "a.csv", "--report", "r.html"]
    assert run("fit", "t.csv", *words, *SHORT)[0] == 0
    np.testing.assert_allclose(seen["places"], pd.read_csv("a.csv")[["x", "y"]], rtol=1e-5, atol=1e-6)


def test_dollars_and_lists_in_columns_spoil_no_output(run, forest):
    frame = forest[:60][["Elevation", "Slope"]].assign(
        **{
            "pay in $ or $": ["$1 $", "$2 $"] * 30,
            "tags": [["a", "b"], ["c"]] * 30,
            "day": pd.Timestamp("2024-01-31"),
        }
    )
    frame.to_parquet("t.parquet")
    outputs = ["--plot", "a.svg", "--out", "m", "--embedding", "a.csv", "--explore", "a.html"]
    for color, report in {"pay in $ or $": ["--report", "r.html"], "tags": []}.items():
        assert run("fit", "t.parquet", *outputs, *report, "--color", color, *SHORT)[0] == 0
    for name in ("b.parquet", "b.feather", "b.npz", "b.h5ad", "b.tsv"):
        assert run("transform", "m", "t.parquet", "--out", name)[0] == 0
    assert pd.read_parquet("b.parquet")["tags"][0].tolist() == ["a", "b"]
    assert json.loads(pd.read_csv("a.csv")["tags"][0]) == ["a", "b"]
    assert run("explore", "m", "t.parquet", "--color", "day", "--out", "c.html")[0] == 0


def test_specification_that_could_not_be_written_leaves_the_old_one(run, monkeypatch):
    Path("mine.yaml").write_text("mine")

    def fail(*_, **__):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("paradime.utils.files.os.replace", fail)
    assert run("spec", "init", "tsne", "--out", "mine.yaml", "--force")[0] == 2
    assert Path("mine.yaml").read_text() == "mine"


def test_dates_colour_pictures_by_days(run, monkeypatch):
    days = pd.Series(pd.to_datetime(["2024-01-31 00:00", None, "2024-03-01 12:00"]))
    pd.DataFrame({"x": [1, 2, 3], "y": [1, 2, 4], "day": days, "lag": days - days[0]}).to_parquet("map.parquet")
    seen = []

    def embedding(*_, **how):
        seen.append(how)
        return SimpleNamespace(figure=Figure())

    monkeypatch.setattr("paradime.plot.embedding", embedding)
    for color in ("day", "lag"):
        assert run("plot", "map.parquet", "--color", color, "--out", "a.png")[0] == 0
    for how, title in zip(seen, ["day (days since 2024-01-31)", "lag (days)"], strict=True):
        np.testing.assert_array_equal(how["values"], [0, np.nan, 30.5])
        assert how["legend_title"] == title
