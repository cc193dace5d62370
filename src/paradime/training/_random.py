"""Where the random number generators of a training stand."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch

__all__ = ["RandomStates"]


class RandomStates:
    """The generators that a training draws from: torch's global ones, its own, and NumPy's if it is used.

    Args:
        generator: The training's own generator, or ``None``.
        device: Where the training computes.

    Example:
        >>> own = torch.Generator().manual_seed(0)
        >>> states = RandomStates(own, torch.device("cpu"))
        >>> before, first = states.now(), torch.rand(2, generator=own)
        >>> states.set(before)
        >>> torch.equal(torch.rand(2, generator=own), first)
        True
    """

    def __init__(self, generator: torch.Generator | None, device: torch.device) -> None:
        self._generator, self._device = generator, device
        self._numpy_at_first = _numpy_state()

    def now(self) -> dict[str, Any]:
        """Returns the present states."""
        numpy = _numpy_state()
        on_cuda = self._device.type == "cuda"
        return {
            "torch": torch.get_rng_state(),
            "device": torch.cuda.get_rng_state(self._device) if on_cuda else None,
            "own": None if self._generator is None else self._generator.get_state(),
            # whoever does not draw from it keeps the user's
            "numpy": None if _equal(numpy, self._numpy_at_first) else numpy,
        }

    def set(self, states: dict[str, Any], *, own: bool = True) -> None:
        """Sets the generators.

        Args:
            states: What :meth:`now` returned.
            own: Whether the training's own generator is meant, too.
        """
        torch.set_rng_state(states["torch"])
        if states["device"] is not None and self._device.type == "cuda":
            torch.cuda.set_rng_state(states["device"], self._device)
        if own and self._generator is not None and states["own"] is not None:
            self._generator.set_state(states["own"])
        if states["numpy"] is not None:
            np.random.set_state(states["numpy"])  # noqa: NPY002  the global state is what is meant

    def own_is_at(self, states: dict[str, Any]) -> bool:
        """Whether the training's own generator stands where it stood then."""
        return self._generator is None or torch.equal(self._generator.get_state(), states["own"])


def _numpy_state() -> dict[str, Any]:
    return dict(np.random.get_state(legacy=False))  # noqa: NPY002


def _equal(one: dict[str, Any], other: dict[str, Any]) -> bool:
    first, second = one["state"], other["state"]
    return first["pos"] == second["pos"] and bool((first["key"] == second["key"]).all())
