"""Meaning of columns: numbers that look like codes, identifiers or dates; targets with missing values."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from paradime.cli.console import say
from paradime.preprocessing._read_columns import MISSING
from paradime.types import AnyArray

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["suspicions", "targets_of", "without_missing_texts"]

_FEWEST_ROWS = 20
_FEW_VALUES, _EACH = 12, 10
# more columns with few distinct integers are pixels, counts or answers rather than codes
_MANY_COLUMNS = 12
_YEARS = (1900, 2100)
# from 2001 to 2100, in seconds since 1970
_SECONDS = (978_307_200, 4_102_444_800)


def suspicions(frame: pd.DataFrame, names: Sequence[str]) -> list[str]:
    """Returns a note on numeric columns that look like codes, identifiers or dates.

    Args:
        frame: The table.
        names: The numeric columns that are features.

    Returns:
        An empty list, or one sentence with the columns and the option that drops them.

    Example:
        >>> import pandas
        >>> frame = pandas.DataFrame({"year": [2001, 2003] * 20, "size": np.linspace(0, 1, 40) ** 2})
        >>> suspicions(frame, ["year", "size"])
        ["features that may not be quantities: 'year' (years); --drop year leaves them out"]
    """
    if len(frame) < _FEWEST_ROWS:
        return []
    suspects = {name: looks for name in names if (looks := _looks(frame[name]))}
    if sum(looks.startswith("codes") for looks in suspects.values()) > _MANY_COLUMNS:
        suspects = {name: looks for name, looks in suspects.items() if not looks.startswith("codes")}
    if not suspects:
        return []
    listed = ", ".join(f"{name!r} ({looks})" for name, looks in suspects.items())
    return [f"features that may not be quantities: {listed}; {_dropping(list(suspects))} leaves them out"]


def _dropping(names: list[str]) -> str:
    together = ",".join(name for name in names if "," not in name)
    values = [together] * bool(together) + [name for name in names if "," in name]
    return " ".join(f"--drop {shlex.quote(value)}" for value in values)


def _looks(column: pd.Series) -> str:
    """Returns what a column looks like; an empty string for quantities."""
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
    """Returns whether numbers are days such as 20240131."""
    years, months, days = values // 10_000, values // 100 % 100, values % 100
    return _lie_within(years, _YEARS) and _lie_within(months, (1, 12)) and _lie_within(days, (1, 31))


def without_missing_texts(column: pd.Series) -> pd.Series:
    """Returns a column in which strings such as NA are missing values; prints a note with their number."""
    if column.dtype.kind in "iufbmMc":
        return column
    values = column.astype(object).where(column.notna(), None)
    values = values.mask(values.isin(MISSING), None)
    if n_read := int((values.isna() & column.notna()).sum()):
        say(f"note: {n_read:,} rows have no class, since {column.name!r} is NA or similar")
    return values


def targets_of(column: pd.Series, *, source: str) -> pd.Series:
    """Returns targets for ``fit``, shape (n,): floating-point values are numbers, all others are classes.

    Args:
        column: The column.
        source: The name of the table in messages.

    Raises:
        ValueError: If the column holds neither numbers nor classes, but for instance dates.
    """
    from paradime.utils.targets import NumberColumn, read_targets

    values = without_missing_texts(column)
    read = read_targets(values, name=f"--target: {source}: column {column.name!r}")
    n_missing = int(read.missing.sum())
    if isinstance(read, NumberColumn) and n_missing:
        say(
            f"note: {n_missing:,} rows have no {column.name!r}; they are embedded, but ignored by the loss of the "
            "target"
        )
    return values
