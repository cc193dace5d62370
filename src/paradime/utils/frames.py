"""Names and numbers of data frames of any library, through narwhals."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from paradime.types import AnyArray
from paradime.utils.sparse import SparseRows

__all__ = [
    "as_narwhals",
    "check_distinct_names",
    "column_names",
    "default_names",
    "feature_names",
    "frame_values",
    "is_frame",
]

# frames and series of any library have one of these attributes, arrays have none
_FRAME_ATTRIBUTES = ("columns", "column_names", "null_count", "array")


def is_frame(values: Any) -> bool:
    """Returns whether a value is a data frame or a series of pandas, polars, PyArrow, or another library."""
    if isinstance(values, np.ndarray) or not any(hasattr(type(values), name) for name in _FRAME_ATTRIBUTES):
        return False
    from narwhals.stable import v2 as nw

    return bool(
        nw.dependencies.is_into_dataframe(values)
        or nw.dependencies.is_into_series(values)
        or nw.dependencies.is_polars_lazyframe(values)
    )


def column_names(values: Any) -> list[str] | None:
    """Returns the names of the columns of a data frame as strings, or ``None`` for other values.

    Args:
        values: Any value; data frames have ``column_names``, or ``columns`` that can be listed. Levels of pandas'
            names are joined by underscores, as in files.

    Raises:
        TypeError: If only some names are strings.

    Example:
        >>> import pyarrow
        >>> column_names(pyarrow.table({"a": [1], "b": [2]})), column_names([[1, 2]])
        (['a', 'b'], None)
    """
    names = _listed_names(values)
    if names is None:
        return None
    kinds = sorted({type(name).__name__ for name in names})
    if len(kinds) > 1 and any(isinstance(name, str) for name in names):
        raise TypeError(
            "Feature names are only supported if all input features have string names, but your input has "
            f"{kinds} as feature name / column name types. Rename them: X.columns = X.columns.astype(str)."
        )
    return ["_".join(map(str, name)) if isinstance(name, tuple) else str(name) for name in names]


def _listed_names(values: Any) -> list[Any] | None:
    columns = getattr(values, "column_names", getattr(values, "columns", None))
    if columns is None or isinstance(columns, str):
        return None
    try:
        return list(columns)
    except TypeError:
        return None


def text_names(values: Any) -> list[str] | None:
    """Returns the names of a data frame's columns if all are strings; only these are compared, as in scikit-learn.

    Example:
        >>> import pandas as pd
        >>> text_names(pd.DataFrame({"a": [1]})), text_names(pd.DataFrame([[1]]))
        (['a'], None)
    """
    names = _listed_names(values)
    return names if names and all(isinstance(name, str) for name in names) else None


def default_names(n: int) -> list[str]:
    """Returns the names of columns without names, as in scikit-learn.

    Example:
        >>> default_names(2)
        ['x0', 'x1']
    """
    return [f"x{i}" for i in range(n)]


def check_distinct_names(values: Any, *, what: str = "data") -> None:
    """Checks that the columns of a data frame have distinct names, so that a name identifies a column.

    Args:
        values: Any value; values other than data frames pass.
        what: The name of the data in the message.

    Raises:
        ValueError: If a name occurs twice.
        TypeError: If only some names are strings.
    """
    numbers: dict[str, int] = {}
    for j, name in enumerate(column_names(values) or [], 1):
        if name in numbers:
            raise ValueError(
                f"{what}: names of columns must differ, got {name!r} for columns {numbers[name]} and {j}. "
                "Rename one of them, or drop it."
            )
        numbers[name] = j


def feature_names(
    X: Any, routine: Any = None, *, row_shape: Sequence[int], given: Sequence[Any] | None = None
) -> list[str]:
    """Returns one name per feature, for reports, pages, explanations, plots and messages.

    Columns with an empty name, and columns that pandas has numbered from 0, count as columns without names.

    Args:
        X: The rows as the user passed them.
        routine: A routine that may have the names of the training data.
        row_shape: Shape of a row.
        given: The user's names. By default those of the data frame, else those of the routine, else ``"x0"``,
            ``"x1"``, … or, for rows with several axes, the indices, such as ``"(0, 3)"``.

    Raises:
        ValueError: If ``given`` has another length.
        TypeError: If only some names of columns are strings.

    Example:
        >>> feature_names(None, row_shape=(1, 2)), feature_names([[1, 2]], row_shape=(2,))
        (['(0, 0)', '(0, 1)'], ['x0', 'x1'])
    """
    n = int(np.prod(row_shape))
    if given is not None:
        if isinstance(given, str) or len(given) != n:
            got = repr(given) if isinstance(given, str) else len(given)
            raise ValueError(f"feature_names must be {n} names, one per feature, got {got}.")
        return [str(name) for name in given]
    if len(row_shape) != 1:
        return [str(index) for index in np.ndindex(*row_shape)]
    known = None if _is_numbered(X) else column_names(X)
    if known is None and getattr(routine, "feature_names_in_", None) is not None:
        known = [str(name) for name in routine.feature_names_in_]
    unnamed = default_names(n)
    if known is None or len(known) != n:
        return unnamed
    return [name or default for name, default in zip(known, unnamed, strict=True)]


def _is_numbered(values: Any) -> bool:
    """Returns whether the names of columns are pandas' default numbers."""
    names = _listed_names(values)
    return names is not None and all(
        isinstance(name, (int, np.integer)) and name == i for i, name in enumerate(names)
    )


