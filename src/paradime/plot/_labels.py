"""What colours mean: classes, or numbers, of each point."""

from __future__ import annotations

import dataclasses
from collections.abc import Hashable, Mapping
from typing import Any

import numpy as np
import torch

from paradime.types import AnyArray, FloatArray, IntArray
from paradime.utils.convert import as_numpy

__all__ = ["Classes", "Values", "check_positions", "is_float", "read_classes", "read_coloring", "read_values"]

_UNLABELED = -1


@dataclasses.dataclass(frozen=True)
class Classes:
    """The class of each point.

    Args:
        codes: The class's number, shape (n,); −1 where there is none.
        keys: The classes as the user calls them, in the order of their numbers.
        texts: What the legend says, one text a class.
    """

    codes: IntArray
    keys: tuple[Hashable, ...]
    texts: tuple[str, ...]

    @property
    def missing(self) -> AnyArray:
        """Which points have no class, shape (n,)."""
        return np.asarray(self.codes == _UNLABELED)

    def present(self) -> list[int]:
        """Returns the numbers of the classes that have points, ascending."""
        return [int(code) for code in np.unique(self.codes) if code != _UNLABELED]

    def of_rows(self, rows: Any) -> Classes:
        """Returns the same classes of some of the points."""
        return dataclasses.replace(self, codes=self.codes[rows])


@dataclasses.dataclass(frozen=True)
class Values:
    """A number of each point.

    Args:
        numbers: Shape (n,), float64; NaN where there is none.
        low: The number at the lower end of the colour scale.
        high: The number at its upper end, > low.
    """

    numbers: FloatArray
    low: float
    high: float

    @property
    def missing(self) -> AnyArray:
        """Which points have no number, shape (n,)."""
        return np.isnan(self.numbers)

    def extend(self) -> str:
        """Returns at which ends numbers lie beyond the scale, as matplotlib's colour bars call it."""
        known = self.numbers[~self.missing]
        below, above = bool((known < self.low).any()), bool((known > self.high).any())
        return ("neither", "max", "min", "both")[above + 2 * below]

    def of_rows(self, rows: Any) -> Values:
        """Returns the numbers of some of the points, on the same scale."""
        return dataclasses.replace(self, numbers=self.numbers[rows])


def check_positions(Y: Any, name: str = "Y") -> FloatArray:
    """Returns positions in the plane as an array.

    Args:
        Y: Shape (n, 2); a tensor may live on any device.
        name: What error messages call them.

    Raises:
        TypeError: If they are not numbers.
        ValueError: If they are of another shape, or not finite.
    """
    try:
        points = _as_array(Y).astype(np.float64)
    except (TypeError, ValueError):
        raise TypeError(f"{name} must be numbers of shape (n, 2), got {type(Y).__name__}.") from None
    if points.ndim != 2 or points.shape[1] != 2:
        remedy = f" Choose two columns, as in {name}[:, :2]." if points.ndim == 2 and points.shape[1] > 2 else ""
        raise ValueError(f"{name} must have shape (n, 2), positions in the plane, got {points.shape}.{remedy}")
    bad = ~np.isfinite(points).all(axis=1)
    if bad.any():
        raise ValueError(
            f"{name} must be finite, got NaN or infinity in {int(bad.sum())} of {len(points)} rows, first in row "
            f"{int(bad.argmax())}. Drop them, as in {name}[np.isfinite({name}).all(axis=1)]."
        )
    return points


def read_coloring(
    labels: Any, values: Any, names: Any, n_points: int, percentiles: tuple[float, float]
) -> Classes | Values | None:
    """Reads what points are coloured by; floating-point labels are numbers, as they are to ``fit``.

    Args:
        labels: One a point, or ``None``.
        values: One number a point, or ``None``.
        names: Names of classes: by class, or in their order.
        n_points: How many points there are.
        percentiles: Of the values, at the ends of the colour scale.

    Raises:
        ValueError: If both are given, or either is not one a point.
    """
    if labels is not None and values is not None:
        raise ValueError("labels and values both decide the colours, got both. Leave one of them out.")
    if values is None and labels is not None and not is_float(labels):
        return read_classes(labels, names, n_points)
    if names is not None:
        raise ValueError("names are names of classes, got none of these. Pass labels that are integers or texts.")
    if labels is None and values is None:
        return None
    return read_values(labels if values is None else values, n_points, percentiles)


