"""What ``y`` is to a routine: classes or numbers, and back."""

from __future__ import annotations

import dataclasses
from typing import Any, Literal

import numpy as np
import torch

from paradime.types import AnyArray
from paradime.utils.convert import to_numpy

__all__ = ["Targets"]

_UNLABELED = -1


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
    def of(cls, y: Any) -> tuple[Targets, AnyArray]:
        """Reads targets: floating-point numbers are numbers, everything else classes.

        Args:
            y: Shape (n,). Of classes, −1 (or, among texts, a missing value) means unlabelled.

        Returns:
            What they are, and the numbers of the classes (n,), int64, or the standardised numbers, float32.

        Raises:
            ValueError: If they are not one a row, or not finite, or no row has a class.
        """
        values = np.asarray(to_numpy(y) if isinstance(y, torch.Tensor) else y)
        if values.ndim == 2 and values.shape[1] == 1:
            values = values[:, 0]
        if values.ndim != 1:
            raise ValueError(f"y must have shape (n,), one target a row, got {values.shape}.")
        if np.issubdtype(values.dtype, np.floating):
            return cls._of_numbers(values)
        if values.dtype == object:
            # missing values are never equal to themselves, or None
            missing = np.array([value is None or value != value for value in values], dtype=bool)
            texts = np.array([str(value) for value in values])
        else:
            missing = (
                values == _UNLABELED if np.issubdtype(values.dtype, np.number) else np.zeros(len(values), bool)
            )
            texts = values
        classes = np.unique(texts[~missing])
        if not len(classes):
            raise ValueError("y has no labelled row: all are unlabelled. Leave y out: fit(X).")
        numbers = np.full(len(values), _UNLABELED, dtype=np.int64)
        numbers[~missing] = np.searchsorted(classes, texts[~missing])
        return cls("classes", classes), numbers

    @classmethod
    def _of_numbers(cls, values: AnyArray) -> tuple[Targets, AnyArray]:
        if not np.isfinite(values).all():
            row = int(np.flatnonzero(~np.isfinite(values))[0])
            raise ValueError(
                f"y contains NaN or infinity, first in row {row}. Leave such rows out; classes, of which some are "
                "unlabelled, are integers with -1."
            )
        mean, spread = float(values.mean(dtype=np.float64)), float(values.std(dtype=np.float64))
        scale = spread if spread > 0 else 1.0
        return cls("numbers", None, mean, scale), ((values - mean) / scale).astype(np.float32)

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
