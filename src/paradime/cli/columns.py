"""The columns of a table: which are features, and which are carried along."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from paradime._registry import did_you_mean
from paradime.cli.console import InputError

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["Selection", "encode", "known_column", "numbers", "select", "split_names"]

_SHOWN = 8


@dataclasses.dataclass(frozen=True)
class Selection:
    """What becomes of the columns of a table.

    Attributes:
        features: Names of the columns of numbers that are features.
        categories: Names of the columns of categories that are encoded as features, with these.
        carried: Names of the columns that are carried along, the identifier first.
        notes: What to tell the reader of the choice.
    """

    features: list[str]
    categories: dict[str, list[str]]
    carried: list[str]
    notes: list[str]

    @property
    def names(self) -> list[str]:
        """Names of the features of the model: columns of numbers, then ``column=category``."""
        return [*self.features, *(f"{name}={one}" for name, found in self.categories.items() for one in found)]


def split_names(given: Iterable[str], columns: Sequence[str]) -> list[str]:
    """Returns names that were given one by one, or several between commas.

    Example:
        >>> split_names(["a,b", "size, total"], ["a", "b", "size, total"])
        ['a', 'b', 'size, total']
    """
    names: list[str] = []
    for text in given:
        names += [text] if text in columns else [name.strip() for name in text.split(",") if name.strip()]
    return names


def known_column(name: str, columns: Sequence[Any], *, option: str, source: str) -> str:
    """Returns the name of a column.

    Raises:
        InputError: If there is none of that name.
    """
    if name not in columns:
        raise InputError(f"{option}: {source} has no column {name!r}. {_hint(name, columns)}")
    return name


def select(
    frame: pd.DataFrame,
    *,
    source: str,
    target: str | None = None,
    id_column: str | None = None,
    drop: Sequence[str] = (),
    columns: Sequence[str] = (),
    with_categories: bool = False,
) -> Selection:
    """Chooses features: the columns that are named, or all columns of numbers but for those with another role.

    Args:
        frame: The table.
        source: What to call it in messages.
        target: The column of targets.
        id_column: The column of identifiers.
        drop: Columns to leave out altogether.
        columns: Columns to take, whatever they look like.
        with_categories: Whether columns of texts and categories are encoded.

    Raises:
        InputError: If a name is unknown, or no feature is left.
    """
    known = list(frame.columns)
    drop, columns = split_names(drop, known), split_names(columns, known)
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
    taken = {target, id_column, *drop}
    if both := [name for name in columns if name in taken]:
        raise InputError(f"--columns: {both[0]!r} has another role already. Name it once.")
    notes: list[str] = []
    categories: dict[str, list[str]] = {}
    beside = frame.attrs.get("about", ())  # labels beside a matrix are no features
    free = columns or [name for name in known if name not in taken and name not in beside]
    texts = [name for name in free if not _is_numeric(frame[name]) and not _is_date(frame[name])]
    if with_categories:
        categories = {name: sorted({str(value) for value in frame[name].dropna()}) for name in texts}
    features = [
        name for name in (columns or free) if name not in categories and (columns or _is_numeric(frame[name]))
    ]
    if not columns:
        counting = [name for name in features if _counts_rows(frame[name])]
        features = [name for name in features if name not in counting]
        notes += [f"{name!r} only counts the rows and is no feature (--columns takes it)" for name in counting]
        notes += [note for name in texts if name not in categories for note in _nearly_numbers(name, frame[name])]
    carried = [name for name in known if name not in {*features, *categories, *drop}]
    if id_column is not None:
        carried = [id_column, *(name for name in carried if name != id_column)]
    if not features and not categories:
        raise InputError(
            f"{source}: no column of numbers is left to make a map of; it has {_listed(known)}. "
            "--encode makes features of texts."
        )
    return Selection(features, categories, carried, notes)


def encode(frame: pd.DataFrame, selection: Selection, *, source: str, first_row: int = 0) -> pd.DataFrame:
    """Returns the features of a table as numbers, shape (n, d), float64.

    Args:
        frame: The table.
        selection: Its features.
        source: What to call the table in messages.
        first_row: The number of its first row, from 0.

    Raises:
        InputError: If a value is missing, or no number; with its row and column.
    """
    import pandas as pd

    made = {name: numbers(frame[name], source=source, first_row=first_row) for name in selection.features}
    for name, found in selection.categories.items():
        texts = frame[name].astype(str).to_numpy()
        made.update({f"{name}={one}": (texts == one).astype(np.float64) for one in found})
    return pd.DataFrame(made, columns=selection.names)


def numbers(column: pd.Series, *, source: str, first_row: int = 0) -> Any:
    """Returns the numbers of a column, shape (n,), float64.

    Args:
        column: The column.
        source: What to call the table in messages.
        first_row: The number of its first row, from 0.

    Raises:
        InputError: If a value is missing, infinite, or no number; with its row, from 1, and column.
    """
    import pandas as pd

    if _is_date(column) or column.dtype.kind == "c":
        raise InputError(f"{source}: column {column.name!r} must hold numbers, got {column.dtype}. Leave it out.")
    values = pd.to_numeric(column.astype(object) if str(column.dtype) == "category" else column, errors="coerce")
    found = values.to_numpy(dtype=np.float64, na_value=np.nan)
    if bool(np.isfinite(found).all()):
        return found
    place = int(np.argmin(np.isfinite(found)))
    value, where = column.iloc[place], f"row {first_row + place + 1}, column {column.name!r}"
    if pd.isna(value) or (isinstance(value, str) and not value.strip()):
        raise InputError(f"{source}: {where} has no value. Fill it in, or leave out the row or the column.")
    if isinstance(value, str):
        raise InputError(
            f"{source}: {where} must hold a number, got {value[:60]!r}. Correct it, or leave out the column."
        )
    raise InputError(
        f"{source}: {where} must hold a finite number, got {value}. Correct it, or leave out the column."
    )


def _is_numeric(column: pd.Series) -> bool:
    from pandas.api import types

    return bool(types.is_numeric_dtype(column) and column.dtype.kind != "c")


def _is_date(column: pd.Series) -> bool:
    from pandas.api import types

    return bool(types.is_datetime64_any_dtype(column) or types.is_timedelta64_dtype(column))


def _counts_rows(column: pd.Series) -> bool:
    if column.dtype.kind not in "iu" or len(column) < 3:
        return False
    values = column.to_numpy()
    return bool((np.diff(values) == 1).all())


def _nearly_numbers(name: str, column: pd.Series) -> list[str]:
    """A column of numbers in which a text has come astray is told of, with its place."""
    import pandas as pd

    found = pd.to_numeric(column.astype(object), errors="coerce")
    wrong = (found.isna() & column.notna()).to_numpy()
    if 2 * int(wrong.sum()) >= len(column) or not wrong.any():
        return []
    place = int(wrong.argmax())
    return [f"{name!r} holds numbers but for row {place + 1}, {str(column.iloc[place])[:40]!r}, and is no feature"]


def _hint(name: str, columns: Sequence[Any]) -> str:
    by_case = {str(column).casefold(): str(column) for column in columns}
    if name.casefold() in by_case:
        return f"Did you mean {by_case[name.casefold()]!r}?"
    found = did_you_mean(name, map(str, columns))
    return found if found.startswith("Did") else f"It has {_listed(columns)}."


def _listed(names: Sequence[Any]) -> str:
    shown = ", ".join(str(name) for name in names[:_SHOWN])
    return shown + (f", and {len(names) - _SHOWN} more" if len(names) > _SHOWN else "")
