"""Checked and encoded class labels; points without a class are left out."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import torch

from paradime.metrics._chunks import as_points
from paradime.metrics._comparison import check_columns, check_together
from paradime.metrics._estimates import drawn_rows
from paradime.types import TensorLike
from paradime.utils.targets import ClassColumn, read_classes_together

__all__ = ["LabeledPoints", "check_classes", "labeled", "read_labels"]


def read_labels(
    labels: Any, test_labels: Any, *, n_points: int, n_test: int | None
) -> tuple[ClassColumn, ClassColumn | None]:
    """Reads the classes of points and of held-out points, with one encoding for both.

    Args:
        labels: Shape (n_points,): integers, strings, or whatever :func:`~paradime.utils.targets.read_targets`
            reads; floats with equal values form a class.
        test_labels: Classes of the held-out points, shape (n_test,), or ``None``.
        n_points: Number of points.
        n_test: Number of held-out points; ``None`` without them.

    Raises:
        ValueError: If there is not one label per point, or no point has a class.

    Example:
        >>> train, test = read_labels(["b", None, "a"], ["c"], n_points=3, n_test=1)
        >>> train.codes.tolist(), test.codes.tolist()
        ([1, -1, 0], [2])
    """
    given = [("labels", labels, n_points)]
    given += [] if n_test is None else [("test_labels", test_labels, n_test)]
    columns = read_classes_together(*given)
    for (name, _, _), column in zip(given, columns, strict=True):
        if bool(column.missing.all()):
            raise ValueError(
                f"{name} must have a class for some of the points, got {len(column.missing)} missing values. "
                "Pass the classes that are known."
            )
    return columns[0], columns[1] if n_test is not None else None


def check_classes(train: ClassColumn, test: ClassColumn | None) -> int:
    """Returns the number of classes of the training points.

    Raises:
        ValueError: If there are fewer than two, or held-out points have a class that no training point has.
    """
    present = np.unique(train.codes[~train.missing])
    if len(present) < 2:
        raise ValueError(
            f"labels must have at least 2 classes, got {len(present)}: {train.classes[present].tolist()}. "
            "Pass labels with several classes."
        )
    if test is not None:
        unseen = np.setdiff1d(test.codes[~test.missing], present)
        if len(unseen):
            raise ValueError(
                f"test_labels must be among labels, got {train.classes[unseen[:5]].tolist()} which no training "
                "row has. Leave these rows out."
            )
    return len(present)


def labeled(column: ClassColumn, device: torch.device) -> tuple[torch.Tensor, torch.Tensor]:
    """Returns the indices of the points that have a class, and their codes, both int64, shape (n_labeled,).

    Args:
        column: The classes.
        device: Device of the result.
    """
    rows = np.flatnonzero(~column.missing)
    return torch.from_numpy(rows).to(device), torch.from_numpy(column.codes[rows]).to(device)


class LabeledPoints(NamedTuple):
    """Embedded points that have a class, and the points, or held-out points, to evaluate.

    Attributes:
        points: Points that have a class, shape (n, out_dim).
        codes: Their classes, shape (n,), int64.
        queries: Held-out points to evaluate, shape (m, out_dim), or ``None``.
        rows: Indices of the evaluated points, or held-out points with a class, shape (m,); ``None`` for all.
        own: The classes of the evaluated points, shape (m,), int64.
        n_classes: Number of class codes.
    """

    points: torch.Tensor
    codes: torch.Tensor
    queries: torch.Tensor | None
    rows: torch.Tensor | None
    own: torch.Tensor
    n_classes: int

    @classmethod
    def read(
        cls,
        embedding: TensorLike,
        labels: Any,
        test_embedding: TensorLike | None,
        test_labels: Any,
        *,
        n_samples: int | None,
        random_state: Any,
        several: bool = False,
    ) -> LabeledPoints:
        """Reads points and classes, and draws the points to evaluate.

        Args:
            embedding: Embedded points, shape (n, out_dim).
            labels: Their classes; see :func:`read_labels`.
            test_embedding: Held-out points, which are evaluated instead of the others, or ``None``.
            test_labels: Their classes.
            n_samples: Number of points to draw; all if ``None``.
            random_state: Seed of the draw.
            several: Whether at least two classes are required; see :func:`check_classes`.

        Raises:
            TypeError: If embeddings are not real numbers.
            ValueError: If embeddings and classes do not match.
        """
        check_together(test_embedding=test_embedding, test_labels=test_labels)
        points, queries = as_points(embedding, name="embedding"), None
        if test_embedding is not None:
            queries = as_points(test_embedding, name="test_embedding", device=points.device)
            check_columns("embedding", points, "test_embedding", queries)
        n_test = None if queries is None else len(queries)
        train, test = read_labels(labels, test_labels, n_points=len(points), n_test=n_test)
        if several:
            check_classes(train, test)
        with_class, codes = labeled(train, points.device)
        points, own = points[with_class], codes
        if queries is not None and test is not None:
            with_class, own = labeled(test, points.device)
            queries = queries[with_class]
        rows = drawn_rows(len(own), n_samples, random_state)
        if rows is not None:
            rows = rows.to(points.device)
            own = own[rows]
            queries = None if queries is None else queries[rows]
        return cls(points, codes, queries, rows, own, int(codes.max()) + 1)

    @property
    def n_total(self) -> int | None:
        """Number of points that the evaluated ones were drawn from; ``None`` for held-out points."""
        return len(self.points) if self.queries is None else None
