"""Targets from any container, one per row: classes or numbers, of which some may be missing."""

from __future__ import annotations

import dataclasses
import datetime
import decimal
from collections.abc import Iterable, Sequence
from typing import Any, ClassVar, Literal, TypeAlias

import numpy as np

from paradime.types import AnyArray, FloatArray, IntArray
from paradime.utils.columns import column_values, is_missing

__all__ = [
    "UNLABELED",
    "ClassColumn",
    "NumberColumn",
    "TargetColumn",
    "read_classes_together",
    "read_numbers",
    "read_targets",
    "read_targets_together",
]

UNLABELED = -1
"""The code of rows without a class, and the integer label of such rows."""

_SCALARS = (str, bytes, bool, int, float, np.generic)
_DATES = (datetime.date, datetime.time, datetime.timedelta, np.datetime64, np.timedelta64)


@dataclasses.dataclass(frozen=True, eq=False)
class ClassColumn:
    """One class per row.

    Args:
        codes: The indices of the classes in ``classes``, shape (n,), int64; −1 for rows without a class.
        classes: The classes in their own type, shape (c,): sorted, or in the order of the categories of a
            categorical column.
        is_ordered: Whether the order is that of a categorical column.
    """

    codes: IntArray
    classes: AnyArray
    is_ordered: bool = False
    kind: ClassVar[Literal["classes"]] = "classes"

    @property
    def missing(self) -> AnyArray:
        """A mask of the rows without a class, shape (n,)."""
        return np.asarray(self.codes == UNLABELED)

    def as_classes(self) -> ClassColumn:
        """Returns the same classes."""
        return self

    def among(self, classes: AnyArray, is_ordered: bool = False) -> ClassColumn:
        """Returns the same column with the codes of other classes, which must contain its own."""
        code_of = {value: code for code, value in enumerate(classes.tolist())}
        table = np.array([*(code_of[value] for value in self.classes.tolist()), UNLABELED], dtype=np.int64)
        return ClassColumn(table[self.codes], classes, is_ordered)


@dataclasses.dataclass(frozen=True, eq=False)
class NumberColumn:
    """One number per row.

    Args:
        numbers: Shape (n,), float64; NaN for missing numbers.
    """

    numbers: FloatArray
    kind: ClassVar[Literal["numbers"]] = "numbers"

    @property
    def missing(self) -> AnyArray:
        """A mask of the rows without a number, shape (n,)."""
        return np.isnan(self.numbers)

    def as_classes(self) -> ClassColumn:
        """Returns the distinct numbers as classes."""
        return _of_classes(self.numbers, self.missing, None)

    def as_integer_classes(self) -> ClassColumn | None:
        """Returns the classes of integers stored as floats because some are missing; −1 is missing, too.

        Returns:
            The classes, or ``None`` if a number is not an integer.

        Example:
            >>> read_targets([4.0, None, 2.0, -1.0]).as_integer_classes().codes.tolist()
            [1, -1, 0, -1]
        """
        if (
            not bool((self.missing | (self.numbers == np.round(self.numbers))).all())
            or np.isinf(self.numbers).any()
        ):
            return None
        column = NumberColumn(np.where(self.numbers == UNLABELED, np.nan, self.numbers)).as_classes()
        return dataclasses.replace(column, classes=column.classes.astype(np.int64))


TargetColumn: TypeAlias = ClassColumn | NumberColumn
"""One target per row: a class, or a number."""


def read_targets(y: Any, *, name: str = "y", n: int | None = None) -> TargetColumn:
    """Reads one target per row: floating-point numbers and decimals are numbers, other values are classes.

    A row has no target if the value is missing (NaN, None, NA, a null or masked entry), or −1 among integers.

    Args:
        y: Shape (n,) or (n, 1): an array, also masked; a tensor; a list; a column or an index of pandas, polars or
            PyArrow, also nullable or categorical.
        name: The name of the argument in messages.
        n: The expected number of rows; any number if ``None``.

    Raises:
        ValueError: If the shape or length is wrong, or if values are dates, times, complex numbers, or neither
            numbers nor strings.

    Example:
        >>> column = read_targets(["b", "a", None, "b"])
        >>> column.kind, column.classes.tolist(), column.codes.tolist()
        ('classes', ['a', 'b'], [1, 0, -1, 1])
        >>> read_targets([10, 2, -1]).classes.tolist(), read_targets([0.5, None]).numbers.tolist()
        ([2, 10], [0.5, nan])
    """
    values, order = column_values(y, name=name)
    values = _flat(values, name, n)
    if values.dtype.kind in "mM":
        raise ValueError(_no_dates(name, _type_in(y, values)))
    if values.dtype.kind == "c":
        raise ValueError(f"{name} must be classes or real numbers, got complex numbers. Pass their real part.")
    if values.dtype.kind == "f":
        return NumberColumn(values.astype(np.float64))
    if values.dtype.kind not in "biuUS":
        return _of_objects(values.astype(object), name, order)
    missing = values == UNLABELED if values.dtype.kind in "iu" else np.zeros(len(values), dtype=bool)
    return _of_classes(values, missing, order)


