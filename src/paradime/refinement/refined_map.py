"""A map whose points have positions of their own, in which new points find their place."""

from __future__ import annotations

import contextlib
import copy
import dataclasses
import functools
import math
from collections.abc import Mapping
from typing import Any, Self

import torch

from paradime.functional import neighbor_weights, place_by_neighbors
from paradime.models import OutputLayers, unit_of
from paradime.refinement.reference import ReferenceRows, chunks_of
from paradime.types import Metric
from paradime.utils.parallel import parallel_map

__all__ = ["RefinedMap"]

_CONDITIONS = "conditions/"
_NEIGHBORS = 3  # times the perplexity: whom a new point is placed by


@dataclasses.dataclass(frozen=True, eq=False)
class RefinedMap:
    """Training rows and their positions, and by how many of them a new row is placed.

    A training row is at its own position, and so is a row that equals one. Any other is placed by its nearest
    training rows (:func:`~paradime.functional.place_by_neighbors`).

    Attributes:
        reference: The rows.
        positions: Their positions, shape (n, d), float32.
        perplexity: The effective number of neighbours that a row is placed by.
        conditions: What all positions satisfy exactly, in the state of the time when they were refined; nothing if
            ``None``.
        unit: The unit of the map, for the conditions.
    """

    reference: ReferenceRows
    positions: torch.Tensor
    perplexity: float
    conditions: OutputLayers | None = None
    unit: float = 1.0

    @classmethod
    def of(cls, X: Any, positions: torch.Tensor, perplexity: float, metric: Metric = "euclidean") -> Self:
        """Makes a map of rows, shape (n, …), or sparse rows, and their positions; equal rows get the same one."""
        return cls(ReferenceRows.of(X, metric), positions, perplexity).with_positions(positions)

    def with_conditions(self, model: torch.nn.Module) -> Self:
        """Returns a map whose positions satisfy the conditions of a network, which are copied."""
        layers = getattr(getattr(model, "encoder", model), "output_layers", None)
        copied = None if layers is None else copy.deepcopy(layers).to("cpu").requires_grad_(False)
        return dataclasses.replace(self, conditions=copied, unit=unit_of(model))

    def with_positions(self, positions: torch.Tensor) -> Self:
        """Returns a map of the same rows with other positions, of which equal rows get the same one."""
        return dataclasses.replace(self, positions=positions[self.reference.first_equal()])

    def sample(self, n_rows: int) -> Self:
        """Returns a smaller map of some of the rows, which cover the others; these count as new."""
        if n_rows >= len(self.positions):
            return self
        chosen = self.reference.covering(n_rows)
        return dataclasses.replace(self, reference=self.reference.subset(chosen), positions=self.positions[chosen])

    def place(self, X: Any, *, gradients: bool = False) -> torch.Tensor:
        """Places rows.

        Args:
            X: Shape (m, …), or sparse rows.
            gradients: Whether the result is differentiable with respect to ``X``, those of training rows, too.

        Returns:
            Positions on the CPU, shape (m, d), float32.
        """
        with contextlib.nullcontext() if gradients else torch.no_grad():
            parts = [self._place(rows, gradients=gradients) for rows in chunks_of(X)]
        return torch.cat([self.positions[:0], *parts])

    def _place(self, X: torch.Tensor, *, gradients: bool) -> torch.Tensor:
        own = self.reference.find(X)
        is_known, positions = own >= 0, self.positions[own.clamp_min(0)]
        if gradients:
            placed = self._placed(X)
            exact = torch.where(is_known[:, None], positions, placed.detach())
            # the last term is 0 and has the gradient
            return self._satisfying(exact + (placed - placed.detach()), X)
        new = (~is_known).nonzero().squeeze(1)
        positions[new] = self._placed(X[new])
        return self._satisfying(positions, X)

    def _satisfying(self, positions: torch.Tensor, X: torch.Tensor) -> torch.Tensor:
        """Moves the positions of rows to where the conditions hold."""
        return positions if self.conditions is None else self.conditions.project(positions, X, self.unit)

    @property
    def n_neighbors(self) -> int:
        """By how many training rows a new row is placed."""
        return min(len(self.positions), max(2, math.ceil(_NEIGHBORS * self.perplexity)))

    @functools.cached_property
    def _wide(self) -> torch.Tensor:
        return self.positions.to(torch.float64)

    def with_rows(self, X: Any) -> Self:
        """Returns a map to which rows are added, each where it is placed now; shape (m, …), or sparse rows.

        Rows that equal one that is there, or one another, are added once.
        """
        unknown = self.reference.unknown(X)
        if not len(unknown):
            return self
        X = X[unknown]
        positions = torch.cat((self.positions, self.place(X)))
        return dataclasses.replace(self, reference=self.reference.with_rows(X), positions=positions)

    def _placed(self, X: torch.Tensor) -> torch.Tensor:
        k, wide = self.n_neighbors, self._wide

        def place(rows: torch.Tensor) -> torch.Tensor:
            indices, squares = self.reference.nearest(rows, k)
            return place_by_neighbors(neighbor_weights(squares, self.perplexity), wide[indices]).to(torch.float32)

        parts = torch.split(X, self.reference.chunk_size(k))
        with parallel_map(len(parts), X.device) as apply:
            return torch.cat([self.positions[:0], *apply(place, parts)])

    def __getstate__(self) -> dict[str, Any]:
        """Returns what is pickled and copied: the fields, without what is computed of them."""
        return {field.name: getattr(self, field.name) for field in dataclasses.fields(self)}

    # -- files ----------------------------------------------------------------------------------------

    def state(self) -> dict[str, torch.Tensor]:
        """Returns all that the map consists of, as tensors by name."""
        perplexity = torch.tensor(self.perplexity, dtype=torch.float64)
        layers = {} if self.conditions is None else self.conditions.state_dict()
        conditions = {_CONDITIONS + name: tensor for name, tensor in layers.items()}
        return {**self.reference.state(), "positions": self.positions, "perplexity": perplexity, **conditions}

    @classmethod
    def from_state(cls, state: Mapping[str, torch.Tensor], model: torch.nn.Module | None = None) -> Self:
        """Makes a map of what :meth:`state` returned, and the model that it belongs to.

        Raises:
            ValueError: If the tensors do not fit together.
        """
        reference, positions = ReferenceRows.from_state(state), state["positions"]
        perplexity = float(state["perplexity"])
        fits = positions.ndim == 2 and len(positions) == len(reference) and bool(positions.isfinite().all())
        if not fits or not (math.isfinite(perplexity) and perplexity > 0):
            raise ValueError("the positions of a refined map do not fit to its rows.")
        made = cls(reference, positions, perplexity)
        layers = {
            name.removeprefix(_CONDITIONS): part for name, part in state.items() if name.startswith(_CONDITIONS)
        }
        if model is None or not layers:
            return made
        made = made.with_conditions(model)
        if made.conditions is None:
            raise ValueError("the network has no conditions, and its refined map has.")
        made.conditions.load_state_dict(layers)
        return made
