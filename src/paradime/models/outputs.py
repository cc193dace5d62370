"""Output layers: conditions that the positions of a model satisfy exactly, whatever its weights are."""

from __future__ import annotations

import abc
import functools
import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any, ClassVar, TypeAlias

import numpy as np
import torch

from paradime._registry import did_you_mean
from paradime.utils.rows import rows_of

__all__ = [
    "AttributeAxis",
    "BoxBounds",
    "Conditioned",
    "DiscBounds",
    "LinearAxis",
    "OutputLayers",
    "PolygonBounds",
]

Projection: TypeAlias = Callable[[torch.Tensor], torch.Tensor]
"""Moves positions to where a condition holds."""

_SPAN = 4.0  # of an axis at the start of the training, in the unit of the map: two deviations to either side
_BLOCK = 10_000  # rows that are read at once
_TOLERANCE = 1e-9  # of the turns of a polygon, relative to its size


class OutputLayer(torch.nn.Module, abc.ABC):
    """A condition on positions; the base of output layers."""

    reads_rows: ClassVar[bool] = False
    """Whether positions depend on the rows themselves, in addition to the output of the network."""

    @abc.abstractmethod
    def forward(self, positions: torch.Tensor, rows: torch.Tensor, unit: float) -> torch.Tensor:
        """Returns positions that satisfy the condition, differentiably.

        Args:
            positions: The output of the network, shape (b, out_dim).
            rows: The rows that were embedded, shape (b, …).
            unit: The unit of the map.
        """

    def project(self, positions: torch.Tensor, rows: torch.Tensor, unit: float) -> torch.Tensor:
        """Returns the positions that satisfy the condition already, and others moved to where it holds."""
        return self(positions, rows, unit)  # type: ignore[no-any-return]

    def projection_of(self, rows: Any, unit: float) -> Projection:
        """Returns :meth:`project` for positions of these rows, which may have any form."""
        return lambda positions: self.project(positions, positions[:, :0], unit)


class AttributeAxis(OutputLayer):
    """One axis is an increasing function of a column of the rows: linear between knots, and beyond them.

    Args:
        axis: The index of the axis.
        column: The index of the column, in rows that are flattened.
        knots: Values of the column in ascending order, at least two. Two give a linear function.
        out_dim: Number of dimensions of the map.

    Attributes:
        log_gaps: The logarithms of the differences between the positions of successive knots, in the unit of the
            map; trained.
        offset: The position of the middle; trained.

    Example:
        >>> layer = AttributeAxis(0, 1, knots=[0.0, 1.0], out_dim=2)
        >>> positions = layer(torch.zeros(3, 2), torch.tensor([[5.0, 0.0], [5.0, 0.5], [5.0, 2.0]]), 1.0)
        >>> (positions[:, 0].diff() / positions[:, 0].diff()[0]).tolist()
        [1.0, 3.0]
    """

    reads_rows = True
    knots: torch.Tensor
    _is_axis: torch.Tensor

    def __init__(self, axis: int, column: int, knots: Sequence[float], *, out_dim: int) -> None:
        super().__init__()
        # NumPy's, since the values of tensors cannot be read where models are made without memory
        ordered = np.asarray(list(knots), np.float64)
        if len(ordered) < 2 or not (np.diff(ordered) > 0).all():
            raise ValueError(f"knots must be at least two ascending numbers, got {list(knots)}.")
        if not 0 <= axis < out_dim:
            raise ValueError(f"axis must lie in [0, {out_dim}), got {axis}. Lower it, or raise n_components.")
        self.axis, self.column = axis, column
        n_gaps = len(ordered) - 1
        self.log_gaps = torch.nn.Parameter(torch.full((n_gaps,), math.log(_SPAN / n_gaps)))
        self.offset = torch.nn.Parameter(torch.zeros(()))
        # a pair of single precision numbers each, so that knots far from zero stay apart on every device
        single = ordered.astype(np.float32)
        self.register_buffer("knots", torch.tensor(single))
        self.register_buffer("rests", torch.tensor((ordered - single).astype(np.float32)))
        self.register_buffer("_is_axis", torch.arange(out_dim) == axis)

    def coordinates(self, values: torch.Tensor) -> torch.Tensor:
        """Returns the coordinates of values of the column, shape (b,), in the unit of the map."""
        values = values[:, None]
        low, high = self.knots[:-1], self.knots[1:]
        rests: Any = self.rests
        lengths = (high - low) + (rests[1:] - rests[:-1])
        parts = ((values - low - rests[:-1]).to(self.log_gaps.dtype)) / lengths
        if len(low) > 1:  # each part ends where the next begins, but for the ends, which go on
            first, last = parts[:, :1].clamp(max=1), parts[:, -1:].clamp(min=0)
            parts = torch.cat([first, parts[:, 1:-1].clamp(0, 1), last], dim=1)
        gaps = self.log_gaps.exp()
        along: torch.Tensor = (parts * gaps).sum(dim=1) - gaps.sum() / 2 + self.offset
        return along

    def forward(self, positions: torch.Tensor, rows: torch.Tensor, unit: float) -> torch.Tensor:
        own = (self.coordinates(rows.flatten(1)[:, self.column]) * unit).to(positions.dtype)
        return torch.where(self._is_axis, own[:, None], positions)

    def projection_of(self, rows: Any, unit: float) -> Projection:
        """Returns a function that sets the coordinates of positions of these rows."""
        own = self.coordinates(rows_of(rows).flat().column(self.column).to(self.knots.device)) * unit
        return lambda positions: torch.where(self._is_axis, own[:, None].to(positions.dtype), positions)