def frame_values(name: str, values: Any, *, may_miss: bool = False) -> AnyArray | SparseRows:
    """Returns the numbers of a data frame or series.

    Args:
        name: The name of the data in messages.
        values: A data frame or series, see :func:`is_frame`.
        may_miss: Whether values may be missing; they become NaN.

    Returns:
        Shape (n, d), or (n,) for a series, in the common type of the columns; :class:`SparseRows` for a pandas
        frame with sparse columns only. Memory is shared if possible.

    Raises:
        ValueError: If a column is not numeric, or a value is missing; the message names the column.
        TypeError: If the frame is lazy, or only some names of columns are strings.

    Example:
        >>> import polars
        >>> frame_values("main", polars.DataFrame({"a": [1, 2], "b": [True, False]}))
        array([[1, 1],
               [2, 0]])
    """
    from narwhals.stable import v2 as nw

    if nw.dependencies.is_polars_lazyframe(values):
        raise TypeError(f"{name} is a lazy data frame, which holds no rows yet. Pass frame.collect().")
    names = column_names(values)
    if _is_pandas(values):
        dtypes = list(values.dtypes) if names is not None else [values.dtype]
        if dtypes and names is not None and all(type(dtype).__name__ == "SparseDtype" for dtype in dtypes):
            return SparseRows(values.sparse.to_coo())
        array = np.asarray(values) if _are_plain(dtypes) else np.empty(0, dtype=object)
        if array.dtype != object and (array.dtype.kind != "f" or may_miss or not bool(np.isnan(array).any())):
            return array
    if names is None:
        series = nw.from_native(values, series_only=True)
        return _numbers(name, str(series.name or name), series, may_miss)
    frame = as_narwhals(values)
    columns = [
        _numbers(name, shown, frame[column], may_miss) for shown, column in zip(names, frame.columns, strict=True)
    ]
    return np.column_stack(columns) if columns else np.empty((len(frame), 0))


def as_narwhals(values: Any) -> Any:
    """Returns a narwhals data frame; pandas' columns are numbered, since names may repeat or be no strings."""
    from narwhals.stable import v2 as nw

    if _is_pandas(values):
        values = values.set_axis([str(i) for i in range(values.shape[1])], axis=1)
    else:
        check_distinct_names(values)
    return nw.from_native(values, eager_only=True)


def _is_pandas(values: Any) -> bool:
    from narwhals.stable import v2 as nw

    return bool(nw.dependencies.is_pandas_dataframe(values) or nw.dependencies.is_pandas_series(values))


def _are_plain(dtypes: list[Any]) -> bool:
    return all(isinstance(dtype, np.dtype) and dtype.kind in "biufc" for dtype in dtypes)


def _numbers(data: str, column: str, series: Any, may_miss: bool) -> AnyArray:
    """Returns the numbers of a column, shape (n,)."""
    from narwhals.stable import v2 as nw

    kind = series.dtype
    if kind == nw.Object:
        return _of_objects(data, column, series, may_miss)
    if not (kind.is_numeric() or kind == nw.Boolean):
        raise ValueError(
            f"{data}: column {column!r} must hold numbers, got {_described(series)}. Encode it, such "
            "as by paradime.preprocessing.TabularEncoder, or drop it."
        )
    missing = _missing(data, column, series, may_miss)
    array: AnyArray = (series.cast(nw.Float64) if kind == nw.Decimal or missing.any() else series).to_numpy()
    if missing.any():
        array = np.where(missing, np.nan, array)
    return array.astype(np.float64) if array.dtype == object else array


def _of_objects(data: str, column: str, series: Any, may_miss: bool) -> AnyArray:
    """Converts Python objects to numbers, as in arrays of objects."""
    objects = np.array(series.to_numpy(), dtype=object)
    objects[_missing(data, column, series, may_miss)] = np.nan
    try:
        return objects.astype(np.float64)
    except (TypeError, ValueError):
        wrong = next(value for value in objects if not isinstance(value, (int, float, np.number)))
        raise ValueError(
            f"{data}: column {column!r} must hold numbers, got {wrong!r}. Encode it, such as by "
            "paradime.preprocessing.TabularEncoder, or drop it."
        ) from None


def _missing(data: str, column: str, series: Any, may_miss: bool) -> AnyArray:
    """Returns a mask of the missing values, shape (n,); raises ValueError unless they are allowed."""
    missing: AnyArray = np.asarray(series.is_null().to_numpy(), dtype=bool)
    if series.dtype.is_float():
        missing = missing | np.asarray(series.is_nan().fill_null(True).to_numpy(), dtype=bool)
    if missing.any() and not may_miss:
        raise ValueError(
            f"{data} contains NaN or NA: column {column!r} has a missing value, first at row "
            f"{int(missing.argmax())}. Impute such values or drop the rows; "
            "paradime.preprocessing.TabularEncoder fills them in."
        )
    return missing


def _described(series: Any) -> str:
    """Describes the values of a column that is not numeric."""
    from narwhals.stable import v2 as nw

    kind = series.dtype
    if kind in (nw.Categorical, nw.Enum):
        what = "categories"
    elif kind == nw.String:
        what = "strings"
    elif kind.is_temporal():
        what = "dates or times"
    else:
        return f"values of type {kind}"
    return f"{what} (type {kind})"
