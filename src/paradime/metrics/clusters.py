"""The silhouette: how compact classes lie, and how far apart."""

from __future__ import annotations

from typing import Any

import torch

from paradime.metrics._chunks import distance_blocks
from paradime.metrics._estimates import Estimate, mean_estimate
from paradime.metrics._labels import LabeledPoints
from paradime.types import TensorLike

__all__ = ["silhouette"]


def silhouette(
    embedding: TensorLike,
    labels: Any,
    *,
    test_embedding: TensorLike | None = None,
    test_labels: Any = None,
    n_samples: int | None = None,
    random_state: Any = 0,
    chunk_size: int | None = None,
) -> Estimate:
    """Computes the mean silhouette ``(b - a) / max(a, b)`` of the points.

    The a of a point is its mean distance to the others of its class, b that to the class next to it.

    Args:
        embedding: Embedded points, shape (n, out_dim).
        labels: Their classes, shape (n,), at least two.
        test_embedding: Embedded held-out rows, shape (m, out_dim). With them, these are measured instead, by
            their distances to the rows of ``embedding``.
        test_labels: Their classes, shape (m,), all among ``labels``.
        n_samples: How many rows to measure, drawn at random; all if ``None``.
        random_state: Seed of the draw.
        chunk_size: Rows to compute at a time; by default as many as make a block of moderate size.

    Returns:
        A number in [-1, 1] with its standard error. Points alone in their class, and points with a = b = 0,
        count as 0.

    Raises:
        TypeError: If embeddings are not real numbers.
        ValueError: If embeddings are not finite matrices of the same dimension; if labels are NaN, not flat, of
            another length, or of one class; if a held-out row has a class of its own.

    Source: Rousseeuw, "Silhouettes: a graphical aid to the interpretation and validation of cluster analysis",
        Journal of Computational and Applied Mathematics 20, 1987.

    Example:
        >>> round(silhouette([[0.0], [1.0], [10.0], [11.0]], ["fir", "fir", "oak", "oak"]), 3)
        0.9
    """
    read = LabeledPoints.read(
        embedding,
        labels,
        test_embedding,
        test_labels,
        n_samples=n_samples,
        random_state=random_state,
        several=True,
    )
    members = torch.nn.functional.one_hot(read.codes, read.n_classes).to(torch.float64)
    counts, is_member = members.sum(dim=0), read.queries is None
    blocks = distance_blocks(read.points, queries=read.queries, rows=read.rows, chunk_size=chunk_size)
    parts = [_widths(block @ members, counts, read.own[part], is_member) for part, block in blocks]
    return mean_estimate(torch.cat(parts), n_total=read.n_total)


def _widths(sums: torch.Tensor, counts: torch.Tensor, own: torch.Tensor, is_member: bool) -> torch.Tensor:
    """Returns silhouettes of the sums of a row's distances to each class.

    Args:
        sums: Shape (rows, n_classes).
        counts: Number of points of each class, shape (n_classes,).
        own: The class of each row, shape (rows,).
        is_member: Whether the row itself is among those of its class.

    Returns:
        Shape (rows,).
    """
    n_own = counts[own] - int(is_member)
    within = sums.gather(1, own[:, None])[:, 0] / n_own.clamp(min=1)
    next_to = (sums / counts).scatter(1, own[:, None], torch.inf).amin(dim=1)
    largest = torch.maximum(within, next_to)
    return torch.where((n_own > 0) & (largest > 0), (next_to - within) / largest, 0.0)
