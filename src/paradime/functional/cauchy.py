"""Attraction and repulsion by Cauchy similarities."""

from __future__ import annotations

import functools
import itertools
import math
from typing import NamedTuple

import torch

from paradime.utils.parallel import parallel_map

__all__ = ["CauchySums", "cauchy_attraction", "cauchy_divergence", "cauchy_sums"]

_ROWS_AT_ONCE = 1 << 10  # whose edges stay in the cache
_STEP = 1 / 3  # between nodes of the grid, in units of the kernel's width
_NODES = 4  # along each dimension, between which a point is spread: cubic splines
# up to which a grid may grow with the extent of a map of few points
_LEAST_CELLS, _CELLS_PER_POINT = {1: 1 << 20, 2: 1 << 20, 3: 1 << 24}, 64
_MOST_CELLS = {1: 1 << 20, 2: 1 << 24, 3: 1 << 24}  # of the padded grid; on larger maps the grid is coarser


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


class CauchySums(NamedTuple):
    """What all other points do to each point.

    Attributes:
        repulsion: Σⱼ (yᵢ − yⱼ) / (1 + dᵢⱼ²)², shape (n, d).
        normalizer: Σᵢ Σⱼ 1 / (1 + dᵢⱼ²) over the pairs of different points.
    """

    repulsion: torch.Tensor
    normalizer: float


def cauchy_sums(points: torch.Tensor) -> CauchySums:
    """Sums 1/(1 + d²), and the forces of which it is the potential, over all pairs of points.

    The points are spread by cubic B-splines over the nodes of a grid, which is convolved with the kernel by fast
    Fourier transforms; forces are the derivatives of the potential between its nodes. This takes a time
    proportional to n and to the number of nodes, in place of n². With a step of a third of the kernel's width,
    errors of forces are up to some 2 % of the largest one; on maps so large that the grid is coarser, forces
    between near points are underestimated.

    Args:
        points: Shape (n, d), d from 1 to 3, float32, finite.

    Returns:
        The sums; see :class:`CauchySums`.

    Raises:
        ValueError: If there are more than three dimensions.

    Source: the smooth particle-mesh method is of Essmann et al., "A smooth particle mesh Ewald method", 1995; for
    t-SNE, forces on a grid are of Linderman et al., "Fast interpolation-based t-SNE for improved visualization of
    single-cell RNA-seq data", 2019.

    Example:
        >>> sums = cauchy_sums(torch.tensor([[0.0, 0.0], [1.0, 0.0]]))
        >>> [round(float(force), 2) for force in sums.repulsion[:, 0]], round(sums.normalizer, 2)
        ([-0.25, 0.25], 1.0)
    """
    n, n_dims = points.shape
    if n_dims not in _MOST_CELLS:
        raise ValueError(f"sums on a grid are for 1 to 3 dimensions, got points of {n_dims}.")
    low = points.min(dim=0).values
    spans = (points.max(dim=0).values - low).tolist()
    step = _step_for(spans, n)
    # beyond the last point, splines reach as many nodes as there are between which it is spread
    sizes = tuple(_fast_length(math.ceil(span / step) + _NODES) for span in spans)
    places = (points - low) / step
    nodes = places.floor()
    weights, slopes = _splines(places - nodes)
    index = _node_index(nodes.to(torch.int64), sizes)
    spread = functools.reduce(lambda left, right: (left[:, :, None] * right[:, None]).flatten(1), weights)
    charges = torch.zeros(math.prod(sizes), dtype=points.dtype, device=points.device)
    charges.index_add_(0, index.flatten(), spread.flatten())
    padded = tuple(2 * size for size in sizes)
    waves = torch.fft.rfftn(charges.view(sizes), s=padded) * _kernel(padded, step, points.dtype, points.device)
    potential = torch.fft.irfftn(waves, s=padded)[tuple(slice(size) for size in sizes)].reshape(-1)
    near = potential[index].view(n, *[_NODES] * n_dims)
    normalizer = float((near.flatten(1) * spread).sum(dtype=torch.float64)) - n
    gradient = torch.stack([_contracted(near, weights, slopes, axis) for axis in range(n_dims)], dim=1)
    return CauchySums(gradient * (-0.5 / step), normalizer)


