"""Curves of the losses, read off a routine, a history, or plain numbers."""

from __future__ import annotations

import dataclasses
import numbers
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from paradime.types import FloatArray

__all__ = ["PhaseCurves", "read_curves"]


@dataclasses.dataclass(frozen=True)
class PhaseCurves:
    """What happened in the epochs of a phase.

    Args:
        name: The phase's name.
        loss: The loss, one number an epoch.
        parts: The weighted losses of the components, by name.
        weights: Their weights at the end of each epoch, by name.
        validation: Losses of held-out rows; NaN where none was measured.
    """

    name: str
    loss: FloatArray
    parts: Mapping[str, FloatArray] = dataclasses.field(default_factory=dict)
    weights: Mapping[str, FloatArray] = dataclasses.field(default_factory=dict)
    validation: FloatArray = dataclasses.field(default_factory=lambda: np.empty(0))


def read_curves(source: Any) -> list[PhaseCurves]:
    """Reads the curves of all phases that have epochs.

    Args:
        source: A routine that was trained, its ``history_``, an object with such ``records``, one number an epoch,
            or several such by name.

    Raises:
        TypeError: If it is nothing of this.
        ValueError: If there is no epoch.
    """
    found = _read(source)
    found = [phase for phase in found if len(phase.loss)]
    if not found:
        raise ValueError("there is no epoch to draw. Train the routine first: fit(X).")
    return found


def _read(source: Any) -> list[PhaseCurves]:
    records = getattr(source, "history_", getattr(source, "records", None))
    if records:
        return _of_records(records)
    if hasattr(source, "training_phases"):
        phases = [phase for phase in source.training_phases if getattr(phase, "loss", None) is not None]
        return [_of_phase(phase, i) for i, phase in enumerate(phases)]
    if isinstance(source, Mapping):
        parts = {str(name): _numbers(values, str(name)) for name, values in source.items()}
        if len({len(values) for values in parts.values()}) > 1:
            lengths = {name: len(values) for name, values in parts.items()}
            raise ValueError(f"curves must have one number an epoch, got lengths {lengths}.")
        empty = np.full(len(next(iter(parts.values()), ())), np.nan)
        return [PhaseCurves("", empty, parts)]
    if isinstance(source, (Sequence, np.ndarray)) and not isinstance(source, str):
        if len(source) and all(isinstance(record, Mapping) for record in source):
            return _of_records(list(source))
        return [PhaseCurves("", _numbers(source, "losses"))]
    raise TypeError(
        f"expected a trained routine, its history_, or numbers, got {type(source).__name__}. "
        "Pass what fit returned, or one number an epoch."
    )


def _of_phase(phase: Any, place: int) -> PhaseCurves:
    loss = phase.loss
    parts, weights = {}, {}
    if hasattr(loss, "weight_history"):
        # the keys are what the user called the components in this phase
        keys = list(getattr(phase, "loss_keys", None) or loss.component_names())
        parts = dict(zip(keys, np.asarray(loss.detailed_history(), dtype=float), strict=False))
        weights = dict(zip(keys, np.asarray(loss.weight_history(), dtype=float), strict=False))
    return PhaseCurves(phase.name or f"phase {place + 1}", _numbers(loss.history, "history"), parts, weights)


def _of_records(records: Sequence[Mapping[str, Any]]) -> list[PhaseCurves]:
    runs: list[list[Mapping[str, Any]]] = []
    for record in records:
        last = runs[-1][-1] if runs else None
        # a phase that is run again begins anew
        same = last is not None and last["phase"] == record["phase"] and last["epoch"] < record["epoch"]
        if same:
            runs[-1].append(record)
        else:
            runs.append([record])
    return [_of_run(run, i) for i, run in enumerate(runs)]


def _of_run(run: Sequence[Mapping[str, Any]], place: int) -> PhaseCurves:
    def column(name: str) -> dict[str, FloatArray]:
        keys = dict.fromkeys(key for record in run for key in record.get(name) or {})
        return {key: _numbers([(record.get(name) or {}).get(key) for record in run], key) for key in keys}

    return PhaseCurves(
        str(run[0]["phase"] or f"phase {place + 1}"),
        _numbers([record["loss"] for record in run], "loss"),
        column("losses"),
        column("weights"),
        _numbers([record.get("validation_loss") for record in run], "validation_loss"),
    )


def _numbers(values: Any, name: str) -> FloatArray:
    listed = list(values)
    if not all(value is None or isinstance(value, (numbers.Real, np.number)) for value in listed):
        raise TypeError(f"{name} must be one number an epoch, got {listed[:3]}.")
    return np.array([np.nan if value is None else float(value) for value in listed])
