"""Columns of a page, packed by kind: categories, numbers, dates, texts."""

from __future__ import annotations

import datetime
import warnings
from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any

import numpy as np

from paradime.explorer.packing import Blobs, smallest_integers
from paradime.types import AnyArray
from paradime.utils.columns import ColumnValues, as_dates, as_durations, column_values, is_missing
from paradime.utils.convert import to_numpy
from paradime.utils.frames import as_narwhals, check_distinct_names, column_names, feature_names, is_frame
from paradime.utils.rows import Rows
from paradime.utils.targets import NumberColumn, TargetColumn

__all__ = ["check_no_feature_is_hidden", "named_columns", "pack_column", "pack_numbers", "pack_targets"]

_MOST_CATEGORIES = 2_000
_FEW_INTEGERS = 30  # integers with at most so many values are classes
_LONGEST_TEXT = 400
_LARGEST_EXACT = 2**53  # integers beyond it are not exact in double precision; a page shows them as text
_MOST_TEXT_BYTES = 24_000_000


def named_columns(columns: Any, n: int) -> dict[str, ColumnValues]:
    """Returns the columns of a data frame, or of a dict of sequences, by name.

    Args:
        columns: A data frame of pandas, polars, pyarrow or another library that narwhals supports, or a dict of
            sequences. Names that are not strings are converted.
        n: The expected number of rows.

    Returns:
        Arrays of shape (n,): numbers, dates, booleans, or objects.

    Raises:
        TypeError: If ``columns`` is neither a data frame nor a dict.
        ValueError: If a column has another length, or names are not unique.

    Example:
        >>> named_columns({"age": [3, 4]}, 2)["age"].array
        array([3, 4], dtype=object)
    """
    if isinstance(columns, Mapping):
        arrays = {str(name): column_values(values, name=str(name)) for name, values in columns.items()}
    else:
        columns = _with_string_names(columns)
        if not is_frame(columns) or (names := column_names(columns)) is None:
            raise TypeError(
                f"columns must be a data frame or a dict of sequences, got {type(columns).__name__}. "
                'Name the values, as in columns={"age": ages}.'
            )
        check_distinct_names(columns, what="columns")
        frame, names = as_narwhals(columns), feature_names(columns, row_shape=(len(names),))
        arrays = {
            name: column_values(frame[key].to_native()) for name, key in zip(names, frame.columns, strict=True)
        }
    for name, (values, _) in arrays.items():
        if values.ndim != 1 or len(values) != n:
            raise ValueError(
                f"columns must hold one value per point, got shape {values.shape} for {name!r} and {n} points. "
                "Select the same rows of both."
            )
    return arrays


def _with_string_names(columns: Any) -> Any:
    """Converts the names of a data frame to strings if only some are strings, as pandas allows."""
    names = (
        list(columns.columns) if is_frame(columns) and hasattr(columns, "set_axis") and columns.ndim == 2 else []
    )
    n_strings = sum(isinstance(name, str) for name in names)
    return columns.set_axis([str(name) for name in names], axis=1) if 0 < n_strings < len(names) else columns


def check_no_feature_is_hidden(columns: Mapping[str, ColumnValues], names: Sequence[str], rows: Rows) -> None:
    """Refuses columns that have the name of a feature but other values, since names in a page are unique.

    Args:
        columns: The columns.
        names: Names of the features.
        rows: The features, shape (n, d).

    Raises:
        ValueError: If there is such a column.
    """
    for j, name in enumerate(names):
        if name in columns and not _holds(columns[name].array, to_numpy(rows.column(j))):
            raise ValueError(
                f"columns must not have the name of a feature with other values, got {name!r}. Rename the column, "
                "or the features: feature_names=[…]."
            )


def _holds(values: AnyArray, numbers: AnyArray) -> bool:
    try:
        return bool(np.allclose(values.astype(np.float64), numbers, rtol=1e-6, atol=0))
    except (TypeError, ValueError):
        return False


