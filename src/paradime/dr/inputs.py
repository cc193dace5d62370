"""What a routine is given, as data sets."""

from __future__ import annotations

import dataclasses
import warnings
from collections.abc import Mapping
from typing import Any, Literal

import numpy as np

from paradime.data import Dataset
from paradime.types import AnyArray, Data, FloatArray
from paradime.utils.sparse import is_sparse
from paradime.utils.targets import UNLABELED, NumberColumn, read_targets

__all__ = [
    "UNLABELED",
    "Targets",
    "as_dataset",
    "embedded_entry",
    "entry_of",
    "number_of_rows",
    "shown_classes",
    "with_targets",
]

_MOST_CLASSES = 20  # integers with gaps count as classes up to this number


def names_entries(X: Any) -> bool:
    """Returns whether data are a dict of named entries; a sparse matrix by keys, which is a dict, too, is not."""
    return isinstance(X, Mapping) and not is_sparse(X)


def as_dataset(X: Data, key: str) -> Dataset:
    """Returns a data set of what was passed, to which entries can be added: rows are the entry of a name.

    A data set is copied without its arrays; it keeps the precision and the names of what it was made of.
    """
    if isinstance(X, Dataset):
        return X.subset(slice(None))
    return Dataset(X) if names_entries(X) else Dataset({key: X}, titles={key: "X"})


def embedded_entry(dataset: Dataset, key: str) -> str:
    """Returns the entry of a data set that is embedded: the one of that name, or the first one.

    Example:
        >>> embedded_entry(Dataset({"first": [[1.0]], "main": [[2.0]]}), "main")
        'main'
        >>> embedded_entry(Dataset({"first": [[1.0]]}), "main")
        'first'
    """
    return key if key in dataset else next(iter(dataset))


def entry_of(X: Any, key: str) -> Any:
    """Returns the rows that are embedded: of a dict of named entries, the one of that name.

    Raises:
        ValueError: If it has none.
    """
    if not names_entries(X):
        return X
    if key not in X:
        raise ValueError(
            f"X has no entry {key!r}, which is embedded, got {sorted(map(str, X))}. Name the rows {key!r}."
        )
    return X[key]


def with_targets(dataset: Dataset, y: Any) -> Targets | None:
    """Adds targets to a data set as the entry ``"labels"``; returns what they are, ``None`` if there are none."""
    if y is None:
        return None
    targets, numbers = Targets.of(y, n=len(dataset))
    dataset.add({"labels": numbers})
    return targets


def number_of_rows(rows: Any) -> int:
    """Returns how many rows there are."""
    shape = getattr(rows, "shape", None)
    return int(shape[0]) if shape else len(rows)


