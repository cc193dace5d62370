"""Reads one target per row from any container: classes or numbers, and which rows have none."""

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
"""The code of rows without a class; among integers, the value that means the same."""

_SCALARS = (str, bytes, bool, int, float, np.generic)
_DATES = (datetime.date, datetime.time, datetime.timedelta, np.datetime64, np.timedelta64)


@dataclasses.dataclass(frozen=True, eq=False)
class ClassColumn:
    """One class per row.

    Args:
        codes: The places of the classes among ``classes``, shape (n,), int64; −1 where there is none.
        classes: The classes in the type in which they came, shape (c,): sorted, or in the order of the categories
            of a categorical column.
        is_ordered: Whether the classes came with an order of their own.
    """

    codes: IntArray
    classes: AnyArray
    is_ordered: bool = False
    kind: ClassVar[Literal["classes"]] = "classes"

    @property
    def missing(self) -> AnyArray:
        """Which rows have no class, shape (n,)."""
        return np.asarray(self.codes == UNLABELED)

    def as_classes(self) -> ClassColumn:
        """Returns the same classes."""
        return self

    def among(self, classes: AnyArray, is_ordered: bool = False) -> ClassColumn:
        """Returns the same rows, coded among other classes, which contain those that occur."""
        places = {value: place for place, value in enumerate(classes.tolist())}
        table = np.array([*(places[value] for value in self.classes.tolist()), UNLABELED], dtype=np.int64)
        return ClassColumn(table[self.codes], classes, is_ordered)


@dataclasses.dataclass(frozen=True, eq=False)
class NumberColumn:
    """One number per row.

    Args:
        numbers: Shape (n,), float64; NaN where there is none.
    """

    numbers: FloatArray
    kind: ClassVar[Literal["numbers"]] = "numbers"

    @property
    def missing(self) -> AnyArray:
        """Which rows have no number, shape (n,)."""
        return np.isnan(self.numbers)

    def as_classes(self) -> ClassColumn:
        """Returns classes of equal numbers."""
        return _of_classes(self.numbers, self.missing, None)

    def as_integer_classes(self) -> ClassColumn | None:
        """Returns the classes of integers that became floating-point since some are missing; −1 is missing, too.

        Returns:
            ``None`` if there are other numbers.

        Example:
            >>> read_targets([4.0, None, 2.0, -1.0]).as_integer_classes().codes.tolist()
            [1, -1, 0, -1]
        """
        if (
            not bool((self.missing | (self.numbers == np.round(self.numbers))).all())
            or np.isinf(self.numbers).any()
        ):
            return None
        found = NumberColumn(np.where(self.numbers == UNLABELED, np.nan, self.numbers)).as_classes()
        return dataclasses.replace(found, classes=found.classes.astype(np.int64))


TargetColumn: TypeAlias = ClassColumn | NumberColumn
"""One target per row: a class, or a number."""


def read_targets(y: Any, *, name: str = "y", n: int | None = None) -> TargetColumn:
    """Reads one target per row: floating-point numbers and decimals are numbers, everything else is classes.

    A row has no target where the value is missing (NaN, None, NA, a null or masked entry), or −1 among integers.

    Args:
        y: Shape (n,) or (n, 1): an array, also masked; a tensor; a list; a column or an index of pandas, polars or
            PyArrow, also nullable or categorical.
        name: What to call it in messages.
        n: How many rows there must be; any number if ``None``.

    Raises:
        ValueError: If it has another shape or length; holds dates, times or complex numbers; or holds values that
            are neither numbers nor texts.

    Example:
        >>> found = read_targets(["b", "a", None, "b"])
        >>> found.kind, found.classes.tolist(), found.codes.tolist()
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
    """Reads one number per row, of any container that :func:`read_targets` takes.

    Args:
        values: Shape (n,) or (n, 1).
        name: What to call them in messages.
        n: How many rows there must be; any number if ``None``.

    Returns:
        Shape (n,), float64; NaN where a value is missing.

    Raises:
        TypeError: If they are not numbers.
        ValueError: If there is another number of them, or they are dates.

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
    """Reads targets of several sets of rows, such that equal classes have equal codes.

    Whole numbers among which some are missing are integers where the other sets have integers as classes.

    Args:
        columns: The name for messages, the targets, and the number of rows or ``None``, of each set.

    Raises:
        ValueError: If they are not all classes, or not all numbers; and as :func:`read_targets` does.

    Example:
        >>> old, new = read_targets_together(("y", ["b", "a"], 2), ("y_new", ["c"], 1))
        >>> old.codes.tolist(), new.codes.tolist(), new.classes.tolist()
        ([1, 0], [2], ['a', 'b', 'c'])
    """
    found = [read_targets(y, name=name, n=n) for name, y, n in columns]
    coded = [one for one in found if isinstance(one, ClassColumn)]
    if coded and all(one.classes.dtype.kind in "iu" for one in coded):
        found = [(one.as_integer_classes() or one) if isinstance(one, NumberColumn) else one for one in found]
        coded = [one for one in found if isinstance(one, ClassColumn)]
    if coded and len(coded) < len(found):
        raise ValueError(
            f"{columns[0][0]} and {columns[1][0]} must be of one kind, got {found[0].kind} and {found[1].kind}. "
            "Convert one of them."
        )
    return list(_coded_alike(coded, [name for name, _, _ in columns])) if coded else found


