"""How steps are taken: settings that all presets pass on to their phases."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from paradime.loss import Loss, PositionLoss
from paradime.training import Schedule, Stopping, TrainingPhase

__all__ = ["steps_settings", "with_steps"]


def steps_settings(
    early_stopping: bool | Stopping, clip_norm: float | None, schedule: str | Schedule | None
) -> dict[str, Any]:
    """Returns the settings of phases that a user has changed.

    Args:
        early_stopping: Whether phases end early and keep their best weights, or when.
        clip_norm: The largest norm of the gradient.
        schedule: How the learning rate changes.

    Raises:
        ValueError: If ``early_stopping`` is neither.

    Example:
        >>> steps_settings(False, 1.0, None)
        {'clip_norm': 1.0}
    """
    if not isinstance(early_stopping, (bool, Stopping)):
        raise ValueError(
            f"early_stopping must be True, False or a Stopping, got {early_stopping!r}. Pass Stopping(patience=…)."
        )
    settings: dict[str, Any] = {}
    if early_stopping:
        automatic = Stopping(monitor="auto", restore_best=True)
        settings["stopping"] = early_stopping if isinstance(early_stopping, Stopping) else automatic
    if clip_norm is not None:
        settings["clip_norm"] = clip_norm
    if schedule is not None:
        settings["schedule"] = schedule
    return settings


def with_steps(
    phases: Sequence[TrainingPhase], losses: Mapping[str, Loss], settings: Mapping[str, Any]
) -> list[TrainingPhase]:
    """Returns phases with some settings changed, except those that only teach positions."""
    return [
        phase
        if not settings or all(isinstance(losses[key], PositionLoss) for key in phase.loss_keys)
        else phase.replace(**settings)
        for phase in phases
    ]
