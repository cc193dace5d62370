"""A column of any container as an array."""

from __future__ import annotations

import datetime
from typing import Any, NamedTuple

import numpy as np
import torch

from paradime.types import AnyArray
from paradime.utils.convert import as_numpy

__all__ = ["ColumnValues", "as_dates", "as_durations", "column_values", "is_missing"]

_SCALARS = (str, bytes, bool, int, float, np.generic)


class ColumnValues(NamedTuple):
    """The values of a column.

    Attributes:
        array: Shape (n,), or that of the given array: numbers, booleans, strings, dates (``datetime64``, NaT for
            missing ones), durations (``timedelta64``), or Python objects, of which None, NaN and NA are missing.
        order: The categories of a categorical column, in their order; ``None`` for other columns.
    """

    array: AnyArray
    order: list[Any] | None = None


def column_values(values: Any, *, name: str = "y") -> ColumnValues:
    """Returns the values of one column in their own type.

    Args:
        values: An array, also masked; a tensor; a list; a column or an index of pandas, polars or PyArrow, also
            nullable or categorical; a data frame of one column.
        name: The name of the argument in messages.

    Raises:
        ValueError: If ``values`` is a data frame of several columns.

    Example:
        >>> column_values(np.ma.masked_array([3, 4], mask=[False, True])).array.tolist()
        [3, None]
    """
    if isinstance(values, torch.Tensor):
        # NumPy has no bfloat16
        return ColumnValues(as_numpy(values.detach().float() if values.dtype == torch.bfloat16 else values))
    if isinstance(values, np.ma.MaskedArray):
        return ColumnValues(_of_masked(values))
    if isinstance(values, np.ndarray):
        return ColumnValues(values)
    from narwhals.stable import v2 as nw

    if nw.dependencies.is_into_dataframe(values):
        frame = nw.from_native(values, eager_only=True)
        if frame.shape[1] != 1:
            raise ValueError(
                f"{name} must be one column, got a data frame with {frame.shape[1]}. Select one: y['name']."
            )
        values = frame[:, 0].to_native()
    pandas = nw.dependencies.get_pandas()
    if pandas is not None and isinstance(values, (pandas.Index, pandas.api.extensions.ExtensionArray)):
        values = pandas.Series(values)
    if pandas is not None and isinstance(getattr(values, "dtype", None), pandas.PeriodDtype):
        values = values.dt.to_timestamp()
    if nw.dependencies.is_into_series(values):
        return _of_series(values)
    if hasattr(values, "to_pylist"):  # an array of PyArrow
        values = values.to_pylist()
    if isinstance(values, (list, tuple)) and all(value is None or isinstance(value, _SCALARS) for value in values):
        # NumPy would convert numbers among strings to strings
        return ColumnValues(_object_array(list(values)))
    try:
        return ColumnValues(np.asarray(values))
    except ValueError:  # rows of different lengths
        return ColumnValues(_object_array(list(values)))


def is_missing(value: Any) -> bool:
    """Returns whether a value is missing: None, NaN, NaT, or pandas' NA."""
    if value is None:
        return True
    try:
        return not bool(value == value)
    except (TypeError, ValueError):  # comparisons of pandas' NA and of arrays have no truth value
        return type(value).__name__ == "NAType"


def _of_masked(values: np.ma.MaskedArray[Any, Any]) -> AnyArray:
    mask = np.ma.getmaskarray(values)
    if not mask.any():
        return np.asarray(values.data)
    missing_value = {"f": np.nan, "M": np.datetime64("NaT"), "m": np.timedelta64("NaT")}.get(values.dtype.kind)
    filled = values.data.astype(
        object if missing_value is None else np.float64 if values.dtype.kind == "f" else values.dtype
    )
    filled[mask] = missing_value
    return np.asarray(filled)


def _of_series(values: Any) -> ColumnValues:
    from narwhals.stable import v2 as nw

    series = nw.from_native(values, series_only=True)
    kind = series.dtype
    if kind in (nw.Date, nw.Datetime):
        if getattr(kind, "time_zone", None) is not None:
            series = series.dt.convert_time_zone("UTC").dt.replace_time_zone(None)
        return ColumnValues(as_dates(series.to_list()))
    if kind == nw.Duration:
        return ColumnValues(as_durations(series.to_list()))
    if kind in (nw.Categorical, nw.Enum):
        of_pandas = getattr(getattr(values, "cat", None), "categories", None)
        order = None
        if of_pandas is not None:
            order = np.asarray(of_pandas).tolist()
        elif isinstance(kind, nw.Enum):
            order = list(kind.categories)
        return ColumnValues(_object_array(series.to_list()), order)
    if (kind.is_integer() or kind == nw.Boolean) and series.null_count() == 0:
        return ColumnValues(np.asarray(series.to_numpy()))
    if kind.is_float():
        floats = [np.nan if is_missing(value) else value for value in series.to_list()]
        return ColumnValues(np.array(floats, dtype=np.float64))
    return ColumnValues(_object_array(series.to_list()))


def as_dates(values: list[Any]) -> AnyArray:
    """Converts dates of Python and pandas to ``datetime64[ms]``, those with a time zone to UTC."""
    return np.array([_as_datetime(value) for value in values], dtype="datetime64[ms]")


def as_durations(values: list[Any]) -> AnyArray:
    """Converts durations to ``timedelta64[ms]``."""
    missing = np.timedelta64("NaT", "ms")
    return np.array(
        [missing if is_missing(value) else np.timedelta64(value, "ms") for value in values],
        dtype="timedelta64[ms]",
    )


def _as_datetime(value: Any) -> np.datetime64:
    if is_missing(value):
        return np.datetime64("NaT", "ms")
    if getattr(value, "tzinfo", None) is not None:
        value = value.astimezone(datetime.UTC).replace(tzinfo=None)
    return np.datetime64(value, "ms")


def _object_array(values: list[Any]) -> AnyArray:
    objects = np.empty(len(values), dtype=object)
    objects[:] = values
    return objects
