"""When a phase ends early, and which weights it keeps."""

from __future__ import annotations

import dataclasses
import logging
import math
from collections.abc import Sequence
from typing import Any, ClassVar, Literal

import torch

from paradime.loss import trained_state
from paradime.training.callbacks import Callback
from paradime.training.state import TrainingState
from paradime.utils.arguments import check_choice, check_integer, check_not_negative
from paradime.utils.logging import report

__all__ = ["MONITORS", "EarlyStopper", "EarlyStopping"]

log = logging.getLogger(__name__)

MONITORS = {
    "loss": "the loss",
    "validation_loss": "the held-out loss",
    "validation_quality": "the held-out quality",
    "auto": "the held-out loss, or the loss",
}
"""What early stopping can look at, in words."""


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
            check_integer(name, getattr(self, name), least)
        check_not_negative("min_delta", self.min_delta)
        check_choice("monitor", self.monitor, MONITORS)

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


class EarlyStopper(Callback):
    """Ends a phase when its early stopping says so, and restores the best weights if these are to be kept.

    It remembers the value of each epoch, which was the best, and the weights of model and losses after that.
    """

    state_attributes: ClassVar[tuple[str, ...]] = ("_values", "_best_epoch", "_best_weights")

    def __init__(self) -> None:
        self._settings: EarlyStopping | None = None
        self._forget()

    def _forget(self) -> None:
        self._monitor = "loss"
        self._values: list[float | None] = []
        self._best_epoch: int | None = None
        self._best_weights: tuple[dict[str, Any], dict[str, Any]] | None = None

    def on_phase_begin(self, state: TrainingState) -> None:
        """Begins with a phase.

        Raises:
            ValueError: If its early stopping looks at a figure that is not measured.
        """
        self._forget()
        self._settings = state.phase.early_stopping
        if self._settings is None:
            return
        self._monitor = self._settings.monitor
        if self._monitor == "auto":
            self._monitor = "validation_loss" if "validation_loss" in state.measured else "loss"
        if self._monitor not in ("loss", *state.measured):
            raise ValueError(
                f"training phase {state.phase.name!r}: its early stopping monitors {self._monitor!r}, which is "
                "not measured. Hold rows out, validation_fraction=0.1 or fit(X, validation_data=…), of which "
                "there are enough; or use EarlyStopping(monitor='loss')."
            )

    def on_epoch_end(self, state: TrainingState) -> None:
        settings = self._settings
        if settings is None:
            return
        self._values.append(self._value(state))
        self._remember(state, settings)
        # only one monitored value improves upwards, and "auto" never stands for it
        if settings.ends(self._values):
            state.stop = True
            report(
                log,
                f"Training phase {state.phase.name!r} ends after epoch {state.epoch}: "
                f"{MONITORS[self._monitor]} has not improved by {settings.min_delta:g} of its size for "
                f"{settings.patience} epochs.",
            )

    def _value(self, state: TrainingState) -> float | None:
        if self._monitor == "loss":
            return state.epoch_loss
        if state.validation is None:
            return None
        return state.validation.loss if self._monitor == "validation_loss" else state.validation.quality

    def _remember(self, state: TrainingState, settings: EarlyStopping) -> None:
        value = self._values[-1]
        if value is None or math.isnan(value) or state.epoch < settings.warmup_epochs:
            return
        best = None if self._best_epoch is None else self._values[self._best_epoch]
        improved = best is None or (value > best if self._monitor == "validation_quality" else value < best)
        if not improved:
            return
        self._best_epoch = state.epoch
        if settings.restore_best:
            losses = {} if state.objective is None else trained_state(state.objective)
            self._best_weights = _on_cpu(state.model.state_dict()), _on_cpu(losses)

    def on_phase_end(self, state: TrainingState) -> None:
        if self._best_weights is None or self._best_epoch == len(self._values) - 1:
            return
        model, losses = self._best_weights
        state.model.load_state_dict(model)
        if state.objective is not None:
            state.objective.load_state_dict(losses)
        report(log, f"Training phase {state.phase.name!r} keeps the weights of epoch {self._best_epoch}.")


def _on_cpu(weights: dict[str, Any]) -> dict[str, Any]:
    return {
        name: part.detach().to("cpu", copy=True) if isinstance(part, torch.Tensor) else part
        for name, part in weights.items()
    }
