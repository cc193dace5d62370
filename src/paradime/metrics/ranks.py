"""Trustworthiness and continuity: how far false and lost neighbours lie away."""

from __future__ import annotations

import math

import torch

from paradime.metrics._chunks import as_pair, check_n_neighbors, distance_blocks, nearest
from paradime.types import TensorLike

__all__ = ["continuity", "trustworthiness"]


def trustworthiness(
    X: TensorLike, embedding: TensorLike, *, n_neighbors: int = 5, chunk_size: int | None = None
) -> float:
    """Measures to what extent neighbours in the embedding are neighbours in the data.

    A point among the k nearest in the embedding that has rank r > k in the data costs r - k:
    ``1 - 2 / (n k (2n - 3k - 1)) Σ_i Σ_j max(0, r(i, j) - k)``. Points at equal distance all
    have the lowest of their ranks.

    Args:
        X: Data, shape (n, dim).
        embedding: Embedding of the same points, shape (n, out_dim).
        n_neighbors: Size k of the neighbourhoods, in [1, n / 2).
        chunk_size: Rows to compute at a time; by default as many as make a block of moderate size.

    Returns:
        A number in [0, 1]; 1 where the embedding shows no false neighbours.

    Raises:
        TypeError: If the inputs are not real numbers, or ``n_neighbors`` is not an integer.
        ValueError: If the inputs are not finite matrices of equally many rows, or a number is out of range.

    Source:
        Venna and Kaski (2001), Neighborhood preservation in nonlinear projection methods, ICANN.

    Example:
        >>> import numpy as np
        >>> X = np.random.default_rng(0).normal(size=(100, 5))
        >>> trustworthiness(X, 3 * X)
        1.0
        >>> 0.6 < trustworthiness(X, X[:, :2]) < 0.9
        True
    """
    points, embedded = as_pair(X, embedding)
    n_neighbors = _check_n_neighbors(n_neighbors, len(points))
    return _neighborhood_score(points, embedded, n_neighbors, chunk_size)


def continuity(
    X: TensorLike, embedding: TensorLike, *, n_neighbors: int = 5, chunk_size: int | None = None
) -> float:
    """Measures to what extent neighbours in the data stay neighbours in the embedding.

    This is :func:`trustworthiness` with data and embedding exchanged: a point among the k nearest in the data
    that has rank r > k in the embedding costs r - k.

    Args:
        X: Data, shape (n, dim).
        embedding: Embedding of the same points, shape (n, out_dim).
        n_neighbors: Size k of the neighbourhoods, in [1, n / 2).
        chunk_size: Rows to compute at a time; by default as many as make a block of moderate size.

    Returns:
        A number in [0, 1]; 1 where the embedding loses no neighbours.

    Raises:
        TypeError: If the inputs are not real numbers, or ``n_neighbors`` is not an integer.
        ValueError: If the inputs are not finite matrices of equally many rows, or a number is out of range.

    Source:
        Venna and Kaski (2001), Neighborhood preservation in nonlinear projection methods, ICANN.

    Example:
        >>> import numpy as np
        >>> X = np.random.default_rng(0).normal(size=(100, 5))
        >>> continuity(X, 3 * X)
        1.0
        >>> continuity(X, X[:, :2]) > trustworthiness(X, X[:, :2])  # a projection tears nothing apart
        True
    """
    points, embedded = as_pair(X, embedding)
    n_neighbors = _check_n_neighbors(n_neighbors, len(points))
    return _neighborhood_score(embedded, points, n_neighbors, chunk_size)


def _check_n_neighbors(n_neighbors: int, n_points: int) -> int:
    # from n / 2 on the worst sum of ranks is another one, and the score would leave [0, 1]
    below_half = (n_points - 1) // 2
    return check_n_neighbors(n_neighbors, n_available=below_half, points=f"{n_points} points (less than n / 2)")


def _neighborhood_score(
    reference: torch.Tensor, candidate: torch.Tensor, n_neighbors: int, chunk_size: int | None
) -> float:
    """Scores the neighbours in ``candidate`` by their ranks in ``reference``."""
    n_points = len(reference)
    excess = torch.zeros((), dtype=torch.int64, device=reference.device)
    for (_, near), (_, shown) in zip(
        distance_blocks(reference, self_distance=math.inf, chunk_size=chunk_size),
        distance_blocks(candidate, self_distance=math.inf, chunk_size=chunk_size),
        strict=True,
    ):
        # counting the nearer points of a few neighbours is cheaper than sorting every row
        for distance in near.gather(1, nearest(shown, n_neighbors)).T:
            ranks = 1 + torch.count_nonzero(near < distance[:, None], dim=1)
            excess += (ranks - n_neighbors).clamp_(min=0).sum()
    worst = n_points * n_neighbors * (2 * n_points - 3 * n_neighbors - 1) / 2
    return 1.0 - int(excess) / worst
