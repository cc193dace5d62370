"""The last lines of a run say what was skipped and why; an option makes a missing browser an error."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator

import pytest

__all__ = ["lines_of", "pytest_addoption", "pytest_sessionfinish"]


def lines_of(reports: Iterable[pytest.TestReport | pytest.CollectReport]) -> list[str]:
    """Returns a line for each reason, the most frequent first, with the number of skips."""
    # a skip is reported as (file, line, "Skipped: reason")
    reasons = Counter(str(report.longrepr[2]).removeprefix("Skipped: ") for report in reports)
    return [
        f"{count:6d}  {reason}" for reason, count in sorted(reasons.items(), key=lambda pair: (-pair[1], pair[0]))
    ]


def pytest_addoption(parser: pytest.Parser) -> None:
    """Adds the option that makes a missing browser an error."""
    parser.addoption(
        "--require-browser",
        action="store_true",
        help="fail where there is no browser, instead of skipping its tests",
    )


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_sessionfinish(session: pytest.Session) -> Iterator[None]:
    """Writes the reasons after the counts, which the terminal's own hook writes."""
    result = yield
    reporter = session.config.pluginmanager.get_plugin("terminalreporter")
    skipped = reporter.stats.get("skipped", []) if reporter else []
    # processes of xdist have no terminal of their own
    if skipped and not hasattr(session.config, "workerinput"):
        reporter.write_line(f"{len(skipped)} skipped:")
        for line in lines_of(skipped):
            reporter.write_line(line)
    return result
