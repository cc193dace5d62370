"""Evenly spread subsets of points, and movements of points."""

from __future__ import annotations

import torch

from paradime.functional.clustering import k_means
from paradime.functional.magnitudes import magnitude

__all__ = ["covering_points", "relative_movement"]

_CLUSTERED_EACH = 50  # number of sampled points per centre for k-means
_CHUNK_ELEMENTS = 1 << 22


def covering_points(
    positions: torch.Tensor, n_points: int, *, generator: torch.Generator | None = None
) -> torch.Tensor:
    """Chooses evenly spread points: those nearest to k-means centres.

    If several centres have the same nearest point, further points are drawn at random.

    Args:
        positions: Shape (n, d).
        n_points: Number of points to choose; all if there are no more.
        generator: Draws the sample for clustering; torch's global generator if ``None``.

    Returns:
        Sorted indices of the points, shape (min(n_points, n),), int64.

    Example:
        >>> covering_points(torch.tensor([[0.0], [0.1], [9.0], [9.1]]), 2).numel()
        2
    """
    n = len(positions)
    if n_points >= n:
        return torch.arange(n)
    order = torch.randperm(n, generator=generator)
    centered = positions - positions.mean(dim=0)
    centered = centered / magnitude(centered)  # keeps squares within single precision
    centers = k_means(centered[order[: _CLUSTERED_EACH * n_points]], n_points).to(positions.dtype)
    step = max(1, _CHUNK_ELEMENTS // n)
    nearest = torch.cat([torch.cdist(chunk, centered).argmin(dim=1) for chunk in torch.split(centers, step)])
    chosen = torch.zeros(n, dtype=torch.bool)
    chosen[nearest] = True
    # several centres may have the same nearest point
    others = order[~chosen[order]]
    chosen[others[: n_points - int(chosen.sum())]] = True
    return chosen.nonzero().squeeze(1)


def relative_movement(before: torch.Tensor, after: torch.Tensor, spread: float) -> torch.Tensor:
    """Returns the distances by which points have moved, shape (n,), relative to a spread; 0 if it is 0.

    Args:
        before: Earlier positions, shape (n, d).
        after: Later positions, shape (n, d).
        spread: The spread, ≥ 0.

    Example:
        >>> relative_movement(torch.zeros(1, 2), torch.tensor([[3.0, 4.0]]), 10.0)
        tensor([0.5000])
    """
    if not spread > 0:
        return torch.zeros(len(before), device=before.device)
    # divided before squaring, so that squares neither overflow nor underflow
    movement: torch.Tensor = ((after - before) / spread).norm(dim=1)
    return movement
