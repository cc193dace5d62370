"""What may be given as ``random_state``."""

from __future__ import annotations

from typing import Any, TypeAlias

import numpy as np
import torch

from paradime.utils.seed import as_seed

__all__ = ["RandomState", "seed_of"]

RandomState: TypeAlias = (
    int | np.integer[Any] | np.random.RandomState | np.random.Generator | torch.Generator | None
)
"""A seed, a generator that a seed is drawn from at each fit, or ``None`` for torch's global generator."""

_END = 2**31 - 1


def seed_of(random_state: RandomState) -> int | None:
    """Returns a seed, drawn from the generator if one is given.

    Args:
        random_state: A seed, or a generator of NumPy or torch, which advances; or ``None``.

    Raises:
        TypeError: If it is something else.
        ValueError: If it is a negative number.

    Example:
        >>> seed_of(7), seed_of(None)
        (7, None)
        >>> seed_of(np.random.default_rng(0)) == seed_of(np.random.default_rng(0))
        True
    """
    if random_state is None:
        return None
    if isinstance(random_state, (int, np.integer)):
        if random_state < 0:
            raise ValueError(
                f"random_state must be an integer of at least 0, got {random_state}. Pass another, such as 0."
            )
        return as_seed(int(random_state))
    if isinstance(random_state, np.random.RandomState):
        return int(random_state.randint(_END))
    if isinstance(random_state, np.random.Generator):
        return int(random_state.integers(_END))
    if isinstance(random_state, torch.Generator):
        return int(torch.randint(_END, (), generator=random_state, device=random_state.device))
    raise TypeError(
        "random_state must be an integer, a generator of NumPy or torch, or None, got "
        f"{type(random_state).__name__}. Pass a number, such as random_state=0."
    )
