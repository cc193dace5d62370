"""Altered specifications and saved models; tools/fuzz_files.py tries many more of them."""

import runpy
import time
from pathlib import Path

import pytest

FUZZ = runpy.run_path(str(Path(__file__).resolve().parents[2] / "tools" / "fuzz_files.py"))


@pytest.fixture(scope="module")
def watch():
    return FUZZ["Watch"]()


@pytest.mark.row(37, 48, 50)
@pytest.mark.parametrize("kind", ["Specifications", "Models"])
def test_altered_files_are_refused_or_harmless(kind, watch, tmp_path):
    failures = []
    counts = FUZZ["check"](FUZZ[kind](tmp_path), range(500), 2026, watch, failures.append)
    assert failures == []
    assert counts["refused"] > 250


@pytest.mark.row(50)
def test_what_the_watch_looks_for_is_noticed(watch, tmp_path):
    with pytest.raises(AssertionError, match="open"), watch.on():
        (tmp_path / "file").write_text("x")
    with pytest.raises(AssertionError, match=r"os\.system"), watch.on():
        __import__("os").system("true")


@pytest.mark.row(38)
def test_a_case_that_takes_too_long_ends(watch, monkeypatch):
    monkeypatch.setitem(FUZZ["Watch"].on.__wrapped__.__globals__, "MOST_SECONDS", 0.01)
    with pytest.raises(FUZZ["TooLongError"]), watch.on():
        time.sleep(10)
