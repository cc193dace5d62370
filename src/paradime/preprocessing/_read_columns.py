"""Columns that were read from files, of Arrow and of strings: their types, and their conversion to pandas."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

import numpy as np

from paradime.types import AnyArray

if TYPE_CHECKING:
    import pandas as pd

__all__ = [
    "MISSING",
    "as_frame",
    "as_number",
    "as_numbers",
    "as_written",
    "converted",
    "kind_of",
    "merged",
    "numbers_of",
    "numbers_of_objects",
    "strings",
]

MISSING = ("", "NA", "N/A", "n/a", "NaN", "nan", "null", "NULL", "None", "#N/A", "-nan", "-NaN", "<NA>")
"""Strings for missing values in numeric columns. In other columns, they are values: "NA" may be a country."""

_TRUE, _FALSE = ("True", "TRUE", "true"), ("False", "FALSE", "false")
_NUMBER = r"^[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?$|^[+-]?([iI]nf(inity)?|[nN][aA][nN])$"
_WITH_COMMA = r"^[+-]?\d*,\d+([eE][+-]?\d+)?$"
_WHOLE = r"^[+-]?\d+$"
# columns are converted in groups with this number of values, which limits the memory for their strings
_GROUP_VALUES = 4_000_000


def strings(column: Any) -> Any:
    """Strips strings, and replaces those in :data:`MISSING` by null."""
    import pyarrow
    import pyarrow.compute as compute

    trimmed = compute.utf8_trim_whitespace(column)
    is_missing = compute.is_in(trimmed, value_set=pyarrow.array(MISSING, trimmed.type))
    return compute.if_else(is_missing, pyarrow.scalar(None, trimmed.type), trimmed)


def kind_of(column: Any, *, comma: bool = False) -> str:
    """Returns the kind of the values in a column of strings.

    Args:
        column: An Arrow array of strings.
        comma: Whether numbers may have a decimal comma.

    Returns:
        ``"integer"``, ``"number"``, ``"comma"`` (numbers with a decimal comma), ``"boolean"``, ``"text"``, or
        ``"empty"`` if all values are missing. Integers with leading zeros or of more than 64 bits are identifiers,
        and therefore text.

    Example:
        >>> import pyarrow
        >>> [kind_of(pyarrow.array(column)) for column in (["1", "NA"], ["1", "2.5"], ["007"], ["", "NA"])]
        ['integer', 'number', 'text', 'empty']
    """
    import pyarrow
    import pyarrow.compute as compute

    # cleaning takes longer than the conversion, and most columns do not need it
    known = column
    if not _casts(known, pyarrow.int64()):
        known = column if _is_plain_numbers(column) else strings(column).drop_null()
        if not len(known):
            return "empty"
        # Arrow does not parse plus signs
        known = compute.replace_substring_regex(known, r"^\+", "")
    if _casts(known, pyarrow.int64()):
        starts_with_zero = compute.starts_with(known, "0")
        is_longer = compute.greater(compute.binary_length(known), 1)
        return "text" if _any(compute.and_(starts_with_zero, is_longer)) else "integer"
    if _casts(known, pyarrow.float64()):
        return "text" if _all(compute.match_substring_regex(known, _WHOLE)) else "number"
    if _all(compute.is_in(known, value_set=pyarrow.array([*_TRUE, *_FALSE], known.type))):
        return "boolean"
    if comma:
        matches = compute.match_substring_regex(known, _WITH_COMMA)
        if _any(matches) and _all(compute.or_(matches, compute.match_substring_regex(known, _WHOLE))):
            return "comma"
    return "text"


def merged(kinds: Iterable[str]) -> str:
    """Returns the kind of a column from the kinds of its chunks.

    Example:
        >>> merged(["empty", "integer", "number"]), merged(["integer", "text"]), merged(["boolean", "integer"])
        ('number', 'text', 'text')
    """
    distinct = set(kinds) - {"empty"}
    if len(distinct) <= 1:
        return distinct.pop() if distinct else "empty"
    if distinct == {"integer", "number"}:
        return "number"
    return "comma" if distinct == {"integer", "comma"} else "text"


def converted(column: Any, kind: str) -> Any:
    """Converts a column of strings to an Arrow array of its kind; missing values become null."""
    import pyarrow
    import pyarrow.compute as compute

    if kind == "text":
        # do not clean: "NA" is a value here
        return compute.if_else(compute.equal(column, ""), pyarrow.scalar(None, column.type), column)
    known = compute.replace_substring_regex(strings(column), r"^\+", "")
    if kind == "boolean":
        known = compute.utf8_lower(known)
    if kind == "comma":
        known = compute.replace_substring(known, ",", ".")
    types = {"integer": pyarrow.int64(), "boolean": pyarrow.bool_(), "empty": pyarrow.string()}
    return compute.cast(known, types.get(kind, pyarrow.float64()))


def numbers_of(table: Any, *, comma: bool = False) -> AnyArray:
    """Returns the numbers of a table of strings.

    Args:
        table: An Arrow table with columns of strings.
        comma: Whether numbers may have a decimal comma.

    Returns:
        Shape (n, d), float64; NaN for strings that are not numbers.
    """
    n, d = table.num_rows, table.num_columns
    numbers = np.empty((n, d))
    step = max(1, _GROUP_VALUES // max(1, n))
    for start in range(0, d, step):
        group = [table.column(j) for j in range(start, min(d, start + step))]
        numbers[:, start : start + len(group)] = _group_numbers(group, n, comma)
    return numbers


def _group_numbers(columns: list[Any], n: int, comma: bool) -> AnyArray:
    import pyarrow
    import pyarrow.compute as compute

    # convert all columns at once, since gene tables have thousands
    joined = pyarrow.chunked_array([chunk for column in columns for chunk in column.chunks], columns[0].type)
    try:
        values = compute.cast(joined, pyarrow.float64())
    except pyarrow.ArrowInvalid:
        values = _careful_numbers(joined, comma)
    numbers: AnyArray = values.to_numpy().reshape(len(columns), n).T
    return numbers


def _careful_numbers(column: Any, comma: bool) -> Any:
    import pyarrow
    import pyarrow.compute as compute

    cleaned = strings(column)
    if comma:
        with_comma = compute.match_substring_regex(cleaned, _WITH_COMMA)
        cleaned = compute.if_else(with_comma, compute.replace_substring(cleaned, ",", "."), cleaned)
    cleaned = compute.replace_substring_regex(cleaned, r"^\+", "")
    null = pyarrow.scalar(None, cleaned.type)
    for words, digit in ((_TRUE, "1"), (_FALSE, "0")):
        is_word = compute.is_in(cleaned, value_set=pyarrow.array(words, cleaned.type))
        cleaned = compute.if_else(is_word, digit, cleaned)
    cleaned = compute.if_else(compute.match_substring_regex(cleaned, _NUMBER), cleaned, null)
    return compute.fill_null(compute.cast(cleaned, pyarrow.float64()), np.nan)


def as_number(text: str) -> float | None:
    """Parses a number with a decimal point or comma; returns ``None`` for other strings.

    Example:
        >>> as_number(" 1,5"), as_number("1e3"), as_number("setosa"), as_number("1_000")
        (1.5, 1000.0, None, None)
    """
    text = text.strip()
    if "_" in text:  # valid in Python only
        return None
    try:
        return float(text if text.count(",") != 1 else text.replace(",", "."))
    except ValueError:
        return None


def _casts(column: Any, kind: Any) -> bool:
    import pyarrow
    import pyarrow.compute as compute

    try:
        compute.cast(column, kind)
    except pyarrow.ArrowInvalid:
        return False
    return True


def _is_plain_numbers(column: Any) -> bool:
    import pyarrow
    import pyarrow.compute as compute

    try:
        return not _any(compute.is_nan(compute.cast(column, pyarrow.float64())))
    except pyarrow.ArrowInvalid:
        return False


def _any(mask: Any) -> bool:
    import pyarrow.compute as compute

    return bool(compute.any(mask).as_py())


def _all(mask: Any) -> bool:
    import pyarrow.compute as compute

    return bool(compute.all(mask).as_py())


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
