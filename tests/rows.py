"""The rows of ``docs/reliability.md`` that parameters of a test name."""

from __future__ import annotations

from collections.abc import Iterable

__all__ = ["rows"]


def rows(names: Iterable[str]) -> list[int]:
    """Returns the rows of names such as ``"7"`` and ``"13, None"``, for the mark ``row``."""
    return sorted({int(name.partition(",")[0]) for name in names})
