"""Correlations that are 0 where there is nothing to correlate."""

from __future__ import annotations

from typing import Any

import torch

__all__ = ["KINDS", "check_kind", "pearson", "ranks", "spearman", "standardized"]

KINDS = ("pearson", "spearman")


def check_kind(kind: Any) -> None:
    """Refuses unknown kinds of correlation."""
    if kind not in KINDS:
        raise ValueError(
            f"kind must be 'pearson' or 'spearman', got {kind!r}. 'spearman' compares the order only."
        )


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
    # scaled to 1 before squaring, for squares of tiny numbers would vanish
    centered = centered / centered.abs().amax(dim=0)
    # the mean of equal numbers is rounded: what is left of them after centring may be noise, or 0 / 0
    return torch.where(low != high, centered / centered.norm(dim=0), 0.0)


def pearson(a: torch.Tensor, b: torch.Tensor) -> float:
    """Returns Pearson's correlation of two lists of numbers, shape (n,); 0 if either is constant.

    Example:
        >>> round(pearson(torch.tensor([1.0, 2.0]).double(), torch.tensor([5.0, 3.0]).double()), 9)
        -1.0
    """
    # rounding may leave the range by a few units in the last place
    found = (standardized(a[:, None]) * standardized(b[:, None])).sum().clamp(-1, 1)
    return float(found)


def spearman(a: torch.Tensor, b: torch.Tensor) -> float:
    """Returns Spearman's correlation of two lists of numbers, shape (n,); 0 if either is constant."""
    return pearson(ranks(a), ranks(b))


def ranks(values: torch.Tensor) -> torch.Tensor:
    """Returns the ranks of numbers from 1 on, shape (n,); equal ones share the mean of their ranks.

    Example:
        >>> ranks(torch.tensor([5.0, 3.0, 5.0]))
        tensor([2.5000, 1.0000, 2.5000], dtype=torch.float64)
    """
    _, places, counts = torch.unique(values, return_inverse=True, return_counts=True)
    last = counts.cumsum(0).to(torch.float64)
    means: torch.Tensor = last - (counts - 1) / 2
    return means[places]
