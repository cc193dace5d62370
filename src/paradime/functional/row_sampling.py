"""Drawing of entries from the rows of a sparse matrix, which may differ in length."""

from __future__ import annotations

from collections.abc import Callable

import torch

from paradime.functional.magnitudes import magnitude_of_rows
from paradime.functional.sampling import draw_distinct_others

__all__ = ["cumulative_rows", "draw_from_rows", "draw_run_of_rows", "second_nearest_of_random", "shuffled_rows"]

_CANDIDATES = 6  # of which the paper takes the second nearest
_SAMPLE_ROWS = 1_000
_BLOCK_NUMBERS = 1 << 22
_OF_FUNCTION = 16  # numbers that a pair counts as, where a function compares them


def cumulative_rows(starts: torch.Tensor, weights: torch.Tensor) -> torch.Tensor:
    """Running sums of weights that rise from i to i + 1 over row i, as :func:`draw_from_rows` takes them.

    Args:
        starts: Where the rows start and the last one ends, shape (n + 1,), int64.
        weights: Weights > 0, row by row, shape (m,).

    Returns:
        Shape (m,), float64.

    Example:
        >>> cumulative_rows(torch.tensor([0, 2, 3]), torch.tensor([1.0, 3.0, 5.0]))
        tensor([0.2500, 1.0000, 2.0000], dtype=torch.float64)
    """
    rows = torch.repeat_interleave(starts.diff(), output_size=len(weights))
    weights = weights.to(torch.float64)
    sums = weights.new_zeros(len(starts) - 1).index_add_(0, rows, weights)
    running = (weights / sums[rows]).cumsum_(dim=0)
    before = torch.nn.functional.pad(running, (1, 0))[starts[:-1]]
    # by differences within the row, so that rounding does not add up over all rows
    return running.sub_(before[rows]).clamp_max_(1).add_(rows)


def draw_from_rows(
    rows: torch.Tensor, starts: torch.Tensor, cumulative: torch.Tensor, *, generator: torch.Generator | None = None
) -> torch.Tensor:
    """Draws one entry of each of some rows, in proportion to the weights.

    Args:
        rows: Rows with at least one entry, shape (b,), int64.
        starts: Where the rows start and the last one ends, shape (n + 1,), int64.
        cumulative: From :func:`cumulative_rows`, shape (m,).
        generator: Source of randomness; torch's global one if ``None``.

    Returns:
        Which entries, in [0, m), shape (b,), int64.

    Example:
        >>> starts = torch.tensor([0, 2, 3])
        >>> draw_from_rows(torch.tensor([1, 1]), starts, cumulative_rows(starts, torch.ones(3)))
        tensor([2, 2])
    """
    points = torch.rand(len(rows), dtype=torch.float64, device=rows.device, generator=generator).add_(rows)
    entries = torch.searchsorted(cumulative, points, right=True)
    # rounding may put a point at an end of its row into the next one
    return torch.minimum(torch.maximum(entries, starts[rows]), starts[rows + 1] - 1)


def shuffled_rows(
    starts: torch.Tensor, cols: torch.Tensor, *, generator: torch.Generator | None = None
) -> torch.Tensor:
    """Returns the columns of a sparse matrix with the entries of each row in random order.

    Args:
        starts: Where the rows start and the last one ends, shape (n + 1,), int64.
        cols: Columns, row by row, shape (m,).
        generator: Source of randomness; torch's global one if ``None``.

    Returns:
        Shape (m,), in the type of ``cols``.
    """
    rows = torch.repeat_interleave(starts.diff(), output_size=len(cols))
    order = torch.randperm(len(cols), device=cols.device, generator=generator)
    # sorting the rows of entries in random order, and keeping the order within each
    return cols[order[torch.sort(rows[order], stable=True).indices]]


def draw_run_of_rows(
    rows: torch.Tensor, starts: torch.Tensor, size: int, *, generator: torch.Generator | None = None
) -> torch.Tensor:
    """Draws successive entries of some rows, from a random first one on; after the last one comes the first.

    In rows that were shuffled, these are entries at random: no entry is drawn twice where the row has as many as
    are wanted, and else each as often as any other, give or take one.

    Args:
        rows: Rows with at least one entry, shape (b,), int64.
        starts: Where the rows start and the last one ends, shape (n + 1,), int64.
        size: How many entries of each row.
        generator: Source of randomness; torch's global one if ``None``.

    Returns:
        Which entries, in [0, m), shape (b, size), int64.

    Example:
        >>> draw_run_of_rows(torch.tensor([1]), torch.tensor([0, 2, 5]), 3).sort().values
        tensor([[2, 3, 4]])
    """
    first = starts[rows]
    counts = starts[rows + 1] - first
    offsets = torch.rand(len(rows), dtype=torch.float64, device=rows.device, generator=generator).mul_(counts)
    steps = torch.arange(size, device=rows.device)
    places = offsets.to(torch.int64)[:, None] + steps
    return places.remainder_(counts[:, None]).add_(first[:, None])


def second_nearest_of_random(
    X: torch.Tensor,
    size: int,
    *,
    generator: torch.Generator | None = None,
    sq_dists: Callable[[torch.Tensor, torch.Tensor], torch.Tensor] | None = None,
) -> torch.Tensor:
    """Draws mid-near points: for each point several times the second nearest of six random others.

    Args:
        X: Points, shape (n, …).
        size: How many to draw for each point.
        generator: Source of randomness; torch's global one if ``None``.
        sq_dists: Returns the squared distances of pairs of points, given their numbers, each of shape (p,), where
            ``X`` does not hold them; it tells n alone then.

    Returns:
        Shape (n, size), int64. Of few points, all others are looked at; of two, the only other one is drawn.

    Source: Wang et al., "Understanding how dimension reduction tools work", 2021, section 4.2.
    """
    n, points = len(X), X.flatten(1) if X.ndim > 1 else X[:, None]
    points = points if points.is_floating_point() else points.to(torch.get_default_dtype())
    unit = points.new_ones(())
    if sq_dists is None and points.shape[1]:
        # squares of very large or small numbers would leave the range of single precision
        unit = magnitude_of_rows(points[:: max(1, n // _SAMPLE_ROWS)].abs().amax(dim=1))
    n_candidates = min(_CANDIDATES, n - 1)
    drawn = torch.empty(n, size, dtype=torch.int64, device=X.device)
    if size == 0:
        return drawn
    block = max(1, _BLOCK_NUMBERS // (size * n_candidates * (points.shape[1] or _OF_FUNCTION)))
    for rows in torch.split(torch.arange(n, device=X.device), block):
        repeated = rows.repeat_interleave(size)
        others = draw_distinct_others(repeated, n, n_candidates, generator=generator)
        if sq_dists is not None:
            found = sq_dists(repeated.repeat_interleave(n_candidates), others.reshape(-1)).view(-1, n_candidates)
        else:
            differences = points.index_select(0, others.reshape(-1)).view(len(rows), size * n_candidates, -1)
            found = differences.sub_(points[rows][:, None]).div_(unit).square_().sum(dim=2).view(-1, n_candidates)
        place = found.argsort(dim=1)[:, min(1, n_candidates - 1), None]
        drawn[rows] = others.gather(1, place).view(len(rows), size)
    return drawn
