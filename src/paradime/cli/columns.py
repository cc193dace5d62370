"""Selection of the columns of a table: features, and columns that are copied to the output."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from paradime._registry import did_you_mean
from paradime.cli.console import InputError, names_of
from paradime.cli.suspicions import suspicions
from paradime.preprocessing.columns import Column, Kind
from paradime.types import AnyArray

if TYPE_CHECKING:
    import pandas as pd

    from paradime.preprocessing.tables import Table

__all__ = ["Selection", "check_spans", "known_column", "numbers", "select", "split_names", "typed_columns"]

_SHOWN = 8
# a column with more distinct strings, and more than half as many as rows, holds names rather than categories
_MOST_CATEGORIES = 20
# beyond, squares and quotients exceed the range of single precision
_WIDEST = 1e35


@dataclasses.dataclass(frozen=True)
class Selection:
    """The roles of the columns of a table.

    Attributes:
        numbers: Names of the numeric columns that are features.
        categories: Names of the columns that are one-hot encoded as features.
        carried: Names of the columns that are copied to the output, the identifier first.
        notes: Messages about the selection.
    """

    numbers: list[str]
    categories: list[str]
    carried: list[str]
    notes: list[str]

    @property
    def kinds(self) -> dict[str, Kind]:
        """What the features hold, by name."""
        return {**dict.fromkeys(self.numbers, "numbers"), **dict.fromkeys(self.categories, "categories")}


def check_spans(columns: Iterable[Column]) -> None:
    """Refuses numeric columns whose range exceeds that of single precision.

    Raises:
        InputError: If there is such a column.
    """
    for column in columns:
        span = float(np.ptp(column.values)) if column.kind == "numbers" else 0.0
        if span and not 1 / _WIDEST <= span <= _WIDEST:
            raise InputError(
                f"column {column.name!r} must span {1 / _WIDEST:g} to {_WIDEST:g}, the range of single precision, "
                f"got {span:.3g}. Rescale it, or leave it out."
            )


def split_names(given: Iterable[str], columns: Sequence[str]) -> list[str]:
    """Returns names that are given one by one or separated by commas.

    Example:
        >>> split_names(["a,b", "size, total"], ["a", "b", "size, total"])
        ['a', 'b', 'size, total']
    """
    names: list[str] = []
    for entry in given:
        names += [entry] if entry in columns else names_of(entry)
    return names


def known_column(name: str, columns: Sequence[Any], *, option: str, source: str) -> str:
    """Returns the name of a column.

    Raises:
        InputError: If there is no such column.
    """
    if name not in columns:
        raise InputError(f"{option}: {source} has no column {name!r}. {_hint(option, name, columns)}")
    return name


def select(
    table: Table,
    *,
    source: str,
    target: str | None = None,
    id_column: str | None = None,
    drop: Sequence[str] = (),
    columns: Sequence[str] = (),
    with_categories: bool = False,
) -> Selection:
    """Selects features: the given columns, or all numeric columns without another role.

    Args:
        table: The table.
        source: The name of the table in messages.
        target: The column of targets.
        id_column: The column of identifiers.
        drop: Columns to drop.
        columns: Columns to use as features, without checks of their contents.
        with_categories: Whether columns of strings and categories are encoded.

    Raises:
        InputError: If a name is unknown, no feature is left, or a given column cannot be encoded.
    """
    known, frame = table.names, table.frame
    drop, columns = split_names(drop, known), split_names(columns, known)
    taken = {target, id_column, *drop}
    _check_roles(known, source, target=target, id_column=id_column, drop=drop, columns=columns)
    notes: list[str] = []
    # labels stored next to a matrix are not features
    free = columns or [name for name in known if name not in taken and name not in table.about]
    strings = [name for name in free if not _is_numeric(frame[name]) and not _is_date(frame[name])]
    categories = [name for name in strings if with_categories and _has_categories(frame[name], columns, notes)]
    if columns:
        features = [name for name in columns if name not in categories]
    else:
        features = _quantities(table, free, notes)
        for name in strings:
            if name not in categories:
                notes += _nearly_numbers(name, table)
        notes += suspicions(frame, features)
    carried = [name for name in known if name not in {*features, *categories, *drop}]
    if id_column is not None:
        carried = [id_column, *(name for name in carried if name != id_column)]
    if not features and not categories:
        raise InputError(
            f"{source}: at least one numeric column is needed as a feature, got {_listed(known)}. "
            "--encode makes features of strings."
        )
    return Selection(features, categories, carried, notes)


def _check_roles(
    known: Sequence[str],
    source: str,
    *,
    target: str | None,
    id_column: str | None,
    drop: Sequence[str],
    columns: Sequence[str],
) -> None:
    """Refuses names that the table lacks, and features that have another role."""
    roles: dict[str, Sequence[str | None]] = {
        "--target": [target],
        "--id": [id_column],
        "--drop": drop,
        "--columns": columns,
    }
    for option, names in roles.items():
        for name in names:
            if name is not None:
                known_column(name, known, option=option, source=source)
    if both := [name for name in columns if name in {target, id_column, *drop}]:
        raise InputError(f"--columns: {both[0]!r} already has another role. Name it once.")


def _quantities(table: Table, free: Sequence[str], notes: list[str]) -> list[str]:
    """Returns the names of the numeric columns that do not number the rows; adds a note on those that do."""
    numeric = [name for name in free if _is_numeric(table.frame[name])]
    counting = [name for name in numeric if _counts_rows(table.frame[name])]
    notes += [f"{name!r} numbers the rows and is not a feature (--columns overrides this)" for name in counting]
    return [name for name in numeric if name not in counting]


def typed_columns(table: Table, kinds: Mapping[str, Kind], *, source: str, first_row: int = 0) -> list[Column]:
    """Returns the columns of a table that are features.

    Args:
        table: The table.
        kinds: What they hold, by name.
        source: The name of the table in messages.
        first_row: The number of its first row, from 0.

    Raises:
        InputError: If a number is missing or no number; with its row and column.
    """
    numeric = [name for name, kind in kinds.items() if kind == "numbers"]
    values = numbers(table, numeric, source=source, first_row=first_row).T if numeric else ()
    columns = {name: Column(name, "numbers", column) for name, column in zip(numeric, values, strict=True)}
    return [columns.get(name) or Column(name, kind, table.strings(name)) for name, kind in kinds.items()]


def numbers(table: Table, names: Sequence[str], *, source: str, first_row: int = 0) -> AnyArray:
    """Returns the numbers of columns, shape (n, d), float64.

    Args:
        table: The table.
        names: The columns.
        source: The name of the table in messages.
        first_row: The number of its first row, from 0.

    Raises:
        InputError: If a value is missing, infinite or not a number; with its row, from 1, and column.
    """
    values = table.numbers(names)
    is_finite = np.isfinite(values)
    if bool(is_finite.all()):
        return values
    j = int((~is_finite).any(axis=0).argmax())
    row = int((~is_finite[:, j]).argmax())
    raise InputError(_not_a_number(table, names[j], row, source, first_row))


def _not_a_number(table: Table, name: str, row: int, source: str, first_row: int) -> str:
    import pandas as pd

    column = table.part([name]).frame[name]
    if _is_date(column) or column.dtype.kind == "c":
        return f"{source}: column {name!r} must hold numbers, got {column.dtype}. Leave it out."
    value, where = table.value(name, row), f"{source}: row {first_row + row + 1}, column {name!r}"
    if isinstance(value, str) and not pd.isna(column.iloc[row]):
        return f"{where} must hold a number, got {value[:60]!r}. Correct it, or leave out the column."
    if value is None or pd.isna(column.iloc[row]):
        return f"{where} has no value. Fill it in, or leave out the row or the column."
    return f"{where} must hold a finite number, got {value}. Correct it, or leave out the column."


def _is_numeric(column: pd.Series) -> bool:
    from pandas.api import types

    return bool(types.is_numeric_dtype(column) and column.dtype.kind != "c")


def _is_date(column: pd.Series) -> bool:
    from pandas.api import types

    return bool(types.is_datetime64_any_dtype(column) or types.is_timedelta64_dtype(column))


def _counts_rows(column: pd.Series) -> bool:
    if column.dtype.kind not in "iu" or len(column) < 3 or bool(column.isna().any()):
        return False
    values = column.to_numpy()
    return bool((np.diff(values) == 1).all())


def _has_categories(column: pd.Series, named: Sequence[str], notes: list[str]) -> bool:
    """Returns whether strings recur and therefore form groups of rows; adds a note if they do not."""
    n_known, n_distinct = int(column.notna().sum()), int(column.nunique())
    if n_distinct <= _MOST_CATEGORIES or 2 * n_distinct <= n_known:
        return n_distinct > 0
    name = column.name
    if n_distinct == n_known and name in named:
        raise InputError(
            f"--encode: strings of a column must recur, got {n_known:,} different ones in {name!r}. "
            f"Leave it out of --columns, or name it as --id."
        )
    if name not in named:
        strings = (
            "a different string in each row" if n_distinct == n_known else f"{n_distinct:,} different strings"
        )
        notes.append(f"{name!r} holds {strings}, names rather than categories, and is not a feature")
    return name in named


def _nearly_numbers(name: str, table: Table) -> list[str]:
    """Returns a note on why a column that looks numeric is not, with the row of a value that is no number."""
    column = table.frame[name]
    wrong = np.isnan(table.numbers([name])[:, 0]) & column.notna().to_numpy()
    if bool(column.isna().all()):
        return [f"{name!r} is empty and is not a feature"]
    if not wrong.any():
        return [
            f"{name!r} is written like codes, such as {table.value(name, 0)}, and is not a feature "
            "(--columns overrides this)"
        ]
    if 2 * int(wrong.sum()) >= len(column):
        return []
    row = int(wrong.argmax())
    shown = str(table.value(name, row))[:40]
    return [f"{name!r} holds numbers except in row {row + 1}, {shown!r}, and is not a feature"]


def _hint(option: str, name: str, columns: Sequence[Any]) -> str:
    known = [str(column) for column in columns]
    by_case = {column.casefold(): column for column in known}
    longer = [column for column in known if " " in column and column.casefold().startswith(name.casefold())]
    if name.casefold() in by_case:
        return f"Did you mean {by_case[name.casefold()]!r}?"
    if longer:
        return f"Did you mean {option} {longer[0]!r}? Put names with spaces in quotes."
    hint = did_you_mean(name, known)
    return hint if hint.startswith("Did") else f"It has {_listed(columns)}."


def _listed(names: Sequence[Any]) -> str:
    shown = ", ".join(str(name) for name in names[:_SHOWN])
    return shown + (f", and {len(names) - _SHOWN} more" if len(names) > _SHOWN else "")
