"""Conversion of Arrow columns to pandas, without loss of precision if values are missing."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import numpy as np

from paradime.types import AnyArray

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["as_frame", "as_numbers", "as_written", "numbers_of_objects"]


def as_frame(table: Any) -> pd.DataFrame:
    """Returns a table as a data frame of numbers, booleans, dates and strings.

    Integers with missing values remain integers, decimals become floats, and nested values become JSON.

    Args:
        table: An Arrow table with distinct names.
    """
    import pandas as pd
    import pyarrow

    plain = pyarrow.table([_plain(column) for column in table.columns], names=table.column_names)
    frame = plain.to_pandas(ignore_metadata=True)
    types = pyarrow.types
    nullable = {}
    for name, column in zip(plain.column_names, plain.columns, strict=True):
        if column.null_count and (types.is_integer(column.type) or types.is_boolean(column.type)):
            nullable[name] = column.to_pandas(types_mapper=_nullable_type)
    if not nullable:
        return frame
    return pd.DataFrame({name: nullable.get(name, frame[name]) for name in frame.columns})


def as_numbers(table: Any) -> AnyArray:
    """Returns the numbers of a table, shape (n, d), float64; NaN for values that are not numbers."""
    import pyarrow

    plain = pyarrow.table([_plain(column) for column in table.columns], names=table.column_names)
    types = pyarrow.types
    kinds = [column.type for column in plain.columns]
    if all(types.is_integer(kind) or types.is_floating(kind) or types.is_boolean(kind) for kind in kinds):
        return np.asarray(plain.to_pandas(ignore_metadata=True).to_numpy(dtype=np.float64, na_value=np.nan))
    frame = plain.to_pandas(ignore_metadata=True)
    columns = [
        np.full(len(frame), np.nan) if types.is_temporal(kind) else numbers_of_objects(frame[name])
        for name, kind in zip(frame.columns, kinds, strict=True)
    ]
    return np.column_stack(columns)


def numbers_of_objects(column: pd.Series) -> AnyArray:
    """Returns the numbers of a column of any type, shape (n,), float64; NaN for values that are not numbers."""
    import pandas as pd

    if column.dtype.kind in "cmM":
        return np.full(len(column), np.nan)
    values = pd.to_numeric(column.astype(object), errors="coerce")
    return np.asarray(values.to_numpy(dtype=np.float64, na_value=np.nan))


def as_written(table: Any, *, nested: bool) -> pd.DataFrame:
    """Returns a table as a data frame with Arrow's types, so that no value changes.

    Args:
        table: An Arrow table with distinct names.
        nested: Whether nested values are allowed; if not, they become JSON.
    """
    import pandas as pd
    import pyarrow

    series = {}
    for name, column in zip(table.column_names, table.columns, strict=True):
        plain = _decoded(column) if nested else _without_nesting(_decoded(column))
        types, kind = pyarrow.types, plain.type
        if types.is_integer(kind) or types.is_boolean(kind):
            # pandas reads these from the file as integers, also if some are missing
            mapper = _nullable_type if plain.null_count else None
        else:
            # in CSV, float32 numbers are written with as few digits as distinguish them
            mapper = None if types.is_floating(kind) and not nested else pd.ArrowDtype
        series[name] = plain.to_pandas(types_mapper=mapper)
    return pd.DataFrame(series, index=range(table.num_rows))


def _plain(column: Any) -> Any:
    import pyarrow

    types, kind = pyarrow.types, column.type
    if types.is_decimal(kind):
        return column.cast(pyarrow.float64())
    if types.is_date(kind):
        return column.cast(pyarrow.timestamp("ms"))
    return _without_nesting(column)


def _decoded(column: Any) -> Any:
    """Replaces dictionary codes, which differ between chunks, by their values."""
    import pyarrow

    return column.cast(column.type.value_type) if pyarrow.types.is_dictionary(column.type) else column


def _without_nesting(column: Any) -> Any:
    import pyarrow

    if not pyarrow.types.is_nested(column.type):
        return column
    encoded = [None if value is None else json.dumps(value, default=str) for value in column.to_pylist()]
    return pyarrow.chunked_array([pyarrow.array(encoded, pyarrow.string())])


def _nullable_type(kind: Any) -> Any:
    import pandas as pd
    import pyarrow

    if pyarrow.types.is_boolean(kind):
        return pd.BooleanDtype()
    return pd.UInt64Dtype() if pyarrow.types.is_uint64(kind) else pd.Int64Dtype()
