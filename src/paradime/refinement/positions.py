"""Positions that move freely: each point has some of its own, which no network computes."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Self

import scipy.sparse
import torch

from paradime.functional import cauchy_attraction, cauchy_divergence, cauchy_sums

__all__ = ["MOST_DIMENSIONS", "Attraction", "FreePositions", "scaled_start"]

MOST_DIMENSIONS = 3
"""Of maps that can be refined: repulsion is summed on a grid."""

_DENSITY = 0.12  # the deviation of a start along each axis, in units of the kernel's width times n^(1/d)
_MOMENTUM = 0.8
_FASTER, _SLOWER, _SLOWEST = 0.2, 0.8, 0.01
_LONGEST_STEP = 5.0  # in units of the kernel's width


@dataclasses.dataclass(frozen=True, eq=False)
class Attraction:
    """The probabilities with which points are neighbours, as edges by row.

    Attributes:
        starts: Where the edges of each point begin, then their number, int64, shape (n + 1,).
        columns: The other end of each edge, int64, shape (m,).
        weights: The probability of each edge, float32, shape (m,); they sum to 1.
    """

    starts: torch.Tensor
    columns: torch.Tensor
    weights: torch.Tensor

    @classmethod
    def of(cls, probabilities: scipy.sparse.csr_array) -> Self:
        """Takes a symmetric sparse matrix, shape (n, n), whose sum is 1."""
        return cls(
            torch.from_numpy(probabilities.indptr).to(torch.int64),
            torch.from_numpy(probabilities.indices).to(torch.int64),
            torch.from_numpy(probabilities.data).to(torch.float32),
        )

    @property
    def perplexity(self) -> float:
        """The effective number of neighbours of a point: the exponential of the mean entropy of the rows."""
        counts = self.starts.diff()
        sums = torch.segment_reduce(self.weights, "sum", offsets=self.starts).clamp_min(1e-38)
        shares = self.weights / sums.repeat_interleave(counts)
        entropies = torch.segment_reduce(torch.special.entr(shares), "sum", offsets=self.starts)
        return float(entropies[counts > 0].mean().exp())


class FreePositions:
    """Positions of points that descend the gradient of t-SNE's divergence, all of them in each step.

    Args:
        start: Where they begin, shape (n, d), d from 1 to 3.
        attraction: Which points are neighbours.
        guidance: Returns the gradient of further losses at positions, shape (n, d); none if ``None``.
        project: Moves positions to where conditions hold, shapes (n, d) to (n, d); they are free if ``None``.

    Attributes:
        positions: Where they are, shape (n, d), float32.

    Source: van der Maaten and Hinton, "Visualizing data using t-SNE", 2008, for the gradient; Jacobs, "Increased
    rates of convergence through learning rate adaptation", 1988, for the rates.

    Example:
        >>> pairs = scipy.sparse.csr_array(
        ...     torch.tensor([[0, 1, 0, 0], [1, 0, 0, 0], [0, 0, 0, 1], [0, 0, 1, 0]]) / 4
        ... )
        >>> free = FreePositions(torch.tensor([[0.0], [1.0], [1.5], [2.5]]), Attraction.of(pairs))
        >>> before = free.divergence()
        >>> for _ in range(20):
        ...     free.step()
        >>> free.divergence() < before
        True
    """

    def __init__(
        self,
        start: torch.Tensor,
        attraction: Attraction,
        guidance: Callable[[torch.Tensor], torch.Tensor] | None = None,
        project: Callable[[torch.Tensor], torch.Tensor] | None = None,
    ) -> None:
        self.positions = start.to(torch.float32).clone()
        self._attraction, self._guidance, self._project = attraction, guidance, project
        self._velocity = torch.zeros_like(self.positions)
        self._rates = torch.ones_like(self.positions)

    def step(self) -> None:
        """Moves all points once."""
        points, edges, n = self.positions, self._attraction, len(self.positions)
        attraction = cauchy_attraction(points, edges.starts, edges.columns, edges.weights)
        sums = cauchy_sums(points)
        gradient = 4 * (attraction - sums.repulsion / max(sums.normalizer, 1e-12))
        if self._guidance is not None:
            gradient = gradient + self._guidance(points)
        # a point has 1/n of the probabilities: this makes the length of a step independent of their number
        gradient = gradient * n
        agrees = gradient.sign() == self._velocity.sign()
        self._rates = torch.where(agrees, self._rates * _SLOWER, self._rates + _FASTER).clamp_(min=_SLOWEST)
        velocity = _MOMENTUM * self._velocity - self._rates * gradient
        self._velocity = velocity * (_LONGEST_STEP / velocity.norm(dim=1, keepdim=True).clamp_min(_LONGEST_STEP))
        moved = points + self._velocity
        self.positions = moved - moved.mean(dim=0) if self._project is None else self._project(moved)

    def divergence(self) -> float:
        """Returns t-SNE's divergence of the positions from the probabilities."""
        edges = self._attraction
        normalizer = cauchy_sums(self.positions).normalizer
        return cauchy_divergence(self.positions, edges.starts, edges.columns, edges.weights, normalizer)


def scaled_start(positions: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor, float]:
    """Returns a start of the usual density, whose large structure is that of given positions.

    Points begin a little denser than they end up, so that neighbours find each other before they are crowded out.

    Args:
        positions: Shape (n, d).

    Returns:
        The start, and the centre and the factor that led to it: ``start = (positions - center) * factor``.
    """
    n, n_dims = positions.shape
    center = positions.mean(dim=0)
    deviation = float((positions - center).square().mean(dtype=torch.float64).sqrt())
    factor = _DENSITY * n ** (1 / n_dims) / deviation if deviation > 0 else 1.0
    return (positions - center) * factor, center, factor
