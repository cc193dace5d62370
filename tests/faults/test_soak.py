"""Many calls use no more than a few; tools/soak.py makes thousands."""

import runpy
import tempfile
from pathlib import Path

import pytest

import paradime
from paradime import ParametricMDS

SOAK = runpy.run_path(str(Path(__file__).resolve().parents[2] / "tools" / "soak.py"))


@pytest.fixture
def routine(X, tmp_path, monkeypatch):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    return ParametricMDS(epochs=1, random_state=0).fit(X)


@pytest.mark.row(60)
@pytest.mark.parametrize("call", ["transform", "fit", "save and load"])
def test_repeated_calls_use_no_more(call, routine, X, tmp_path):
    calls = {
        "transform": lambda: routine.transform(X),
        "fit": lambda: routine.fit(X),
        "save and load": lambda: (routine.save(tmp_path / "model"), paradime.load(tmp_path / "model")),
    }
    routine.save(tmp_path / "model")
    grown = SOAK["growth"](calls[call], 400 if call == "transform" else 20)
    assert grown.is_none, grown


@pytest.mark.row(60)
def test_what_grows_is_noticed(tmp_path, monkeypatch):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    files = []
    grown = SOAK["growth"](lambda: files.append(tempfile.NamedTemporaryFile()), 10)  # noqa: SIM115  they stay open
    assert (grown.descriptors, grown.temporary_files, grown.is_none) == (8, 8, False)
    for file in files:
        file.close()
