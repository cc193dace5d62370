"""Weights of a sum of losses: constant, or changing with the progress of training."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeAlias

import numpy as np
import torch

__all__ = ["LinearWeights", "Weight", "Weighting"]

Weight: TypeAlias = float | Sequence[float]
"""A number, or a pair (start, end) that the weight goes through linearly."""


class Weighting(ABC):
    """How the components of a sum are weighed."""

    @abstractmethod
    def weigh(
        self, values: Sequence[torch.Tensor], parameters: Callable[[], Sequence[torch.Tensor]]
    ) -> torch.Tensor:
        """Weighs the components' losses in a step.

        Args:
            values: The k losses, scalars with their graphs.
            parameters: Returns what is trained; called only by who needs it.

        Returns:
            The weighted losses, shape (k,).
        """

    @abstractmethod
    def numbers(self) -> list[float]:
        """Returns the present weights, k numbers; may wait for the device."""

    @abstractmethod
    def at(self, progress: float) -> None:
        """Tells how much of the training is done.

        Args:
            progress: The share of the steps that are done, in [0, 1].
        """

    @abstractmethod
    def state_dict(self) -> dict[str, Any]:
        """Returns what follows from the training so far."""

    @abstractmethod
    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Takes what :meth:`state_dict` returned of weights with the same settings."""


class LinearWeights(Weighting):
    """Weights that stay as they are, or change linearly from a start to an end.

    Args:
        weights: A finite number or a pair (start, end) of such for each component.

    Raises:
        TypeError: If a weight is neither a number nor a pair.
        ValueError: If a weight is not finite, or a sequence other than a pair.

    Example:
        >>> weighting = LinearWeights([2, (1000, 0)])
        >>> weighting.at(0.25)
        >>> weighting.numbers()
        [2.0, 750.0]
    """

    def __init__(self, weights: Sequence[Weight]) -> None:
        ends = [_ends(weight) for weight in weights]
        self._current = [start for start, _ in ends]
        self._ramps = [(i, start, end) for i, (start, end) in enumerate(ends) if start != end]

    def weigh(
        self, values: Sequence[torch.Tensor], parameters: Callable[[], Sequence[torch.Tensor]]
    ) -> torch.Tensor:
        return torch.stack([weight * value for weight, value in zip(self._current, values, strict=True)])

    def numbers(self) -> list[float]:
        return self._current

    def at(self, progress: float) -> None:
        for i, start, end in self._ramps:
            self._current[i] = (1 - progress) * start + progress * end

    def state_dict(self) -> dict[str, Any]:
        return {"current": list(self._current)}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        self._current = list(state["current"])


def _ends(weight: Any) -> tuple[float, float]:
    if not isinstance(weight, (list, tuple)):
        weight = (weight, weight)
    if len(weight) != 2:
        raise ValueError(f"a weight that changes is a pair (start, end), got {weight!r}.")
    start, end = (float(number) for number in weight)
    if not (np.isfinite(start) and np.isfinite(end)):
        raise ValueError(f"a weight must be finite, got {weight!r}.")
    return start, end
