"""Skips are counted by their reasons, and a missing browser can be made an error."""

import runpy
from pathlib import Path
from types import SimpleNamespace

import pytest

from skips import lines_of

TESTS = Path(__file__).resolve().parents[2]


def test_places_of_one_reason_are_one_line():
    reasons = ["no GPU", "no browser", "no GPU"]
    reports = [
        SimpleNamespace(longrepr=("test_a.py", i, f"Skipped: {reason}")) for i, reason in enumerate(reasons)
    ]
    assert lines_of(reports) == ["     2  no GPU", "     1  no browser"]


def test_without_a_browser_tests_are_skipped_or_fail_if_it_is_required():
    executable_of = runpy.run_path(str(TESTS / "browser" / "conftest.py"))["executable_of"]
    assert executable_of("/bin/chromium", required=True) == "/bin/chromium"
    with pytest.raises(pytest.skip.Exception, match="Install Chromium"):
        executable_of(None, required=False)
    with pytest.raises(pytest.fail.Exception, match="--require-browser needs Chromium"):
        executable_of(None, required=True)