class LinearAxis(OutputLayer):
    """One axis is a linear function of the rows, in a scale that is trained.

    Args:
        axis: The index of the axis.
        weights: The direction, one number per column of rows that are flattened.
        center: A row that lies in the middle of the axis at the start of the training, likewise.
        out_dim: Number of dimensions of the map.

    Attributes:
        log_gap: The logarithm of the distance, in the unit of the map, of rows between which the function rises by
            1; trained.
        offset: The position of the centre; trained.

    Example:
        >>> layer = LinearAxis(0, weights=[1.0, 1.0], center=[0.0, 0.0], out_dim=2)
        >>> layer(torch.zeros(2, 2), torch.tensor([[0.0, 0.0], [0.5, 0.5]]), 1.0)[:, 0].diff().tolist()
        [4.0]
    """

    reads_rows = True
    weights: torch.Tensor
    center: torch.Tensor
    _is_axis: torch.Tensor

    def __init__(self, axis: int, weights: Sequence[float], center: Sequence[float], *, out_dim: int) -> None:
        super().__init__()
        if len(weights) != len(center) or not len(weights):
            raise ValueError(
                f"weights and center must have one number per column, got {len(weights)} and {len(center)}."
            )
        if not 0 <= axis < out_dim:
            raise ValueError(f"axis must lie in [0, {out_dim}), got {axis}. Lower it, or raise n_components.")
        self.axis = axis
        self.log_gap = torch.nn.Parameter(torch.full((), math.log(_SPAN)))
        self.offset = torch.nn.Parameter(torch.zeros(()))
        middle = np.asarray(list(center), np.float64)
        single = middle.astype(np.float32)
        self.register_buffer("weights", torch.tensor(np.asarray(list(weights), np.float32)))
        self.register_buffer("center", torch.tensor(single))
        self.register_buffer("rest", torch.tensor((middle - single).astype(np.float32)))
        self.register_buffer("_is_axis", torch.arange(out_dim) == axis)

    def coordinates(self, rows: torch.Tensor) -> torch.Tensor:
        """Returns the coordinates of rows, shape (b, d) to (b,), in the unit of the map."""
        rest: Any = self.rest
        centered = (rows - self.center - rest).to(self.weights.dtype)
        along: torch.Tensor = (centered @ self.weights) * self.log_gap.exp() + self.offset
        return along

    def forward(self, positions: torch.Tensor, rows: torch.Tensor, unit: float) -> torch.Tensor:
        own = (self.coordinates(rows.flatten(1)) * unit).to(positions.dtype)
        return torch.where(self._is_axis, own[:, None], positions)

    def projection_of(self, rows: Any, unit: float) -> Projection:
        """Returns a function that sets the coordinates of positions of these rows."""
        points, device = rows_of(rows).flat(), self.weights.device
        blocks = torch.split(torch.arange(len(points), device=points.device), _BLOCK)
        own = torch.cat([self.coordinates(torch.as_tensor(points[block]).to(device)) for block in blocks]) * unit
        return lambda positions: torch.where(self._is_axis, own[:, None].to(positions.dtype), positions)


