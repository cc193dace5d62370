"""kNN accuracy: how well classes can be told from positions in the embedding."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import torch

from paradime.metrics._chunks import as_points, check_n_neighbors, distance_blocks, nearest
from paradime.types import AnyArray, TensorLike
from paradime.utils.convert import to_numpy

__all__ = ["knn_accuracy"]


def knn_accuracy(
    embedding: TensorLike,
    labels: Any,
    *,
    n_neighbors: int = 10,
    test_embedding: TensorLike | None = None,
    test_labels: Any = None,
    chunk_size: int | None = None,
) -> float:
    """Measures the share of points whose class is that of most of their nearest neighbours.

    Without test points, every point is classified by its neighbours among the others (leave-one-out). With
    test points, these are classified by their neighbours in ``embedding``. Each neighbour has one vote; of
    classes with equally many votes, the first in sorted order wins, as in scikit-learn.

    Args:
        embedding: Embedded points, shape (n, out_dim).
        labels: Their classes, shape (n,): integers, strings, or whatever NumPy sorts.
        n_neighbors: Number of votes, in [1, n - 1], or in [1, n] with test points.
        test_embedding: Embedded test points, shape (m, out_dim).
        test_labels: Their classes, shape (m,). Classes that ``labels`` lack count as errors.
        chunk_size: Rows to compute at a time; by default as many as make a block of moderate size.

    Returns:
        The accuracy, in [0, 1].

    Raises:
        TypeError: If embeddings are not real numbers, or ``n_neighbors`` is not an integer.
        ValueError: If embeddings are not finite matrices of the same dimension; if labels are NaN, not flat,
            or of another length; if one of ``test_embedding`` and ``test_labels`` is missing; if a number is
            out of range.

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
    if (test_embedding is None) != (test_labels is None):
        missing = "test_labels" if test_labels is None else "test_embedding"
        raise ValueError(
            f"test_embedding and test_labels belong together, got no {missing}. Pass both, or neither."
        )
    points = as_points(embedding, name="embedding")
    train_labels = _as_labels(labels, name="labels", n_points=len(points))
    if test_embedding is None:
        queries, query_labels, n_available = None, train_labels, len(points) - 1
    else:
        queries = as_points(test_embedding, name="test_embedding", device=points.device)
        query_labels = _as_labels(test_labels, name="test_labels", n_points=len(queries))
        n_available = len(points)
        if queries.shape[1] != points.shape[1]:
            raise ValueError(
                "embedding and test_embedding must have the same number of columns, got "
                f"{points.shape[1]} and {queries.shape[1]}. Embed both with the same model."
            )
    n_neighbors = check_n_neighbors(n_neighbors, n_available=n_available, points=f"{len(points)} points")
    classes, train_codes = np.unique(train_labels, return_inverse=True)
    codes = torch.from_numpy(train_codes).to(points.device)
    predicted = [
        _majority(codes[nearest(distances, n_neighbors)], len(classes)).cpu()
        for _, distances in distance_blocks(points, queries=queries, self_distance=math.inf, chunk_size=chunk_size)
    ]
    return float(np.mean(classes[torch.cat(predicted).numpy()] == query_labels))


def _majority(votes: torch.Tensor, n_classes: int) -> torch.Tensor:
    """Returns the class with most votes in every row of class codes; the lowest of several with as many."""
    counts = votes.new_zeros(len(votes), n_classes).scatter_add_(1, votes, torch.ones_like(votes))
    return counts.argmax(dim=1)


def _as_labels(labels: Any, *, name: str, n_points: int) -> AnyArray:
    array = to_numpy(labels)
    if array.shape != (n_points,):
        raise ValueError(
            f"{name} must have shape ({n_points},), one class a point, got {array.shape}. "
            "Flatten a column with ravel(), and one-hot classes with argmax(axis=1)."
        )
    if array.dtype.kind == "f" and np.isnan(array).any():
        raise ValueError(
            f"{name} must be classes, got NaN in {int(np.isnan(array).sum())} of {n_points} places. "
            "Drop these points, or give them a class of their own."
        )
    return array
