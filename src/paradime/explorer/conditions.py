"""Conditions of exact constraints as plain layers, and their evaluation."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import torch

from paradime.exceptions import UnsupportedConfigurationError
from paradime.models.outputs import (
    AttributeAxis,
    BoxBounds,
    DiscBounds,
    LinearAxis,
    OutputLayers,
    PolygonBounds,
)

__all__ = ["apply_condition", "write_conditions"]

_SMALL = 1e-4  # of a gauge g, below which tanh(g) / g counts as 1
_MARGIN = 1e-6  # by which projected positions stay within, so that rounding does not lead out


def write_conditions(layers: OutputLayers, unit: float, *, projected: bool) -> list[dict[str, Any]]:
    """Converts the output layers of a model to conditions.

    Args:
        layers: The output layers.
        unit: The unit of the map.
        projected: Whether positions that satisfy a condition stay where they are, as in a refined map.

    Returns:
        Each condition as a dict with its kind as ``"op"``; :func:`apply_condition` applies it, as the page does.

    Raises:
        UnsupportedConfigurationError: If a layer is of a class of the user.

    Example:
        >>> layers = OutputLayers([{"kind": "disc", "center": [0, 0], "radius": 1}], out_dim=2)
        >>> write_conditions(layers, 1.0, projected=False)[0]["op"]
        'disc'
    """
    conditions = []
    for layer in layers:
        if type(layer) not in _WRITERS:
            raise UnsupportedConfigurationError(f"layers of type {type(layer).__name__} cannot be written")
        conditions.append({**_WRITERS[type(layer)](layer, unit), "projected": projected})
    return conditions


def _doubles(tensor: torch.Tensor) -> Any:
    return tensor.detach().cpu().to(torch.float64).numpy()


def _attribute(layer: Any, unit: float) -> dict[str, Any]:
    knots = _doubles(layer.knots) + _doubles(layer.rests)
    gaps = np.exp(_doubles(layer.log_gaps)) * unit
    offset = float(layer.offset.detach()) * unit
    return {"op": "attribute", "axis": layer.axis, "column": layer.column, "knots": knots, "gaps": gaps} | {
        "offset": offset
    }


def _linear(layer: Any, unit: float) -> dict[str, Any]:
    center, gap = _doubles(layer.center) + _doubles(layer.rest), float(layer.log_gap.detach().exp()) * unit
    offset = float(layer.offset.detach()) * unit
    return {
        "op": "linear axis",
        "axis": layer.axis,
        "center": center,
        "weights": gap * _doubles(layer.weights),
    } | {"offset": offset}


def _box(layer: Any, _unit: float) -> dict[str, Any]:
    return {"op": "box", "low": _doubles(layer.low), "high": _doubles(layer.high)}


def _disc(layer: Any, _unit: float) -> dict[str, Any]:
    return {"op": "disc", "center": _doubles(layer.center), "radius": layer.radius}


def _polygon(layer: Any, _unit: float) -> dict[str, Any]:
    return {"op": "polygon", "center": _doubles(layer.center), "normals": _doubles(layer.normals)}


_WRITERS: dict[type[torch.nn.Module], Callable[[Any, float], dict[str, Any]]] = {
    AttributeAxis: _attribute,
    LinearAxis: _linear,
    BoxBounds: _box,
    DiscBounds: _disc,
    PolygonBounds: _polygon,
}


def apply_condition(condition: dict[str, Any], positions: torch.Tensor, rows: torch.Tensor) -> torch.Tensor:
    """Returns positions that satisfy a condition, in double precision and differentiably.

    Args:
        condition: One of :func:`write_conditions`.
        positions: Shape (b, out_dim), float64.
        rows: The rows that the model was given, shape (b, in_dim), float64.
    """
    arrays = {name: torch.from_numpy(value) for name, value in condition.items() if isinstance(value, np.ndarray)}
    return _APPLIED[condition["op"]](positions, rows, {**condition, **arrays})


def _on_axis(positions: torch.Tensor, rows: torch.Tensor, condition: dict[str, Any]) -> torch.Tensor:
    knots, gaps = condition["knots"], condition["gaps"]
    parts = (rows[:, condition["column"], None] - knots[:-1]) / (knots[1:] - knots[:-1])
    if len(gaps) > 1:  # each part ends where the next begins, but for the ends, which go on
        parts = torch.cat([parts[:, :1].clamp(max=1), parts[:, 1:-1].clamp(0, 1), parts[:, -1:].clamp(min=0)], 1)
    own = (parts * gaps).sum(dim=1) - gaps.sum() / 2 + condition["offset"]
    return _with_coordinate(positions, condition["axis"], own)


def _along_line(positions: torch.Tensor, rows: torch.Tensor, condition: dict[str, Any]) -> torch.Tensor:
    own = (rows - condition["center"]) @ condition["weights"] + condition["offset"]
    return _with_coordinate(positions, condition["axis"], own)


def _with_coordinate(positions: torch.Tensor, axis: int, own: torch.Tensor) -> torch.Tensor:
    return torch.where(torch.arange(positions.shape[1]) == axis, own[:, None], positions)


def _in_box(positions: torch.Tensor, _rows: torch.Tensor, condition: dict[str, Any]) -> torch.Tensor:
    low, high = condition["low"], condition["high"]
    if condition["projected"]:
        return positions.clamp(low, high)
    has_low, has_high = low.isfinite(), high.isfinite()
    both = has_low & has_high
    lower, upper = torch.where(has_low, low, 0), torch.where(has_high, high, 0)
    middle, half = (lower + upper) / 2, torch.where(both, (upper - lower) / 2, 1)
    softplus = torch.nn.functional.softplus
    above, below = lower + softplus(positions - lower), upper - softplus(upper - positions)
    bounded = torch.where(has_low, above, torch.where(has_high, below, positions))
    within = middle + half * torch.tanh((positions - middle) / half)
    return torch.where(both, within, bounded).clamp(low, high)


def _in_star(positions: torch.Tensor, _rows: torch.Tensor, condition: dict[str, Any]) -> torch.Tensor:
    center, gauge = condition["center"], _GAUGES[condition["op"]]
    if not condition["projected"]:
        directions = positions - center
        reached = gauge(directions, condition)
        safe = torch.where(reached > _SMALL, reached, 1)
        positions = center + directions * torch.where(reached > _SMALL, torch.tanh(safe) / safe, 1)
    directions = positions - center
    led: torch.Tensor = center + directions / (gauge(directions, condition) * (1 + _MARGIN)).clamp_min(1)
    return led


def _disc_gauge(directions: torch.Tensor, condition: dict[str, Any]) -> torch.Tensor:
    squares = directions.square().sum(dim=1, keepdim=True)
    return torch.where(squares > 0, squares, 1).sqrt() * (squares > 0) / float(condition["radius"])


def _polygon_gauge(directions: torch.Tensor, condition: dict[str, Any]) -> torch.Tensor:
    normals: torch.Tensor = condition["normals"]
    return (directions @ normals.T).amax(dim=1, keepdim=True).clamp_min(0)


_GAUGES = {"disc": _disc_gauge, "polygon": _polygon_gauge}
_APPLIED = {
    "attribute": _on_axis,
    "linear axis": _along_line,
    "box": _in_box,
    "disc": _in_star,
    "polygon": _in_star,
}