@dataclasses.dataclass(frozen=True)
class Targets:
    """How labels are numbered, or numbers standardised.

    Args:
        kind: ``"classes"`` or ``"numbers"``.
        classes: The classes in the order of their numbers, shape (c,), or ``None``.
        mean: The mean of the numbers.
        scale: Their standard deviation, 1 if it is 0.

    Example:
        >>> targets, values = Targets.of(["b", "a", None, "b"])
        >>> targets.kind, targets.classes.tolist(), values.tolist()
        ('classes', ['a', 'b'], [1, 0, -1, 1])
    """

    kind: Literal["classes", "numbers"]
    classes: AnyArray | None = None
    mean: float = 0.0
    scale: float = 1.0

    @classmethod
    def of(cls, y: Any, *, n: int | None = None) -> tuple[Targets, AnyArray]:
        """Reads the targets of a first training; see :func:`~paradime.utils.targets.read_targets`.

        Args:
            y: Shape (n,).
            n: How many rows there must be; any number if ``None``.

        Returns:
            What they are, and the numbers of the classes (n,), int64, −1 for unlabelled rows, or the standardised
            numbers, float32, NaN for rows without one.

        Raises:
            ValueError: If they are not one per row, numbers are infinite, or no row has a target.
        """
        if hasattr(y, "__len__") and not isinstance(y, (str, dict)) and len(y) == 0:
            rows = "" if n is None else f", {n} in all"
            raise ValueError(f"y must have one target a row{rows}, got none. Leave y out: fit(X).")
        column = read_targets(y, n=n)
        if bool(column.missing.all()):
            raise ValueError("y has no labelled row: all are unlabelled. Leave y out: fit(X).")
        if isinstance(column, NumberColumn):
            values = _not_infinite(column.numbers)
            present = values[~column.missing]
            _warn_of_classes_with_gaps(present, len(values))
            mean, spread = float(present.mean()), float(present.std())
            scale = spread if spread > 0 else 1.0
            return cls("numbers", None, mean, scale), ((values - mean) / scale).astype(np.float32)
        return cls("classes", column.classes), column.codes

    def unlabeled(self, n: int) -> AnyArray:
        """Returns the targets of so many rows that have none, as :meth:`encode` does."""
        return np.full(n, UNLABELED) if self.kind == "classes" else np.full(n, np.nan, dtype=np.float32)

    def encode(
        self, y: Any, *, n: int | None = None, name: str = "y", remedy: str = "Leave such rows out."
    ) -> AnyArray:
        """Returns targets of further rows, numbered or standardised as those of the first training.

        Args:
            y: Shape (m,).
            n: How many rows there must be; any number if ``None``.
            name: What to call them in messages.
            remedy: What to do about classes that are not known.

        Raises:
            ValueError: If they are of another kind, or have a class that is not known.

        Example:
            >>> Targets("classes", np.array(["a", "b"])).encode(["b", None])
            array([ 1, -1])
        """
        column = read_targets(y, name=name, n=n)
        if bool(column.missing.all()):
            return self.unlabeled(len(column.missing))
        if isinstance(column, NumberColumn) and self.classes is not None and self.classes.dtype.kind in "iu":
            column = column.as_integer_classes() or column
        if column.kind != self.kind:
            remedy = "y.astype('float64')" if self.kind == "numbers" else "integers, strings, or y.astype('Int64')"
            raise ValueError(
                f"{name} must be {self.kind}, as in the first training, got {column.kind}. Convert them: {remedy}."
            )
        if isinstance(column, NumberColumn):
            return ((_not_infinite(column.numbers, name) - self.mean) / self.scale).astype(np.float32)
        if self.classes is None:
            return column.codes  # these are class indices already
        known = set(self.classes.tolist())
        unknown = [value for value in column.classes.tolist() if value not in known]
        if unknown:
            raise ValueError(
                f"{name} has classes that the training did not have: {unknown[:5]}; it had "
                f"{shown_classes(self.classes)}. {remedy}"
            )
        return column.among(self.classes).codes

    def extended(self, y: Any) -> Targets:
        """Returns targets with further classes behind those that are known, whose numbers stay."""
        now = read_targets(y)
        if self.classes is None:
            return self
        if isinstance(now, NumberColumn) and self.classes.dtype.kind in "iu":
            now = now.as_integer_classes() or now
        if isinstance(now, NumberColumn):
            return self
        known = set(self.classes.tolist())
        further = np.array([value not in known for value in now.classes.tolist()], dtype=bool)
        if not further.any():
            return self
        return dataclasses.replace(self, classes=np.concatenate([self.classes, now.classes[further]]))

    def decode(self, scores: AnyArray) -> AnyArray:
        """Returns the classes with the highest scores, or the numbers in their own units.

        Args:
            scores: What the model's head puts out, shape (m, c), or (m, 1) for numbers.

        Returns:
            Shape (m,).
        """
        if self.kind == "numbers":
            return np.asarray(scores[:, 0] * self.scale + self.mean)
        best: AnyArray = scores.argmax(axis=1)
        return best if self.classes is None else self.classes[best]


def shown_classes(classes: Any) -> str:
    """Returns classes as a text that is not long."""
    listed = [] if classes is None else classes.tolist()
    return f"{listed[:10]}{' and more' if len(listed) > 10 else ''}"


def _warn_of_classes_with_gaps(present: FloatArray, n_rows: int) -> None:
    """Warns of numbers with gaps that look like the integers of few classes."""
    n_distinct = len(np.unique(present))
    if len(present) == n_rows or n_distinct > _MOST_CLASSES or 2 * n_distinct > len(present):
        return
    if bool((present == np.round(present)).all()):
        warnings.warn(
            f"y is floating-point, and is read as numbers, of which {n_rows - len(present)} are missing, though "
            f"it has {n_distinct} different whole numbers only. If these are classes, pass y.astype('Int64').",
            stacklevel=4,
        )


def _not_infinite(values: FloatArray, name: str = "y") -> FloatArray:
    """The numbers, if none is infinite; NaN where one is missing."""
    wrong = np.isinf(values)
    if wrong.any():
        raise ValueError(
            f"{name} contains infinity, first in row {int(wrong.argmax())}. Clip such values, or make them NaN: "
            "rows without a number are embedded, and not learned from."
        )
    return values
