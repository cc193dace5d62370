"""Drawing of indices, without Python per item and for any number of items."""

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

_REPEATS = 4  # a point that is half of a batch's ends is drawn from all points 1 time in 16
_BLOCK = 16  # half a byte of running sums a weight; the weights of a drawn block lie in a cache line or two


def cumulative_blocks(weights: torch.Tensor) -> torch.Tensor:
    """Running sum of blocks of weights in double precision, as :func:`draw_from_blocks` takes it.

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
        raise ValueError("weights must be finite, not negative, and not all zero to sample by them.")
    return cumulative


def draw_from_blocks(
    weights: torch.Tensor, cumulative: torch.Tensor, size: int, *, generator: torch.Generator | None = None
) -> torch.Tensor:
    """Draws indices with replacement, with probabilities proportional to weights: a block first, then within it.

    Args:
        weights: Shape (m,); m has no upper limit.
        cumulative: From :func:`cumulative_blocks`, shape (⌈m/16⌉,).
        size: How many to draw.
        generator: Source of randomness; torch's global one if ``None``.

    Returns:
        Indices in [0, m), shape (size,), int64.

    Example:
        >>> weights = torch.tensor([0.0, 1.0, 0.0])
        >>> draw_from_blocks(weights, cumulative_blocks(weights), 3)
        tensor([1, 1, 1])
    """
    points = torch.rand(size, dtype=torch.float64, device=weights.device, generator=generator)
    points = torch.minimum(points.mul_(cumulative[-1]), _below(cumulative[-1]))
    # right=True skips blocks of weight 0, which share their running sum with the block before them
    blocks = torch.searchsorted(cumulative, points, right=True)
    points -= torch.where(blocks > 0, cumulative[blocks - 1], 0)
    within = _weights_of_blocks(weights, blocks).to(torch.float64).cumsum(dim=1)
    # the block's sum may have been rounded otherwise than the running sums: never beyond its last weight
    points = torch.minimum(points, _below(within[:, -1]))
    return blocks * _BLOCK + (within <= points[:, None]).sum(dim=1)


def _weights_of_blocks(weights: torch.Tensor, blocks: torch.Tensor) -> torch.Tensor:
    """Returns the weights of some blocks, shape (size, 16), with zeros after the last weight."""
    n_whole = len(weights) // _BLOCK
    rest = weights[n_whole * _BLOCK :]
    last = torch.nn.functional.pad(rest, (0, _BLOCK - len(rest)))
    if n_whole == 0:
        return last.expand(len(blocks), -1)
    # whole rows are gathered several times faster than as many single weights
    picked = weights[: n_whole * _BLOCK].view(-1, _BLOCK).index_select(0, blocks.clamp_max(n_whole - 1))
    return torch.where((blocks == n_whole)[:, None], last, picked) if len(rest) else picked


def _below(sums: torch.Tensor) -> torch.Tensor:
    return torch.nextafter(sums, torch.zeros_like(sums))


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


def draw_distinct_others(
    rows: torch.Tensor, n: int, size: int, *, generator: torch.Generator | None = None
) -> torch.Tensor:
    """Draws, for each row, points other than itself, uniformly and each at most once.

    Args:
        rows: Indices in [0, n), shape (b,), int64.
        n: Number of points, more than ``size``.
        size: How many to draw for each row; few, since each is compared with those before it.
        generator: Source of randomness; torch's global one if ``None``.

    Returns:
        Shape (b, size), int64, in no particular order.

    Source: Floyd's algorithm; Bentley, "A sample of brilliance", 1987.

    Example:
        >>> draw_distinct_others(torch.tensor([1]), 4, 3).sort().values
        tensor([[0, 2, 3]])
    """
    drawn = rows.new_empty(len(rows), size)
    for i in range(size):
        last = n - 1 - size + i
        found = torch.randint(last + 1, (len(rows),), device=rows.device, generator=generator)
        taken = (drawn[:, :i] == found[:, None]).any(dim=1)
        drawn[:, i] = torch.where(taken, last, found)
    return drawn.add_(drawn >= rows[:, None])


def draw_others_by_weight(
    rows: torch.Tensor,
    weights: torch.Tensor,
    cumulative: torch.Tensor,
    rate: int,
    *,
    generator: torch.Generator | None = None,
) -> torch.Tensor:
    """Draws, for each row, points other than itself, in proportion to weights and with replacement.

    Where the row itself is drawn, the draw is repeated a few times; then, which is likely only for a point that
    has most of the weight, a point is drawn uniformly from all others.

    Args:
        rows: Indices in [0, n), shape (b,), int64.
        weights: Weight of each point, shape (n,), n at least 2.
        cumulative: From :func:`cumulative_blocks`.
        rate: How many to draw for each row.
        generator: Source of randomness; torch's global one if ``None``.

    Returns:
        Shape (b, rate), int64.
    """
    drawn = draw_others(rows, len(weights), rate, generator=generator)
    for _ in range(_REPEATS):
        found = draw_from_blocks(weights, cumulative, drawn.numel(), generator=generator).view_as(drawn)
        fits = found != rows[:, None]
        drawn = torch.where(fits, found, drawn)
        if _may_look(drawn.device) and bool(fits.all()):
            break
    return drawn


def draw_others_of_batch(
    rows: torch.Tensor, cols: torch.Tensor, n: int, rate: int, *, generator: torch.Generator | None = None
) -> torch.Tensor:
    """Draws, for each edge of a batch, ends of the batch's other edges, uniformly and with replacement.

    An end is a place in the list of rows and columns, so that a point is drawn as often as it occurs in it.
    The edge's first point is never drawn: where it is an end of another edge, the draw is repeated a few times,
    and then, or if the batch has one edge only, a point is drawn from all other points.

    Args:
        rows: First points of the edges, in [0, n), shape (b,), int64.
        cols: Second points, shape (b,), or (b, k) for k edges of each first point.
        n: Number of points, at least 2.
        rate: How many to draw for each edge.
        generator: Source of randomness; torch's global one if ``None``.

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
        places = torch.randint(len(ends) - n_own, (b, rate), device=rows.device, generator=generator)
        found = ends[places.add_(n_own * (places >= own))]
        fits = found != rows[:, None]
        # a fixed number of draws, of which the last that fits counts: nothing waits for the device
        drawn = torch.where(fits, found, drawn)
        if _may_look(drawn.device) and bool(fits.all()):
            break
    return drawn


def _may_look(device: torch.device) -> bool:
    """Whether reading a value waits for nothing."""
    return device.type == "cpu"
