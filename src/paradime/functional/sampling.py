"""Vectorised random sampling of indices."""

from __future__ import annotations

import torch

__all__ = [
    "cumulative_blocks",
    "draw_distinct_others",
    "draw_from_blocks",
    "draw_others",
    "draw_others_by_weight",
    "draw_others_of_batch",
]

_REPEATS = 4  # number of rejected draws; if a point is half of a batch, 1 draw in 16 is from all points
_BLOCK = 16  # half a byte of cumulative sums per weight; the weights of a block fill one or two cache lines


def cumulative_blocks(weights: torch.Tensor) -> torch.Tensor:
    """Computes the cumulative sums of blocks of weights in double precision, for :func:`draw_from_blocks`.

    Args:
        weights: Weights ≥ 0, shape (m,), not all zero.

    Returns:
        Shape (⌈m/16⌉,), float64.

    Raises:
        ValueError: If a weight is negative or not finite, or if all are zero.
    """
    whole = len(weights) - len(weights) % _BLOCK
    sums = weights.new_empty(-(-len(weights) // _BLOCK), dtype=torch.float64)
    torch.sum(weights[:whole].view(-1, _BLOCK), dim=1, dtype=torch.float64, out=sums[: whole // _BLOCK])
    sums[whole // _BLOCK :] = weights[whole:].sum(dtype=torch.float64)
    cumulative = sums.cumsum_(dim=0)
    if not len(weights) or bool(weights.min() < 0) or not 0 < float(cumulative[-1]) < float("inf"):
        received = f"values from {weights.min():g} to {weights.max():g}" if len(weights) else "none"
        raise ValueError(
            f"weights to sample by must be finite, not negative, and not all zero, got {received}. "
            "Check the relations that they come from."
        )
    return cumulative


def draw_from_blocks(
    weights: torch.Tensor, cumulative: torch.Tensor, size: int, *, generator: torch.Generator | None = None
) -> torch.Tensor:
    """Draws indices with replacement, in proportion to weights: first a block, then an index in the block.

    Args:
        weights: Shape (m,); m has no upper limit.
        cumulative: From :func:`cumulative_blocks`, shape (⌈m/16⌉,).
        size: Number of indices to draw.
        generator: Source of randomness; torch's global generator if ``None``.

    Returns:
        Indices in [0, m), shape (size,), int64.

    Example:
        >>> weights = torch.tensor([0.0, 1.0, 0.0])
        >>> draw_from_blocks(weights, cumulative_blocks(weights), 3)
        tensor([1, 1, 1])
    """
    points = torch.rand(size, dtype=torch.float64, device=weights.device, generator=generator)
    points = torch.minimum(points.mul_(cumulative[-1]), _below(cumulative[-1]))
    # right=True skips blocks of weight 0, whose cumulative sum is that of the block before
    blocks = torch.searchsorted(cumulative, points, right=True)
    points -= torch.where(blocks > 0, cumulative[blocks - 1], 0)
    within = _weights_of_blocks(weights, blocks).to(torch.float64).cumsum(dim=1)
    # the sum within the block may be rounded differently, so that the point is limited to its last weight
    points = torch.minimum(points, _below(within[:, -1]))
    return blocks * _BLOCK + (within <= points[:, None]).sum(dim=1)


def _weights_of_blocks(weights: torch.Tensor, blocks: torch.Tensor) -> torch.Tensor:
    """Returns the weights of blocks, shape (size, 16), padded with zeros."""
    n_whole = len(weights) // _BLOCK
    rest = weights[n_whole * _BLOCK :]
    last = torch.nn.functional.pad(rest, (0, _BLOCK - len(rest)))
    if n_whole == 0:
        return last.expand(len(blocks), -1)
    # gathering rows is several times faster than gathering single weights
    picked = weights[: n_whole * _BLOCK].view(-1, _BLOCK).index_select(0, blocks.clamp_max(n_whole - 1))
    return torch.where((blocks == n_whole)[:, None], last, picked) if len(rest) else picked


def _below(sums: torch.Tensor) -> torch.Tensor:
    return torch.nextafter(sums, torch.zeros_like(sums))


def draw_others(
    rows: torch.Tensor, n: int, rate: int, *, generator: torch.Generator | None = None
) -> torch.Tensor:
    """Draws other points for each row, uniformly and with replacement.

    Args:
        rows: Indices in [0, n), shape (b,), int64.
        n: Number of points, at least 2.
        rate: Number of points to draw per row.
        generator: Source of randomness; torch's global generator if ``None``.

    Returns:
        Shape (b, rate), int64.
    """
    drawn = torch.randint(n - 1, (len(rows), rate), device=rows.device, generator=generator)
    return drawn.add_(drawn >= rows[:, None])


def draw_distinct_others(
    rows: torch.Tensor, n: int, size: int, *, generator: torch.Generator | None = None
) -> torch.Tensor:
    """Draws other points for each row, uniformly and without replacement.

    Args:
        rows: Indices in [0, n), shape (b,), int64.
        n: Number of points, more than ``size``.
        size: Number of points to draw per row; the cost is quadratic in it.
        generator: Source of randomness; torch's global generator if ``None``.

    Returns:
        Shape (b, size), int64, in arbitrary order.

    Source: Floyd's algorithm; Bentley, "A sample of brilliance", 1987.

    Example:
        >>> draw_distinct_others(torch.tensor([1]), 4, 3).sort().values
        tensor([[0, 2, 3]])
    """
    drawn = rows.new_empty(len(rows), size)
    for i in range(size):
        last = n - 1 - size + i
        candidate = torch.randint(last + 1, (len(rows),), device=rows.device, generator=generator)
        taken = (drawn[:, :i] == candidate[:, None]).any(dim=1)
        drawn[:, i] = torch.where(taken, last, candidate)
    return drawn.add_(drawn >= rows[:, None])


def draw_others_by_weight(
    rows: torch.Tensor,
    weights: torch.Tensor,
    cumulative: torch.Tensor,
    rate: int,
    *,
    generator: torch.Generator | None = None,
) -> torch.Tensor:
    """Draws other points for each row, in proportion to weights and with replacement.

    If the row itself is drawn, the draw is repeated up to three times, and then replaced by a uniform draw from
    all other points. This is likely only for a point with most of the weight.

    Args:
        rows: Indices in [0, n), shape (b,), int64.
        weights: Weight of each point, shape (n,), n at least 2.
        cumulative: From :func:`cumulative_blocks`.
        rate: Number of points to draw per row.
        generator: Source of randomness; torch's global generator if ``None``.

    Returns:
        Shape (b, rate), int64.
    """
    drawn = draw_others(rows, len(weights), rate, generator=generator)
    for _ in range(_REPEATS):
        candidates = draw_from_blocks(weights, cumulative, drawn.numel(), generator=generator).view_as(drawn)
        is_other = candidates != rows[:, None]
        drawn = torch.where(is_other, candidates, drawn)
        if _reads_are_free(drawn.device) and bool(is_other.all()):
            break
    return drawn


def draw_others_of_batch(
    rows: torch.Tensor, cols: torch.Tensor, n: int, rate: int, *, generator: torch.Generator | None = None
) -> torch.Tensor:
    """Draws points of the batch's other edges for each edge of a batch, uniformly and with replacement.

    Points are drawn in proportion to the number of their occurrences in the batch. The edge's first point is never
    drawn: if it occurs in another edge, the draw is repeated up to three times, and then replaced by a draw from
    all other points. So is each draw if the batch has a single edge.

    Args:
        rows: First points of the edges, in [0, n), shape (b,), int64.
        cols: Second points, shape (b,), or (b, k) for k edges of each first point.
        n: Number of points, at least 2.
        rate: Number of points to draw per edge.
        generator: Source of randomness; torch's global generator if ``None``.

    Returns:
        Shape (b, rate), int64.
    """
    drawn = draw_others(rows, n, rate, generator=generator)
    b = len(rows)
    if b < 2:
        return drawn
    ends = torch.cat((rows[:, None], cols.view(b, -1)), dim=1)
    n_own, ends = ends.shape[1], ends.reshape(-1)
    own = torch.arange(0, len(ends), n_own, device=rows.device)[:, None]
    for _ in range(_REPEATS):
        positions = torch.randint(len(ends) - n_own, (b, rate), device=rows.device, generator=generator)
        candidates = ends[positions.add_(n_own * (positions >= own))]
        is_other = candidates != rows[:, None]
        # the last valid draw of a fixed number counts, so that there is no synchronisation with the device
        drawn = torch.where(is_other, candidates, drawn)
        if _reads_are_free(drawn.device) and bool(is_other.all()):
            break
    return drawn


def _reads_are_free(device: torch.device) -> bool:
    """Returns whether reading a value needs no synchronisation with the device."""
    return device.type == "cpu"
