"""Seeding of random number generators."""

from __future__ import annotations

import contextlib
import random
from collections.abc import Iterator

import numpy as np
import torch

__all__ = ["as_seed", "seed_all", "seeded"]

_BITS = 32  # that torch's generator on the CPU and NumPy's older one take


def as_seed(number: int) -> int:
    """Returns a seed that every generator takes: the number itself if it has at most 32 bits, else a hash of it.

    Torch's generator on the CPU looks at 32 bits only, so that larger seeds with the same last 32 bits would give
    the same numbers.

    Args:
        number: An integer of at least 0.

    Raises:
        ValueError: If it is negative.

    Example:
        >>> as_seed(7), as_seed(2**32) == as_seed(2**33)
        (7, False)
    """
    if number < 0:
        raise ValueError(f"a seed must be an integer of at least 0, got {number}. Pass another, such as 0.")
    return number if number < 2**_BITS else int(np.random.SeedSequence(number).generate_state(1)[0])


def seed_all(seed: int) -> torch.Generator:
    """Seeds the global generators of Python, NumPy and torch (all devices).

    This changes global state, on purpose. Routines with a ``random_state`` need no global seed.

    Args:
        seed: Any integer of at least 0.

    Raises:
        ValueError: If the seed is negative.

    Returns:
        torch's global CPU generator, seeded.

    Example:
        >>> first = seed_all(1), torch.rand(2)
        >>> second = seed_all(1), torch.rand(2)
        >>> bool((first[1] == second[1]).all())
        True
    """
    seed = as_seed(seed)
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
    kind = None if device is None else device.type
    with torch.random.fork_rng(devices=[device] if kind == "cuda" else []):
        # torch.manual_seed would seed all devices, also those whose state is not restored
        torch.default_generator.manual_seed(seed)
        if device is not None and kind == "cuda":
            with torch.cuda.device(device):
                torch.cuda.manual_seed(seed)
        elif kind == "mps":
            torch.mps.manual_seed(seed)
        yield
