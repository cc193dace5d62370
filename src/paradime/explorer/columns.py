"""Columns that go along with the points, packed by their kind: categories, numbers, dates, texts."""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any

import narwhals as nw
import numpy as np

from paradime.explorer.packing import Blobs, smallest_integers
from paradime.types import AnyArray
from paradime.utils.convert import to_numpy
from paradime.utils.targets import NumberColumn, TargetColumn, is_missing

__all__ = ["named_columns", "pack_column", "pack_numbers", "pack_targets"]

_MOST_CATEGORIES = 2_000
_FEW_INTEGERS = 30  # so many different integers or fewer name classes
_LONGEST_TEXT = 400
_MOST_TEXT_BYTES = 24_000_000


def named_columns(columns: Any, n: int) -> dict[str, AnyArray]:
    """Returns the columns of a data frame, or of a dict of sequences, as arrays by name.

    Args:
        columns: A pandas, polars or pyarrow data frame, whatever else narwhals reads, or a dict of sequences.
        n: Number of rows that there must be.

    Returns:
        Arrays of shape (n,): numbers, dates, booleans, or objects.

    Raises:
        TypeError: If it is neither.
        ValueError: If a column has another length.

    Example:
        >>> named_columns({"age": [3, 4]}, 2)
        {'age': array([3, 4])}
    """
    if isinstance(columns, Mapping):
        found = {str(name): as_column(values) for name, values in columns.items()}
    else:
        try:
            frame = nw.from_native(columns, eager_only=True)
        except TypeError:
            raise TypeError(
                f"columns must be a data frame or a dict of sequences, got {type(columns).__name__}. "
                'Name the values, as in columns={"age": ages}.'
            ) from None
        found = {str(name): _series_values(frame[name]) for name in frame.columns}
    for name, values in found.items():
        if values.ndim != 1 or len(values) != n:
            raise ValueError(
                f"columns must hold one value a point, got shape {values.shape} for {name!r} and {n} points. "
                "Select the same rows of both."
            )
    return found


def as_column(values: Any) -> AnyArray:
    """Returns a sequence as array: of numbers, dates or booleans where it holds nothing else, else of objects."""
    series = nw.from_native(values, series_only=True, pass_through=True)
    if isinstance(series, nw.Series):
        return _series_values(series)
    if hasattr(values, "detach"):
        return to_numpy(values)
    if isinstance(values, np.ndarray):
        return to_numpy(values) if values.dtype != object else _of_objects(to_numpy(values).tolist())
    values = list(values)
    objects = _of_objects(values)
    if objects.dtype != object:
        return objects
    # a list that holds a None or a text among numbers stays as it is
    kinds = {type(value) for value in values}
    plain = all(issubclass(kind, (bool, int, float, np.generic)) for kind in kinds)
    return np.asarray(values) if plain and (bool not in kinds or len(kinds) == 1) else objects


def _series_values(series: Any) -> AnyArray:
    """The values of a narwhals series; missing ones are NaN, NaT or None."""
    kind = series.dtype
    if kind.is_float() or (kind.is_integer() and series.null_count() == 0):
        return np.asarray(series.to_numpy())
    if kind.is_numeric():
        return np.array([np.nan if is_missing(value) else float(value) for value in series.to_list()])
    if kind == nw.Boolean and series.null_count() == 0:
        return np.asarray(series.to_numpy(), dtype=bool)
    if kind == nw.Date or kind == nw.Datetime:
        if getattr(kind, "time_zone", None) is not None:
            series = series.dt.convert_time_zone("UTC").dt.replace_time_zone(None)
        times = [np.datetime64("NaT") if is_missing(one) else np.datetime64(one, "ms") for one in series.to_list()]
        return np.array(times, dtype="datetime64[ms]")
    return _of_objects(series.to_list())


def _of_objects(values: list[Any]) -> AnyArray:
    """Values as they are; decimals, and numbers among them, as numbers."""
    present = [value for value in values if not is_missing(value)]
    if any(isinstance(value, Decimal) for value in present) and all(
        isinstance(value, (bool, int, float, Decimal, np.number)) for value in present
    ):
        return np.array([np.nan if is_missing(value) else float(value) for value in values])
    objects: AnyArray = np.empty(len(values), dtype=object)
    objects[:] = values
    return objects


