"""Attraction and repulsion that end, as PaCMAP has them: both saturate where pairs are as they should be."""

from __future__ import annotations

import torch

__all__ = ["saturating_attraction", "saturating_repulsion"]


def saturating_attraction(sq_dists: torch.Tensor, strength: float = 10.0) -> torch.Tensor:
    """Loss of pairs that should be close, d̃/(s + d̃) with d̃ = d² + 1.

    Args:
        sq_dists: Squared distances d² ≥ 0, any shape.
        strength: s > 0: pairs are pulled most at a distance of about √(s/3), and hardly beyond √s.

    Returns:
        Values in (0, 1), same shape.

    Source: Wang et al., "Understanding how dimension reduction tools work: PaCMAP", 2021, eq. 1.

    Example:
        >>> saturating_attraction(torch.tensor([9.0]), 10.0)
        tensor([0.5000])
    """
    shifted = sq_dists + 1
    return shifted / (strength + shifted)


def saturating_repulsion(sq_dists: torch.Tensor) -> torch.Tensor:
    """Loss of pairs that should be apart, 1/(1 + d̃) with d̃ = d² + 1.

    Args:
        sq_dists: Squared distances d² ≥ 0, any shape.

    Returns:
        Values in (0, 1/2], same shape.

    Source: Wang et al., "Understanding how dimension reduction tools work: PaCMAP", 2021, eq. 1.

    Example:
        >>> saturating_repulsion(torch.tensor([0.0, 2.0]))
        tensor([0.5000, 0.2500])
    """
    return (sq_dists + 2).reciprocal()
