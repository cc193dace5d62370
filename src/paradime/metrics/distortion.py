"""Stress: differences between distances in the embedding and in the data."""

from __future__ import annotations

from typing import Any

import torch

from paradime.metrics._comparison import Comparison, as_comparison
from paradime.metrics._estimates import Estimate, ratio_estimate
from paradime.types import TensorLike

__all__ = ["sammon_stress", "stress"]


def stress(
    X: TensorLike,
    embedding: TensorLike,
    *,
    rescale: bool = False,
    test_X: TensorLike | None = None,
    test_embedding: TensorLike | None = None,
    n_samples: int | None = None,
    random_state: Any = 0,
    chunk_size: int | None = None,
) -> Estimate:
    """Computes the normalised stress ``sqrt(Σ (d_X - d_embedding)² / Σ d_X²)`` over all pairs of points.

    Args:
        X: Data, shape (n, dim), not all equal.
        embedding: Embedding of the same points, shape (n, out_dim).
        rescale: Whether to multiply the embedding by the factor that minimises the stress. This is needed to
            compare embeddings of arbitrary scale, such as those of t-SNE or UMAP.
        test_X: Held-out rows, shape (m, dim). If given, the distances from these to the rows of ``X`` are
            measured instead.
        test_embedding: Embedding of the held-out rows, shape (m, out_dim).
        n_samples: Number of randomly drawn rows to evaluate; all if ``None``. Their distances to all points are
            measured.
        random_state: Seed of the draw.
        chunk_size: Number of rows to compute at a time; by default a block has a moderate size.

    Returns:
        A value ≥ 0 with its standard error; 0 if all distances agree. At most 1 if ``rescale``.

    Raises:
        TypeError: If the inputs are not real numbers.
        ValueError: If the inputs are not finite matrices of equally many rows, if all points in ``X``
            coincide, or if ``chunk_size`` is not positive.

    Source:
        Kruskal (1964), Multidimensional scaling by optimizing goodness of fit to a nonmetric hypothesis,
        Psychometrika 29; on the scale: Smelser, Miller and Kobourov (2024), "Normalized stress" is not
        normalized: how to interpret stress correctly.

    Example:
        >>> X = [[0.0, 0.0], [3.0, 4.0], [6.0, 8.0]]
        >>> stress(X, [[0.0], [5.0], [10.0]])
        0.0
        >>> stress(X, [[0.0], [10.0], [20.0]]), stress(X, [[0.0], [10.0], [20.0]], rescale=True)
        (1.0, 0.0)
    """
    compared = as_comparison(
        X, embedding, test_X=test_X, test_embedding=test_embedding, n_samples=n_samples, random_state=random_state
    )
    return _stress(compared, rescale=rescale, sammon=False, chunk_size=chunk_size)


def sammon_stress(
    X: TensorLike,
    embedding: TensorLike,
    *,
    rescale: bool = False,
    test_X: TensorLike | None = None,
    test_embedding: TensorLike | None = None,
    n_samples: int | None = None,
    random_state: Any = 0,
    chunk_size: int | None = None,
) -> Estimate:
    """Computes Sammon's stress ``Σ (d_X - d_embedding)² / d_X / Σ d_X``, in which small distances count more.

    Args:
        X: Data, shape (n, dim), not all equal. Pairs of coinciding points are left out.
        embedding: Embedding of the same points, shape (n, out_dim).
        rescale: Whether to multiply the embedding by the factor that minimises the stress; see :func:`stress`.
        test_X: Held-out rows, shape (m, dim). If given, the distances from these to the rows of ``X`` are
            measured instead.
        test_embedding: Embedding of the held-out rows, shape (m, out_dim).
        n_samples: Number of randomly drawn rows to evaluate; all if ``None``. Their distances to all points are
            measured.
        random_state: Seed of the draw.
        chunk_size: Number of rows to compute at a time; by default a block has a moderate size.

    Returns:
        A value ≥ 0 with its standard error; 0 if all distances agree. At most 1 if ``rescale``.

    Raises:
        TypeError: If the inputs are not real numbers.
        ValueError: If the inputs are not finite matrices of equally many rows, if all points in ``X``
            coincide, or if a number is out of range.

    Source:
        Sammon (1969), A nonlinear mapping for data structure analysis, IEEE Transactions on Computers 18.

    Example:
        >>> sammon_stress([[0.0], [2.0]], [[0.0], [1.0]])
        0.25
    """
    compared = as_comparison(
        X, embedding, test_X=test_X, test_embedding=test_embedding, n_samples=n_samples, random_state=random_state
    )
    return _stress(compared, rescale=rescale, sammon=True, chunk_size=chunk_size)


def _stress(compared: Comparison, *, rescale: bool, sammon: bool, chunk_size: int | None) -> Estimate:
    """Computes normalised or Sammon's stress as a ratio of sums over rows."""
    points = compared.points
    seen = points if compared.test_points is None else compared.test_points
    if bool((points == points[0]).all()) and bool((seen == points[0]).all()):
        raise ValueError(
            f"X must have points that differ, got {len(points)} points at one position. "
            "Pass rows that are not all equal."
        )
    factor = _best_factor(compared, sammon, chunk_size) if rescale else 1.0
    residuals, totals = [], []
    for in_data, in_embedding in compared.blocks(chunk_size=chunk_size):
        weights = _weights(in_data, sammon)
        residuals.append((weights * (in_data - factor * in_embedding).square_()).sum(dim=1))
        totals.append((weights * in_data.square()).sum(dim=1))
    numerators, denominators = torch.cat(residuals), torch.cat(totals)
    if not bool(denominators.sum() > 0):
        raise ValueError(
            f"the evaluated rows must have positive distances, got {len(denominators)} rows with distances of 0. "
            "Raise n_samples, or pass points that differ."
        )
    return ratio_estimate(numerators, denominators, n_total=compared.n_total, root=not sammon)


def _weights(in_data: torch.Tensor, sammon: bool) -> torch.Tensor:
    """Returns the weights of squared differences: the reciprocal distances for Sammon's stress, else 1."""
    if not sammon:
        return in_data.new_ones(())
    return torch.where(in_data > 0, 1 / in_data, 0.0)


def _best_factor(compared: Comparison, sammon: bool, chunk_size: int | None) -> float:
    """Returns the least-squares factor ``Σ w d_X d_embedding / Σ w d_embedding²``."""
    product, square = compared.points.new_zeros(()), compared.points.new_zeros(())
    for in_data, in_embedding in compared.blocks(chunk_size=chunk_size):
        weights = _weights(in_data, sammon)
        product += (weights * in_data * in_embedding).sum()
        square += (weights * in_embedding.square()).sum()
    # if all embedded points coincide, the factor has no effect
    return float(product / square) if square > 0 else 0.0
