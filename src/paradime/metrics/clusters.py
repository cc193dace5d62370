"""The silhouette: compactness and separation of classes.

Scikit-learn's ``silhouette_score`` gives the same number, but knows neither held-out rows, nor a sample that is
judged against all rows, nor a standard error. For 7,000 points in the plane it takes 1.2 s instead of 0.23 s.
"""

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

    For each point, a is its mean distance to the other points of its class, and b its mean distance to the points
    of the nearest other class.

    Args:
        embedding: Embedded points, shape (n, out_dim).
        labels: Their classes, shape (n,), at least two.
        test_embedding: Embedded held-out rows, shape (m, out_dim). If given, these are evaluated instead, by
            their distances to the rows of ``embedding``.
        test_labels: Their classes, shape (m,), all among ``labels``.
        n_samples: Number of randomly drawn rows to evaluate; all if ``None``.
        random_state: Seed of the draw.
        chunk_size: Number of rows to compute at a time; by default a block has a moderate size.

    Returns:
        A score in [-1, 1] with its standard error. Points that are alone in their class, and points with
        a = b = 0, count as 0.

    Raises:
        TypeError: If embeddings are not real numbers.
        ValueError: If embeddings are not finite matrices of the same dimension; if labels are not flat, have
            another length, or have only one class; if a held-out row has a class that is not in ``labels``.

    Source: Rousseeuw, "Silhouettes: a graphical aid to the interpretation and validation of cluster analysis",
        Journal of Computational and Applied Mathematics 20, 1987.

    Example:
        >>> round(silhouette([[0.0], [1.0], [10.0], [11.0]], ["fir", "fir", "oak", "oak"]), 3)
        0.9
    """
    labeled_points = LabeledPoints.read(
        embedding,
        labels,
        test_embedding,
        test_labels,
        n_samples=n_samples,
        random_state=random_state,
        several=True,
    )
    members = torch.nn.functional.one_hot(labeled_points.codes, labeled_points.n_classes).to(torch.float64)
    counts, is_member = members.sum(dim=0), labeled_points.queries is None
    blocks = distance_blocks(
        labeled_points.points, queries=labeled_points.queries, rows=labeled_points.rows, chunk_size=chunk_size
    )
    widths = [_widths(block @ members, counts, labeled_points.own[rows], is_member) for rows, block in blocks]
    return mean_estimate(torch.cat(widths), n_total=labeled_points.n_total)


def _widths(sums: torch.Tensor, counts: torch.Tensor, own: torch.Tensor, is_member: bool) -> torch.Tensor:
    """Computes silhouettes.

    Args:
        sums: Sums of the distances of each row to the points of each class, shape (rows, n_classes).
        counts: Number of points of each class, shape (n_classes,).
        own: The class of each row, shape (rows,).
        is_member: Whether the row itself is counted in its class.

    Returns:
        Silhouettes, shape (rows,).
    """
    n_own = counts[own] - int(is_member)
    within = sums.gather(1, own[:, None])[:, 0] / n_own.clamp(min=1)
    to_nearest = (sums / counts).scatter(1, own[:, None], torch.inf).amin(dim=1)
    largest = torch.maximum(within, to_nearest)
    return torch.where((n_own > 0) & (largest > 0), (to_nearest - within) / largest, 0.0)
