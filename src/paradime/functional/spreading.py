"""Points that cover others evenly, and how far they move."""

from __future__ import annotations

import torch

from paradime.functional.clustering import k_means
from paradime.functional.magnitudes import magnitude

__all__ = ["covering_points", "relative_movement"]

_CLUSTERED_EACH = 50  # points that k-means sees for each centre
_CHUNK_ELEMENTS = 1 << 22


def covering_points(
    positions: torch.Tensor, n_points: int, *, generator: torch.Generator | None = None
) -> torch.Tensor:
    """Chooses points that cover all of them: those nearest to k-means centres.

    Where several centres have the same nearest point, others are drawn at random.

    Args:
        positions: Shape (n, d).
        n_points: How many to choose; all if there are no more.
        generator: Draws the sample that is clustered; torch's global one if ``None``.

    Returns:
        Their numbers, ascending, shape (min(n_points, n),), int64.

    Example:
        >>> covering_points(torch.tensor([[0.0], [0.1], [9.0], [9.1]]), 2).numel()
        2
    """
    n = len(positions)
    if n_points >= n:
        return torch.arange(n)
    order = torch.randperm(n, generator=generator)
    centered = positions - positions.mean(dim=0)
    centered = centered / magnitude(centered)  # so that squares stay within single precision
    centers = k_means(centered[order[: _CLUSTERED_EACH * n_points]], n_points).to(positions.dtype)
    step = max(1, _CHUNK_ELEMENTS // n)
    nearest = torch.cat([torch.cdist(part, centered).argmin(dim=1) for part in torch.split(centers, step)])
    chosen = torch.zeros(n, dtype=torch.bool)
    chosen[nearest] = True
    # several centres may have the same nearest point
    others = order[~chosen[order]]
    chosen[others[: n_points - int(chosen.sum())]] = True
    return chosen.nonzero().squeeze(1)


def relative_movement(before: torch.Tensor, after: torch.Tensor, spread: float) -> torch.Tensor:
    """Returns how far points have moved, shape (n,), in units of a spread; 0 if that is 0.

    Args:
        before: Where they were, shape (n, d).
        after: Where they are, shape (n, d).
        spread: The unit, ≥ 0.

    Example:
        >>> relative_movement(torch.zeros(1, 2), torch.tensor([[3.0, 4.0]]), 10.0)
        tensor([0.5000])
    """
    if not spread > 0:
        return torch.zeros(len(before), device=before.device)
    # before they are squared, so that the unit does not matter
    moved: torch.Tensor = ((after - before) / spread).norm(dim=1)
    return moved
