"""Classes or numbers that colour the points."""

from __future__ import annotations

import dataclasses
from collections.abc import Hashable, Mapping
from typing import Any

import numpy as np
import torch

from paradime.types import AnyArray, FloatArray, IntArray
from paradime.utils.convert import as_numpy, to_numpy
from paradime.utils.targets import UNLABELED, ClassColumn, read_numbers, read_targets

__all__ = ["Classes", "Values", "check_positions", "classes_of", "read_classes", "read_coloring", "read_values"]


@dataclasses.dataclass(frozen=True)
class Classes:
    """The class of each point.

    Args:
        codes: The codes of the classes, shape (n,); −1 for unlabelled points.
        keys: The user's classes, in the order of their codes.
        texts: The texts of the legend, one per class.
    """

    codes: IntArray
    keys: tuple[Hashable, ...]
    texts: tuple[str, ...]

    @property
    def missing(self) -> AnyArray:
        """A mask of the points without a class, shape (n,)."""
        return np.asarray(self.codes == UNLABELED)

    def present(self) -> list[int]:
        """Returns the codes of the classes with points, ascending."""
        return [int(code) for code in np.unique(self.codes) if code != UNLABELED]

    def of_rows(self, rows: Any) -> Classes:
        """Returns the classes of some of the points."""
        return dataclasses.replace(self, codes=self.codes[rows])


@dataclasses.dataclass(frozen=True)
class Values:
    """A number per point.

    Args:
        numbers: Shape (n,), float64; NaN if missing.
        low: The lower end of the colour scale.
        high: Its upper end, > low.
    """

    numbers: FloatArray
    low: float
    high: float

    @property
    def missing(self) -> AnyArray:
        """A mask of the points without a number, shape (n,)."""
        return np.isnan(self.numbers)

    def extend(self) -> str:
        """Returns the ends of the scale with numbers beyond, as matplotlib's option ``extend``."""
        known = self.numbers[~self.missing]
        below, above = bool((known < self.low).any()), bool((known > self.high).any())
        return ("neither", "max", "min", "both")[above + 2 * below]

    def of_rows(self, rows: Any) -> Values:
        """Returns the numbers of some of the points, on the same scale."""
        return dataclasses.replace(self, numbers=self.numbers[rows])


def check_positions(Y: Any, name: str = "Y") -> FloatArray:
    """Returns positions in the plane as an array.

    Args:
        Y: Shape (n, 2); a tensor may be on any device.
        name: The name of the argument in messages.

    Raises:
        TypeError: If they are not numbers.
        ValueError: If they have another shape, or are not finite.
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
    """Reads the classes or numbers that colour points; floating-point labels are numbers, as in ``fit``.

    Args:
        labels: One label per point, or ``None``.
        values: One number per point, or ``None``.
        names: Names of classes: a mapping, or in their order.
        n_points: The number of points.
        percentiles: The percentiles of the values at the ends of the colour scale.

    Raises:
        ValueError: If both are given, or there is not one per point.
    """
    if labels is not None and values is not None:
        raise ValueError("labels and values both set the colours, got both. Leave one of them out.")
    column = None if labels is None else read_targets(labels, name="labels", n=n_points)
    if isinstance(column, ClassColumn):
        return classes_of(column, names)
    if names is not None:
        raise ValueError("names are names of classes, got no classes. Pass labels that are integers or strings.")
    if column is not None:
        return read_values(column.numbers, n_points, percentiles)
    return None if values is None else read_values(values, n_points, percentiles)


def read_values(values: Any, n_points: int, percentiles: tuple[float, float] = (2, 98)) -> Values:
    """Reads one number per point, and sets the limits of the colour scale at percentiles.

    Raises:
        TypeError: If they are not numbers.
        ValueError: If there is not one per point, or percentiles are not ascending in [0, 100].
    """
    numbers = read_numbers(values, n=n_points)
    start, end = percentiles
    if not 0 <= start < end <= 100:
        raise ValueError(f"percentiles must ascend within [0, 100], got {percentiles}. The default is (2, 98).")
    finite = numbers[np.isfinite(numbers)]
    low, high = (float(x) for x in np.percentile(finite, [start, end])) if len(finite) else (0.0, 1.0)
    if not low < high and len(finite):  # if the percentiles coincide, use the whole range
        low, high = float(finite.min()), float(finite.max())
    if not low < high:
        margin = max(abs(low), 1.0) * 0.5
        low, high = low - margin, high + margin
    return Values(numbers, low, high)


def read_classes(labels: Any, names: Any = None, n_points: int | None = None, *, what: str = "labels") -> Classes:
    """Reads one class per point; equal floating-point numbers form a class.

    Args:
        labels: Shape (n,), see :func:`~paradime.utils.targets.read_targets`: −1 among integers, or a missing
            value, means unlabelled. Classes are sorted; categories keep their order.
        names: Names of the classes: a mapping, or in their order.
        n_points: The expected number of labels.
        what: The name of the argument in messages.

    Raises:
        ValueError: If there is not one per point, or names do not fit.

    Example:
        >>> classes = read_classes(["b", None, "a", "b"])
        >>> classes.codes.tolist(), classes.texts
        ([1, -1, 0, 1], ('a', 'b'))
    """
    return classes_of(read_targets(labels, name=what, n=n_points).as_classes(), names)


def classes_of(column: ClassColumn, names: Any = None) -> Classes:
    """Returns classes with their texts in the legend.

    Raises:
        ValueError: If names do not fit.
    """
    keys = column.classes.tolist()
    return Classes(column.codes, tuple(keys), _texts(keys, names))


def _texts(keys: list[Any], names: Any) -> tuple[str, ...]:
    if names is None:
        return tuple(str(key) for key in keys)
    if isinstance(names, Mapping):
        # classes that are not in the mapping are written as they are
        return tuple(str(names.get(key, key)) for key in keys)
    listed = [str(name) for name in (names.tolist() if isinstance(names, np.ndarray) else names)]
    if len(listed) == len(keys):
        return tuple(listed)
    if all(isinstance(key, int) and 0 <= key < len(listed) for key in keys):
        return tuple(listed[int(key)] for key in keys)
    raise ValueError(
        f"names must be one per class in their order, got {len(listed)} for {len(keys)} classes. "
        "Pass a mapping from class to name."
    )


def _as_array(X: Any) -> AnyArray:
    if isinstance(X, torch.Tensor):
        # NumPy has no bfloat16
        return as_numpy(X.detach().cpu().float() if X.dtype == torch.bfloat16 else X)
    return to_numpy(X)
