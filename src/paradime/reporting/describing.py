"""Descriptions: what the data are like, and how the routine was set."""

from __future__ import annotations

import dataclasses
import platform
from typing import Any

import numpy as np
import sklearn
import torch

from paradime._version import __version__
from paradime.data.scales import described, outweighing_columns
from paradime.exceptions import SpecificationError
from paradime.plot._history import PhaseCurves, read_curves
from paradime.reporting.material import Material, Points

__all__ = ["Facts", "describe_data", "describe_routine", "recorded_phases", "specification", "versions"]

_NAMED = 5


@dataclasses.dataclass(frozen=True)
class Facts:
    """Facts by name, and what of them should be looked at.

    Attributes:
        values: Names and what is said of them.
        concerns: Sentences.
    """

    values: tuple[tuple[str, str], ...]
    concerns: tuple[str, ...]


def describe_data(material: Material) -> Facts:
    """Describes the data, and checks them for what makes maps worse."""
    old, new = material.old, material.new
    shape = tuple(old.rows.shape[1:])
    columns = f"{shape[0]:,} columns" if len(shape) == 1 else f"rows of shape {' × '.join(map(str, shape))}"
    values = [("Rows of the training", _count(old)), ("Columns", columns)]
    if new is not None:
        values.insert(1, ("New rows", _count(new)))
    values += _targets(old)
    flat = old.rows.flatten(1)
    deviations = flat.to(torch.float64).std(dim=0)
    lowest, highest = flat.aminmax(dim=0)
    is_constant = lowest == highest
    concerns: list[str] = []
    n_constant = int(is_constant.sum())
    values.append(("Constant columns", f"{n_constant:,}"))
    if n_constant and len(shape) == 1:
        named = _named(material.feature_names, is_constant.nonzero().flatten().tolist())
        concerns.append(f"{n_constant:,} columns hold the same value in all rows and say nothing: {named}.")
    varying = torch.where(is_constant, 0.0, deviations)
    if len(shape) == 1 and n_constant < len(varying):
        values.append(_scales(material.feature_names, varying))
        if (found := outweighing_columns(flat)) is not None:
            told = described(found, material.feature_names)
            concerns.append(f"{told[0].upper()}{told[1:]} Standardise the columns if that should not be.")
    n_copies = len(flat) - len(np.unique(flat.numpy(), axis=0))
    values.append(("Rows that are copies of others", f"{n_copies:,} of {len(flat):,}"))
    if n_copies > 0.01 * len(flat):
        concerns.append(
            f"{n_copies / len(flat):.0%} of the rows are copies of others. Copies are each other's nearest "
            f"neighbours "
            "in any map, which flatters figures of neighbours."
        )
    return Facts(tuple(values), tuple(concerns))


def describe_routine(material: Material) -> Facts:
    """Describes the routine, its model, and its settings."""
    routine = material.routine
    model = material.model
    n_parameters = sum(parameter.numel() for parameter in model.parameters())
    values = [
        ("Routine", type(routine).__name__),
        ("Model", f"{type(model).__name__}, {n_parameters:,} parameters"),
        ("Dimensions of the map", str(material.out_dim)),
    ]
    for phase in recorded_phases(routine):
        epochs = f"{len(phase.loss)} epochs, loss {phase.loss[0]:.4g} → {phase.loss[-1]:.4g}"
        values.append((f"Phase {phase.name}", epochs))
    if hasattr(routine, "get_params"):
        given = routine.get_params(deep=False)
        settings = {name: value for name, value in given.items() if value is not None}
        values += [(f"{name} =", _short(repr(value))) for name, value in settings.items()]
    return Facts(tuple(values), ())


def recorded_phases(routine: Any) -> list[PhaseCurves]:
    """Returns the epochs of all phases that the routine's history, which is saved with it, tells of."""
    if not hasattr(routine, "training_phases"):
        return []
    try:
        return read_curves(routine)
    except ValueError:  # no epoch
        return []


def specification(routine: Any) -> str:
    """Returns the routine as a text, or says why it has none."""
    if not hasattr(routine, "to_spec"):
        return f"A {type(routine).__name__} has no specification."
    try:
        return str(routine.to_spec())
    except (SpecificationError, NotImplementedError) as error:
        return f"The routine has no specification: {error}"


def versions() -> str:
    """Returns with what the report was made."""
    return (
        f"ParaDime {__version__}, torch {torch.__version__}, NumPy {np.__version__}, scikit-learn "
        f"{sklearn.__version__}, Python {platform.python_version()}"
    )


def _count(points: Points) -> str:
    if len(points) == points.n_total:
        return f"{points.n_total:,}"
    return f"{points.n_total:,}; this report was made of {len(points):,} drawn at random"


def _targets(old: Points) -> list[tuple[str, str]]:
    labels = old.labels
    if labels is None:
        return [("y", "not given")]
    if labels.codes is None:
        assert labels.numbers is not None
        known = labels.numbers[np.isfinite(labels.numbers)]
        n_unlabeled = len(labels.numbers) - len(known)
        told = f"numbers from {known.min():.4g} to {known.max():.4g}" if len(known) else "no numbers"
    else:
        n_unlabeled = int((labels.codes < 0).sum())
        told = f"{len(labels.names):,} classes"
    return [("y", told + (f", {n_unlabeled:,} rows without" if n_unlabeled else ""))]


def _scales(names: list[str], deviations: torch.Tensor) -> tuple[str, str]:
    """Tells how unlike the scales of columns are."""
    some = deviations[deviations > 0]
    middle, largest = float(some.median()), float(some.max())
    widest = names[int(deviations.argmax())]
    told = f"usually {middle:.3g}, from {float(some.min()):.3g} to {largest:.3g} ({widest})"
    return ("Standard deviation of columns", told)


def _named(names: list[str], places: list[int]) -> str:
    told = ", ".join(repr(names[place]) for place in places[:_NAMED])
    return told + (", …" if len(places) > _NAMED else "")


def _short(text: str, most: int = 200) -> str:
    return text if len(text) <= most else text[: most - 1] + "…"
