"""The constraint that all positions lie within bounds."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import torch

from paradime._registry import LOSSES
from paradime.constraints.base import Adherence, Constraint
from paradime.data import Batch, Dataset
from paradime.exceptions import UnsupportedConfigurationError
from paradime.loss.base import GlobalRelations, Trial
from paradime.models import OutputLayers

__all__ = ["BoundsConstraint", "Region"]


class Region:
    """A region of the map: a box, a disc or a ball, or a convex polygon.

    Args:
        low: The lower bound of a box along each axis, ``None`` for none.
        high: Its upper bounds.
        center: The centre of a disc.
        radius: Its radius.
        corners: The corners of a polygon in order, shape (m, 2).

    Raises:
        UnsupportedConfigurationError: If not exactly one region is described.
        ValueError: If bounds, radius or corners describe none.

    Example:
        >>> Region(center=[0, 0], radius=1).excess(torch.tensor([[0.5, 0.0], [3.0, 0.0]])).round().tolist()
        [0.0, 2.0]
    """

    def __init__(
        self,
        low: Sequence[float | None] | None = None,
        high: Sequence[float | None] | None = None,
        center: Sequence[float] | None = None,
        radius: float | None = None,
        corners: Sequence[Sequence[float]] | None = None,
    ) -> None:
        is_box, is_disc = not (low is None and high is None), not (center is None and radius is None)
        if [is_box, is_disc, corners is not None].count(True) != 1 or (is_disc and None in (center, radius)):
            raise UnsupportedConfigurationError(
                "a region is a box (low, high), a disc (center, radius) or a polygon (corners), got "
                f"low={low!r}, high={high!r}, center={center!r}, radius={radius!r}, corners={corners!r}. Pass one."
            )
        self.description: dict[str, Any]
        if corners is not None:
            self.description = {"kind": "polygon", "corners": [list(map(float, corner)) for corner in corners]}
        elif center is not None and radius is not None:
            self.description = {"kind": "disc", "center": list(map(float, center)), "radius": float(radius)}
        else:
            free = [None] * len(low or high or ())
            self.description = {"kind": "box", "low": list(low or free), "high": list(high or free)}
        sides = {"box": "low", "disc": "center", "polygon": "corners"}
        first = self.description[sides[self.description["kind"]]]
        self.n_dims = 2 if corners is not None else len(first)
        self._layers = OutputLayers([self.description], out_dim=self.n_dims)

    def excess(self, positions: torch.Tensor) -> torch.Tensor:
        """Returns how far positions are outside, along the way to where they enter; (b, out_dim) to (b,)."""
        precision = torch.float64 if positions.dtype == torch.float64 else torch.float32
        layers = self._layers.to(positions.device, precision)
        within = layers.project(positions.detach().to(precision), positions[:, :0], 1.0)
        squares = (positions - within.to(positions.dtype)).square().sum(dim=1)
        return torch.where(squares > 0, squares, 1).sqrt() * (squares > 0)

    def share_within(self, positions: torch.Tensor) -> float:
        """Returns the share of positions that are within, up to rounding, shape (b, out_dim)."""
        tolerance = 1e-5 * (1 + positions.abs().amax(dim=1)) if len(positions) else positions[:, 0]
        return float((self.excess(positions) <= tolerance).double().mean())


@LOSSES.register("bounds constraint")
class BoundsConstraint(Constraint):
    """All positions lie within a box, a disc or a convex polygon.

    As a loss, it is the mean squared distance of positions outside from the region, relative to the variance of
    the batch. With ``exact=True``, an output layer of the network leads all rows into it, new ones as well.

    Bounds are in the unit of the map. Neighbourhoods need room: t-SNE and UMAP put neighbours about 1 apart, so
    that a map of n rows wants bounds about sqrt(n) wide.

    Args:
        low: The lower bound of a box along each axis, ``None`` for none.
        high: Its upper bounds.
        center: The centre of a disc, in place of a box.
        radius: Its radius.
        corners: The corners of a convex polygon in order, shape (m, 2), in place of a box.
        exact: Whether positions are within for certain, by an output layer of the network.
        data_key: The entry to embed.
        embedding_method: The model's method for embedding.
        name: The name of the constraint in histories.

    Raises:
        UnsupportedConfigurationError: If not exactly one region is described.
        ValueError: If bounds, radius or corners describe none; before training, if the map has other dimensions.

    Example:
        >>> from sklearn.datasets import load_iris
        >>> from paradime import ParametricUMAP
        >>> disc = BoundsConstraint(center=[0, 0], radius=5, exact=True)
        >>> routine = ParametricUMAP(epochs=2, random_state=0).add_constraint(disc)
        >>> float(abs(routine.fit_transform(load_iris().data)).max()) <= 5
        True
    """

    measure = "share of rows within the bounds"

    def __init__(
        self,
        low: Sequence[float | None] | None = None,
        high: Sequence[float | None] | None = None,
        center: Sequence[float] | None = None,
        radius: float | None = None,
        corners: Sequence[Sequence[float]] | None = None,
        exact: bool = False,
        data_key: str = "main",
        embedding_method: str = "embed",
        name: str | None = None,
    ) -> None:
        super().__init__(data_key, embedding_method, name)
        self.low, self.high, self.center, self.radius, self.corners = low, high, center, radius, corners
        self.exact = bool(exact)
        self.region = Region(low, high, center, radius, corners)

    def of_embedding(
        self,
        embedded: torch.Tensor,
        batch: Batch,
        global_relations: GlobalRelations,
    ) -> torch.Tensor:
        """Returns the mean squared excess, relative to the variance of the batch; shape (b, out_dim) to ()."""
        size = embedded.detach().var(dim=0, unbiased=False).sum()
        return self.region.excess(embedded).square().mean() / torch.where(size > 0, size, 1)

    def output(self, dataset: Dataset) -> Mapping[str, Any]:
        """Returns the region."""
        return self.region.description

    def adherence(self, positions: torch.Tensor, dataset: Dataset) -> Adherence | None:
        """Returns the share of rows within the bounds."""
        return self.adhered(self.region.share_within(positions), len(positions)) if len(positions) else None

    def check_setup(self, trial: Trial) -> None:
        """Raises ValueError if the map has other dimensions than the region."""
        super().check_setup(trial)
        n_dims = trial.encode(self.embedding_method, self.data_key).shape[1]
        if n_dims != self.region.n_dims:
            raise ValueError(
                f"loss {self.name!r}: bounds must have one number per axis of the map, {n_dims}, got "
                f"{self.region.n_dims}."
            )
