"""Data frames of any library, through narwhals: their columns' names, and their numbers."""

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

_MARKS = (
    "columns",
    "column_names",
    "null_count",
    "array",
)  # of frames and series of any library; arrays have none


def is_frame(values: Any) -> bool:
    """Returns whether something is a data frame or a series: of pandas, polars, PyArrow, or others."""
    if isinstance(values, np.ndarray) or not any(hasattr(type(values), m) for m in _MARKS):
        return False
    from narwhals.stable import v2 as nw

    return bool(
        nw.dependencies.is_into_dataframe(values)
        or nw.dependencies.is_into_series(values)
        or nw.dependencies.is_polars_lazyframe(values)
    )


def column_names(values: Any) -> list[str] | None:
    """Returns the names of the columns of a data frame, as texts, or ``None`` for what has none.

    Args:
        values: Anything; a data frame is what has ``column_names``, or ``columns`` that can be listed. Levels of
            pandas' names are joined by underscores, as they are in files.

    Raises:
        TypeError: If some names are texts and others are not.

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
    """Returns the names of a data frame's columns if all of them are texts, which is what scikit-learn compares.

    Example:
        >>> import pandas as pd
        >>> text_names(pd.DataFrame({"a": [1]})), text_names(pd.DataFrame([[1]]))
        (['a'], None)
    """
    names = _listed_names(values)
    return names if names and all(isinstance(name, str) for name in names) else None


def default_names(n: int) -> list[str]:
    """Returns what columns without names are called, here as everywhere and in scikit-learn.

    Example:
        >>> default_names(2)
        ['x0', 'x1']
    """
    return [f"x{i}" for i in range(n)]


def check_distinct_names(values: Any, *, what: str = "data") -> None:
    """Refuses a data frame in which several columns have one name: only one of them could be meant.

    Args:
        values: Anything; what is no data frame passes.
        what: What to call it in the message.

    Raises:
        ValueError: If a name occurs twice.
        TypeError: If names are texts only in part.
    """
    places: dict[str, int] = {}
    for j, name in enumerate(column_names(values) or [], 1):
        if name in places:
            raise ValueError(
                f"{what}: names of columns must differ, and {name!r} is that of columns {places[name]} and {j}. "
                "Rename one of them, or drop it."
            )
        places[name] = j


def feature_names(
    X: Any, routine: Any = None, *, row_shape: Sequence[int], given: Sequence[Any] | None = None
) -> list[str]:
    """Returns one name a feature: the one that reports, pages, explanations, pictures and messages use.

    A column whose name is empty has none, and neither have those of a data frame that was made of an array, which
    pandas numbers from 0 on.

    Args:
        X: The rows as the user passed them.
        routine: What may know the names of the columns that it was trained on.
        row_shape: Shape of a row.
        given: Names as given; by default those of a data frame's columns, else those that the routine knows, else
            ``"x0"``, ``"x1"``, … or, for rows of several axes, their places, such as ``"(0, 3)"``.

    Raises:
        ValueError: If ``given`` are too many or too few.
        TypeError: If names of columns are texts only in part.

    Example:
        >>> feature_names(None, row_shape=(1, 2)), feature_names([[1, 2]], row_shape=(2,))
        (['(0, 0)', '(0, 1)'], ['x0', 'x1'])
    """
    n = int(np.prod(row_shape))
    if given is not None:
        if isinstance(given, str) or len(given) != n:
            got = repr(given) if isinstance(given, str) else len(given)
            raise ValueError(f"feature_names must hold {n} names, one a feature, got {got}.")
        return [str(name) for name in given]
    if len(row_shape) != 1:
        return [str(place) for place in np.ndindex(*row_shape)]
    known = None if _is_numbered(X) else column_names(X)
    if known is None and getattr(routine, "feature_names_in_", None) is not None:
        known = [str(name) for name in routine.feature_names_in_]
    unnamed = default_names(n)
    if known is None or len(known) != n:
        return unnamed
    return [name or default for name, default in zip(known, unnamed, strict=True)]


def _is_numbered(values: Any) -> bool:
    """Whether columns have the numbers that pandas gives those of an array."""
    names = _listed_names(values)
    return names is not None and all(
        isinstance(name, (int, np.integer)) and name == place for place, name in enumerate(names)
    )


def frame_values(name: str, values: Any, *, may_miss: bool = False) -> AnyArray | SparseRows:
    """Returns the numbers of a data frame or series.

    Args:
        name: What to call the data in messages.
        values: What :func:`is_frame` accepts.
        may_miss: Whether values may be missing; they are NaN then.

    Returns:
        Shape (n, d), or (n,) of a series, in the common type of the columns; :class:`SparseRows` of a pandas frame
        whose columns are all sparse. Memory is shared where possible.

    Raises:
        ValueError: If a column holds no numbers, or a value is missing; the message names the column.
        TypeError: If the frame is lazy, or names of columns are texts only in part.

    Example:
        >>> import polars
        >>> frame_values("main", polars.DataFrame({"a": [1, 2], "b": [True, False]}))
        array([[1, 1],
               [2, 0]])
    """
    from narwhals.stable import v2 as nw

    if nw.dependencies.is_polars_lazyframe(values):
        raise TypeError(f"data {name!r} is a lazy data frame, which holds no rows yet. Pass frame.collect().")
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
        _numbers(name, shown, frame[place], may_miss) for shown, place in zip(names, frame.columns, strict=True)
    ]
    return np.column_stack(columns) if columns else np.empty((len(frame), 0))


def as_narwhals(values: Any) -> Any:
    """Returns a data frame as narwhals' own, its columns numbered: names in pandas may be equal, or no texts."""
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
            f"data {data!r}: column {column!r} holds {_described(series)}, and numbers are expected. Encode it, "
            "such as by paradime.preprocessing.TabularEncoder, or drop it."
        )
    missing = _missing(data, column, series, may_miss)
    array: AnyArray = (series.cast(nw.Float64) if kind == nw.Decimal or missing.any() else series).to_numpy()
    if missing.any():
        array = np.where(missing, np.nan, array)
    return array.astype(np.float64) if array.dtype == object else array


