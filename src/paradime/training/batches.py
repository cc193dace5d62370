"""The batches of a training, and where its random generators stand, so that it can go on from there."""

from __future__ import annotations

import warnings
import zlib
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import torch

from paradime.data import Batch, Sampler, StatefulSampler

__all__ = ["BatchSource", "RandomStates"]


class BatchSource:
    """Draws the batches of each epoch; after a checkpoint, those that were not drawn yet.

    Within an epoch, the batches that are done are drawn again. That needs a generator of the training's own:
    torch's global one may have served a dropout, too.

    Args:
        generator: The training's own generator; torch's global one if ``None``.
        device: Where the training computes.
    """

    def __init__(self, generator: torch.Generator | None, device: torch.device) -> None:
        self._generator = generator
        self._random = RandomStates(generator, device)
        self._sampler: Sampler | None = None
        # the states of the generators when the epoch began, and when the phase began
        self._phase_random = self._epoch_random = self._random.now()
        self._epoch_sampler: dict[str, Any] = {}
        self._resumed: Mapping[str, Any] | None = None

    @property
    def draws_again(self) -> bool:
        """Whether batches of an epoch can be drawn again."""
        return self._generator is not None

    def begin_phase(self, sampler: Sampler) -> None:
        """Takes the sampler of a phase."""
        self._sampler, self._resumed = sampler, None

    def epoch(self, n_epochs_done: int, n_batches_done: int) -> Iterator[Batch]:
        """Draws the batches of an epoch that are not done yet.

        Args:
            n_epochs_done: Epochs of the phase that have ended.
            n_batches_done: Batches of this epoch that are done.
        """
        assert self._sampler is not None
        if self._resumed is not None:
            states, self._resumed = self._resumed, None
            self._return_to(states, self._sampler, is_first_epoch=not n_epochs_done)
            if n_batches_done:
                yield from self._rest_of_epoch(states, self._sampler, n_batches_done)
                return
            self._random.set(states["now"])
        self._epoch_random, self._epoch_sampler = self._random.now(), _state_of(self._sampler)
        if n_epochs_done == 0:
            self._phase_random = self._epoch_random
        yield from self._sampler.epoch(self._generator)

    def fingerprint(self) -> int:
        """Returns a checksum of where the training's own generator stands; 0 if it has none."""
        return 0 if self._generator is None else zlib.crc32(self._generator.get_state().numpy().tobytes())

    def state_dict(self, n_batches_done: int) -> dict[str, Any]:
        """Returns where generators and sampler stand, after so many batches of an epoch."""
        return {
            "now": self._random.now(),
            "epoch": self._epoch_random,
            "phase": self._phase_random,
            "sampler": self._epoch_sampler if n_batches_done else _state_of(self._sampler),
        }

    def load_state_dict(self, state: Mapping[str, Any], n_batches_done: int) -> None:
        """Takes what :meth:`state_dict` returned, once the phase has begun."""
        self._resumed = state
        self._epoch_random, self._phase_random = state["epoch"], state["phase"]
        if not n_batches_done:
            self._random.set(state["now"])

    def _return_to(self, states: Mapping[str, Any], sampler: Sampler, *, is_first_epoch: bool) -> None:
        """Gives the sampler what it draws once and keeps, and its state."""
        if not is_first_epoch:
            self._random.set(states["phase"])
            next(iter(sampler.epoch(self._generator)), None)
        if isinstance(sampler, StatefulSampler):
            sampler.load_state_dict(states["sampler"])

    def _rest_of_epoch(self, states: Mapping[str, Any], sampler: Sampler, n_batches_done: int) -> Iterator[Batch]:
        self._random.set(states["epoch"])
        self._epoch_sampler = states["sampler"]
        drawn = iter(sampler.epoch(self._generator))
        for _ in range(n_batches_done):
            next(drawn)
        if not self._random.own_is_at(states["now"]):
            warnings.warn(
                f"{type(sampler).__name__} does not draw the same batches again: the training that goes on within "
                "an epoch is not the one that was interrupted. Use Checkpoints(every_epochs=1).",
                stacklevel=2,
            )
        self._random.set(states["now"], own=False)
        yield from drawn


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
            # None if nothing has drawn from NumPy's generator, which then stays as the user has it
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


def _state_of(sampler: Sampler | None) -> dict[str, Any]:
    return sampler.state_dict() if isinstance(sampler, StatefulSampler) else {}