def read_classes_together(*columns: tuple[str, Any, int | None]) -> list[ClassColumn]:
    """Reads classes of several sets of rows, such that equal ones have equal codes; equal numbers are a class.

    Args:
        columns: The name for messages, the targets, and the number of rows or ``None``, of each set.

    Raises:
        ValueError: As :func:`read_targets` does.
    """
    found = [read_targets(y, name=name, n=n).as_classes() for name, y, n in columns]
    return _coded_alike(found, [name for name, _, _ in columns])


def _flat(values: AnyArray, name: str, n: int | None) -> AnyArray:
    """Values of shape (n,)."""
    if values.ndim == 2 and values.shape[1] == 1:
        values = values[:, 0]
    if values.ndim != 1 or (n is not None and len(values) != n):
        expected = "(n,)" if n is None else f"({n},)"
        raise ValueError(
            f"{name} must have shape {expected}, one per row, got {values.shape}. Select the same rows, flatten a "
            "column with ravel(), and one-hot classes with argmax(axis=1)."
        )
    return values


def _coded_alike(columns: Sequence[ClassColumn], names: Sequence[str]) -> list[ClassColumn]:
    """Codes several columns among the classes of all: sorted, or in the order of the first, if it has one."""
    first, *others = [{isinstance(value, (str, bytes)) for value in one.classes.tolist()} for one in columns]
    for name, other in zip(names[1:], others, strict=True):
        if first and other and not first & other:
            kinds = ("texts", "numbers") if True in first else ("numbers", "texts")
            raise ValueError(
                f"{names[0]} and {name} must be of one kind, got {kinds[0]} and {kinds[1]}. Convert one of them."
            )
    is_ordered = columns[0].is_ordered
    distinct = list(dict.fromkeys(value for one in columns for value in one.classes.tolist()))
    classes = _as_array(distinct if is_ordered else _sorted(distinct))
    return [one.among(classes, is_ordered) for one in columns]


def _of_classes(values: AnyArray, missing: AnyArray, order: list[Any] | None) -> ClassColumn:
    """Codes values of one type; classes keep it."""
    classes, codes = np.unique(values[~missing], return_inverse=True)
    numbered = np.full(len(values), UNLABELED, dtype=np.int64)
    numbered[~missing] = codes.reshape(-1)
    found = ClassColumn(numbered, classes)
    return found if order is None else _in_order(found, order)


def _of_objects(values: AnyArray, name: str, order: list[Any] | None) -> TargetColumn:
    """Reads Python's objects by what they are: one type of numbers or texts, or several."""
    listed = [value.item() if isinstance(value, np.generic) else value for value in values.tolist()]
    missing = np.array([is_missing(value) for value in listed], dtype=bool)
    present = [value for value, lacks in zip(listed, missing, strict=True) if not lacks]
    _refuse_what_is_no_target(present, name)
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
    distinct = list(dict.fromkeys(value for value, lacks in zip(listed, missing, strict=True) if not lacks))
    classes = _sorted(distinct)
    places = {value: place for place, value in enumerate(classes)}
    codes = [UNLABELED if lacks else places[value] for value, lacks in zip(listed, missing, strict=True)]
    found = ClassColumn(np.array(codes, dtype=np.int64), _as_array(classes))
    return found if order is None else _in_order(found, order)


def _in_order(column: ClassColumn, order: Iterable[Any]) -> ClassColumn:
    """Recodes classes in the order of categories, those that occur."""
    present = set(column.classes.tolist())
    return column.among(_as_array([value for value in order if value in present]), is_ordered=True)


def _refuse_what_is_no_target(values: Sequence[Any], name: str) -> None:
    for value in values:
        if isinstance(value, _DATES) or type(value).__name__ == "Period":
            raise ValueError(_no_dates(name, type(value).__name__))
        if not isinstance(value, (*_SCALARS, decimal.Decimal)):
            raise ValueError(
                f"{name} must be one class or number per row, got a value of type {type(value).__name__}. Convert "
                "it to a text or a number."
            )


def _type_in(container: Any, values: AnyArray) -> str:
    """The type of values, as their container calls it if it has one for all."""
    dtypes: Any = getattr(container, "dtypes", None)  # of a data frame of one column
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
    except TypeError:  # numbers among texts
        return sorted(values, key=lambda value: (not isinstance(value, (int, float)), str(value)))


def _as_array(values: list[Any]) -> AnyArray:
    """Values as an array of their type, of objects where there are several types."""
    kinds = {type(value) for value in values}
    if kinds in ({str}, {bytes}, {bool}, {float}):
        return np.array(values)
    limits = np.iinfo(np.int64)
    if kinds == {int} and limits.min <= min(values) and max(values) <= limits.max:
        return np.array(values, dtype=np.int64)
    array = np.empty(len(values), dtype=object)
    array[:] = values
    return array
