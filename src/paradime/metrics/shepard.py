"""Long distances: the Shepard diagram, its correlation, and random triplets."""

from __future__ import annotations

from typing import Any, Literal

import numpy as np
import torch
from numpy.typing import NDArray

from paradime.metrics._chunks import pair_distances
from paradime.metrics._comparison import Comparison, as_comparison
from paradime.metrics._estimates import Estimate, mean_estimate
from paradime.metrics.correlation import check_kind, pearson, spearman
from paradime.types import TensorLike
from paradime.utils.arguments import check_integer
from paradime.utils.convert import as_numpy
from paradime.utils.seed import generator_of

__all__ = ["random_triplet_accuracy", "shepard_correlation", "shepard_pairs"]

_GROUPS = 20


def shepard_correlation(
    X: TensorLike,
    embedding: TensorLike,
    *,
    kind: Literal["spearman", "pearson"] = "spearman",
    test_X: TensorLike | None = None,
    test_embedding: TensorLike | None = None,
    n_pairs: int = 1_000_000,
    random_state: Any = 0,
) -> Estimate:
    """Computes the correlation of distances in the embedding with those in the data: by default Spearman's, CPD.

    Args:
        X: Data, shape (n, dim), n at least 2.
        embedding: Embedding of the same points, shape (n, out_dim).
        kind: ``"spearman"`` compares the order of the distances, ``"pearson"`` their sizes.
        test_X: Held-out rows, shape (m, dim). If given, distances from these to the rows of ``X`` are compared.
        test_embedding: Embedding of the held-out rows, shape (m, out_dim).
        n_pairs: Largest number of pairs to measure; if there are more, this many are drawn at random.
        random_state: Seed of the draw.

    Returns:
        A correlation in [-1, 1] with its standard error; 0 if all distances in the data, or all in the embedding,
        are equal. ``n_sampled`` counts pairs.

    Raises:
        TypeError: If the inputs are not real numbers.
        ValueError: If the inputs are not finite matrices of equally many rows, or an argument is out of range.

    Source:
        Shepard (1962), The analysis of proximities, Psychometrika 27; with ranks, as CPD: Kobak and Berens (2019),
        The art of using t-SNE for single-cell transcriptomics, Nature Communications 10.

    Example:
        >>> X = np.random.default_rng(0).normal(size=(100, 5))
        >>> round(shepard_correlation(X, 3 * X), 9)
        1.0
        >>> shepard_correlation(X, X[:, :2]) < shepard_correlation(X, X[:, :4])
        True
    """
    check_kind(kind)
    compared = as_comparison(X, embedding, test_X=test_X, test_embedding=test_embedding)
    in_data, in_embedding, is_sample = _pair_distances(compared, n_pairs, random_state)
    correlation = spearman if kind == "spearman" else pearson
    error = 0.0
    if is_sample:
        n_groups = min(_GROUPS, len(in_data) // 2)
        groups = zip(in_data.tensor_split(n_groups), in_embedding.tensor_split(n_groups), strict=True)
        values = [correlation(*group) for group in groups]
        # groups of drawn pairs are independent, so that the error follows from the spread of their correlations
        error = float(np.std(values, ddof=1) / np.sqrt(n_groups)) if n_groups > 1 else float("nan")
    return Estimate(correlation(in_data, in_embedding), standard_error=error, n_sampled=len(in_data))


def shepard_pairs(
    X: TensorLike,
    embedding: TensorLike,
    *,
    test_X: TensorLike | None = None,
    test_embedding: TensorLike | None = None,
    n_pairs: int = 20_000,
    random_state: Any = 0,
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Returns the distances of pairs of points, for a Shepard diagram.

    Args:
        X: Data, shape (n, dim), n at least 2.
        embedding: Embedding of the same points, shape (n, out_dim).
        test_X: Held-out rows, shape (m, dim). If given, pairs of a held-out row and a row of ``X`` are taken.
        test_embedding: Embedding of the held-out rows, shape (m, out_dim).
        n_pairs: Largest number of pairs to take; if there are more, this many are drawn at random.
        random_state: Seed of the draw.

    Returns:
        Distances in the data, and the same pairs' distances in the embedding, shapes (n_pairs,).

    Raises:
        TypeError: If the inputs are not real numbers.
        ValueError: If the inputs are not finite matrices of equally many rows, or an argument is out of range.

    Example:
        >>> shepard_pairs([[0.0], [3.0], [4.0]], [[0.0], [1.0], [3.0]])
        (array([3., 4., 1.]), array([1., 3., 2.]))
    """
    compared = as_comparison(X, embedding, test_X=test_X, test_embedding=test_embedding)
    in_data, in_embedding, _ = _pair_distances(compared, n_pairs, random_state)
    return as_numpy(in_data), as_numpy(in_embedding)


def _pair_distances(
    compared: Comparison, n_pairs: Any, random_state: Any
) -> tuple[torch.Tensor, torch.Tensor, bool]:
    """Returns the distances of pairs in data and embedding, and whether the pairs are a sample."""
    n_pairs = check_integer("n_pairs", n_pairs, 2, remedy="1,000,000 suit most data.")
    n, m = len(compared.points), compared.n_measured
    held_out = compared.test_points is not None
    n_all = n * m if held_out else n * (n - 1) // 2
    if n_all < 1:
        raise ValueError(f"pairs need at least 2 points, got {n}. Pass more points.")
    is_sample = bool(n_all > n_pairs)
    rng = generator_of(random_state)
    if is_sample:
        first = torch.from_numpy(rng.integers(m, size=n_pairs))
        second = torch.from_numpy(rng.integers(n - (not held_out), size=n_pairs))
        if not held_out:
            second += second >= first  # no pairs of a point with itself
    elif held_out:
        first, second = (
            grid.flatten() for grid in torch.meshgrid(torch.arange(m), torch.arange(n), indexing="ij")
        )
    else:
        first, second = torch.triu_indices(n, n, 1)
    starts = (compared.test_points, compared.test_embedded) if held_out else (compared.points, compared.embedded)
    in_data, in_embedding = (
        pair_distances(start, end, first.to(end.device), second.to(end.device))
        for start, end in zip(starts, (compared.points, compared.embedded), strict=True)
        if start is not None
    )
    return in_data, in_embedding, is_sample


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
    n_triplets = check_integer("n_triplets", n_triplets, 2, remedy="100,000 suit most data.")
    compared = as_comparison(X, embedding, test_X=test_X, test_embedding=test_embedding)
    (first, second, third), is_sample = _triplets(compared, n_triplets, random_state)
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
        rng = generator_of(random_state)
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
