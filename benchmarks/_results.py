"""The common shape of results: figures with targets, and what the previous run measured."""

from __future__ import annotations

import contextlib
import dataclasses
import json
import math
import subprocess
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

RESULTS = Path(__file__).resolve().parent / "results"
PRODUCT = "seconds of a 2048 × 2048 float32 product"

_HIGHER = ("recall", "accuracy", "share", "a second", "kept")


@dataclasses.dataclass(frozen=True)
class Figure:
    """A figure that a benchmark measured.

    Args:
        name: What was measured, the same from run to run.
        value: The figure, finite, or ``None`` if it could not be measured; ``note`` then says why.
        unit: Its unit, empty for a mere number.
        target: The value to reach, or ``None``.
        better: Which values are better, ``"lower"`` or ``"higher"``.
        note: What one must know to read it.

    Raises:
        ValueError: If ``better`` is another word, or a number is not finite.
    """

    name: str
    value: float | None
    unit: str = ""
    target: float | None = None
    better: str = "lower"
    note: str = ""

    def __post_init__(self) -> None:
        if self.better not in ("lower", "higher"):
            raise ValueError(f"better must be 'lower' or 'higher', got {self.better!r}.")
        for what in ("value", "target"):
            number = getattr(self, what)
            if number is not None and not math.isfinite(number):
                raise ValueError(f"{what} of {self.name!r} must be finite, got {number}. Use None and a note.")


def ratio(value: float | None, reference: float | None, better: str) -> float | None:
    """Returns how a value stands to a reference: below 1 is better than the reference, whichever way is better.

    Args:
        value: The value, or ``None``.
        reference: The target or the previous value, or ``None``.
        better: ``"lower"`` or ``"higher"``.

    Returns:
        The ratio, positive, or ``None`` where there is none: a number is missing, or not positive.
    """
    if value is None or reference is None or value <= 0 or reference <= 0:
        return None
    return value / reference if better == "lower" else reference / value


def reached(figure: Mapping[str, Any]) -> bool | None:
    """Returns whether a figure reaches its target; ``None`` if it has no target or no value."""
    value, target = figure["value"], figure["target"]
    if value is None or target is None:
        return None
    return bool(value <= target if figure["better"] == "lower" else value >= target)


def figures_of(results: Mapping[str, Any], prefix: str = "") -> list[Figure]:
    """Turns a plain, nested dict of numbers into figures without targets; what is no number is left out.

    The names of the levels are joined by ``": "``. Unit and direction are read off the names: seconds are seconds,
    and of recall, accuracy, shares and throughput more is better.
    """
    figures = []
    for key, entry in results.items():
        name = prefix + str(key)
        if isinstance(entry, Mapping):
            figures += figures_of(entry, f"{name}: ")
        elif isinstance(entry, int | float) and not isinstance(entry, bool):
            unit = "s" if "seconds" in name else ""
            better = "higher" if any(word in str(key) for word in _HIGHER) else "lower"
            figures.append(Figure(name, float(entry), unit, better=better))
    return figures


def read_results(text: str) -> dict[str, Any]:
    """Reads a file of results, in the common shape or with plain dicts: ``machine``, and a list ``figures``."""
    stored = json.loads(text)
    if "figures" in stored:
        return stored
    product = stored["machine"].get(PRODUCT)
    rest = {"product seconds": product, "previous": None}
    return {
        "machine": stored["machine"],
        "figures": [{**dataclasses.asdict(figure), **rest} for figure in figures_of(stored["results"])],
    }


def committed(path: Path) -> dict[str, Any] | None:
    """Returns the results that the repository keeps, so that runs in between do not move what is compared with.

    Outside a repository, the file itself; ``None`` if there is none.
    """
    show = ["git", "show", f"HEAD:./{path.name}"]
    with contextlib.suppress(OSError, subprocess.CalledProcessError):  # no git, no repository, or a new file
        return read_results(subprocess.run(show, cwd=path.parent, capture_output=True, check=True).stdout.decode())
    return read_results(path.read_text(encoding="utf-8")) if path.exists() else None


def with_previous(
    figures: Iterable[Figure], product_seconds: float, previous: Mapping[str, Any] | None
) -> list[dict[str, Any]]:
    """Returns figures as dicts, each with the value that the previous run measured under the same name.

    Args:
        figures: The figures.
        product_seconds: How fast the machine is, see :func:`_common.product_seconds`.
        previous: Results of the previous run, or ``None``.
    """
    old = {figure["name"]: figure for figure in previous["figures"]} if previous else {}
    entries = []
    for figure in figures:
        before = old.get(figure.name)
        measured = before is not None and before["value"] is not None
        earlier = {name: before[name] for name in ("value", "product seconds")} if measured else None
        entries.append({**dataclasses.asdict(figure), "product seconds": product_seconds, "previous": earlier})
    return entries


def merged(old: list[dict[str, Any]], new: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Returns old figures with those replaced that were measured again, and the others after them."""
    fresh = {figure["name"]: figure for figure in new}
    updated = [fresh.pop(figure["name"], figure) for figure in old]
    return [*updated, *fresh.values()]
