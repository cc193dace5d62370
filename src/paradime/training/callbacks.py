"""Callbacks: what happens at the beginnings and ends of training, phases, epochs and batches."""

from __future__ import annotations

import dataclasses
import logging
import sys
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any, TextIO

import torch

from paradime._registry import CALLBACKS
from paradime.data import Batch
from paradime.utils.logging import report

if TYPE_CHECKING:
    from tqdm import tqdm

    from paradime.training.phase import TrainingPhase  # which has callbacks

__all__ = ["Callback", "ProgressBar", "ReportLoss", "TrainingState", "notify"]

log = logging.getLogger(__name__)


@dataclasses.dataclass
class TrainingState:
    """Where training stands.

    Attributes:
        model: The model that is trained.
        phases: All phases of this training.
        phase: The current phase.
        n_rows: Number of rows of the data.
        epoch: The current epoch of the phase, from 0.
        n_batches: Number of batches in an epoch of the phase.
        batch: The current batch.
        loss: The loss of the last step, a scalar on the device; reading it waits for the device.
        epoch_loss: The loss of the last epoch that ended, the sum over its batches.
        stop: Whether the phase is to end after this epoch; a callback may set it.
    """

    model: torch.nn.Module
    phases: Sequence[TrainingPhase]
    phase: TrainingPhase
    n_rows: int = 0
    epoch: int = 0
    n_batches: int = 0
    batch: Batch | None = None
    loss: torch.Tensor | None = None
    epoch_loss: float | None = None
    stop: bool = False


class Callback:
    """Does something during training; override what you need.

    A callback of a routine hears of all its phases. One of a phase hears of that phase alone, as if it were the
    whole training. To end a phase early, set ``state.stop``. An exception that a callback raises ends the
    training; the weights stay as they are then.

    Example:
        >>> class Shout(Callback):
        ...     def on_epoch_end(self, state):
        ...         print(f"epoch {state.epoch}: {state.epoch_loss}!")
    """

    def on_train_begin(self, state: TrainingState) -> None:
        """Called once before the first phase."""

    def on_train_end(self, state: TrainingState) -> None:
        """Called once after the last phase, and when training ends early by an exception."""

    def on_phase_begin(self, state: TrainingState) -> None:
        """Called before the first epoch of a phase."""

    def on_phase_end(self, state: TrainingState) -> None:
        """Called after the last epoch of a phase."""

    def on_epoch_begin(self, state: TrainingState) -> None:
        """Called before the first batch of an epoch."""

    def on_epoch_end(self, state: TrainingState) -> None:
        """Called after the last batch of an epoch; ``state.epoch_loss`` is known."""

    def on_batch_begin(self, state: TrainingState) -> None:
        """Called before a step; ``state.batch`` is known."""

    def on_batch_end(self, state: TrainingState) -> None:
        """Called after a step; ``state.loss`` is known."""


def notify(callbacks: Iterable[Callback], event: str, state: TrainingState) -> None:
    """Calls the method of an event, ``on_<event>``, of all callbacks."""
    for callback in callbacks:
        getattr(callback, f"on_{event}")(state)


@CALLBACKS.register("report loss")
class ReportLoss(Callback):
    """Logs the beginning of each phase, and the loss every ``report_interval`` epochs."""

    def on_phase_begin(self, state: TrainingState) -> None:
        report(log, f"Beginning training phase {state.phase.name!r}.")

    def on_epoch_end(self, state: TrainingState) -> None:
        if state.epoch % state.phase.report_interval == 0:
            report(log, f"Loss after epoch {state.epoch}: {state.epoch_loss}")


@CALLBACKS.register("progress bar")
class ProgressBar(Callback):
    """Shows a progress bar over all epochs of all phases, with the phase and the last loss.

    Args:
        description: What to write before the bar.
        file: Where to write; standard error if ``None``.
        **tqdm_kwargs: Passed to ``tqdm``.
    """

    def __init__(self, description: str = "Training", *, file: TextIO | None = None, **tqdm_kwargs: Any) -> None:
        self.description = description
        self.file = file
        self.tqdm_kwargs = tqdm_kwargs
        self._bar: tqdm[Any] | None = None

    def on_train_begin(self, state: TrainingState) -> None:
        from tqdm import tqdm

        total = sum(phase.extent(state.n_rows).epochs for phase in state.phases)
        settings = {"unit": "epoch", "desc": self.description, "dynamic_ncols": True, **self.tqdm_kwargs}
        self._bar = tqdm(total=total, file=self.file or sys.stderr, **settings)

    def on_epoch_end(self, state: TrainingState) -> None:
        if self._bar is not None and state.epoch_loss is not None:
            shown = f"{state.epoch_loss:.4g}"
            self._bar.set_postfix(phase=state.phase.name, loss=shown, refresh=False)
            self._bar.update()

    def on_phase_end(self, state: TrainingState) -> None:
        if self._bar is not None and self._bar.total is not None:
            # a phase that ended early
            self._bar.total -= state.phase.extent(state.n_rows).epochs - (state.epoch + 1)
            self._bar.refresh()

    def on_train_end(self, state: TrainingState) -> None:
        if self._bar is not None:
            self._bar.close()
            self._bar = None
