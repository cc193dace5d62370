"""Tests are skipped for libraries that they need themselves, not for those that ParaDime misses unasked."""

import sys

import pytest

from libraries import MISSING, OPTIONAL, missing_in
from paradime.utils.optional import EXTRAS, require


def caught(call):
    try:
        call()
    except ImportError as error:
        return error
    raise AssertionError("nothing was missing")


@pytest.fixture
def without_plotly(monkeypatch):
    monkeypatch.setitem(sys.modules, "plotly", None)


def test_library_that_a_test_imports_is_told(without_plotly):
    def needs_it():
        import plotly  # noqa: F401

    assert missing_in(caught(needs_it), {"plotly"}) == "plotly"


def test_library_that_paradime_misses_is_an_error_unless_it_is_an_example(without_plotly):
    error = caught(lambda: require("plotly", "The explorer", extra="explore"))
    assert missing_in(error, {"plotly"}) is None
    assert missing_in(error, {"plotly"}, by_paradime=True) == "plotly"


def test_library_that_is_installed_is_no_reason_to_skip(without_plotly):
    assert missing_in(caught(lambda: __import__("plotly")), set()) is None
    assert missing_in(ModuleNotFoundError("No module named 'torch'", name="torch"), OPTIONAL) is None


def test_all_that_extras_bring_counts_as_optional():
    assert {library for libraries in EXTRAS.values() for library in libraries} <= OPTIONAL
    assert MISSING <= OPTIONAL
