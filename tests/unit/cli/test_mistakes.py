"""Wrong options, columns and files: one line, exit code 2, no traceback."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from paradime.cli import main
from paradime.cli.console import settings

ROOT = Path(__file__).resolve().parents[3]


def refused(run, *words):
    """Runs what is to be refused; returns the message."""
    code, out, err = run(*words)
    errors = [line for line in err.splitlines() if line.startswith("error: ")]
    assert (code, out) == (2, "")
    assert len(errors) == 1
    assert "Traceback" not in err
    return errors[0]


def test_missing_columns_are_named(run, forest):
    forest[:20].rename(columns={"Slope": "Slopes"}).to_csv("t.csv", index=False)
    message = refused(run, "transform", "{made}/forest.paradime", "t.csv")
    assert "'Slope'. Did you mean 'Slopes'?" in message


@pytest.mark.parametrize("command", ["fit", "transform"])
@pytest.mark.parametrize("value", [np.nan, np.inf, "steep"])
def test_values_that_are_no_numbers_are_named_with_row_and_column(run, forest, command, value):
    frame = forest[:60].astype({"Slope": object})
    frame.loc[17, "Slope"] = value
    frame.to_csv("t.csv", index=False)
    words = ["transform", "{made}/forest.paradime", "t.csv"]
    if command == "fit":
        words = ["fit", "t.csv", "--columns", "Slope,Elevation", "--out", "m"]
    message = refused(run, *words)
    assert "t.csv: row 18, column 'Slope'" in message
    assert not os.path.exists("m")


def test_row_of_a_wrong_value_is_counted_over_chunks(run, forest, monkeypatch):
    monkeypatch.setattr("paradime.preprocessing.tables._CHUNK_ROWS", 25)
    frame = forest[:60].copy()
    frame.loc[52, "Slope"] = np.nan
    frame.to_csv("t.csv", index=False)
    assert "row 53" in refused(run, "transform", "{made}/forest.paradime", "t.csv", "--out", "map.csv")
    assert not os.path.exists("map.csv")  # nothing in halves


def test_column_with_a_stray_text_is_told_of(run, forest):
    frame = forest[:60].astype({"Slope": object})
    frame.loc[17, "Slope"] = "n.a. "
    frame.to_csv("t.csv", index=False)
    code, _, err = run("fit", "t.csv", "--embedding", "m.csv", "--set", "epochs=1")
    assert code == 0
    assert "'Slope' holds numbers except in row 18" in err


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["fit", "{made}/forest.csv"], "nothing to write"),
        (["fit", "{made}/forest.cvs", "--out", "m"], "Did you mean '.csv'?"),
        (["fit", "{made}/florest.csv", "--out", "m"], "no such file. Did you mean 'forest.csv'?"),
        (["fit", "{made}", "--out", "m"], "suffix"),
        (["fit", "{made}/forest.csv", "--method", "umpa", "--out", "m"], "Did you mean 'umap'?"),
        (["fit", "{made}/forest.csv", "--target", "cover", "--out", "m"], "--target"),
        (["fit", "{made}/forest.csv", "--color", "Covr", "--out", "m"], "Did you mean 'Cover'?"),
        (["fit", "{made}/forest.csv", "--drop", "Cel", "--out", "m"], "Did you mean 'Cell'?"),
        (["fit", "{made}/forest.csv", "--columns", "Cover", "--out", "m"], "got 'Douglas-fir'"),
        (["fit", "{made}/forest.csv", "--guide", "Slope:q", "--out", "m"], "COLUMN:AXIS:WEIGHT"),
        (["fit", "{made}/forest.csv", "--guide", "Slope:x:3", "--out", "m"], "(0, 1)"),
        (["fit", "{made}/forest.csv", "--set", "n_neighbours=5", "--out", "m"], "Did you mean 'n_neighbors'?"),
        (["fit", "{made}/forest.csv", "--set", "n_neighbors=-5", "--out", "m"], "greater than 2"),
        (["fit", "{made}/forest.csv", "--set", "epochs", "--out", "m"], "NAME=VALUE"),
        (["fit", "{made}/forest.csv", "--out", "m.onnx"], "'.paradime'"),
        (["fit", "{made}/forest.csv", "--plot", "m.gif"], ".png"),
        (["fit", "{made}/forest.csv", "--explore", "m.txt"], ".html"),
        (["fit", "{made}/forest.csv", "--embedding", "no/m.csv"], "there is no folder 'no'"),
        (["fit", "{made}/forest.csv", "--scale", "max", "--out", "m"], "must be one of auto, standard, none"),
        (["transform", "{made}/forest.paradim", "{made}/new.csv"], "Did you mean 'forest.paradime'?"),
        (["transform", "{made}/new.csv", "{made}/new.csv"], "not a saved routine"),
        (["transform", "{made}/forest.paradime", "{made}/map.csv"], "lacks column(s)"),
        (["inverse", "{made}/forest.paradime", "{made}/map.csv"], "Fit it with --set decoder=true."),
        (["evaluate", "{made}/forest.paradime", "{made}/new.csv", "--target", "x"], "no column 'x'"),
        (["explain", "{made}/forest.paradime", "{made}/new.csv", "--method", "guess"], "--method"),
        (["plot", "{made}/forest.paradime"], "needs rows"),
        (["plot", "{made}/forest.csv"], "no columns x and y"),
        (["plot", "{made}/map.csv", "--color", "cover"], "Did you mean 'Cover'?"),
        (["export", "{made}/forest.paradime"], "--onnx"),
        (["spec", "show", "tsen"], "Did you mean 'tsne'?"),
        (["spec", "init", "tsen"], "Did you mean 'tsne'?"),
        (["demo", "--rows", "3"], "between 200 and 6500"),
    ],
)
def test_mistakes_are_one_line_with_a_remedy(run, words, expected):
    assert expected in refused(run, *words)


@pytest.mark.parametrize(
    ("name", "contents", "expected"),
    [
        ("t.csv", b"", "is empty"),
        ("t.csv", b"a,b\n", "no rows"),
        ("t.csv", bytes(range(256)) * 4, "UTF-8"),
        ("t.csv", b"a,b\n1,2\n3,4,5,6\n", "line 3"),
        ("t.parquet", b"no parquet" * 9, "not a valid PARQUET file"),
        ("t.feather", b"no feather" * 9, "not a valid FEATHER file"),
        ("t.npy", b"no array" * 9, "not a valid NPY file"),
        ("t.npz", b"no archive" * 9, "not a valid NPZ file"),
        ("t.csv.gz", b"not zipped", "t.csv.gz"),
    ],
)
def test_damaged_files_are_refused_with_their_name(run, name, contents, expected):
    Path(name).write_bytes(contents)
    message = refused(run, "fit", name, "--out", "m")
    assert expected in message
    assert name in message


def test_all_mistakes_of_a_specification_are_told_at_once(run):
    Path("wrong.yaml").write_text("losses: [{name: a, type: positon}]\ntraining phases: [{epochs: many}]\n")
    code, _, err = run("spec", "validate", "wrong.yaml")
    assert code == 2
    assert "Did you mean 'position'" in err
    assert "epochs" in err


def test_text_of_a_specification_is_not_replaced_unless_asked(run):
    Path("mine.yaml").write_text("mine")
    assert "--force" in refused(run, "spec", "init", "tsne", "--out", "mine.yaml")
    assert Path("mine.yaml").read_text() == "mine"
    assert run("spec", "init", "tsne", "--out", "mine.yaml", "--force")[0] == 0


def test_unknown_options_are_refused_with_code_2(run):
    code, _, err = run("fit", "t.csv", "--bogus")
    assert code == 2
    assert "--bogus" in err


def test_errors_of_ours_are_one_line_with_code_1(run, monkeypatch):
    monkeypatch.setattr("paradime.cli.using.open_model", lambda path: {}["gone"])
    code, _, err = run("info", "{made}/forest.paradime")
    assert code == 1
    assert err.startswith("error: KeyError: 'gone'")
    assert "--debug" in err
    with pytest.raises(KeyError):
        run("info", "{made}/forest.paradime", "--debug")
    settings.debug = False


def test_interruption_has_code_130(run, monkeypatch):
    def interrupted(path):
        raise KeyboardInterrupt

    monkeypatch.setattr("paradime.cli.using.open_model", interrupted)
    assert run("info", "{made}/forest.paradime")[0] == 130


def test_missing_library_is_named_with_code_2(run, monkeypatch):
    monkeypatch.setitem(sys.modules, "pandas", None)
    assert "pip install pandas pyarrow h5py" in refused(run, "fit", "{made}/forest.csv", "--out", "m")


@pytest.mark.parametrize("words", [["--help"], ["fit", "--help"], ["spec", "--help"], ["--version"]])
def test_help_imports_nothing_that_takes_long(words):
    code = (
        "import sys; from paradime.cli import main; assert main(sys.argv[1:]) == 0; "
        "heavy = {'torch', 'sklearn', 'pandas', 'numpy', 'scipy', 'matplotlib'} & set(sys.modules); "
        "sys.exit(f'imported {heavy}' if heavy else 0)"
    )
    done = subprocess.run([sys.executable, "-c", code, *words], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    assert "paradime" in done.stdout


def test_help_describes_arguments_and_defaults(run):
    code, out, _ = run("transform", "--help")
    assert code == 0
    assert "A table.  [required]" in out
    assert "[default: -]" in out
    assert "\\[" not in out


def test_module_runs_as_the_command():
    done = subprocess.run(
        [sys.executable, "-m", "paradime", "--version"], capture_output=True, text=True, check=False
    )
    assert done.stdout.startswith("paradime ")


def test_reader_who_has_seen_enough_is_no_error():
    code = (
        "import sys, typer; from paradime.cli.console import command\n"
        "try: command(lambda: sys.stdout.write('line\\n' * 1_000_000))()\n"
        "except typer.Exit as end: sys.exit(end.exit_code)"
    )
    command = f'{sys.executable} -c "{code}" | head -1; exit ${{PIPESTATUS[0]}}'
    done = subprocess.run(["bash", "-c", command], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (0, "line\n", "")


def test_methods_are_the_presets_there_are():
    from paradime import estimators
    from paradime.cli.methods import METHODS

    presets = {name for name in estimators.__all__ if name.startswith("Parametric")}
    assert set(METHODS.values()) == presets


def test_nothing_is_said_where_quiet_is_asked_for(made, capsys, tmp_path):
    out = str(tmp_path / "map.csv")
    assert main(["transform", str(made / "forest.paradime"), str(made / "new.csv"), "-o", out, "-q"]) == 0
    assert capsys.readouterr() == ("", "")
    assert len(pd.read_csv(out)) == 100
