"""The script that runs scikit-learn's checks of every preset at full length."""

import runpy
from pathlib import Path

import pytest

FILE = Path(__file__).resolve().parents[3] / "tools" / "check_estimators.py"
TOOL = runpy.run_path(str(FILE), run_name="check_estimators")


def test_every_preset_is_checked():
    assert len(TOOL["PRESETS"]) == 7
    assert set(TOOL["ESTIMATORS"]) == {*TOOL["PRESETS"], "ParametricDR"}


@pytest.mark.parametrize(("statuses", "code"), [(["passed", "skipped"], 0), (["passed", "failed"], 1)])
def test_failed_check_is_told_and_counts(statuses, code, monkeypatch, capsys):
    results = [{"status": status, "check_name": f"of_{status}", "exception": "why"} for status in statuses]
    monkeypatch.setitem(TOOL["main"].__globals__, "check_estimator", lambda *_, **__: results)
    assert TOOL["main"](["ParametricMDS"]) == code
    told = capsys.readouterr().out
    assert told.startswith(f"ParametricMDS: 1 passed, 1 {statuses[1]}")
    assert f"{statuses[1]}: of_{statuses[1]}: why" in told


def test_names_are_explained_and_an_unknown_one_is_refused(capsys):
    with pytest.raises(SystemExit) as stopped:
        TOOL["main"](["--help"])
    assert stopped.value.code == 0
    assert "ParametricDR" in capsys.readouterr().out
    with pytest.raises(SystemExit) as stopped:
        TOOL["main"](["ParametricMSD"])
    assert stopped.value.code == 2
    assert "Did you mean 'ParametricMDS'?" in capsys.readouterr().err


@pytest.mark.parametrize(("words", "checked"), [(["ParametricMDS", "ParametricDR"], 2), ([], 8)])
def test_several_estimators_are_checked_or_all(words, checked, monkeypatch):
    names = []
    monkeypatch.setitem(TOOL["main"].__globals__, "check", lambda name: bool(names.append(name)) or True)
    assert TOOL["main"](words) == 0
    assert names == (words or list(TOOL["ESTIMATORS"]))
    assert len(names) == checked
