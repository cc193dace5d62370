"""Seeds, values of ``random_state``, and seeding of random number generators."""

from __future__ import annotations

import contextlib
import random
from collections.abc import Iterator
from typing import Any, TypeAlias

import numpy as np
import torch

__all__ = ["RandomState", "as_seed", "generator_of", "seed_all", "seed_of", "seeded"]

_END = 2**31 - 1
_BITS = 32  # the size of seeds of torch's CPU generator and of NumPy's legacy generator


RandomState: TypeAlias = (
    int | np.integer[Any] | np.random.RandomState | np.random.Generator | torch.Generator | None
)
"""A seed, a generator from which each fit draws a seed, or ``None`` for torch's global generator."""


def as_seed(number: int) -> int:
    """Returns a seed for any generator: the number itself if it has at most 32 bits, else its hash.

    Torch's CPU generator uses 32 bits only: larger seeds with the same last 32 bits would give the same numbers.

    Args:
        number: An integer of at least 0.

    Raises:
        ValueError: If the number is negative.

    Example:
        >>> as_seed(7), as_seed(2**32) == as_seed(2**33)
        (7, False)
    """
    if number < 0:
        raise ValueError(f"a seed must be an integer of at least 0, got {number}. Pass another, such as 0.")
    return number if number < 2**_BITS else int(np.random.SeedSequence(number).generate_state(1)[0])


def seed_of(random_state: RandomState) -> int | None:
    """Returns a seed, or draws one from a generator.

    Args:
        random_state: A seed; a generator of NumPy or torch, whose state advances; or ``None``.

    Raises:
        TypeError: If ``random_state`` has another type.
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


def generator_of(random_state: RandomState) -> np.random.Generator:
    """Returns a generator of NumPy for draws that are not part of a training.

    Args:
        random_state: As for :func:`seed_of`; other numbers in every call if ``None``. A generator of NumPy is
            itself returned.

    Raises:
        TypeError: If ``random_state`` has another type.
        ValueError: If it is a negative number.

    Example:
        >>> generator_of(7).integers(100) == generator_of(7).integers(100)
        np.True_
    """
    if isinstance(random_state, np.random.Generator):
        return random_state
    return np.random.default_rng(seed_of(random_state))


def seed_all(seed: int) -> torch.Generator:
    """Seeds the global generators of Python, NumPy and torch (all devices).

    It changes global state. Routines with a ``random_state`` need no global seed.

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
    np.random.seed(seed)  # noqa: NPY002 - the purpose is the global state
    return torch.manual_seed(seed)


@contextlib.contextmanager
def seeded(seed: int | None, device: torch.device | None = None) -> Iterator[None]:
    """Seeds torch's global generators within the block and restores them after; ``None`` changes nothing.

    Torch draws initial weights and dropout masks from the global generators. Within the block, they are
    reproducible.

    Args:
        seed: The seed, or ``None``.
        device: A device whose generator is seeded, too. On CUDA devices, its state is restored.
    """
    if seed is None:
        yield
        return
    kind = None if device is None else device.type
    with torch.random.fork_rng(devices=[device] if kind == "cuda" else []):
        # torch.manual_seed would also seed devices whose state is not restored
        torch.default_generator.manual_seed(seed)
        if device is not None and kind == "cuda":
            with torch.cuda.device(device):
                torch.cuda.manual_seed(seed)
        elif kind == "mps":
            torch.mps.manual_seed(seed)
        yield
