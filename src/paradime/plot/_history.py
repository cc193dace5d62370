"""Loss curves of a routine, a history, or plain numbers."""

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
    """The curves of a phase.

    Args:
        name: The name of the phase.
        loss: The loss per epoch.
        components: The weighted losses of the components, by name.
        weights: Their weights at the end of each epoch, by name.
        validation: Losses of held-out rows; NaN if not measured.
    """

    name: str
    loss: FloatArray
    components: Mapping[str, FloatArray] = dataclasses.field(default_factory=dict)
    weights: Mapping[str, FloatArray] = dataclasses.field(default_factory=dict)
    validation: FloatArray = dataclasses.field(default_factory=lambda: np.empty(0))


def read_curves(source: Any) -> list[PhaseCurves]:
    """Reads the curves of all phases with epochs.

    Args:
        source: A trained routine, its ``history_``, an object with such ``records``, one number per epoch, or
            several of these by name.

    Raises:
        TypeError: If the type of ``source`` is not supported.
        ValueError: If there are no epochs.
    """
    curves = [phase for phase in _read(source) if len(phase.loss)]
    if not curves:
        raise ValueError("there is no epoch to draw. Train the routine first: fit(X).")
    return curves


def _read(source: Any) -> list[PhaseCurves]:
    records = getattr(source, "history_", getattr(source, "records", None))
    if records:
        return _of_records(records)
    if hasattr(source, "training_phases"):
        phases = [phase for phase in source.training_phases if getattr(phase, "loss", None) is not None]
        return [_of_phase(phase, i) for i, phase in enumerate(phases)]
    if isinstance(source, Mapping):
        curves = {str(name): _numbers(values, str(name)) for name, values in source.items()}
        if len({len(values) for values in curves.values()}) > 1:
            lengths = {name: len(values) for name, values in curves.items()}
            raise ValueError(f"curves must have one number per epoch, got lengths {lengths}.")
        empty = np.full(len(next(iter(curves.values()), ())), np.nan)
        return [PhaseCurves("", empty, curves)]
    if isinstance(source, (Sequence, np.ndarray)) and not isinstance(source, str):
        if len(source) and all(isinstance(record, Mapping) for record in source):
            return _of_records(list(source))
        return [PhaseCurves("", _numbers(source, "losses"))]
    raise TypeError(
        f"expected a trained routine, its history_, or numbers, got {type(source).__name__}. "
        "Pass the result of fit, or one number per epoch."
    )


def _of_phase(phase: Any, i: int) -> PhaseCurves:
    loss = phase.loss
    components, weights = {}, {}
    if hasattr(loss, "weight_history"):
        # the keys are the user's names of the components in this phase
        keys = list(getattr(phase, "loss_keys", None) or loss.component_names())
        components = dict(zip(keys, np.asarray(loss.detailed_history(), dtype=float), strict=False))
        weights = dict(zip(keys, np.asarray(loss.weight_history(), dtype=float), strict=False))
    return PhaseCurves(phase.name or f"phase {i + 1}", _numbers(loss.history, "history"), components, weights)


def _of_records(records: Sequence[Mapping[str, Any]]) -> list[PhaseCurves]:
    runs: list[list[Mapping[str, Any]]] = []
    for record in records:
        last = runs[-1][-1] if runs else None
        # a phase that is run again starts a new curve
        same = last is not None and last["phase"] == record["phase"] and last["epoch"] < record["epoch"]
        if same:
            runs[-1].append(record)
        else:
            runs.append([record])
    return [_of_run(run, i) for i, run in enumerate(runs)]


def _of_run(run: Sequence[Mapping[str, Any]], i: int) -> PhaseCurves:
    def column(name: str) -> dict[str, FloatArray]:
        keys = dict.fromkeys(key for record in run for key in record.get(name) or {})
        return {key: _numbers([(record.get(name) or {}).get(key) for record in run], key) for key in keys}

    return PhaseCurves(
        str(run[0]["phase"] or f"phase {i + 1}"),
        _numbers([record["loss"] for record in run], "loss"),
        column("losses"),
        column("weights"),
        _numbers([record.get("validation_loss") for record in run], "validation_loss"),
    )


def _numbers(values: Any, name: str) -> FloatArray:
    listed = list(values)
    if not all(value is None or isinstance(value, (numbers.Real, np.number)) for value in listed):
        raise TypeError(f"{name} must be one number per epoch, got {listed[:3]}.")
    return np.array([np.nan if value is None else float(value) for value in listed])
