"""The placement of rows in a refined map as one module of torch's operations, for other runtimes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Self

import torch

from paradime.functional import neighbor_weights, place_by_neighbors
from paradime.models import OutputLayers
from paradime.neighbors.products import sq_norms_of
from paradime.refinement.reference import checks_of, factors_of_checks, likely_nearest, nearest_of, reduced
from paradime.refinement.refined_map import RefinedMap

__all__ = ["RefinedPlacement"]


class RefinedPlacement(torch.nn.Module):
    """Places rows as a refined map does, all of them in one graph that can be exported.

    A row that equals a training row gets its position. It is recognised by a sum of its columns among its nearest
    rows, not by its bits: rows that differ by less than rounding errors of double precision are equal here.

    Needs memory for the distance of each row to each training row.

    Args:
        tensors: The parts of the map by name, which become buffers.
        directions: As :class:`ReferenceRows` has it.
        perplexity: The effective number of neighbours that a row is placed by.
        n_neighbors: By how many training rows a row is placed.
        conditions: What all positions satisfy exactly; nothing if ``None``.
        unit: The unit of the map, for the conditions.

    Example:
        >>> X = torch.randn(100, 4, generator=torch.Generator().manual_seed(0))
        >>> refined = RefinedMap.of(X, X[:, :2], perplexity=5)
        >>> bool((RefinedPlacement.of(refined)(X) == refined.place(X)).all())
        True
    """

    reference: torch.Tensor
    center: torch.Tensor
    axes: torch.Tensor
    positions: torch.Tensor
    checks: torch.Tensor
    factors: torch.Tensor

    def __init__(
        self,
        tensors: Mapping[str, torch.Tensor],
        *,
        directions: int,
        perplexity: float,
        n_neighbors: int,
        conditions: OutputLayers | None = None,
        unit: float = 1.0,
    ) -> None:
        super().__init__()
        for name, tensor in tensors.items():
            self.register_buffer(name, tensor)
        self.directions, self.perplexity, self.n_neighbors = directions, perplexity, n_neighbors
        self.conditions, self.unit = conditions, unit

    @classmethod
    def of(cls, refined: RefinedMap) -> Self:
        """Makes the module of a refined map."""
        reference = refined.reference
        tensors = {
            "reference": reference.rows,
            "center": reference.center,
            "axes": reference.axes,
            "positions": refined.positions,
            "checks": reference.checks,
            "factors": factors_of_checks(len(reference.center)),
        }
        return cls(
            tensors,
            directions=reference.directions,
            perplexity=refined.perplexity,
            n_neighbors=refined.n_neighbors,
            conditions=refined.conditions,
            unit=refined.unit,
        )

    def forward(self, X: torch.Tensor) -> torch.Tensor:
        """Returns positions, shape (m, d), float32, of rows, shape (m, …); differentiable, as those of the map."""
        short = reduced(X, self.directions, self.center, self.axes)
        stored = self.reference.to(torch.float32)
        candidates = likely_nearest(short.detach(), stored, sq_norms_of(stored), self.n_neighbors)
        neighbors, squares = nearest_of(short, stored, candidates, self.n_neighbors)
        weights = neighbor_weights(squares, self.perplexity)
        placed = place_by_neighbors(weights, self.positions[neighbors].to(torch.float64)).to(torch.float32)
        sums, rounding = checks_of(X, self.factors)
        equal = (self.checks[candidates] - sums[:, None]).abs() <= rounding[:, None]
        own = candidates.gather(1, equal.to(torch.int64).argmax(dim=1, keepdim=True))
        exact = torch.where(equal.any(dim=1, keepdim=True), self.positions[own.squeeze(1)], placed)
        exact = exact.detach() + (placed - placed.detach()) if X.requires_grad else exact
        return exact if self.conditions is None else self.conditions.project(exact, X, self.unit)
