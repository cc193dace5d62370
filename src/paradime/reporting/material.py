"""The input of a report: rows, their positions, labels and feature names."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np
import torch

from paradime.dr.inputs import entry_of
from paradime.explain._embedder import embedder_of
from paradime.explain._rows import as_rows, count_of, draw, first_of
from paradime.functional.spectral import axes_of_covariance, axes_of_rows
from paradime.types import AnyArray
from paradime.utils.frames import feature_names
from paradime.utils.targets import NumberColumn, TargetColumn, read_targets_together

__all__ = ["Labels", "Material", "Points", "last_step", "linear_map", "read_labels", "read_material"]

_FEWEST_ROWS = 5
# each measured row is compared with all rows of the material: these bound time and memory
_MOST_ROWS, _MOST_NEW, _MOST_NUMBERS, _LEAST_DRAWN = 8_000, 2_000, 8_000_000, 1_000
_MOST_COVARIED = 1_500


@dataclasses.dataclass(frozen=True)
class Labels:
    """The targets ``y`` of rows.

    Attributes:
        codes: The class of each row, shape (m,), −1 if unlabelled; ``None`` if ``y`` is numbers.
        names: The names of the classes, in the order of their codes.
        numbers: One number per row, shape (m,), NaN if missing; ``None`` if ``y`` is classes.
    """

    codes: AnyArray | None
    names: tuple[str, ...]
    numbers: AnyArray | None

    def of_rows(self, rows: AnyArray) -> Labels:
        """Returns the labels of some rows."""
        codes, numbers = (None if values is None else values[rows] for values in (self.codes, self.numbers))
        return Labels(codes, self.names, numbers)


@dataclasses.dataclass(frozen=True)
class Points:
    """Rows and their positions.

    Attributes:
        rows: The rows for the model, shape (m, …).
        positions: Their positions, shape (m, out_dim), float64.
        labels: Their labels, or ``None``.
        n_total: The number of rows that they were drawn from.
    """

    rows: torch.Tensor
    positions: torch.Tensor
    labels: Labels | None
    n_total: int

    @property
    def flat(self) -> torch.Tensor:
        """The flattened rows, shape (m, dim), float64."""
        return self.rows.flatten(1).to(torch.float64)

    def __len__(self) -> int:
        return len(self.rows)

    def of_rows(self, rows: AnyArray) -> Points:
        """Returns some of the points."""
        chosen = torch.from_numpy(rows)
        labels = None if self.labels is None else self.labels.of_rows(rows)
        return Points(self.rows[chosen], self.positions[chosen], labels, self.n_total)


@dataclasses.dataclass(frozen=True)
class Material:
    """The input of a report.

    Attributes:
        routine: The trained routine.
        old: The training rows.
        new: New rows, or ``None``.
        feature_names: One name per feature.
    """

    routine: Any
    old: Points
    new: Points | None
    feature_names: list[str]

    @property
    def model(self) -> torch.nn.Module:
        """The model, which takes rows without names of columns."""
        return self.routine if isinstance(self.routine, torch.nn.Module) else self.routine.model

    @property
    def out_dim(self) -> int:
        """Number of dimensions of the embedding."""
        return self.old.positions.shape[1]


def read_material(routine: Any, X: Any, y: Any, X_new: Any, y_new: Any, random_state: Any) -> Material:
    """Checks the input, samples rows if there are many, and embeds them.

    Raises:
        TypeError: If ``routine`` is neither a routine nor a module, or rows are not arrays of numbers.
        NotTrainedError: If the routine is not trained.
        ValueError: If rows do not fit or are not finite, there are too few, or lengths differ.
    """
    if y_new is not None and (X_new is None or y is None):
        missing = "X_new" if X_new is None else "y"
        raise ValueError(f"y_new needs {missing}, got None. Pass report(routine, X, y, X_new, y_new).")
    routine, X, X_new = last_step(routine, X, X_new)
    key = getattr(routine, "data_key", "main")
    X, X_new = entry_of(X, key), None if X_new is None else entry_of(X_new, key)
    n = count_of(X)
    if n < _FEWEST_ROWS:
        raise ValueError(f"a report needs at least {_FEWEST_ROWS} rows, got {n}. Pass the training rows.")
    n_new = None if X_new is None else count_of(X_new)
    labels, new_labels = read_labels(y, n, y_new, n_new)
    old = _points(routine, X, labels, _MOST_ROWS, random_state, "X")
    new = None if X_new is None else _points(routine, X_new, new_labels, _MOST_NEW, random_state, "X_new")
    return Material(routine, old, new, feature_names(X, routine, row_shape=old.rows.shape[1:]))


def read_labels(y: Any, n: int, y_new: Any, n_new: int | None) -> tuple[Labels | None, Labels | None]:
    """Reads targets of training and new rows together, so that equal classes have equal codes.

    Raises:
        ValueError: If there is not one target per row, or those of training and new rows differ in kind.

    Example:
        >>> old, new = read_labels(["b", "a"], 2, ["b"], 1)
        >>> old.names, old.codes.tolist(), new.codes.tolist()
        (('a', 'b'), [1, 0], [1])
    """
    if y is None:
        return None, None
    columns = [("y", y, n)] if y_new is None else [("y", y, n), ("y_new", y_new, n_new)]
    labels = [_labels(column) for column in read_targets_together(*columns)]
    return labels[0], None if y_new is None else labels[1]


def _labels(column: TargetColumn) -> Labels:
    if isinstance(column, NumberColumn):
        return Labels(None, (), column.numbers)
    return Labels(column.codes, tuple(str(value) for value in column.classes), None)


def linear_map(material: Material) -> tuple[torch.Tensor, torch.Tensor | None]:
    """Embeds the same rows by PCA.

    Returns:
        Positions of the training rows, shape (n, p), and of the new rows, or ``None``; p is the number of
        dimensions of the embedding, or of the data if that is smaller.
    """
    rows = material.old.flat
    center = rows.mean(dim=0)
    rows = rows - center
    n_axes = min(material.out_dim, rows.shape[1])
    if rows.shape[1] <= _MOST_COVARIED:
        axes, _ = axes_of_covariance(rows.T @ rows / len(rows), n_axes)
    else:
        axes, _ = axes_of_rows(rows[:_MOST_COVARIED], n_axes)
    new = None if material.new is None else (material.new.flat - center) @ axes.T
    return rows @ axes.T, new


def _points(routine: Any, X: Any, labels: Labels | None, most: int, random_state: Any, name: str) -> Points:
    n = count_of(X)
    n_features = max(1, int(np.prod(getattr(X, "shape", (n, 1))[1:])))
    most = min(most, max(_LEAST_DRAWN, _MOST_NUMBERS // n_features))
    drawn = draw(n, most, random_state)
    rows = as_rows(X, name=name, drawn=None if len(drawn) == n else drawn, routine=routine)
    embedder = embedder_of(routine, first_of(X), rows[:1])
    refined = getattr(routine, "refined_map_", None)
    positions = (embedder.embed(rows) if refined is None else refined.place(rows)).to(torch.float64)
    if not bool(positions.isfinite().all()):
        raise ValueError("positions must be finite, got NaN or infinity. Train again with a lower learning rate.")
    return Points(rows, positions, None if labels is None else labels.of_rows(drawn), n)


def last_step(routine: Any, X: Any, X_new: Any) -> tuple[Any, Any, Any]:
    """Returns the last step of a pipeline, and the rows transformed by the steps before."""
    if not hasattr(routine, "steps") or not hasattr(routine, "named_steps"):
        return routine, X, X_new
    before = routine[:-1]
    if len(routine.steps) > 1:
        X, X_new = before.transform(X), None if X_new is None else before.transform(X_new)
    return routine[-1], X, X_new