class BoxBounds(OutputLayer):
    """All positions lie between two bounds along each axis.

    Args:
        low: The lower bound of each axis; ``None`` for none.
        high: The upper bound of each axis; ``None`` for none.
        out_dim: Number of dimensions of the map.

    Example:
        >>> layer = BoxBounds([-1, None], [1, 0], out_dim=2)
        >>> layer(torch.tensor([[9.0, 9.0], [0.0, -9.0]]), torch.empty(2, 0), 1.0).round(decimals=2).tolist()
        [[1.0, -0.0], [0.0, -9.0]]
    """

    low: torch.Tensor
    high: torch.Tensor

    def __init__(self, low: Sequence[float | None], high: Sequence[float | None], *, out_dim: int) -> None:
        super().__init__()
        if len(low) != out_dim or len(high) != out_dim:
            raise ValueError(
                f"low and high must have one bound per axis, {out_dim} each, got {len(low)} and {len(high)}. Use "
                "None for no bound."
            )
        lows = [-math.inf if bound is None else float(bound) for bound in low]
        highs = [math.inf if bound is None else float(bound) for bound in high]
        if not all(a < b for a, b in zip(lows, highs, strict=True)):
            raise ValueError(f"low must be below high on each axis, got {list(low)} and {list(high)}.")
        self.register_buffer("low", torch.tensor(lows))
        self.register_buffer("high", torch.tensor(highs))

    def forward(self, positions: torch.Tensor, rows: torch.Tensor, unit: float) -> torch.Tensor:
        has_low, has_high = self.low.isfinite(), self.high.isfinite()
        low, high = torch.where(has_low, self.low, 0), torch.where(has_high, self.high, 0)
        both = has_low & has_high
        middle, half = (low + high) / 2, torch.where(both, (high - low) / 2, 1)
        within = middle + half * torch.tanh((positions - middle) / half)
        softplus = torch.nn.functional.softplus
        above, below = low + softplus(positions - low), high - softplus(high - positions)
        bounded = torch.where(has_low, above, torch.where(has_high, below, positions))
        # rounding may lead beyond a bound
        return torch.where(both, within, bounded).clamp(self.low, self.high)

    def project(self, positions: torch.Tensor, rows: torch.Tensor, unit: float) -> torch.Tensor:
        return positions.clamp(self.low, self.high)


class _Star(OutputLayer, abc.ABC):
    """A region that is seen as a whole from its centre: positions move along the ray from there."""

    center: torch.Tensor

    @abc.abstractmethod
    def gauge(self, directions: torch.Tensor) -> torch.Tensor:
        """Returns by what the region has to be scaled to reach as far, shape (b, out_dim) to (b, 1)."""

    def forward(self, positions: torch.Tensor, rows: torch.Tensor, unit: float) -> torch.Tensor:
        directions = positions - self.center
        gauge = self.gauge(directions)
        safe = torch.where(gauge > 1e-4, gauge, 1)  # tanh(g) / g is 1 at 0
        shrunk = self.center + directions * torch.where(gauge > 1e-4, torch.tanh(safe) / safe, 1)
        return self.project(shrunk, rows, unit)  # rounding may lead beyond the border

    def project(self, positions: torch.Tensor, rows: torch.Tensor, unit: float) -> torch.Tensor:
        directions = positions - self.center
        # a little within, so that rounding does not lead out
        return self.center + directions / (self.gauge(directions) * (1 + 1e-6)).clamp_min(1)


class DiscBounds(_Star):
    """All positions lie in a disc, or a ball.

    Args:
        center: The centre, one number per axis.
        radius: The radius, positive.
        out_dim: Number of dimensions of the map.

    Example:
        >>> layer = DiscBounds([1.0, 0.0], 2.0, out_dim=2)
        >>> (layer(torch.tensor([[90.0, 0.0]]), torch.empty(1, 0), 1.0)).round(decimals=3).tolist()
        [[3.0, 0.0]]
    """

    def __init__(self, center: Sequence[float], radius: float, *, out_dim: int) -> None:
        super().__init__()
        if len(center) != out_dim:
            raise ValueError(f"center must have one number per axis, {out_dim}, got {len(center)}.")
        if not 0 < radius < math.inf:
            raise ValueError(f"radius must be a positive number, got {radius!r}.")
        self.radius = float(radius)
        self.register_buffer("center", torch.tensor([float(value) for value in center]))

    def gauge(self, directions: torch.Tensor) -> torch.Tensor:
        squares = directions.square().sum(dim=1, keepdim=True)
        return torch.where(squares > 0, squares, 1).sqrt() * (squares > 0) / self.radius


class PolygonBounds(_Star):
    """All positions lie in a convex polygon.

    Args:
        corners: The corners in order, at least three, shape (m, 2).
        out_dim: Number of dimensions of the map, 2.

    Example:
        >>> layer = PolygonBounds([[0, 0], [4, 0], [0, 4]], out_dim=2)
        >>> position = layer(torch.tensor([[90.0, 90.0]]), torch.empty(1, 0), 1.0)
        >>> position.round(decimals=3).tolist()
        [[2.0, 2.0]]
    """

    normals: torch.Tensor

    def __init__(self, corners: Sequence[Sequence[float]], *, out_dim: int) -> None:
        super().__init__()
        if out_dim != 2:
            raise ValueError(f"a polygon bounds maps of 2 dimensions, got {out_dim}. Use a box or a disc.")
        points = np.asarray([[float(value) for value in corner] for corner in corners], np.float64)
        if points.ndim != 2 or points.shape[1] != 2 or len(points) < 3:
            raise ValueError(f"a polygon must have at least 3 corners, shape (m, 2), got {points.shape}.")
        edges = np.roll(points, -1, axis=0) - points
        following = np.roll(edges, -1, axis=0)
        turns = edges[:, 0] * following[:, 1] - edges[:, 1] * following[:, 0]
        least = _TOLERANCE * np.square(edges).sum()
        if not ((turns > least).all() or (turns < -least).all()):
            raise ValueError(
                "the corners of a polygon must go around it, and turn to the same side at each, got "
                f"{points.tolist()}. Leave out corners at which the border turns inward or goes straight on."
            )
        outward = np.stack([edges[:, 1], -edges[:, 0]], axis=1) * np.sign(turns[0])
        center = points.mean(axis=0)
        reach = (outward * (points - center)).sum(axis=1, keepdims=True)
        self.register_buffer("center", torch.tensor(center.astype(np.float32)))
        # of each side, in a unit in which the distance of the side from the centre is 1
        self.register_buffer("normals", torch.tensor((outward / reach).astype(np.float32)))

    def gauge(self, directions: torch.Tensor) -> torch.Tensor:
        return (directions @ self.normals.T).amax(dim=1, keepdim=True).clamp_min(0)