def pack_targets(name: str, column: TargetColumn, blobs: Blobs) -> dict[str, Any]:
    """Packs targets; returns their description for the page, of kind ``"number"`` or ``"category"``.

    Numbers beyond single precision are missing. Integers with more values than a legend shows are numbers.
    """
    if isinstance(column, NumberColumn):
        with np.errstate(over="ignore"):
            infinite = np.isinf(column.numbers.astype(np.float32))
        return pack_numbers(name, np.where(infinite, np.nan, column.numbers), blobs)
    classes, codes = column.classes, column.codes
    if len(classes) > _MOST_CATEGORIES and classes.dtype.kind in "iu":
        values = classes.astype(np.float64)[codes]
        return pack_numbers(name, np.where(column.missing, np.nan, values), blobs)
    texts = [
        "false" if value is False else "true" if value is True else _text(value) for value in classes.tolist()
    ]
    return _category(name, codes, [_shortened(text) for text in texts], column.missing, blobs)


def pack_column(name: str, column: ColumnValues, blobs: Blobs) -> tuple[dict[str, Any], str | None]:
    """Packs a column by its kind.

    Args:
        name: The column's name.
        column: Shape (n,); integers with few values are classes. Missing values do not change the kind.
        blobs: Collects the arrays.

    Returns:
        The column's description for the page, of kind ``"number"``, ``"category"``, ``"text"`` or ``"none"``;
        and a note on what was left out, or ``None``.
    """
    if column.order is not None:
        return _pack_texts_or_classes(name, column.array.tolist(), column.order, blobs)
    values, missing = _of_one_type(column.array)
    kind = values.dtype.kind
    if kind == "f":
        with np.errstate(over="ignore"):
            infinite = np.isinf(values.astype(np.float32))
        if not infinite.any():
            return pack_numbers(name, values, blobs), None
        note = f"column {name!r}: {infinite.sum()} values beyond single precision are shown as missing"
        return pack_numbers(name, np.where(infinite, np.nan, values), blobs), note
    if kind == "M":
        times = values.astype("datetime64[ms]")
        numbers = np.where(np.isnat(times), np.nan, times.astype(np.int64))
        return {"name": name, "kind": "number", "date": True, "data": blobs.add(numbers)}, None
    if kind == "m":
        days = np.where(np.isnat(values), np.nan, values / np.timedelta64(1, "D"))
        return pack_numbers(name, days, blobs), f"column {name!r}: durations are shown in days"
    if kind == "b":
        return _category(name, values.astype(int), ["false", "true"], missing, blobs), None
    if kind in "iu" and bool((np.abs(values.astype(np.float64)) <= _LARGEST_EXACT).all()):
        distinct = np.unique(values[~missing])
        if len(distinct) <= _FEW_INTEGERS:
            codes = np.searchsorted(distinct, values)
            return _category(name, codes, [str(value) for value in distinct], missing, blobs), None
        return pack_numbers(name, np.where(missing, np.nan, values) if missing.any() else values, blobs), None
    listed = values.astype(object)
    listed[missing] = None
    return _pack_texts_or_classes(name, listed.tolist(), None, blobs)


def _of_one_type(array: AnyArray) -> tuple[AnyArray, AnyArray]:
    """Returns values as an array of their common type, and a mask of missing values that this cannot hold."""
    none_missing = np.zeros(len(array), dtype=bool)
    if array.dtype.kind != "O":
        return array, none_missing
    listed = array.tolist()
    missing = np.array([is_missing(value) for value in listed], dtype=bool)
    present = [value for value, is_gap in zip(listed, missing, strict=True) if not is_gap]
    # NumPy scalars count as Python numbers; booleans do not count as integers
    is_bool, is_int, is_number = (
        all(isinstance(value, kinds) and isinstance(value, (bool, np.bool_)) == flags for value in present)
        for kinds, flags in (
            ((bool, np.bool_), True),
            ((int, np.integer), False),
            ((int, float, Decimal, np.number), False),
        )
    )
    if not present:
        return array, missing
    if is_bool or is_int:
        filled = [0 if is_gap else value for value, is_gap in zip(listed, missing, strict=True)]
        fits = is_bool or all(-(1 << 63) <= value < 1 << 63 for value in filled)
        return np.array(filled, dtype=bool if is_bool else np.int64 if fits else object), missing
    if is_number:
        return np.array([np.nan if is_missing(value) else float(value) for value in listed]), none_missing
    if all(isinstance(value, (datetime.date, np.datetime64)) for value in present):
        return as_dates(listed), none_missing
    if all(isinstance(value, (datetime.timedelta, np.timedelta64)) for value in present):
        return as_durations(listed), none_missing
    return array, missing


