"""Where a training stands, in so much detail that it can go on from there."""

from __future__ import annotations

import contextlib
import functools
import inspect
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import torch

from paradime.data import Batch, Sampler, StatefulSampler
from paradime.exceptions import ModelFileError
from paradime.training._random import RandomStates
from paradime.training.callbacks import Callback
from paradime.training.interruption import Interruption
from paradime.training.state import PhaseSettings, TrainingState

__all__ = ["Run"]

_WATCHED = ("values", "best_epoch", "best_weights")


class Run:
    """One training, from its first phase to its last: what is to be remembered, and what was.

    Args:
        generator: Source of the training's randomness; torch's global one if ``None``.
        device: Where it computes.
        description: What the training is made of, as JSON can hold it; a resumed one must be made of the same.
        resumed: What :meth:`capture` returned of the training that goes on; ``None`` for one that begins.

    Attributes:
        n_phases_done: Phases that have ended.
        n_epochs_done: Epochs of the present phase that have ended.
        n_batches_done: Steps of the present epoch.
        n_steps: Steps in all.
        interruption: Ctrl-C.
        is_resumed: Whether it goes on from a checkpoint.
    """

    def __init__(
        self,
        generator: torch.Generator | None,
        device: torch.device,
        *,
        description: Mapping[str, Any] | None = None,
        resumed: Mapping[str, Any] | None = None,
    ) -> None:
        self.generator, self.device = generator, device
        self.description = dict(description or {})
        self.is_resumed = resumed is not None
        self.interruption = Interruption()
        self.n_phases_done = 0 if resumed is None else int(resumed["n_phases_done"])
        self.n_epochs_done = self.n_batches_done = 0
        self.n_steps = 0
        self._resumed = resumed
        self._random = RandomStates(generator, device)
        self._is_changing = False
        self._phase_random = self._epoch_random = self._random.now()
        self._sampler: Sampler | None = None
        self._epoch_sampler: dict[str, Any] = {}
        self._heard: Sequence[Callback] = ()

    # -- what the loop calls --------------------------------------------------------------------------

    def begin_phase(self, state: TrainingState, sampler: Sampler, heard: Sequence[Callback]) -> None:
        """Begins a phase, or goes on with one, whose loss, optimizer and watch are there."""
        self._sampler, self._heard = sampler, heard
        self.n_epochs_done = self.n_batches_done = 0
        if self._resumed is not None:
            self._restore(state, self._resumed)

    def batches(self) -> Iterator[Batch]:
        """Draws the batches of the present epoch that are not done yet."""
        assert self._sampler is not None
        if self._resumed is not None:
            yield from self._rest_of_epoch(self._sampler, self._resumed)
            return
        self._epoch_random, self._epoch_sampler = self._random.now(), _state_of(self._sampler)
        if self.n_epochs_done == 0:
            self._phase_random = self._epoch_random
        yield from self._sampler.epoch(self.generator)

    @contextlib.contextmanager
    def changing(self) -> Iterator[None]:
        """Within the block, the state is neither that from before nor that from after it."""
        self._is_changing = True
        yield
        # not if it was left by an exception
        self._is_changing = False

    def count_step(self) -> None:
        """Counts a step."""
        self.n_batches_done += 1
        self.n_steps += 1

    def end_epoch(self) -> None:
        """Ends an epoch."""
        self.n_epochs_done += 1
        self.n_batches_done = 0

    def undo_epoch(self) -> None:
        """Tells that the weights are those from before the epoch again."""
        self.n_steps -= self.n_batches_done
        self.n_batches_done = 0

    def end_phase(self) -> None:
        """Ends a phase; one whose steps were all done before is not resumed any more."""
        self.n_phases_done += 1
        self._resumed = None

    @property
    def has_learned(self) -> bool:
        """Whether any step was taken."""
        return self.n_steps > 0

    # -- what checkpoints call ------------------------------------------------------------------------

    @property
    def can_be_captured(self) -> bool:
        """Whether the training stands where it can go on from: between steps, and for some between epochs.

        Within an epoch, the batches that are done are drawn again, which needs a generator of the training's own:
        torch's global one may have served a dropout, too.
        """
        return not self._is_changing and (self.n_batches_done == 0 or self.generator is not None)

    def capture(self, state: TrainingState) -> dict[str, Any]:
        """Returns all that the training has to remember, without copies."""
        assert state.optimizer is not None
        assert state.watch is not None
        return {
            "n_phases_done": self.n_phases_done,
            "n_epochs_done": self.n_epochs_done,
            "n_batches_done": self.n_batches_done,
            "n_steps": self.n_steps,
            "stop": state.stop,
            "epoch_loss": state.epoch_loss,
            "model": state.model.state_dict(),
            "optimizer": _unwrapped(state.optimizer, "state_dict")(),
            "losses": [_loss_state(phase) for phase in state.phases[: self.n_phases_done + 1]],
            "watch": {name: getattr(state.watch, name) for name in _WATCHED},
            "sampler": self._epoch_sampler if self.n_batches_done else _state_of(self._sampler),
            "callbacks": [[type(one).__name__, one.state_dict()] for one in self._heard],
            "random": {"now": self._random.now(), "epoch": self._epoch_random, "phase": self._phase_random},
        }

    def _restore(self, state: TrainingState, resumed: Mapping[str, Any]) -> None:
        assert state.optimizer is not None
        try:
            state.model.load_state_dict(resumed["model"])
            _load_optimizer(state.optimizer, resumed["optimizer"])
            for phase, of_phase in zip(state.phases, resumed["losses"], strict=False):
                _load_loss_state(phase, of_phase)
        except (RuntimeError, KeyError, ValueError, AttributeError, TypeError) as error:
            raise ModelFileError(f"the checkpoint does not fit the routine: {error}") from error
        for name in _WATCHED:
            setattr(state.watch, name, resumed["watch"][name])
        for callback, (kind, remembered) in zip(self._heard, resumed["callbacks"], strict=False):
            if type(callback).__name__ == kind:
                callback.load_state_dict(remembered)
        self.n_steps, self.n_epochs_done = resumed["n_steps"], resumed["n_epochs_done"]
        self.n_batches_done = resumed["n_batches_done"]
        state.epoch = max(self.n_epochs_done - 1, 0)
        state.stop, state.epoch_loss = resumed["stop"], resumed["epoch_loss"]
        self._epoch_random, self._phase_random = resumed["random"]["epoch"], resumed["random"]["phase"]
        if self.n_batches_done == 0:
            self._random.set(resumed["random"]["now"])

    def _rest_of_epoch(self, sampler: Sampler, resumed: Mapping[str, Any]) -> Iterator[Batch]:
        self._resumed, states = None, resumed["random"]
        if self.n_epochs_done:
            # what samplers draw once and keep, they draw in the first epoch
            self._random.set(states["phase"])
            next(iter(sampler.epoch(self.generator)), None)
        if isinstance(sampler, StatefulSampler):
            sampler.load_state_dict(resumed["sampler"])
        if not self.n_batches_done:
            self._random.set(states["now"])
            yield from self.batches()
            return
        self._random.set(states["epoch"])
        self._epoch_sampler = resumed["sampler"]
        drawn = iter(sampler.epoch(self.generator))
        for _ in range(self.n_batches_done):
            next(drawn)
        if not self._random.own_is_at(states["now"]):
            warnings.warn(
                f"{type(sampler).__name__} does not draw the same batches again: the training that goes on within "
                "an epoch is not the one that was interrupted. Use Checkpoints(every_epochs=1).",
                stacklevel=2,
            )
        self._random.set(states["now"], own=False)
        yield from drawn


def _state_of(sampler: Sampler | None) -> dict[str, Any]:
    return sampler.state_dict() if isinstance(sampler, StatefulSampler) else {}


def _unwrapped(optimizer: torch.optim.Optimizer, method: str) -> Callable[..., Any]:
    """Returns a method without the wrapper that imports torch's compiler when it is first called."""
    return functools.partial(inspect.unwrap(getattr(type(optimizer), method)), optimizer)


def _load_optimizer(optimizer: torch.optim.Optimizer, remembered: Mapping[str, Any]) -> None:
    groups = optimizer.param_groups
    _unwrapped(optimizer, "load_state_dict")(remembered)
    # schedules hold the groups that there were
    for group, loaded in zip(groups, optimizer.param_groups, strict=True):
        group.update(loaded)
    optimizer.param_groups = groups


def _loss_state(phase: PhaseSettings) -> dict[str, Any]:
    return {} if phase.objective is None else phase.objective.state_dict()


def _load_loss_state(phase: PhaseSettings, state: Mapping[str, Any]) -> None:
    if phase.objective is not None:
        phase.objective.load_state_dict(state)
