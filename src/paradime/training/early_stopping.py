"""When a phase ends early, and which weights it keeps."""

from __future__ import annotations

import dataclasses
import logging
import math
import numbers
from collections.abc import Collection, Sequence
from typing import Any, Literal, Protocol

import torch

from paradime._registry import did_you_mean
from paradime.loss import trained_state
from paradime.training.state import PhaseSettings, TrainingState, Watched
from paradime.utils.logging import report

__all__ = ["MONITORS", "EarlyStopping", "Watch"]

log = logging.getLogger(__name__)

MONITORS = {
    "loss": "the loss",
    "validation_loss": "the held-out loss",
    "validation_quality": "the held-out quality",
    "auto": "the held-out loss, or the loss",
}
"""What a stopping can look at, in words."""


@dataclasses.dataclass(frozen=True)
class EarlyStopping:
    """Ends a phase when the loss of its epochs has not improved for a while.

    The model keeps the weights of the last epoch, or with ``restore_best`` those of the best one. Where the
    weights of losses change during the phase, so does what their sum means: a sum that falls because a weight
    falls counts as improved.

    Args:
        patience: Epochs without an improvement after which the phase ends, at least 1.
        min_delta: By how much the loss must fall below the best one to count as improved, relative to the
            latter's size; at least 0. A quality must rise by as much.
        warmup_epochs: Epochs at the beginning that do not count, at least 0.
        monitor: ``"loss"``; ``"validation_loss"`` or ``"validation_quality"`` of held-out rows; or ``"auto"``, the
            loss of held-out rows where it is measured, else that of the training.
        restore_best: Whether the model keeps the weights of the epoch with the best value, also if the phase does
            not end early.

    Raises:
        ValueError: If a setting is out of range.

    Example:
        >>> stopping = EarlyStopping(patience=2)
        >>> stopping.ends([3.0, 2.0, 2.1]), stopping.ends([3.0, 2.0, 2.1, 1.9999])
        (False, True)
    """

    patience: int = 10
    min_delta: float = 1e-3
    warmup_epochs: int = 0
    monitor: Literal["loss", "validation_loss", "validation_quality", "auto"] = "loss"
    restore_best: bool = False

    def __post_init__(self) -> None:
        for name, least in (("patience", 1), ("warmup_epochs", 0)):
            value = getattr(self, name)
            if not isinstance(value, numbers.Integral) or value < least:
                raise ValueError(f"{name} must be an integer of at least {least}, got {value!r}.")
        if not 0 <= self.min_delta < math.inf:
            raise ValueError(f"min_delta must be a number of at least 0, got {self.min_delta!r}.")
        if self.monitor not in MONITORS:
            raise ValueError(f"unknown monitor {self.monitor!r}. {did_you_mean(self.monitor, MONITORS)}")

    def ends(self, history: Sequence[float | None]) -> bool:
        """Returns whether the phase is to end.

        Args:
            history: The monitored value of each epoch so far; ``None`` where it was not measured, after which no
                phase ends.
        """
        best, waited = math.inf, 0
        sign = -1 if self.monitor == "validation_quality" else 1
        for value in history[self.warmup_epochs :]:
            loss = math.nan if value is None else sign * value
            if not math.isnan(loss) and (math.isinf(best) or best - loss > self.min_delta * abs(best)):
                best, waited = loss, 0
            else:
                waited += 1
        return waited >= self.patience and history[-1] is not None


class _PhaseWithStopping(PhaseSettings, Protocol):
    @property
    def early_stopping(self) -> EarlyStopping | None: ...


class Watch(Watched):
    """Watches a phase for its stopping: the monitored values so far, and the best weights.

    Args:
        phase: The phase.
        measured: Which figures of held-out rows are measured: of ``"validation_loss"``, ``"validation_quality"``.

    Raises:
        ValueError: If the stopping looks at a figure that is not measured.
    """

    def __init__(self, phase: _PhaseWithStopping, measured: Collection[str] = ()) -> None:
        super().__init__(monitor=None if phase.early_stopping is None else phase.early_stopping.monitor)
        self._stopping, self._phase = phase.early_stopping, phase
        if self.monitor == "auto":
            self.monitor = "validation_loss" if "validation_loss" in measured else "loss"
        if self.monitor not in (None, "loss", *measured):
            raise ValueError(
                f"training phase {phase.name!r}: its stopping monitors {self.monitor!r}, which is not measured. "
                "Hold rows out, validation_fraction=0.1 or fit(X, validation_data=…), of which there are enough; "
                "or use EarlyStopping(monitor='loss')."
            )

    def observe(self, state: TrainingState) -> None:
        """Looks at an epoch that has ended; sets ``state.stop`` if the phase is to end."""
        if self._stopping is None:
            return
        self.values.append(self._value(state))
        self._remember(state, self._stopping)
        # only one figure improves upwards, and "auto" never means that one
        if self._stopping.ends(self.values):
            state.stop = True
            report(
                log,
                f"Training phase {self._phase.name!r} ends after epoch {state.epoch}: "
                f"{MONITORS[str(self.monitor)]} has not improved by {self._stopping.min_delta:g} of its size for "
                f"{self._stopping.patience} epochs.",
            )

    def _value(self, state: TrainingState) -> float | None:
        if self.monitor == "loss":
            return state.epoch_loss
        if state.validation is None:
            return None
        return state.validation.loss if self.monitor == "validation_loss" else state.validation.quality

    def _remember(self, state: TrainingState, stopping: EarlyStopping) -> None:
        value = self.values[-1]
        if value is None or math.isnan(value) or state.epoch < stopping.warmup_epochs:
            return
        best = None if self.best_epoch is None else self.values[self.best_epoch]
        improved = best is None or (value > best if self.monitor == "validation_quality" else value < best)
        if not improved:
            return
        self.best_epoch = state.epoch
        if stopping.restore_best:
            losses = {} if self._phase.objective is None else trained_state(self._phase.objective)
            self.best_weights = _on_cpu(state.model.state_dict()), _on_cpu(losses)

    def restore(self, state: TrainingState) -> None:
        """Gives the model and the losses the best weights, if that is asked for."""
        if self.best_weights is None or self.best_epoch == len(self.values) - 1:
            return
        model, losses = self.best_weights
        state.model.load_state_dict(model)
        if self._phase.objective is not None:
            self._phase.objective.load_state_dict(losses)
        report(log, f"Training phase {self._phase.name!r} keeps the weights of epoch {self.best_epoch}.")


def _on_cpu(weights: dict[str, Any]) -> dict[str, Any]:
    return {
        name: part.detach().to("cpu", copy=True) if isinstance(part, torch.Tensor) else part
        for name, part in weights.items()
    }
