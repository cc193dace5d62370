"""Trustworthiness and continuity: how far false and lost neighbours lie away."""

from __future__ import annotations

import math
from typing import Any

import torch

from paradime.metrics._chunks import check_n_neighbors, nearest
from paradime.metrics._comparison import Comparison, as_comparison
from paradime.metrics._estimates import Estimate, mean_estimate
from paradime.types import TensorLike

__all__ = ["check_half", "continuity", "false_excess", "trustworthiness", "worst_excess"]


def trustworthiness(
    X: TensorLike,
    embedding: TensorLike,
    *,
    n_neighbors: int = 5,
    test_X: TensorLike | None = None,
    test_embedding: TensorLike | None = None,
    n_samples: int | None = None,
    random_state: Any = 0,
    chunk_size: int | None = None,
) -> Estimate:
    """Measures to what extent neighbours in the embedding are neighbours in the data.

    A point among the k nearest in the embedding that has rank r > k in the data costs r - k:
    ``1 - 2 / (n k (2n - 3k - 1)) Σ_i Σ_j max(0, r(i, j) - k)``. Points at equal distance all
    have the lowest of their ranks. A held-out row counts as a point more, so that n is larger by one.

    Args:
        X: Data, shape (n, dim).
        embedding: Embedding of the same points, shape (n, out_dim).
        n_neighbors: Size k of the neighbourhoods, in [1, n / 2).
        test_X: Held-out rows, shape (m, dim). With them, these are measured instead: their neighbours are sought,
            and ranked, among the rows of ``X``.
        test_embedding: Where held-out rows are embedded, shape (m, out_dim).
        n_samples: How many rows to measure, drawn at random; all if ``None``. Each is compared with all points
            all the same.
        random_state: Seed of the draw.
        chunk_size: Rows to compute at a time; by default as many as make a block of moderate size.

    Returns:
        A number in [0, 1] with its standard error; 1 where the embedding shows no false neighbours.

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
    compared = as_comparison(
        X,
        embedding,
        test_X=test_X,
        test_embedding=test_embedding,
        n_samples=n_samples,
        random_state=random_state,
    )
    return _neighborhood_score(compared, n_neighbors, chunk_size)


def continuity(
    X: TensorLike,
    embedding: TensorLike,
    *,
    n_neighbors: int = 5,
    test_X: TensorLike | None = None,
    test_embedding: TensorLike | None = None,
    n_samples: int | None = None,
    random_state: Any = 0,
    chunk_size: int | None = None,
) -> Estimate:
    """Measures to what extent neighbours in the data stay neighbours in the embedding.

    This is :func:`trustworthiness` with data and embedding exchanged: a point among the k nearest in the data
    that has rank r > k in the embedding costs r - k.

    Args:
        X: Data, shape (n, dim).
        embedding: Embedding of the same points, shape (n, out_dim).
        n_neighbors: Size k of the neighbourhoods, in [1, n / 2).
        test_X: Held-out rows, shape (m, dim). With them, these are measured instead: their neighbours are sought,
            and ranked, among the rows of ``X``.
        test_embedding: Where held-out rows are embedded, shape (m, out_dim).
        n_samples: How many rows to measure, drawn at random; all if ``None``. Each is compared with all points
            all the same.
        random_state: Seed of the draw.
        chunk_size: Rows to compute at a time; by default as many as make a block of moderate size.

    Returns:
        A number in [0, 1] with its standard error; 1 where the embedding loses no neighbours.

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
    compared = as_comparison(
        X,
        embedding,
        test_X=test_X,
        test_embedding=test_embedding,
        n_samples=n_samples,
        random_state=random_state,
    )
    return _neighborhood_score(compared.reversed(), n_neighbors, chunk_size)


def check_half(n_neighbors: Any, compared: Comparison) -> int:
    """Checks a number of neighbours, which must stay below half of the points, in [1, n / 2)."""
    # from n / 2 on the worst sum of ranks is another one, and the score would leave [0, 1]
    words = f"{compared.words} (less than n / 2)"
    return check_n_neighbors(n_neighbors, n_available=compared.n_others // 2, points=words)


def worst_excess(n_neighbors: int, n_others: int) -> float:
    """Returns the largest excess of ranks that a row can have, see :func:`false_excess`."""
    return n_neighbors * (2 * n_others - 3 * n_neighbors + 1) / 2


def false_excess(compared: Comparison, n_neighbors: int, chunk_size: int | None = None) -> torch.Tensor:
    """Sums up, row by row, by how much the ranks in the data of its neighbours in the embedding exceed k.

    Args:
        compared: Data and embedding.
        n_neighbors: Size k of the neighbourhoods.
        chunk_size: Rows to compute at a time.

    Returns:
        Whole numbers from 0 to :func:`worst_excess`, shape (n_measured,).

    Example:
        >>> line = torch.arange(5.0)[:, None]
        >>> false_excess(as_comparison(line, line), 1)
        tensor([0, 0, 0, 0, 0])
    """
    parts = []
    for near, shown in compared.blocks(self_distance=math.inf, chunk_size=chunk_size):
        excess = torch.zeros(len(near), dtype=torch.int64, device=near.device)
        # counting the nearer points of a few neighbours is cheaper than sorting every row
        for distance in near.gather(1, nearest(shown, n_neighbors)).T:
            ranks = 1 + torch.count_nonzero(near < distance[:, None], dim=1)
            excess += (ranks - n_neighbors).clamp_(min=0)
        parts.append(excess)
    return torch.cat(parts)


def _neighborhood_score(compared: Comparison, n_neighbors: Any, chunk_size: int | None) -> Estimate:
    """Scores the neighbours in the embedding by their ranks in the data."""
    n_neighbors = check_half(n_neighbors, compared)
    excess = false_excess(compared, n_neighbors, chunk_size)
    worst = worst_excess(n_neighbors, compared.n_others)
    value = 1.0 - int(excess.sum()) / (len(excess) * worst)
    return mean_estimate(excess / worst, n_total=compared.n_total, value=value)