_KINDS: Mapping[str, type[OutputLayer]] = {
    "attribute": AttributeAxis,
    "linear": LinearAxis,
    "box": BoxBounds,
    "disc": DiscBounds,
    "polygon": PolygonBounds,
}


class OutputLayers(torch.nn.ModuleList):
    """Output layers, one after the other.

    Args:
        descriptions: Of each layer, its ``kind`` (``"attribute"``, ``"linear"``, ``"box"``, ``"disc"``,
            ``"polygon"``) and the arguments of its class.
        out_dim: Number of dimensions of the map.

    Raises:
        ValueError: If a kind is unknown, or arguments do not fit.

    Example:
        >>> layers = OutputLayers([{"kind": "disc", "center": [0, 0], "radius": 1}], out_dim=2)
        >>> layers.reads_rows, bool(layers(100 * torch.randn(9, 2), torch.empty(9, 0), 1.0).norm(dim=1).max() <= 1)
        (False, True)
    """

    def __init__(self, descriptions: Sequence[Mapping[str, Any]], *, out_dim: int) -> None:
        super().__init__()
        for description in descriptions:
            arguments = dict(description)
            kind = arguments.pop("kind", None)
            if kind not in _KINDS:
                raise ValueError(f"unknown kind of output layer {kind!r}. {did_you_mean(str(kind), _KINDS)}")
            self.append(_KINDS[kind](**arguments, out_dim=out_dim))

    @property
    def reads_rows(self) -> bool:
        """Whether positions depend on the rows themselves, in addition to the output of the network."""
        return any(layer.reads_rows for layer in self)

    def forward(self, positions: torch.Tensor, rows: torch.Tensor, unit: float | None) -> torch.Tensor:
        """Applies all layers; shapes (b, out_dim) and (b, …) to (b, out_dim)."""
        for layer in self:
            positions = layer(positions, rows, 1.0 if unit is None else unit)
        return positions

    def project(self, positions: torch.Tensor, rows: torch.Tensor, unit: float | None) -> torch.Tensor:
        """Moves positions to where all conditions hold; as :meth:`forward`."""
        for layer in self:
            assert isinstance(layer, OutputLayer)
            positions = layer.project(positions, rows, 1.0 if unit is None else unit)
        return positions

    def projection_of(self, rows: Any, unit: float | None) -> Projection:
        """Returns a function that moves positions of these rows to where all conditions hold.

        Args:
            rows: Rows of any form, shape (n, …).
            unit: The unit of the map.
        """
        steps: list[Projection] = [
            layer.projection_of(rows, 1.0 if unit is None else unit)
            for layer in self
            if isinstance(layer, OutputLayer)
        ]
        return lambda positions: functools.reduce(lambda moved, step: step(moved), steps, positions)


class Conditioned(torch.nn.Module):
    """A mixin of models whose positions satisfy conditions exactly.

    Attributes:
        outputs: The descriptions of the conditions.
        output_layers: The :class:`OutputLayers`, or ``None`` without conditions.
    """

    out_dim: int
    unit: float | None
    outputs: Sequence[Mapping[str, Any]]
    output_layers: OutputLayers | None

    def _begin_outputs(self, outputs: Sequence[Mapping[str, Any]]) -> None:
        """Stores the constructor's argument, and makes the layers."""
        self.outputs = tuple(outputs)
        layers = OutputLayers(self.outputs, out_dim=self.out_dim) if self.outputs else None
        self.register_module("output_layers", layers)

    def _satisfying(self, positions: torch.Tensor, rows: torch.Tensor) -> torch.Tensor:
        """Returns the positions of rows, with the conditions; shapes (b, out_dim) and (b, …)."""
        layers = self.output_layers
        return positions if layers is None else layers(positions, rows, self.unit)
