"""The unit of an embedding: the length that counts as 1 to the layers which make it."""

from __future__ import annotations

import math

import torch

__all__ = ["checked_unit", "in_unit", "unit_of", "without_unit"]


def checked_unit(unit: float | None) -> float | None:
    """Returns the unit.

    Raises:
        ValueError: If it is not positive.
    """
    if unit is not None and not 0 < unit < math.inf:
        raise ValueError(f"unit must be a positive number, or None, got {unit!r}.")
    return unit


def in_unit(result: torch.Tensor, unit: float | None) -> torch.Tensor:
    """Returns what layers made, as lengths in the embedding."""
    return result if unit is None else result * unit


def unit_of(model: object) -> float:
    """Returns the unit of a model's embedding, or of its encoder's; 1 where it has none."""
    unit = getattr(getattr(model, "encoder", model), "unit", None)
    return float(unit) if isinstance(unit, (int, float)) else 1.0


def without_unit(embedded: torch.Tensor, encoder: object) -> torch.Tensor:
    """Returns positions as the layers of an encoder made them, which decoders and classifiers start from."""
    return embedded / unit_of(encoder)