def read_values(values: Any, n_points: int, percentiles: tuple[float, float] = (2, 98)) -> Values:
    """Reads one number a point, and finds the limits of the colour scale, which extreme numbers do not move.

    Raises:
        TypeError: If they are not numbers.
        ValueError: If they are not one a point, or percentiles are not ascending in [0, 100].
    """
    try:
        numbers = _flat(values, "values", n_points).astype(np.float64)
    except TypeError:
        raise TypeError("values must be numbers, got others. Pass classes as labels=.") from None
    except ValueError as error:
        if "convert" not in str(error):
            raise
        raise TypeError(f"values must be numbers: {error}. Pass classes as labels=.") from None
    start, end = percentiles
    if not 0 <= start < end <= 100:
        raise ValueError(f"percentiles must ascend within [0, 100], got {percentiles}. The default is (2, 98).")
    finite = numbers[np.isfinite(numbers)]
    low, high = (float(x) for x in np.percentile(finite, [start, end])) if len(finite) else (0.0, 1.0)
    if not low < high and len(finite):  # nearly all are equal: the few others decide
        low, high = float(finite.min()), float(finite.max())
    if not low < high:
        margin = max(abs(low), 1.0) * 0.5
        low, high = low - margin, high + margin
    return Values(numbers, low, high)


def read_classes(labels: Any, names: Any = None, n_points: int | None = None, *, what: str = "labels") -> Classes:
    """Reads one class a point: −1 among integers, or a missing value among others, means that there is none.

    Args:
        labels: Shape (n,). Classes are sorted where they can be compared; categories of pandas keep their order.
        names: What to call them, by class, or in their order.
        n_points: How many there must be.
        what: What error messages call the labels.

    Raises:
        ValueError: If they are not one a point, or names do not fit.

    Example:
        >>> classes = read_classes(["b", None, "a", "b"])
        >>> classes.codes.tolist(), classes.texts
        ([1, -1, 0, 1], ('a', 'b'))
    """
    array = _flat(labels, what, n_points)
    values = array.tolist() if array.dtype.kind not in "mM" else [str(value) for value in array]
    values = [None if _is_missing(value) else value for value in values]
    distinct = dict.fromkeys(value for value in values if value is not None)
    order = getattr(getattr(labels, "cat", labels), "categories", None)
    if order is None:
        keys = _sorted(list(distinct))
    else:
        keys = [key for key in np.asarray(order).tolist() if key in distinct]
    code = {key: number for number, key in enumerate(keys)}
    codes = np.array([_UNLABELED if value is None else code[value] for value in values], dtype=np.int64)
    return Classes(codes, tuple(keys), _texts(keys, names))


def _texts(keys: list[Any], names: Any) -> tuple[str, ...]:
    if names is None:
        return tuple(str(key) for key in keys)
    if isinstance(names, Mapping):
        # where a class has no name it keeps its own
        return tuple(str(names.get(key, key)) for key in keys)
    listed = [str(name) for name in (names.tolist() if isinstance(names, np.ndarray) else names)]
    if len(listed) == len(keys):
        return tuple(listed)
    if all(isinstance(key, int) and 0 <= key < len(listed) for key in keys):
        return tuple(listed[int(key)] for key in keys)
    raise ValueError(
        f"names must be one a class in their order, got {len(listed)} for {len(keys)} classes. "
        "Pass a mapping from class to name."
    )


def _as_array(X: Any) -> AnyArray:
    if isinstance(X, torch.Tensor):
        # NumPy knows no bfloat16
        return as_numpy(X.detach().cpu().float() if X.dtype == torch.bfloat16 else X)
    return np.asarray(X)


def _flat(values: Any, name: str, n_points: int | None) -> AnyArray:
    array = _as_array(values)
    if array.ndim == 2 and array.shape[1] == 1:
        array = array[:, 0]
    if array.ndim != 1 or (n_points is not None and len(array) != n_points):
        expected = "(n,)" if n_points is None else f"({n_points},)"
        raise ValueError(
            f"{name} must have shape {expected}, one a point, got {array.shape}. Select the same rows."
        )
    return array


def is_float(labels: Any) -> bool:
    """Says whether labels are floating-point numbers, which are values and no classes."""
    return bool(np.issubdtype(_as_array(labels).dtype, np.floating))


def _is_missing(value: Any) -> bool:
    if value is None or (isinstance(value, int) and not isinstance(value, bool) and value == _UNLABELED):
        return True
    try:
        return not bool(value == value)
    except TypeError:  # pandas' NA is neither equal to itself nor different
        return True


def _sorted(keys: list[Any]) -> list[Any]:
    try:
        return sorted(keys)
    except TypeError:  # numbers among texts
        return sorted(keys, key=lambda key: (not isinstance(key, (int, float)), str(key)))
