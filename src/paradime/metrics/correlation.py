"""Correlation coefficients, which are 0 for constant input, and the correlation of axes with an attribute."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from paradime.metrics._chunks import as_points
from paradime.types import TensorLike
from paradime.utils.convert import as_tensor

__all__ = ["KINDS", "axis_correlation", "check_kind", "pearson", "ranks", "spearman", "standardized"]


def axis_correlation(embedding: TensorLike, values: TensorLike) -> NDArray[np.float64]:
    """Computes the absolute Pearson correlation of every axis of the embedding with an attribute.

    Args:
        embedding: Embedded points, shape (n, out_dim).
        values: The attribute of each point, shape (n,), not constant.

    Returns:
        One correlation per axis, in [0, 1], shape (out_dim,); 0 for a constant axis.

    Raises:
        TypeError: If the inputs are not real numbers.
        ValueError: If ``embedding`` is not a finite matrix; if ``values`` are not flat and finite, have another
            length, or are all equal.

    Example:
        >>> axis_correlation([[0.0, 1.0], [1.0, -1.0], [2.0, 1.0]], [5.0, 4.0, 3.0])
        array([1., 0.])
    """
    axes = as_points(embedding, name="embedding")
    attribute = as_tensor(values)
    if attribute.shape != axes.shape[:1]:
        raise ValueError(
            f"values must have shape ({len(axes)},), one value per point, got {tuple(attribute.shape)}. "
            "Select one column, as in X[:, 0]."
        )
    attribute = as_points(attribute[:, None], name="values", device=axes.device)
    if bool((attribute == attribute[0]).all()):
        raise ValueError(
            f"values must differ for a correlation, got {attribute[0].item():g} for all {len(attribute)} "
            "points. Choose an attribute that varies."
        )
    correlations = (standardized(axes) * standardized(attribute)).sum(dim=0)
    # rounding may leave the range by a unit in the last place
    return correlations.abs().clamp(max=1).cpu().numpy()


KINDS = ("pearson", "spearman")


def check_kind(kind: Any) -> None:
    """Raises an error for an unknown kind of correlation."""
    if kind not in KINDS:
        raise ValueError(f"kind must be 'pearson' or 'spearman', got {kind!r}. 'spearman' compares ranks.")


def standardized(columns: torch.Tensor) -> torch.Tensor:
    """Centres columns and scales them to norm 1; constant columns become 0.

    Args:
        columns: Shape (n, dim), float64.

    Example:
        >>> standardized(torch.tensor([[1.0, 2.0], [3.0, 2.0]])).tolist()
        [[-0.7071067690849304, 0.0], [0.7071067690849304, 0.0]]
    """
    low, high = columns.aminmax(dim=0)
    centered = columns - columns.mean(dim=0)
    # scaled to 1 before squaring, because the squares of tiny numbers underflow
    centered = centered / centered.abs().amax(dim=0)
    # the mean of equal numbers is rounded, so that a constant column may be noise or 0 / 0 after centring
    return torch.where(low != high, centered / centered.norm(dim=0), 0.0)


def pearson(a: torch.Tensor, b: torch.Tensor) -> float:
    """Returns Pearson's correlation of two vectors, shape (n,); 0 if either is constant.

    Example:
        >>> round(pearson(torch.tensor([1.0, 2.0]).double(), torch.tensor([5.0, 3.0]).double()), 9)
        -1.0
    """
    # rounding may leave the range by a few units in the last place
    return float((standardized(a[:, None]) * standardized(b[:, None])).sum().clamp(-1, 1))


def spearman(a: torch.Tensor, b: torch.Tensor) -> float:
    """Returns Spearman's correlation of two vectors, shape (n,); 0 if either is constant."""
    return pearson(ranks(a), ranks(b))


def ranks(values: torch.Tensor) -> torch.Tensor:
    """Returns the ranks of numbers, from 1, shape (n,); equal numbers get the mean of their ranks.

    Example:
        >>> ranks(torch.tensor([5.0, 3.0, 5.0]))
        tensor([2.5000, 1.0000, 2.5000], dtype=torch.float64)
    """
    _, indices, counts = torch.unique(values, return_inverse=True, return_counts=True)
    last = counts.cumsum(0).to(torch.float64)
    means: torch.Tensor = last - (counts - 1) / 2
    return means[indices]
