"""What columns mean: numbers that look like codes, identifiers or dates; classes and numbers to train with."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from paradime.cli.console import say
from paradime.types import AnyArray
from paradime.utils._text_columns import MISSING

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["suspicions", "targets_of", "without_missing_texts"]

_FEWEST_ROWS = 20
_FEW_VALUES, _EACH = 12, 10
# so many columns of few whole numbers are pixels, counts or answers rather than codes
_MANY_COLUMNS = 12
_YEARS = (1900, 2100)
# from 2001 to 2100, in seconds since 1970
_SECONDS = (978_307_200, 4_102_444_800)


def suspicions(frame: pd.DataFrame, names: Sequence[str]) -> list[str]:
    """Returns a sentence on columns of numbers that look like codes, identifiers or dates.

    Args:
        frame: The table.
        names: The columns of numbers that are features.

    Returns:
        No sentence, or one that names the columns and the option that leaves them out.

    Example:
        >>> import pandas
        >>> frame = pandas.DataFrame({"year": [2001, 2003] * 20, "size": np.linspace(0, 1, 40) ** 2})
        >>> suspicions(frame, ["year", "size"])
        ["features that may be no quantities: 'year' (years); --drop year leaves them out"]
    """
    if len(frame) < _FEWEST_ROWS:
        return []
    found = {name: looks for name in names if (looks := _looks(frame[name]))}
    if sum(looks.startswith("codes") for looks in found.values()) > _MANY_COLUMNS:
        found = {name: looks for name, looks in found.items() if not looks.startswith("codes")}
    if not found:
        return []
    told = ", ".join(f"{name!r} ({looks})" for name, looks in found.items())
    return [f"features that may be no quantities: {told}; {_dropping(list(found))} leaves them out"]


def _dropping(names: list[str]) -> str:
    together = ",".join(name for name in names if "," not in name)
    given = [together] * bool(together) + [name for name in names if "," in name]
    return " ".join(f"--drop {shlex.quote(text)}" for text in given)


def _looks(column: pd.Series) -> str:
    """What a column looks like; an empty text if it looks like quantities."""
    if bool(column.isna().any()) or column.dtype.kind not in "iuf":
        return ""
    values = column.to_numpy(dtype=np.float64)
    if not bool(np.isfinite(values).all()) or values.min() == values.max():
        return ""
    steps = np.diff(values)
    if abs(steps[0]) > 0 and bool(np.allclose(steps, steps[0], rtol=1e-6, atol=0)):
        return "serial numbers: a constant step from row to row"
    if not bool((values == np.round(values)).all()):
        return "dates: seconds since 1970" if _lie_within(values, _SECONDS) else ""
    return _looks_of_whole(column, values)


def _looks_of_whole(column: pd.Series, values: AnyArray) -> str:
    if _lie_within(values, _YEARS):
        return "years"
    if _are_days(values):
        return "dates: year, month, day"
    for factor, unit in ((1, "seconds"), (1e3, "milliseconds"), (1e6, "microseconds"), (1e9, "nanoseconds")):
        if _lie_within(values, (_SECONDS[0] * factor, _SECONDS[1] * factor)):
            return f"dates: {unit} since 1970"
    if column.dtype.kind == "f":
        return ""
    n_distinct = len(np.unique(values))
    if n_distinct == len(values):
        return "identifiers: a different whole number in each row"
    if 2 < n_distinct <= _FEW_VALUES and n_distinct * _EACH <= len(values):
        return f"codes: {n_distinct} different whole numbers"
    return ""


def _lie_within(values: AnyArray, bounds: tuple[float, float]) -> bool:
    return bool(values.min() >= bounds[0] and values.max() <= bounds[1])


def _are_days(values: AnyArray) -> bool:
    """Whether numbers are days such as 20240131."""
    years, months, days = values // 10_000, values // 100 % 100, values % 100
    return _lie_within(years, _YEARS) and _lie_within(months, (1, 12)) and _lie_within(days, (1, 31))


def without_missing_texts(column: pd.Series) -> pd.Series:
    """Returns a column in which texts that stand for a missing value, such as NA, are missing; says how many."""
    if column.dtype.kind in "iufbmMc":
        return column
    values = column.astype(object).where(column.notna(), None)
    values = values.mask(values.isin(MISSING), None)
    if n_read := int((values.isna() & column.notna()).sum()):
        say(f"note: {n_read:,} rows have no class, since {column.name!r} says NA, or the like")
    return values


def targets_of(column: pd.Series, *, source: str) -> pd.Series:
    """Returns what ``fit`` takes as targets, shape (n,); floating-point numbers are numbers, all else is classes.

    Args:
        column: The column.
        source: What to call the table in messages.

    Raises:
        ValueError: If the column holds dates, or whatever else is neither numbers nor classes.
    """
    from paradime.utils.targets import NumberColumn, read_targets

    values = without_missing_texts(column)
    read = read_targets(values, name=f"--target: {source}: column {column.name!r}")
    n_missing = int(read.missing.sum())
    if isinstance(read, NumberColumn) and n_missing:
        say(
            f"note: {n_missing:,} rows have no {column.name!r}; they are part of the map, and nothing is learned "
            "of it from them"
        )
    return values
