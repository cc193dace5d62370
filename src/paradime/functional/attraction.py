"""Forces along the edges of a graph, by Cauchy similarities."""

from __future__ import annotations

import torch

from paradime.utils.parallel import parallel_map

__all__ = ["cauchy_attraction", "cauchy_divergence"]

_ROWS_AT_ONCE = 1 << 10  # whose edges stay in the cache


def cauchy_attraction(
    points: torch.Tensor, starts: torch.Tensor, columns: torch.Tensor, weights: torch.Tensor
) -> torch.Tensor:
    """Sums the attraction of each point by its neighbours, Σⱼ pᵢⱼ (yᵢ − yⱼ) / (1 + dᵢⱼ²).

    Args:
        points: Shape (n, d).
        starts: Where the edges of each point begin, then their number, int64, shape (n + 1,).
        columns: The other end of each edge, int64 or int32, shape (m,).
        weights: The weight p of each edge, shape (m,).

    Returns:
        Shape (n, d).

    Example:
        >>> points = torch.tensor([[0.0, 0.0], [1.0, 0.0]])
        >>> ends = torch.tensor([0, 1, 2]), torch.tensor([1, 0])
        >>> cauchy_attraction(points, *ends, torch.tensor([1.0, 1.0]))[:, 0]
        tensor([-0.5000,  0.5000])
    """
    axes = [axis.contiguous() for axis in points.unbind(dim=1)]  # of which edges are gathered fastest
    counts, places = starts.diff(), starts.tolist()
    sums = torch.empty_like(points)

    def attract(first: int) -> None:
        last = min(first + _ROWS_AT_ONCE, len(points))
        rows, edges = slice(first, last), slice(places[first], places[last])
        ends, numbers = columns[edges], counts[rows]
        differences = [
            axis[rows].repeat_interleave(numbers, output_size=len(ends)) - axis.index_select(0, ends)
            for axis in axes
        ]
        squares = torch.ones_like(differences[0])
        for difference in differences:
            squares.addcmul_(difference, difference)
        pulls, offsets = weights[edges] / squares, starts[first : last + 1] - places[first]
        for axis, difference in enumerate(differences):
            sums[rows, axis] = torch.segment_reduce(pulls * difference, "sum", offsets=offsets)

    blocks = range(0, len(points), _ROWS_AT_ONCE)
    with parallel_map(len(blocks), points.device) as apply:
        list(apply(attract, blocks))
    return sums


def cauchy_divergence(
    points: torch.Tensor, starts: torch.Tensor, columns: torch.Tensor, weights: torch.Tensor, normalizer: float
) -> float:
    """Returns t-SNE's divergence of the similarities of points from the weights of a graph, Σ p log(p / q).

    Args:
        points: Shape (n, d).
        starts: As for :func:`cauchy_attraction`.
        columns: As for :func:`cauchy_attraction`.
        weights: The weight p of each edge; they sum to 1.
        normalizer: The sum of the similarities 1/(1 + d²) over all pairs.

    Source: van der Maaten and Hinton, "Visualizing data using t-SNE", 2008.

    Example:
        >>> points = torch.tensor([[0.0], [1.0]])
        >>> ends = torch.tensor([0, 1, 2]), torch.tensor([1, 0])
        >>> cauchy_divergence(points, *ends, torch.tensor([0.5, 0.5]), normalizer=1.0)
        0.0
    """
    counts, places = starts.diff(), starts.tolist()
    total = 0.0
    for first in range(0, len(points), _ROWS_AT_ONCE):
        last = min(first + _ROWS_AT_ONCE, len(points))
        edges = slice(places[first], places[last])
        ends = points[first:last].repeat_interleave(
            counts[first:last], dim=0, output_size=places[last] - places[first]
        )
        squares = (ends - points.index_select(0, columns[edges])).square().sum(dim=1)
        p = weights[edges]
        total += float(torch.special.entr(p).neg().add(p * squares.log1p()).sum(dtype=torch.float64))
    return (
        total
        + float(weights.sum(dtype=torch.float64)) * torch.tensor(normalizer, dtype=torch.float64).log().item()
    )
