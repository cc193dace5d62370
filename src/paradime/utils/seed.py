"""Seeding of random number generators."""

from __future__ import annotations

import contextlib
import random
from collections.abc import Iterator

import numpy as np
import torch

__all__ = ["seed_all", "seeded"]


def seed_all(seed: int) -> torch.Generator:
    """Seeds the global generators of Python, NumPy and torch (all devices).

    This changes global state, on purpose. Routines with a ``random_state`` need no global seed.

    Args:
        seed: Any integer in [0, 2**32).

    Returns:
        torch's global CPU generator, seeded.

    Example:
        >>> first = seed_all(1), torch.rand(2)
        >>> second = seed_all(1), torch.rand(2)
        >>> bool((first[1] == second[1]).all())
        True
    """
    random.seed(seed)
    np.random.seed(seed)  # noqa: NPY002 - the global state is what is meant
    return torch.manual_seed(seed)


@contextlib.contextmanager
def seeded(seed: int | None, device: torch.device | None = None) -> Iterator[None]:
    """Seeds torch's global generators within the block and restores them after; ``None`` changes nothing.

    Modules of torch draw their initial weights, and dropout its masks, from the global generators; this makes them
    reproducible without a lasting change.

    Args:
        seed: The seed, or ``None``.
        device: A device whose generator is meant beside that of the CPU, if it is a CUDA device.
    """
    if seed is None:
        yield
        return
    with torch.random.fork_rng(devices=[device] if device is not None and device.type == "cuda" else []):
        torch.manual_seed(seed)
        yield
