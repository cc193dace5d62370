"""Stress: differences between distances in the data and in the embedding."""

from __future__ import annotations

import torch

from paradime.functional.distances import UNIT_POWERS, condensed_distances, magnitude, squared_distances
from paradime.types import BinaryTensorFun

__all__ = ["STRESS_WEIGHTINGS", "condensed_of_square", "data_distances", "weighted_stress"]

STRESS_WEIGHTINGS = {"none": 0, "sammon": -1, "elastic": -2}
"""Weight of a pair as a power of its distance in the data, by name."""

_MANY_COLUMNS = 64  # from so many columns on, a matrix product is faster than differences
_SMALLEST = 1e-3  # lower bound of distances in weights, relative to the mean distance


def condensed_of_square(square: torch.Tensor) -> torch.Tensor:
    """Returns the upper triangle of a square matrix in the condensed layout, without device synchronisation.

    Args:
        square: Shape (n, n).

    Returns:
        Shape (n(n − 1)/2,).

    Example:
        >>> condensed_of_square(torch.arange(9.0).view(3, 3))
        tensor([1., 2., 5.])
    """
    n = len(square)
    rows, cols = torch.triu_indices(n, n, 1, device=square.device)
    return square.reshape(-1).index_select(0, rows * n + cols)


def data_distances(X: torch.Tensor, metric: str | BinaryTensorFun = "euclidean") -> torch.Tensor:
    """Computes distances between all unordered pairs of rows, without gradient, also for many columns.

    Args:
        X: Rows, shape (n, d).
        metric: See :func:`paired_distances`. A function is called with the points of all pairs, which takes
            O(n² d) memory; a name takes O(n²).

    Returns:
        Shape (n(n − 1)/2,).

    Raises:
        ValueError: If the metric's name is unknown, or a function returns another shape.

    Example:
        >>> data_distances(torch.tensor([[0.0, 0.0], [3.0, 4.0]]), "manhattan")
        tensor([7.])
    """
    X = X.detach()
    if metric not in ("euclidean", "sqeuclidean", "manhattan", "chebyshev", "cosine"):
        return condensed_distances(X, metric=metric)
    # squares of very large or small numbers would exceed the range of single precision
    unit = magnitude(X)
    return _distances_by_name(X / unit, str(metric)) * unit ** UNIT_POWERS[str(metric)]


def _distances_by_name(X: torch.Tensor, metric: str) -> torch.Tensor:
    if metric in ("manhattan", "chebyshev"):
        return condensed_distances(X, p=1 if metric == "manhattan" else torch.inf)
    if metric == "cosine":
        directions = torch.nn.functional.normalize(X, dim=1)
        return (1 - condensed_of_square(directions @ directions.T)).clamp_min(0)
    if X.shape[1] >= _MANY_COLUMNS or metric == "sqeuclidean":
        squares = condensed_of_square(squared_distances(X))
        return squares if metric == "sqeuclidean" else squares.sqrt()
    return condensed_distances(X, metric=metric)


def weighted_stress(
    found: torch.Tensor, wanted: torch.Tensor, *, weighting: str = "none", normalize: bool = True
) -> torch.Tensor:
    """Computes weighted squared differences between distances, Σ w(d − δ)² / Σ w δ².

    Args:
        found: Distances d ≥ 0 in the embedding, shape (m,).
        wanted: Distances δ ≥ 0 in the data, shape (m,).
        weighting: w = 1 (``"none"``), 1/δ (``"sammon"``) or 1/δ² (``"elastic"``). Distances below a thousandth of
            the mean δ have the weight at this distance, so that coinciding points do not dominate.
        normalize: Whether to divide by Σ w δ²; if not, the result is the mean of w(d − δ)².

    Returns:
        A scalar ≥ 0; a Σ w δ² of 0 counts as 1.

    Source: Kruskal, "Multidimensional scaling by optimizing goodness of fit", 1964; Sammon, "A nonlinear mapping
        for data structure analysis", 1969; McGee, "The multidimensional analysis of 'elastic' distances", 1966.

    Example:
        >>> weighted_stress(torch.tensor([1.0, 3.0]), torch.tensor([2.0, 4.0]), weighting="sammon")
        tensor(0.1250)
    """
    power = STRESS_WEIGHTINGS[weighting]
    weights = torch.ones_like(wanted)
    if power:
        floor = _SMALLEST * wanted.mean()
        weights = torch.maximum(wanted, torch.where(floor > 0, floor, 1)).pow(power)
    total = (weights * (found - wanted).square()).sum()
    if not normalize:
        return total / max(1, len(found))
    size = (weights * wanted.square()).sum()
    return total / torch.where(size > 0, size, 1)