def read_numbers(values: Any, *, name: str = "values", n: int | None = None) -> FloatArray:
    """Reads one number per row from any container that :func:`read_targets` supports.

    Args:
        values: Shape (n,) or (n, 1).
        name: The name of the argument in messages.
        n: The expected number of rows; any number if ``None``.

    Returns:
        Shape (n,), float64; NaN for missing values.

    Raises:
        TypeError: If values are not numbers.
        ValueError: If the shape or length is wrong, or values are dates.

    Example:
        >>> read_numbers([3, None, -1])
        array([ 3., nan, -1.])
    """
    array = column_values(values, name=name).array
    array = _flat(array, name, n)
    if array.dtype.kind in "mM":
        raise ValueError(_no_dates(name, _type_in(values, array)))
    if array.dtype.kind in "biuf":
        return array.astype(np.float64)
    listed = array.tolist()
    numbers = (bool, int, float, decimal.Decimal, np.number)
    wrong = [value for value in listed if not is_missing(value) and not isinstance(value, numbers)]
    if wrong or array.dtype.kind not in "OUS":
        got = f"{wrong[0]!r}" if wrong else str(array.dtype)
        raise TypeError(f"{name} must be numbers, got {got}. Convert them to float64, or pass classes as labels=.")
    return np.array([np.nan if is_missing(value) else float(value) for value in listed], dtype=np.float64)


def read_targets_together(*columns: tuple[str, Any, int | None]) -> list[TargetColumn]:
    """Reads the targets of several sets of rows; equal classes get equal codes.

    If the other sets have integer classes, floating-point numbers that are integers or missing are classes, too.

    Args:
        columns: For each set: the name in messages, the targets, and the expected number of rows or ``None``.

    Raises:
        ValueError: If some sets are classes and others numbers; and as :func:`read_targets`.

    Example:
        >>> old, new = read_targets_together(("y", ["b", "a"], 2), ("y_new", ["c"], 1))
        >>> old.codes.tolist(), new.codes.tolist(), new.classes.tolist()
        ([1, 0], [2], ['a', 'b', 'c'])
    """
    targets = [read_targets(y, name=name, n=n) for name, y, n in columns]
    classes = [column for column in targets if isinstance(column, ClassColumn)]
    if classes and all(column.classes.dtype.kind in "iu" for column in classes):
        targets = [
            (column.as_integer_classes() or column) if isinstance(column, NumberColumn) else column
            for column in targets
        ]
        classes = [column for column in targets if isinstance(column, ClassColumn)]
    if classes and len(classes) < len(targets):
        raise ValueError(
            f"{columns[0][0]} and {columns[1][0]} must be of one kind, got {targets[0].kind} and "
            f"{targets[1].kind}. Convert one of them."
        )
    return list(_with_equal_codes(classes, [name for name, _, _ in columns])) if classes else targets


def read_classes_together(*columns: tuple[str, Any, int | None]) -> list[ClassColumn]:
    """Reads the classes of several sets of rows; equal classes get equal codes, and equal numbers are a class.

    Args:
        columns: For each set: the name in messages, the targets, and the expected number of rows or ``None``.

    Raises:
        ValueError: As :func:`read_targets`.
    """
    classes = [read_targets(y, name=name, n=n).as_classes() for name, y, n in columns]
    return _with_equal_codes(classes, [name for name, _, _ in columns])


def _flat(values: AnyArray, name: str, n: int | None) -> AnyArray:
    """Returns the values with shape (n,)."""
    if values.ndim == 2 and values.shape[1] == 1:
        values = values[:, 0]
    if values.ndim != 1 or (n is not None and len(values) != n):
        expected = "(n,)" if n is None else f"({n},)"
        raise ValueError(
            f"{name} must have shape {expected}, one per row, got {values.shape}. Select the same rows, flatten a "
            "column with ravel(), and one-hot classes with argmax(axis=1)."
        )
    return values