def _pack_texts_or_classes(
    name: str, values: list[Any], order: list[Any] | None, blobs: Blobs
) -> tuple[dict[str, Any], str | None]:
    """Packs texts, as classes if they recur or have an order."""
    texts = [None if is_missing(value) else _text(value) for value in values]
    present = {text for text in texts if text is not None}
    names = sorted(present) if order is None else [text for text in map(_text, order) if text in present]
    # texts that rarely recur are not classes
    if len(names) > min(_MOST_CATEGORIES, max(_FEW_INTEGERS, len(texts) // 2)):
        return _pack_texts(name, texts, blobs)
    code_of = {text: i for i, text in enumerate(names)}
    codes = np.array([0 if text is None else code_of[text] for text in texts], dtype=np.int64)
    missing = np.array([text is None for text in texts], dtype=bool)
    return _category(name, codes, [_shortened(text) for text in names], missing, blobs), None


def pack_numbers(name: str, values: AnyArray, blobs: Blobs) -> dict[str, Any]:
    """Packs numbers, shape (n,): integers exactly, others in single precision; NaN means missing."""
    if values.dtype.kind in "iub":
        return {"name": name, "kind": "number", "integer": True, "data": blobs.add(smallest_integers(values))}
    single, known = values.astype(np.float32), values[~np.isnan(values)]
    is_whole = bool(np.all(known == np.round(known)))
    is_exact = bool(np.all(known == known.astype(np.float32)))
    data = values.astype(np.float64) if is_whole and not is_exact else single
    return {"name": name, "kind": "number", "integer": is_whole, "data": blobs.add(data)}


def _category(name: str, codes: AnyArray, names: Sequence[str], missing: AnyArray, blobs: Blobs) -> dict[str, Any]:
    """Packs classes as indices into names; missing values are a class without a name."""
    shown = [*names, *([None] if missing.any() else [])]
    data = smallest_integers(np.where(missing, len(names), codes))
    return {"name": name, "kind": "category", "names": shown, "data": blobs.add(data)}


def _text(value: Any) -> str:
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value)


def _shortened(text: str) -> str:
    return text if len(text) <= _LONGEST_TEXT else text[:_LONGEST_TEXT] + "…"


def _pack_texts(name: str, texts: list[str | None], blobs: Blobs) -> tuple[dict[str, Any], str | None]:
    cut = ["" if text is None else text[:_LONGEST_TEXT] for text in texts]
    encoded = [text.encode("utf-8", "replace") for text in cut]
    size = sum(map(len, encoded))
    if size > _MOST_TEXT_BYTES:
        left_out = (
            f"column {name!r} is left out: its texts may take {_MOST_TEXT_BYTES / 1e6:.0f} MB in a page, got "
            f"{size / 1e6:.0f} MB"
        )
        warnings.warn(f"{left_out}. Shorten the texts.", stacklevel=2)
        return {"name": name, "kind": "none"}, left_out
    ends = np.cumsum([len(text) for text in encoded], dtype=np.uint32)
    data = np.frombuffer(b"".join(encoded), dtype=np.uint8)
    n_cut = sum(text is not None and len(text) > _LONGEST_TEXT for text in texts)
    note = f"column {name!r}: {n_cut} texts are cut after {_LONGEST_TEXT} characters" if n_cut else None
    return {"name": name, "kind": "text", "data": blobs.add(data), "ends": blobs.add(ends)}, note
