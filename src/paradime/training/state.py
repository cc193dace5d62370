"""Where training stands: what callbacks see, data only."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import Any, Protocol

import torch

from paradime.data import Batch, Dataset
from paradime.loss import CompoundLoss, Loss
from paradime.training.budget import TrainingBudget

__all__ = ["HeldOutScores", "PhaseSettings", "TrainingState", "Watched"]


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
    def objective(self) -> CompoundLoss | None:
        """The weighted sum of the losses; ``None`` until a routine has said which losses the keys mean."""

    @property
    def loss(self) -> Loss | None:
        """The loss that the phase names, or the weighted sum of several."""

    def budget(self, n_rows: int) -> TrainingBudget:
        """Returns the number and size of batches on data of so many rows."""


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


@dataclasses.dataclass(eq=False)
class Watched:
    """What early stopping has seen of a phase.

    Attributes:
        monitor: The metric that is looked at; ``None`` if the phase has no stopping.
        values: Its value after each epoch; ``None`` where it was not measured.
        best_epoch: The epoch with the best value, or ``None``.
        best_weights: The state of the model and of the losses after that epoch, on the CPU; ``None`` unless it
            is to be restored.
    """

    monitor: str | None = None
    values: list[float | None] = dataclasses.field(default_factory=list)
    best_epoch: int | None = None
    best_weights: tuple[dict[str, Any], dict[str, Any]] | None = None


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
        dataset: The training rows; ``None`` before the first phase if they are not known yet.
        data_key: The entry of the data set that is embedded.
        optimizer: The optimizer of the phase.
        seconds: How long the last epoch took, without validation and what callbacks do after it.
        validation: What was measured on held-out rows after the last epoch; ``None`` if nothing was.
        watch: The values that the phase's stopping has seen, and the best weights.
        run: The :class:`~paradime.training.Run`: what the training has to remember to go on from here, of which
            checkpoints are made; ``None`` before it begins.
    """

    model: torch.nn.Module
    phases: Sequence[PhaseSettings]
    phase: PhaseSettings
    n_rows: int = 0
    epoch: int = 0
    n_batches: int = 0
    batch: Batch | None = None
    loss: torch.Tensor | None = None
    epoch_loss: float | None = None
    stop: bool = False
    dataset: Dataset | None = None
    data_key: str = "main"
    optimizer: torch.optim.Optimizer | None = None
    seconds: float = 0.0
    validation: HeldOutScores | None = None
    watch: Watched | None = None
    run: Any = None

    @property
    def learning_rate(self) -> float | None:
        """The learning rate of the last step; that of the first group of parameters if there are several."""
        return None if self.optimizer is None else float(self.optimizer.param_groups[0]["lr"])
