"""Columns of classes and numbers that a map is trained with, or judged by."""

from __future__ import annotations

from typing import TYPE_CHECKING

from paradime.cli.console import say
from paradime.utils._text_columns import MISSING

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["targets_of", "without_missing_texts"]


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
