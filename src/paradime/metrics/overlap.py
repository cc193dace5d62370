"""Neighbours kept: the share of each neighbourhood that the embedding shows."""

from __future__ import annotations

import math

import torch

from paradime.metrics._chunks import as_pair, check_n_neighbors, distance_blocks, nearest
from paradime.types import TensorLike

__all__ = ["neighbors_kept"]


def neighbors_kept(
    X: TensorLike, embedding: TensorLike, *, n_neighbors: int = 30, chunk_size: int | None = None
) -> float:
    """Measures the share of nearest neighbours in the data that are nearest neighbours in the embedding too.

    Args:
        X: Data, shape (n, dim).
        embedding: Embedding of the same points, shape (n, out_dim).
        n_neighbors: Size k of the neighbourhoods, in [1, n - 1].
        chunk_size: Rows to compute at a time; by default as many as make a block of moderate size.

    Returns:
        The mean over all points of |N_X ∩ N_embedding| / k, a number in [0, 1]. An embedding at random keeps
        about k / (n - 1). Which of several points at equal distance are the nearest is left open.

    Raises:
        TypeError: If the inputs are not real numbers, or ``n_neighbors`` is not an integer.
        ValueError: If the inputs are not finite matrices of equally many rows, or a number is out of range.

    Source:
        Lee and Verleysen (2009), Quality assessment of dimensionality reduction: rank-based criteria,
        Neurocomputing 72, where it is called Q_NX.

    Example:
        >>> import numpy as np
        >>> X = np.random.default_rng(0).normal(size=(100, 5))
        >>> neighbors_kept(X, 3 * X)
        1.0
        >>> neighbors_kept(X, X[:, :2]) < neighbors_kept(X, X[:, :4])
        True
    """
    points, embedded = as_pair(X, embedding)
    n_points = len(points)
    n_neighbors = check_n_neighbors(n_neighbors, n_available=n_points - 1, points=f"{n_points} points")
    n_kept = torch.zeros((), dtype=torch.int64, device=points.device)
    for (_, near), (_, shown) in zip(
        distance_blocks(points, self_distance=math.inf, chunk_size=chunk_size),
        distance_blocks(embedded, self_distance=math.inf, chunk_size=chunk_size),
        strict=True,
    ):
        is_neighbor = torch.zeros_like(near, dtype=torch.bool).scatter_(1, nearest(near, n_neighbors), True)
        n_kept += is_neighbor.gather(1, nearest(shown, n_neighbors)).sum()
    return int(n_kept) / (n_points * n_neighbors)
