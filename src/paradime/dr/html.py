"""How a routine shows itself in a notebook."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape
from typing import Any

import torch
from sklearn.base import BaseEstimator
from sklearn.utils import estimator_html_repr

from paradime.training import TrainingPhase

__all__ = ["fitted_attributes", "html_of"]


def html_of(routine: Any) -> str:
    """Returns scikit-learn's diagram of a routine; where it is fitted, with its model's size and its phases.

    Args:
        routine: The routine.
    """
    diagram: str = estimator_html_repr(routine)
    if not routine.__sklearn_is_fitted__():
        return diagram
    runs = _runs(routine._components.history.records)
    lines = [_model_line(routine.model)]
    for phase in routine.training_phases:
        # only the last of several trainings counts; phases of the same name are shown separately
        namesakes = sum(other.name == phase.name for other in routine.training_phases)
        of_name = [losses for name, losses in runs if name == phase.name][-namesakes:]
        place = sum(line.startswith(_title(phase)) for line in lines)
        lines.append(_phase_line(phase, of_name[place] if place < len(of_name) else []))
    items = "".join(f"<li>{escape(line)}</li>" for line in lines)
    return f"{diagram}<details><summary>Model and training</summary><ul>{items}</ul></details>"


def fitted_attributes(routine: Any, doc_link: str) -> Any:
    """Returns scikit-learn's table of what was learned, without what would have to be computed for it.

    scikit-learn reads all attributes whose names end in an underscore, and embeds all rows on the way.
    """
    stand_in = type(type(routine).__name__, (), {"__doc__": type(routine).__doc__})()
    for name in ("n_features_in_", "feature_names_in_", "classes_"):
        if hasattr(routine, name):
            setattr(stand_in, name, getattr(routine, name))
    return BaseEstimator._get_fitted_attr_html(stand_in, doc_link)


def _model_line(model: torch.nn.Module) -> str:
    n_parameters = sum(parameter.numel() for parameter in model.parameters())
    return f"model: {type(model).__name__}, {n_parameters:,} parameters"


def _phase_line(phase: TrainingPhase, losses: Sequence[float]) -> str:
    told = f", loss {losses[0]:.4g} → {losses[-1]:.4g}" if losses else ""
    return f"{_title(phase)} {len(losses)} epochs{told}"


def _title(phase: TrainingPhase) -> str:
    return f"phase {phase.name or 'without a name'}:"


def _runs(records: Sequence[Mapping[str, Any]]) -> list[tuple[str | None, list[float]]]:
    """Returns the names of the phases that were trained, in order, each with the losses of its epochs."""
    runs: list[tuple[str | None, list[float]]] = []
    for record in records:
        if record["epoch"] == 0 or not runs:
            runs.append((record["phase"], []))
        runs[-1][1].append(record["loss"])
    return runs