def _of_objects(data: str, column: str, series: Any, may_miss: bool) -> AnyArray:
    """Numbers among Python's objects are cast, as they are in arrays of these."""
    objects = np.array(series.to_numpy(), dtype=object)
    objects[_missing(data, column, series, may_miss)] = np.nan
    try:
        return objects.astype(np.float64)
    except (TypeError, ValueError):
        found = next(value for value in objects if not isinstance(value, (int, float, np.number)))
        raise ValueError(
            f"data {data!r}: column {column!r} holds {found!r}, and numbers are expected. Encode it, such as by "
            "paradime.preprocessing.TabularEncoder, or drop it."
        ) from None


def _missing(data: str, column: str, series: Any, may_miss: bool) -> AnyArray:
    """Returns which values are missing, shape (n,), or refuses them."""
    missing: AnyArray = np.asarray(series.is_null().to_numpy(), dtype=bool)
    if series.dtype.is_float():
        missing = missing | np.asarray(series.is_nan().fill_null(True).to_numpy(), dtype=bool)
    if missing.any() and not may_miss:
        raise ValueError(
            f"data {data!r} contains NaN or NA: column {column!r} has a missing value, first at row "
            f"{int(missing.argmax())}. Impute such values or drop the rows; "
            "paradime.preprocessing.TabularEncoder fills them in."
        )
    return missing


def _described(series: Any) -> str:
    """What a column that holds no numbers holds, in words."""
    from narwhals.stable import v2 as nw

    kind = series.dtype
    if kind in (nw.Categorical, nw.Enum):
        what = "categories"
    elif kind == nw.String:
        what = "text"
    elif kind.is_temporal():
        what = "dates or times"
    else:
        return f"values of type {kind}"
    return f"{what} (type {kind})"
