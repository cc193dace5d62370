"""The columns of a table, classified as numbers or categories."""

from __future__ import annotations

from decimal import Decimal
from typing import Any, Literal, NamedTuple

import numpy as np

from paradime.types import AnyArray
from paradime.utils.columns import is_missing
from paradime.utils.convert import to_numpy
from paradime.utils.frames import as_narwhals, check_distinct_names, default_names, feature_names, is_frame

__all__ = ["Column", "Kind", "columns_of"]


Kind = Literal["numbers", "categories"]


class Column(NamedTuple):
    """A column of shape (n,): numbers (float64, NaN if missing) or categories (strings, ``None`` if missing)."""

    name: str
    kind: Kind
    values: AnyArray

    @property
    def missing(self) -> AnyArray:
        """Where values are missing, shape (n,), boolean."""
        if self.kind == "numbers":
            return np.asarray(np.isnan(self.values))
        return np.array([value is None for value in self.values], dtype=bool)


def columns_of(X: Any) -> list[Column]:
    """Returns the columns of a table.

    Args:
        X: A data frame of pandas, polars or PyArrow, or an array, shape (n, d), whose columns are x0, x1, …; or
            the columns themselves, as a list.

    Raises:
        ValueError: If it is not a table, has no rows or columns, or a column has neither numbers nor categories.
        TypeError: If only some column names are strings.
    """
    if isinstance(X, list) and X and all(isinstance(column, Column) for column in X):
        columns = list(X)
    elif is_frame(X):
        check_distinct_names(X, what="the table")
        frame = as_narwhals(X)
        names = feature_names(X, row_shape=(len(frame.columns),))
        columns = [_column(name, frame[key]) for name, key in zip(names, frame.columns, strict=True)]
    else:
        array = to_numpy(X)
        if array.ndim != 2:
            raise ValueError(f"Expected 2D array or data frame, got shape {array.shape}. Reshape it to (n, d).")
        columns = [_of_objects(name, array[:, i]) for i, name in enumerate(default_names(array.shape[1]))]
    if not columns or not len(columns[0].values):
        n = len(columns[0].values) if columns else 0
        raise ValueError(
            f"a table needs at least 1 row and 1 column, got {n} sample(s) and {len(columns)} feature(s). "
            "Pass a table with data."
        )
    return columns


def _column(name: str, series: Any) -> Column:
    from narwhals.stable import v2 as nw

    kind = series.dtype
    if kind.is_numeric() or kind == nw.Boolean:
        return Column(name, "numbers", np.asarray(series.cast(nw.Float64).to_numpy(), dtype=np.float64))
    if kind.is_temporal():
        raise ValueError(
            f"column {name!r} must have numbers or categories, got dates or times (type {kind}). Convert them to "
            "numbers, such as the year, or drop it."
        )
    if kind in (nw.Categorical, nw.Enum, nw.String):
        strings = np.array(series.cast(nw.String).to_list(), dtype=object)
        # the cast converts missing values to strings such as "None", in object columns of pandas 2
        strings[series.is_null().to_numpy()] = None
        return _of_objects(name, strings)
    if kind != nw.Object:
        raise ValueError(f"column {name!r} must have numbers or categories, got values of type {kind}. Drop it.")
    return _of_objects(name, np.array(series.to_list(), dtype=object))


def _of_objects(name: str, values: AnyArray) -> Column:
    if values.dtype.kind in "biuf":
        return Column(name, "numbers", values.astype(np.float64))
    objects = values.astype(object)
    missing = np.array([is_missing(value) for value in objects], dtype=bool)
    if all(isinstance(value, (bool, int, float, Decimal, np.number)) for value in objects[~missing]):
        return Column(name, "numbers", np.where(missing, np.nan, objects).astype(np.float64))
    categories = np.array([str(value) for value in objects], dtype=object)
    categories[missing] = None
    return Column(name, "categories", categories)