def _with_equal_codes(columns: Sequence[ClassColumn], names: Sequence[str]) -> list[ClassColumn]:
    """Returns columns with codes of the classes of all: sorted, or in the order of the first if it has one."""
    first, *others = [{isinstance(value, (str, bytes)) for value in column.classes.tolist()} for column in columns]
    for name, other in zip(names[1:], others, strict=True):
        if first and other and not first & other:
            kinds = ("strings", "numbers") if True in first else ("numbers", "strings")
            raise ValueError(
                f"{names[0]} and {name} must be of one kind, got {kinds[0]} and {kinds[1]}. Convert one of them."
            )
    is_ordered = columns[0].is_ordered
    distinct = list(dict.fromkeys(value for column in columns for value in column.classes.tolist()))
    classes = _as_array(distinct if is_ordered else _sorted(distinct))
    return [column.among(classes, is_ordered) for column in columns]


def _of_classes(values: AnyArray, missing: AnyArray, order: list[Any] | None) -> ClassColumn:
    """Returns the classes of values of one type, in this type."""
    classes, known_codes = np.unique(values[~missing], return_inverse=True)
    codes = np.full(len(values), UNLABELED, dtype=np.int64)
    codes[~missing] = known_codes.reshape(-1)
    column = ClassColumn(codes, classes)
    return column if order is None else _in_order(column, order)


def _of_objects(values: AnyArray, name: str, order: list[Any] | None) -> TargetColumn:
    """Reads Python objects of one or several types."""
    listed = [value.item() if isinstance(value, np.generic) else value for value in values.tolist()]
    missing = np.array([is_missing(value) for value in listed], dtype=bool)
    present = [value for value, is_gap in zip(listed, missing, strict=True) if not is_gap]
    _check_scalars(present, name)
    kinds = {type(value) for value in present}
    if (
        order is None
        and kinds
        and kinds <= {int, float, bool, decimal.Decimal}
        and kinds & {float, decimal.Decimal}
    ):
        numbers = np.full(len(listed), np.nan)
        numbers[~missing] = [float(value) for value in present]
        return NumberColumn(numbers)
    missing |= np.array([type(value) is int and value == UNLABELED for value in listed], dtype=bool)
    distinct = list(dict.fromkeys(value for value, is_gap in zip(listed, missing, strict=True) if not is_gap))
    classes = _sorted(distinct)
    code_of = {value: code for code, value in enumerate(classes)}
    codes = [UNLABELED if is_gap else code_of[value] for value, is_gap in zip(listed, missing, strict=True)]
    column = ClassColumn(np.array(codes, dtype=np.int64), _as_array(classes))
    return column if order is None else _in_order(column, order)


def _in_order(column: ClassColumn, order: Iterable[Any]) -> ClassColumn:
    """Returns the column with its classes in the order of the categories."""
    present = set(column.classes.tolist())
    return column.among(_as_array([value for value in order if value in present]), is_ordered=True)


def _check_scalars(values: Sequence[Any], name: str) -> None:
    for value in values:
        if isinstance(value, _DATES) or type(value).__name__ == "Period":
            raise ValueError(_no_dates(name, type(value).__name__))
        if not isinstance(value, (*_SCALARS, decimal.Decimal)):
            raise ValueError(
                f"{name} must be one class or number per row, got a value of type {type(value).__name__}. Convert "
                "it to a string or a number."
            )


def _type_in(container: Any, values: AnyArray) -> str:
    """Returns the name of the type of values, that of the container if it has one."""
    dtypes: Any = getattr(container, "dtypes", None)  # a data frame with one column
    dtype = dtypes.iloc[0] if hasattr(dtypes, "iloc") else getattr(container, "dtype", None)
    return str(values.dtype if dtype is None else dtype)


def _no_dates(name: str, kind: str) -> str:
    return (
        f"{name} must be classes or numbers, got dates or times ({kind}). Convert them: to classes, such as the "
        "year, or to numbers, such as the days since the first as float64."
    )


def _sorted(values: list[Any]) -> list[Any]:
    try:
        return sorted(values)
    except TypeError:  # numbers and strings
        return sorted(values, key=lambda value: (not isinstance(value, (int, float)), str(value)))


def _as_array(values: list[Any]) -> AnyArray:
    """Returns values as an array of their type, or of objects if there are several types."""
    kinds = {type(value) for value in values}
    if kinds in ({str}, {bytes}, {bool}, {float}):
        return np.array(values)
    limits = np.iinfo(np.int64)
    if kinds == {int} and limits.min <= min(values) and max(values) <= limits.max:
        return np.array(values, dtype=np.int64)
    array = np.empty(len(values), dtype=object)
    array[:] = values
    return array
