"""Outcomes of training in tests: the mean over several seeds is compared with bounds, and margins can be measured.

Training amplifies the last bit of a sum, and that bit differs by processor and number of threads. One run is
therefore a draw; a test asserts the mean of several, with a bound at least four standard errors of that mean away.
The distance is measured by ``tools/measure_margins.py``, which runs the same measurements with more seeds.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np
import pytest

__all__ = ["Outcome", "outcome", "pytest_addoption", "pytest_collection_modifyitems"]


class Outcome:
    """Measures an outcome with several seeds, and asserts bounds of the means.

    Args:
        name: The test's node id.
        n_measured: The number of seeds with which margins are measured; ``None`` to assert the bounds.
        file: Where the margins are written, a JSON object per line.
    """

    def __init__(self, name: str, n_measured: int | None = None, file: str | None = None) -> None:
        self._name, self._n_measured, self._file = name, n_measured, file

    def __call__(
        self,
        measure: Callable[[int], Mapping[str, float]],
        *,
        seeds: int = 3,
        at_least: Mapping[str, float] | None = None,
        at_most: Mapping[str, float] | None = None,
    ) -> dict[str, float]:
        """Asserts bounds of the means of what is measured.

        To compare two trainings, measure their difference with the same seed, and bound the difference: what both
        have in common then cancels.

        Args:
            measure: Trains with a seed, and returns values by name.
            seeds: The number of seeds of the test: 0, 1, ….
            at_least: Lower bounds of means, by name.
            at_most: Upper bounds of means, by name.

        Returns:
            The means by name.
        """
        lower, upper = dict(at_least or {}), dict(at_most or {})
        assert lower or upper, "an outcome needs at least one bound"
        runs = [dict(measure(seed)) for seed in range(self._n_measured or seeds)]
        values = {name: np.array([run[name] for run in runs], dtype=float) for name in runs[0]}
        means = {name: float(row.mean()) for name, row in values.items()}
        bounds = [(name, bound, 1) for name, bound in lower.items()]
        bounds += [(name, bound, -1) for name, bound in upper.items()]
        for name, bound, sign in bounds:
            if self._file is not None:
                self._record(name, values[name], bound, sign, seeds)
            else:
                word = "at least" if sign > 0 else "at most"
                shown = ", ".join(f"{value:.4g}" for value in values[name])
                # not (a >= b), so that NaN fails
                rule = f"{name}: the mean over {seeds} seeds must be {word} {bound:.4g}"
                assert sign * (means[name] - bound) >= 0, f"{rule}, got {means[name]:.4g} ({shown})"
        return means

    def _record(self, name: str, values: np.ndarray, bound: float, sign: int, seeds: int) -> None:
        deviation = float(values.std(ddof=1))
        row = {
            "test": self._name,
            "value": name,
            "mean": float(values.mean()),
            "deviation": deviation,
            "bound": bound,
            "sign": sign,
            "seeds": seeds,
            "measured": len(values),
        }
        # one write of a short line, so that parallel workers do not mix theirs
        handle = os.open(str(self._file), os.O_WRONLY | os.O_APPEND | os.O_CREAT)
        try:
            os.write(handle, (json.dumps(row) + "\n").encode())
        finally:
            os.close(handle)


@pytest.fixture
def outcome(request: pytest.FixtureRequest) -> Outcome:
    """Measures an outcome of training with several seeds, and asserts bounds of its mean."""
    file = request.config.getoption("--margins")
    n_measured = request.config.getoption("--margin-seeds") if file else None
    return Outcome(request.node.nodeid, n_measured, None if file is None else str(Path(file).resolve()))


def pytest_addoption(parser: pytest.Parser) -> None:
    """Adds the options by which margins are measured."""
    group = parser.getgroup("outcomes of training")
    group.addoption("--margins", metavar="FILE", help="measure the margins of outcomes, and write them to FILE")
    group.addoption("--margin-seeds", type=int, default=12, metavar="N", help="measure them with N seeds")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Marks the tests of outcomes, so that ``-m outcome`` selects them."""
    for item in items:
        if "outcome" in getattr(item, "fixturenames", ()):
            item.add_marker(pytest.mark.outcome)
