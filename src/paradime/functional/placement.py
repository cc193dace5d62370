"""Positions of new points, from those of their nearest neighbours."""

from __future__ import annotations

import torch

__all__ = ["place_by_neighbors"]


def place_by_neighbors(
    weights: torch.Tensor, positions: torch.Tensor, *, n_steps: int = 10, n_candidates: int = 30
) -> torch.Tensor:
    """Places points where the attraction of their neighbours, by Cauchy similarities, is in balance.

    Neighbours may lie on different islands of a map, between which nobody is at home. So each point starts at the
    one of its neighbours that most of the others are near, weighted, and then takes steps
    y ← Σ wⱼ qⱼ yⱼ / Σ wⱼ qⱼ with qⱼ = 1/(1 + ‖y − yⱼ‖²). Each step reduces Σ wⱼ log(1 + ‖y − yⱼ‖²).

    Args:
        weights: The weight of each neighbour, nearest first, shape (m, k), rows summing to 1.
        positions: Their positions, shape (m, k, d).
        n_steps: Number of steps, at least 0.
        n_candidates: How many of the neighbours a point may start at, at least 1.

    Returns:
        Shape (m, d).

    Source: the steps are those of iteratively reweighted least squares, as Holland and Welsch, "Robust regression
    using iteratively reweighted least-squares", 1977, have them for Cauchy weights.

    Example:
        >>> positions = torch.tensor([[[9.0, 0.0], [0.0, 0.0], [0.2, 0.0]]])
        >>> place_by_neighbors(torch.tensor([[0.4, 0.3, 0.3]]), positions).round(decimals=1)
        tensor([[0.2000, 0.0000]])
    """
    candidates = positions[:, :n_candidates]
    squares = (candidates[:, :, None] - candidates[:, None]).square().sum(dim=3)
    agreement = (weights[:, None, :n_candidates] / (1 + squares)).sum(dim=2)
    best = agreement.argmax(dim=1)
    placed = candidates.gather(1, best[:, None, None].expand(-1, 1, positions.shape[2])).squeeze(1)
    for _ in range(n_steps):
        pulls = weights / (1 + (placed[:, None] - positions).square().sum(dim=2))
        placed = (pulls[:, :, None] * positions).sum(dim=1) / pulls.sum(dim=1, keepdim=True)
    return placed
