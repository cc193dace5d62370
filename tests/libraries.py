"""Tests that need a library which is not installed are skipped, with its name as the reason.

A test says what it needs: by an import, in its file or in itself, or by ``@pytest.mark.needs("matplotlib")`` where
ParaDime alone imports the library. A library that ParaDime misses in any other test is a failure: with the core
dependencies alone, everything else has to work. Examples in docstrings need what they use.
"""

from __future__ import annotations

import doctest
import importlib.util
import traceback
from collections.abc import Collection, Generator, Iterator
from pathlib import Path
from typing import NoReturn

import pytest

import paradime
from paradime.utils.optional import EXTRAS

__all__ = [
    "missing_in",
    "pytest_collection_modifyitems",
    "pytest_make_collect_report",
    "pytest_runtest_call",
    "pytest_runtest_setup",
]

SOURCE = Path(paradime.__file__).parent
# the second part is for tests only
OPTIONAL = {library for libraries in EXTRAS.values() for library in libraries} | {
    "PIL",
    "jsonschema",
    "polars",
    "zadu",
}
# asked once: a test may pretend that one is missing, and must fail if it does not get what it expects
MISSING = frozenset(library for library in OPTIONAL if importlib.util.find_spec(library) is None)


def missing_in(
    error: BaseException | None, missing: Collection[str] = MISSING, *, by_paradime: bool = False
) -> str | None:
    """Returns the library whose absence is behind an error; ``None`` if the error has another cause.

    Args:
        error: What was raised.
        missing: The libraries that are not installed.
        by_paradime: Whether ParaDime may be who misses it; else only what a test imports counts.
    """
    through_paradime = False
    while error is not None:
        frames = traceback.extract_tb(error.__traceback__)
        through_paradime |= any(Path(frame.filename).is_relative_to(SOURCE) for frame in frames)
        library = (getattr(error, "name", None) or "").partition(".")[0]
        if isinstance(error, ModuleNotFoundError) and library in missing:
            return None if through_paradime and not by_paradime else library
        # pytest keeps the cause of a conftest's failure in an attribute
        error = error.__cause__ or getattr(error, "cause", None)
    return None


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report(
    collector: pytest.Collector,
) -> Generator[None, pytest.CollectReport, pytest.CollectReport]:
    """Skips a file, or a folder, that imports what is missing."""
    report = yield
    excinfo = report.call.excinfo if report.failed else None
    library = missing_in(excinfo.value) if excinfo else None
    if library is not None:
        report.outcome = "skipped"
        report.longrepr = (str(collector.path), 0, f"Skipped: needs {library}")
    return report


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Skips tests whose mark names what is missing."""
    for item in items:
        for library in [name for mark in item.iter_markers("needs") for name in mark.args if name in MISSING]:
            item.add_marker(pytest.mark.skip(reason=f"needs {library}"))


@pytest.hookimpl(wrapper=True)
def pytest_runtest_setup(item: pytest.Item) -> Iterator[None]:
    """Skips a test whose fixtures import what is missing."""
    yield from _skipping()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item: pytest.Item) -> Iterator[None]:
    """Skips a test that imports what is missing."""
    yield from _skipping()


def _skipping() -> Iterator[None]:
    try:
        yield
    except ImportError as error:
        _skip_or_raise(error, missing_in(error))
    except doctest.UnexpectedException as error:
        # an example cannot be marked
        _skip_or_raise(error, missing_in(error.exc_info[1], by_paradime=True))


def _skip_or_raise(error: Exception, library: str | None) -> NoReturn:
    if library is None:
        raise error
    pytest.skip(f"needs {library}")
