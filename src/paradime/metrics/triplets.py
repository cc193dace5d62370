"""Random triplets: whether the embedding preserves which of two points is the nearer one."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch

from paradime.metrics._chunks import pair_distances
from paradime.metrics._comparison import Comparison, as_comparison
from paradime.metrics._estimates import Estimate, mean_estimate
from paradime.types import TensorLike

__all__ = ["random_triplet_accuracy"]


def random_triplet_accuracy(
    X: TensorLike,
    embedding: TensorLike,
    *,
    test_X: TensorLike | None = None,
    test_embedding: TensorLike | None = None,
    n_triplets: int = 100_000,
    random_state: Any = 0,
) -> Estimate:
    """Computes the share of triplets of points whose order of distances is the same in data and embedding.

    In a triplet (i, j, k) of different points, either j or k is nearer to i. Most points are distant from i, so
    that this is a metric of global structure.

    Args:
        X: Data, shape (n, dim), n at least 3.
        embedding: Embedding of the same points, shape (n, out_dim).
        test_X: Held-out rows, shape (m, dim). If given, i is one of these, and j and k are rows of ``X``.
        test_embedding: Embedding of the held-out rows, shape (m, out_dim).
        n_triplets: Largest number of triplets to measure; if there are more, this many are drawn at random.
        random_state: Seed of the draw.

    Returns:
        A score in [0, 1] with its standard error; a random embedding has about 0.5. Triplets with equal distances
        in the data have no order and are left out; equal distances in the embedding alone count as half. 0.5 if no
        triplet has an order in the data. ``n_sampled`` counts triplets with an order.

    Raises:
        TypeError: If the inputs are not real numbers.
        ValueError: If the inputs are not finite matrices of equally many rows, if there are too few, or if
            ``n_triplets`` is not an integer of at least 2.

    Source:
        Wang, Huang, Rudin and Shaposhnik (2021), Understanding how dimension reduction tools work: an empirical
        approach to deciphering t-SNE, UMAP, TriMap, and PaCMAP for data visualization, JMLR 22.

    Example:
        >>> random_triplet_accuracy([[0.0], [1.0], [3.0]], [[0.0], [1.0], [5.0]])
        1.0
        >>> X = np.random.default_rng(0).normal(size=(100, 5))
        >>> 0.5 < random_triplet_accuracy(X, X[:, :2]) < random_triplet_accuracy(X, X[:, :4]) < 1
        True
    """
    if isinstance(n_triplets, bool) or not isinstance(n_triplets, (int, np.integer)) or n_triplets < 2:
        raise ValueError(
            f"n_triplets must be an integer of at least 2, got {n_triplets!r}. 100,000 suit most data."
        )
    compared = as_comparison(X, embedding, test_X=test_X, test_embedding=test_embedding)
    (first, second, third), is_sample = _triplets(compared, int(n_triplets), random_state)
    held_out = compared.test_points is not None
    starts = (compared.test_points, compared.test_embedded) if held_out else (compared.points, compared.embedded)
    in_data, in_embedding = (
        torch.sign(pair_distances(start, end, first, second) - pair_distances(start, end, first, third))
        for start, end in zip(starts, (compared.points, compared.embedded), strict=True)
        if start is not None
    )
    agreement = (1 + in_data * in_embedding)[in_data != 0] / 2
    if not len(agreement):
        return Estimate(0.5, n_sampled=0)
    return mean_estimate(agreement, n_total=None if is_sample else len(agreement))


def _triplets(
    compared: Comparison, n_triplets: int, random_state: Any
) -> tuple[tuple[torch.Tensor, torch.Tensor, torch.Tensor], bool]:
    """Returns the points i, j and k of triplets, shape (n,) each, and whether the triplets are a sample."""
    m, n_others = compared.n_measured, compared.n_others
    if n_others < 2:
        raise ValueError(f"triplets need more points, got {compared.words}. Pass at least 3 points.")
    n_pairs = n_others * (n_others - 1) // 2
    is_sample = m * n_pairs > n_triplets
    # j and k are first numbered among the points other than i
    if is_sample:
        rng = np.random.default_rng(random_state)
        first, second, third = (
            torch.from_numpy(rng.integers(high, size=n_triplets)) for high in (m, n_others, n_others - 1)
        )
        third += third >= second
    else:
        first = torch.arange(m).repeat_interleave(n_pairs)
        second, third = torch.triu_indices(n_others, n_others, 1).repeat(1, m)
    if compared.test_points is None:
        second, third = second + (second >= first), third + (third >= first)
    device = compared.points.device
    return (first.to(device), second.to(device), third.to(device)), is_sample
