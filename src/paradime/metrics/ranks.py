"""Trustworthiness and continuity: false and lost neighbours, weighted by their ranks."""

from __future__ import annotations

from typing import Any

import torch

from paradime.metrics._chunks import check_n_neighbors, nearest
from paradime.metrics._comparison import BlockFunction, Comparison, as_comparison
from paradime.metrics._estimates import Estimate, mean_estimate
from paradime.types import TensorLike

__all__ = [
    "check_half",
    "continuity",
    "exchanged",
    "rank_excess_at",
    "rank_score",
    "trustworthiness",
    "worst_excess",
]


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
    have the lowest of their ranks. For a held-out row, n is larger by one.

    Args:
        X: Data, shape (n, dim).
        embedding: Embedding of the same points, shape (n, out_dim).
        n_neighbors: Size k of the neighbourhoods, in [1, n / 2).
        test_X: Held-out rows, shape (m, dim). If given, these are evaluated instead: their neighbours are
            searched, and ranked, among the rows of ``X``.
        test_embedding: Embedding of the held-out rows, shape (m, out_dim).
        n_samples: Number of randomly drawn rows to evaluate; all if ``None``. Each is compared with all points.
        random_state: Seed of the draw.
        chunk_size: Number of rows to compute at a time; by default a block has a moderate size.

    Returns:
        A score in [0, 1] with its standard error; 1 if the embedding shows no false neighbours.

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
        X, embedding, test_X=test_X, test_embedding=test_embedding, n_samples=n_samples, random_state=random_state
    )
    k = check_half(n_neighbors, compared)
    (excess,) = compared.row_values(rank_excess_at(k), chunk_size=chunk_size)
    return rank_score(excess, k, compared)


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
        test_X: Held-out rows, shape (m, dim). If given, these are evaluated instead: their neighbours are
            searched, and ranked, among the rows of ``X``.
        test_embedding: Embedding of the held-out rows, shape (m, out_dim).
        n_samples: Number of randomly drawn rows to evaluate; all if ``None``. Each is compared with all points.
        random_state: Seed of the draw.
        chunk_size: Number of rows to compute at a time; by default a block has a moderate size.

    Returns:
        A score in [0, 1] with its standard error; 1 if the embedding loses no neighbours.

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
        >>> continuity(X, X[:, :2]) > trustworthiness(X, X[:, :2])  # a projection is continuous
        True
    """
    compared = as_comparison(
        X, embedding, test_X=test_X, test_embedding=test_embedding, n_samples=n_samples, random_state=random_state
    )
    k = check_half(n_neighbors, compared)
    (excess,) = compared.row_values(exchanged(rank_excess_at(k)), chunk_size=chunk_size)
    return rank_score(excess, k, compared)


def check_half(n_neighbors: Any, compared: Comparison) -> int:
    """Checks a number of neighbours that must lie in [1, n / 2)."""
    # with larger neighbourhoods the normalisation does not hold, and the score would leave [0, 1]
    points = f"{compared.words} (less than n / 2)"
    return check_n_neighbors(n_neighbors, n_available=compared.n_others // 2, points=points)


def worst_excess(n_neighbors: int, n_others: int) -> float:
    """Returns the largest possible excess of ranks of a row, see :func:`rank_excess_at`."""
    return n_neighbors * (2 * n_others - 3 * n_neighbors + 1) / 2


def rank_excess_at(n_neighbors: int) -> BlockFunction:
    """Returns a function that sums, per row, the excess over k of the data ranks of its embedding neighbours.

    Args:
        n_neighbors: Size k of the neighbourhoods.

    Returns:
        A function of distances in data and embedding, see :meth:`Comparison.row_values`, that returns integers
        from 0 to :func:`worst_excess`, shape (rows,).

    Example:
        >>> line = torch.arange(5.0)[:, None]
        >>> as_comparison(line, line).row_values(rank_excess_at(1))[0]
        tensor([0, 0, 0, 0, 0])
    """

    def excess_of(in_data: torch.Tensor, in_embedding: torch.Tensor) -> torch.Tensor:
        excess = torch.zeros(len(in_data), dtype=torch.int64, device=in_data.device)
        # counting the nearer points of a few neighbours is cheaper than sorting every row
        for distance in in_data.gather(1, nearest(in_embedding, n_neighbors)).T:
            ranks = 1 + torch.count_nonzero(in_data < distance[:, None], dim=1)
            excess += (ranks - n_neighbors).clamp_(min=0)
        return excess

    return excess_of


def exchanged(function: BlockFunction) -> BlockFunction:
    """Returns a function of blocks with data and embedding exchanged."""
    return lambda in_data, in_embedding: function(in_embedding, in_data)


def rank_score(excess: torch.Tensor, n_neighbors: int, compared: Comparison) -> Estimate:
    """Returns the score of excesses of ranks, shape (n_measured,): 1 if there are none."""
    worst = worst_excess(n_neighbors, compared.n_others)
    value = 1.0 - int(excess.sum()) / (len(excess) * worst)
    return mean_estimate(excess / worst, n_total=compared.n_total, value=value)
