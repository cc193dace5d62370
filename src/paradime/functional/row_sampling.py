"""Random sampling of entries from the rows of a sparse matrix, and of mid-near points."""

from __future__ import annotations

from collections.abc import Callable

import torch

from paradime.functional.distances import magnitude_of_rows
from paradime.functional.sampling import draw_distinct_others

__all__ = ["cumulative_rows", "draw_from_rows", "draw_run_of_rows", "second_nearest_of_random", "shuffled_rows"]

_CANDIDATES = 6  # number of random points, of which the second nearest is taken
_SAMPLE_ROWS = 1_000
_BLOCK_NUMBERS = 1 << 22
_OF_FUNCTION = 16  # number of columns assumed for the block size if a function computes distances


def cumulative_rows(starts: torch.Tensor, weights: torch.Tensor) -> torch.Tensor:
    """Computes cumulative weights that rise from i to i + 1 over row i, for :func:`draw_from_rows`.

    Args:
        starts: Start of each row, and end of the last one, shape (n + 1,), int64.
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
    # differences within each row, so that rounding errors of earlier rows are removed
    return running.sub_(before[rows]).clamp_max_(1).add_(rows)


def draw_from_rows(
    rows: torch.Tensor, starts: torch.Tensor, cumulative: torch.Tensor, *, generator: torch.Generator | None = None
) -> torch.Tensor:
    """Draws one entry from each given row, in proportion to the weights.

    Args:
        rows: Rows with at least one entry, shape (b,), int64.
        starts: Start of each row, and end of the last one, shape (n + 1,), int64.
        cumulative: From :func:`cumulative_rows`, shape (m,).
        generator: Source of randomness; torch's global generator if ``None``.

    Returns:
        Indices of the entries, in [0, m), shape (b,), int64.

    Example:
        >>> starts = torch.tensor([0, 2, 3])
        >>> draw_from_rows(torch.tensor([1, 1]), starts, cumulative_rows(starts, torch.ones(3)))
        tensor([2, 2])
    """
    points = torch.rand(len(rows), dtype=torch.float64, device=rows.device, generator=generator).add_(rows)
    entries = torch.searchsorted(cumulative, points, right=True)
    # rounding may move a point at the end of its row into the next row
    return torch.minimum(torch.maximum(entries, starts[rows]), starts[rows + 1] - 1)


def shuffled_rows(
    starts: torch.Tensor, cols: torch.Tensor, *, generator: torch.Generator | None = None
) -> torch.Tensor:
    """Returns the columns of a sparse matrix with the entries of each row in random order.

    Args:
        starts: Start of each row, and end of the last one, shape (n + 1,), int64.
        cols: Columns, row by row, shape (m,).
        generator: Source of randomness; torch's global generator if ``None``.

    Returns:
        Shape (m,), in the dtype of ``cols``.
    """
    rows = torch.repeat_interleave(starts.diff(), output_size=len(cols))
    order = torch.randperm(len(cols), device=cols.device, generator=generator)
    # a stable sort by row keeps the random order within each row
    return cols[order[torch.sort(rows[order], stable=True).indices]]


def draw_run_of_rows(
    rows: torch.Tensor, starts: torch.Tensor, size: int, *, generator: torch.Generator | None = None
) -> torch.Tensor:
    """Draws successive entries of rows, cyclically, from a random first entry.

    In shuffled rows, these are random entries. They are distinct if the row has at least ``size`` entries;
    otherwise, the numbers of repetitions differ by at most one.

    Args:
        rows: Rows with at least one entry, shape (b,), int64.
        starts: Start of each row, and end of the last one, shape (n + 1,), int64.
        size: Number of entries per row.
        generator: Source of randomness; torch's global generator if ``None``.

    Returns:
        Indices of the entries, in [0, m), shape (b, size), int64.

    Example:
        >>> draw_run_of_rows(torch.tensor([1]), torch.tensor([0, 2, 5]), 3).sort().values
        tensor([[2, 3, 4]])
    """
    first = starts[rows]
    counts = starts[rows + 1] - first
    offsets = torch.rand(len(rows), dtype=torch.float64, device=rows.device, generator=generator).mul_(counts)
    positions = offsets.to(torch.int64)[:, None] + torch.arange(size, device=rows.device)
    return positions.remainder_(counts[:, None]).add_(first[:, None])


def second_nearest_of_random(
    X: torch.Tensor,
    size: int,
    *,
    generator: torch.Generator | None = None,
    sq_dists: Callable[[torch.Tensor, torch.Tensor], torch.Tensor] | None = None,
) -> torch.Tensor:
    """Draws mid-near points: for each point, repeatedly, the second nearest of six random other points.

    Args:
        X: Points, shape (n, …).
        size: Number of mid-near points per point.
        generator: Source of randomness; torch's global generator if ``None``.
        sq_dists: Function that returns the squared distances of pairs of points from two arrays of indices of
            shape (p,). If given, only the length of ``X`` is used.

    Returns:
        Shape (n, size), int64. With fewer than seven points, all others are compared; with two, the other point
        is drawn.

    Source: Wang et al., "Understanding how dimension reduction tools work", 2021, section 4.2.
    """
    n, points = len(X), X.flatten(1) if X.ndim > 1 else X[:, None]
    points = points if points.is_floating_point() else points.to(torch.get_default_dtype())
    unit = points.new_ones(())
    if sq_dists is None and points.shape[1]:
        # squares of very large or small numbers would exceed the range of single precision
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
            squares = sq_dists(repeated.repeat_interleave(n_candidates), others.reshape(-1))
        else:
            differences = points.index_select(0, others.reshape(-1)).view(len(rows), size * n_candidates, -1)
            squares = differences.sub_(points[rows][:, None]).div_(unit).square_().sum(dim=2)
        second = squares.view(-1, n_candidates).argsort(dim=1)[:, min(1, n_candidates - 1), None]
        drawn[rows] = others.gather(1, second).view(len(rows), size)
    return drawn