def pack_targets(name: str, column: TargetColumn, blobs: Blobs) -> dict[str, Any]:
    """Packs what the points are coloured by: its description for the page, of kind ``"number"`` or ``"category"``.

    Numbers beyond single precision count as missing. Integers with more values than a legend holds are numbers.
    """
    if isinstance(column, NumberColumn):
        with np.errstate(over="ignore"):
            infinite = np.isinf(column.numbers.astype(np.float32))
        return pack_numbers(name, np.where(infinite, np.nan, column.numbers), blobs)
    classes, codes = column.classes, column.codes
    if len(classes) > _MOST_CATEGORIES and classes.dtype.kind in "iu":
        values = classes.astype(np.float64)[codes]
        return pack_numbers(name, np.where(column.missing, np.nan, values), blobs)
    texts = ["false" if value is False else "true" if value is True else str(value) for value in classes.tolist()]
    missing = [None] if column.missing.any() else []
    names = [text if len(text) <= _LONGEST_TEXT else text[:_LONGEST_TEXT] + "…" for text in texts]
    return _category(name, np.where(column.missing, len(classes), codes), [*names, *missing], blobs)


def pack_column(name: str, values: AnyArray, blobs: Blobs) -> tuple[dict[str, Any], str | None]:
    """Packs a column by its kind.

    Args:
        name: The column's name.
        values: Shape (n,), see :func:`as_column`; integers are classes if they are few.
        blobs: Takes the arrays.

    Returns:
        The column's description for the page, of kind ``"number"``, ``"category"``, ``"text"`` or ``"none"``;
        and what to tell the reader where something had to be left out, or ``None``.
    """
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
    if kind in "iu":
        distinct = np.unique(values)
        if len(distinct) > _FEW_INTEGERS:
            return pack_numbers(name, values, blobs), None
        codes = np.searchsorted(distinct, values)
        return _category(name, codes, [str(value) for value in distinct], blobs), None
    if kind == "b":
        return _category(name, values.astype(int), ["false", "true"], blobs), None
    texts = [None if is_missing(value) else str(value) for value in values.tolist()]
    places = {text: i for i, text in enumerate(sorted({text for text in texts if text is not None}))}
    # texts that hardly ever recur are no classes
    if len(places) <= min(_MOST_CATEGORIES, max(_FEW_INTEGERS, len(texts) // 2)):
        codes = np.array([len(places) if text is None else places[text] for text in texts], dtype=np.int64)
        missing = [None] if None in texts else []
        names = [text if len(text) <= _LONGEST_TEXT else text[:_LONGEST_TEXT] + "…" for text in places]
        return _category(name, codes, [*names, *missing], blobs), None
    return _pack_texts(name, texts, blobs)


def pack_numbers(name: str, values: AnyArray, blobs: Blobs) -> dict[str, Any]:
    """Packs numbers, shape (n,): integers in as few bytes as hold them, others in single precision."""
    if values.dtype.kind in "iub":
        return {"name": name, "kind": "number", "integer": True, "data": blobs.add(smallest_integers(values))}
    single = values.astype(np.float32)
    whole = bool(np.all(single == np.round(single)))
    return {"name": name, "kind": "number", "integer": whole, "data": blobs.add(single)}


def _category(name: str, codes: AnyArray, names: Sequence[str | None], blobs: Blobs) -> dict[str, Any]:
    return {"name": name, "kind": "category", "names": list(names), "data": blobs.add(smallest_integers(codes))}


def _pack_texts(name: str, texts: list[str | None], blobs: Blobs) -> tuple[dict[str, Any], str | None]:
    cut = ["" if text is None else text[:_LONGEST_TEXT] for text in texts]
    parts = [text.encode("utf-8", "replace") for text in cut]
    size = sum(map(len, parts))
    if size > _MOST_TEXT_BYTES:
        left_out = (
            f"column {name!r} is left out: its texts take {size / 1e6:.0f} MB, more than the "
            f"{_MOST_TEXT_BYTES / 1e6:.0f} MB that a page carries"
        )
        warnings.warn(f"{left_out}. Shorten the texts.", stacklevel=2)
        return {"name": name, "kind": "none"}, left_out
    ends = np.cumsum([len(part) for part in parts], dtype=np.uint32)
    data = np.frombuffer(b"".join(parts), dtype=np.uint8)
    n_cut = sum(text is not None and len(text) > _LONGEST_TEXT for text in texts)
    note = f"column {name!r}: {n_cut} texts are cut after {_LONGEST_TEXT} characters" if n_cut else None
    return {"name": name, "kind": "text", "data": blobs.add(data), "ends": blobs.add(ends)}, note