def _step_for(spans: list[float], n: int) -> float:
    """Returns the step between nodes: as fine as the kernel needs, or as the largest grid for n points allows."""
    most = min(_MOST_CELLS[len(spans)], max(_LEAST_CELLS[len(spans)], _CELLS_PER_POINT * n))
    volume = math.prod(2 * (max(span, _STEP) + _NODES * _STEP) for span in spans)
    finest = math.pow(volume / most, 1 / len(spans))
    return max(_STEP, finest)


def _fast_length(size: int) -> int:
    """Returns the next length from 16 whose only prime factors are 2, 3 and 5, of which transforms are fast."""
    powers = itertools.product(range(4, 22), range(4), range(3))
    lengths = ((1 << twos) * int(math.pow(3, threes)) * int(math.pow(5, fives)) for twos, threes, fives in powers)
    return min(length for length in lengths if length >= size)


def _splines(offsets: torch.Tensor) -> tuple[list[torch.Tensor], list[torch.Tensor]]:
    """Returns the cubic B-spline at the four nodes around points, and its slopes, for each dimension.

    Args:
        offsets: Where points are between their nodes, shape (n, d), in [0, 1).

    Returns:
        Two lists of d tensors of shape (n, 4).
    """
    weights, slopes = [], []
    for t in offsets.unbind(dim=1):
        u = 1 - t
        weights.append(torch.stack((u**3, 4 - 3 * t**2 * (1 + u), 4 - 3 * u**2 * (1 + t), t**3), dim=1) / 6)
        slopes.append(torch.stack((-(u**2), t * (3 * t - 4), u * (4 - 3 * u), t**2), dim=1) / 2)
    return weights, slopes


def _node_index(nodes: torch.Tensor, sizes: tuple[int, ...]) -> torch.Tensor:
    """Returns the places of the nodes around points in the flattened grid, shape (n, 4**d)."""
    around = torch.arange(_NODES, device=nodes.device)
    index = nodes.new_zeros(len(nodes), 1)
    for axis, size in enumerate(sizes):
        index = (index[:, :, None] * size + (nodes[:, axis, None] + around)[:, None]).flatten(1)
    return index


def _contracted(
    near: torch.Tensor, weights: list[torch.Tensor], slopes: list[torch.Tensor], axis: int
) -> torch.Tensor:
    """Returns the derivative of the potential along an axis, from its values at the nodes around, shape (n,)."""
    result = near
    for other in reversed(range(len(weights))):
        factors = (slopes if other == axis else weights)[other]
        result = (result * factors.view(len(factors), *[1] * (result.ndim - 2), _NODES)).sum(dim=-1)
    return result


@functools.lru_cache(maxsize=4)
def _kernel(padded: tuple[int, ...], step: float, dtype: torch.dtype, device: torch.device) -> torch.Tensor:
    """Returns the transform of the kernel on the periodic grid, divided by that of the splines, twice."""
    squares = torch.zeros((), dtype=torch.float64)
    damping = torch.ones((), dtype=torch.float64)
    for axis, size in enumerate(padded):
        shape = [-1 if other == axis else 1 for other in range(len(padded))]
        numbers = torch.arange(size, dtype=torch.float64)
        lengths = torch.minimum(numbers, size - numbers) * step
        squares = squares + lengths.square().view(shape)
        is_last = axis == len(padded) - 1
        waves = numbers[: size // 2 + 1] if is_last else numbers
        damping = damping * ((2 + torch.cos(2 * math.pi * waves / size)) / 3).square().view(shape)
    transform: torch.Tensor = torch.fft.rfftn(1 / (1 + squares)).real / damping
    return transform.to(device=device, dtype=dtype)
