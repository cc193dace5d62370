"""Drawing of indices, without Python per item and for any number of items."""

from __future__ import annotations

import torch

__all__ = ["cumulative_weights", "draw_others", "draw_weighted"]


def cumulative_weights(weights: torch.Tensor) -> torch.Tensor:
    """Running sum of weights in double precision, as :func:`draw_weighted` takes it.

    Args:
        weights: Weights ≥ 0, shape (m,), not all zero.

    Returns:
        Shape (m,), float64.

    Raises:
        ValueError: If a weight is negative or not finite, or if all are zero.
    """
    cumulative = weights.to(torch.float64).cumsum(dim=0)
    if not len(weights) or bool(weights.min() < 0) or not 0 < float(cumulative[-1]) < float("inf"):
        raise ValueError("weights must be finite, not negative, and not all zero to sample by them.")
    return cumulative


def draw_weighted(
    cumulative: torch.Tensor, size: int, *, generator: torch.Generator | None = None
) -> torch.Tensor:
    """Draws indices with replacement, with probabilities proportional to weights.

    Args:
        cumulative: From :func:`cumulative_weights`, shape (m,); m has no upper limit.
        size: How many to draw.
        generator: Source of randomness; torch's global one if ``None``.

    Returns:
        Indices in [0, m), shape (size,), int64.

    Example:
        >>> draw_weighted(cumulative_weights(torch.tensor([0.0, 1.0, 0.0])), 3)
        tensor([1, 1, 1])
    """
    points = torch.rand(size, dtype=torch.float64, device=cumulative.device, generator=generator)
    # right=True skips entries of weight 0, which share their running sum with the entry before them
    drawn = torch.searchsorted(cumulative, points.mul_(cumulative[-1]), right=True)
    return drawn.clamp_max_(len(cumulative) - 1)


def draw_others(
    rows: torch.Tensor, n: int, rate: int, *, generator: torch.Generator | None = None
) -> torch.Tensor:
    """Draws, for each row, points other than itself, uniformly and with replacement.

    Args:
        rows: Indices in [0, n), shape (b,), int64.
        n: Number of points, at least 2.
        rate: How many to draw for each row.
        generator: Source of randomness; torch's global one if ``None``.

    Returns:
        Shape (b, rate), int64.
    """
    drawn = torch.randint(n - 1, (len(rows), rate), device=rows.device, generator=generator)
    return drawn.add_(drawn >= rows[:, None])
