"""How well classes are separated: the silhouette, and the accuracy of a k-nearest-neighbour classifier.

Scikit-learn's ``silhouette_score`` gives the same number, but knows neither held-out rows, nor a sample that is
judged against all rows, nor a standard error. For 7,000 points in the plane it takes 1.2 s instead of 0.23 s.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import torch

from paradime.metrics._chunks import check_n_neighbors, distance_blocks, nearest
from paradime.metrics._estimates import Estimate, mean_estimate
from paradime.metrics._labels import LabeledPoints
from paradime.types import TensorLike

__all__ = ["knn_accuracy", "silhouette"]


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


def knn_accuracy(
    embedding: TensorLike,
    labels: Any,
    *,
    n_neighbors: int = 10,
    test_embedding: TensorLike | None = None,
    test_labels: Any = None,
    n_samples: int | None = None,
    random_state: Any = 0,
    chunk_size: int | None = None,
) -> Estimate:
    """Computes the accuracy of a k-nearest-neighbour classifier on the embedding.

    Without test points, every point is classified by its neighbours among the others (leave-one-out). With
    test points, these are classified by their neighbours in ``embedding``. Each neighbour has one vote; among
    classes with equally many votes, the first in sorted order wins, as in scikit-learn.

    Args:
        embedding: Embedded points, shape (n, out_dim).
        labels: Their classes, shape (n,), as :meth:`fit` takes them; floats with equal values form a class. Points
            without a class (−1 among integers, or a missing value) are left out.
        n_neighbors: Number of neighbours that vote, in [1, n - 1], or in [1, n] with test points.
        test_embedding: Embedded test points, shape (m, out_dim).
        test_labels: Their classes, shape (m,). Points of a class that is not in ``labels`` count as errors.
        n_samples: Number of randomly drawn points to classify; all if ``None``.
        random_state: Seed of the draw.
        chunk_size: Number of rows to compute at a time; by default a block has a moderate size.

    Returns:
        The accuracy, in [0, 1], with its standard error.

    Raises:
        TypeError: If embeddings are not real numbers, or ``n_neighbors`` is not an integer.
        ValueError: If embeddings are not finite matrices of the same dimension; if labels are not flat, have
            another length, or are all missing; if only one of ``test_embedding`` and ``test_labels`` is given; if
            a number is out of range.

    Example:
        >>> embedding = [[0.0], [0.1], [0.2], [5.0], [5.1], [5.2]]
        >>> knn_accuracy(embedding, ["fir", "fir", "fir", "oak", "oak", "oak"], n_neighbors=2)
        1.0
        >>> knn_accuracy(
        ...     embedding,
        ...     [0, 0, 0, 1, 1, 1],
        ...     n_neighbors=3,
        ...     test_embedding=[[0.3], [4.9]],
        ...     test_labels=[0, 0],
        ... )
        0.5
    """
    labeled_points = LabeledPoints.read(
        embedding, labels, test_embedding, test_labels, n_samples=n_samples, random_state=random_state
    )
    n_available = len(labeled_points.points) - int(labeled_points.queries is None)
    n_neighbors = check_n_neighbors(
        n_neighbors, n_available=n_available, points=f"{len(labeled_points.points)} points"
    )
    predicted = [
        _majority(labeled_points.codes[nearest(distances, n_neighbors)], labeled_points.n_classes)
        for _, distances in distance_blocks(
            labeled_points.points,
            queries=labeled_points.queries,
            rows=labeled_points.rows,
            self_distance=math.inf,
            chunk_size=chunk_size,
        )
    ]
    is_right = (torch.cat(predicted) == labeled_points.own).cpu()
    return mean_estimate(is_right, n_total=labeled_points.n_total, value=float(np.mean(is_right.numpy())))


def _majority(votes: torch.Tensor, n_classes: int) -> torch.Tensor:
    """Returns the class with most votes in every row of class codes; the lowest code wins a tie."""
    counts = votes.new_zeros(len(votes), n_classes).scatter_add_(1, votes, torch.ones_like(votes))
    return counts.argmax(dim=1)
