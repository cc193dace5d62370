"""Where training stands: what callbacks see, data only."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import Any, Protocol

import torch

from paradime.data import Batch, Dataset, Sampling
from paradime.loss import CompoundLoss, Loss
from paradime.training.budget import TrainingBudget

__all__ = ["HeldOutScores", "PhaseSettings", "TrainingState"]


class PhaseSettings(Protocol):
    """What the training state shows of a phase; a :class:`~paradime.training.TrainingPhase` has more."""

    @property
    def name(self) -> str | None:
        """The phase's name in messages."""

    @property
    def loss_keys(self) -> list[str]:
        """Which losses, by the routine's keys."""

    @property
    def report_interval(self) -> int:
        """Epochs between reports of the loss."""

    @property
    def callbacks(self) -> tuple[Any, ...]:
        """The callbacks of this phase alone."""

    @property
    def early_stopping(self) -> Any:
        """When the phase ends early; ``None`` for never."""

    @property
    def schedule(self) -> Any:
        """How the learning rate changes."""

    @property
    def compile(self) -> bool | str:
        """Whether the model's methods are compiled."""

    @property
    def loss(self) -> Loss | None:
        """The loss that the phase names, or the weighted sum of several."""

    def budget(self, n_rows: int) -> TrainingBudget:
        """Returns the number and size of batches on data of so many rows."""

    def plan(self) -> Sampling:
        """Returns what batches are made of."""


@dataclasses.dataclass(frozen=True)
class HeldOutScores:
    """What was measured on held-out rows after an epoch.

    Attributes:
        loss: The loss, as a sum over as many batches as an epoch of the training has; ``None`` if no component
            can be computed for held-out rows.
        losses: The weighted components of it, by the keys of the losses.
        quality: The share of the 15 nearest training rows that are the nearest in the embedding, too, in [0, 1].
    """

    loss: float | None
    losses: dict[str, float]
    quality: float


@dataclasses.dataclass
class TrainingState:
    """Where training stands.

    Attributes:
        model: The model that is trained.
        phases: All phases of this training, with settings that do not change any more.
        phase: The current phase.
        objective: The weighted sum of the phase's losses, which steps go down; ``None`` before the first phase.
        n_rows: Number of rows of the data.
        epoch: The current epoch of the phase, from 0.
        n_batches: Number of batches in an epoch of the phase.
        batch: The current batch.
        progress: The share of the phase's steps that are done, in [0, 1].
        loss: The loss of the last step, a scalar on the device; reading it waits for the device.
        epoch_loss: The loss of the last epoch that ended, the sum over its batches.
        stop: Whether the phase is to end after this epoch; a callback may set it.
        dataset: The training rows.
        data_key: The entry of the data set that is embedded.
        optimizer: The optimizer of the phase.
        seconds: How long the last epoch took, without validation and what callbacks do after it.
        measured: What is measured on held-out rows in this phase: of ``"validation_loss"`` and
            ``"validation_quality"``.
        validation: What was measured on held-out rows after the last epoch; ``None`` if nothing was.
        is_resumed: Whether the training goes on from a checkpoint.
        n_phases_done: Phases that have ended.
        n_epochs_done: Epochs of the present phase that have ended.
        n_batches_done: Steps of the present epoch.
        n_steps: Steps of all phases.
    """

    model: torch.nn.Module
    phases: Sequence[PhaseSettings]
    phase: PhaseSettings
    objective: CompoundLoss | None = None
    n_rows: int = 0
    epoch: int = 0
    n_batches: int = 0
    batch: Batch | None = None
    progress: float = 0.0
    loss: torch.Tensor | None = None
    epoch_loss: float | None = None
    stop: bool = False
    dataset: Dataset | None = None
    data_key: str = "main"
    optimizer: torch.optim.Optimizer | None = None
    seconds: float = 0.0
    measured: frozenset[str] = frozenset()
    validation: HeldOutScores | None = None
    is_resumed: bool = False
    n_phases_done: int = 0
    n_epochs_done: int = 0
    n_batches_done: int = 0
    n_steps: int = 0

    @property
    def learning_rate(self) -> float | None:
        """The learning rate of the last step; that of the first group of parameters if there are several."""
        return None if self.optimizer is None else float(self.optimizer.param_groups[0]["lr"])
