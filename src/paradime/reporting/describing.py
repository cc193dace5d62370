"""Descriptions of the data and the routine, and scores in words, for a report."""

from __future__ import annotations

import dataclasses
import math
import platform
from typing import Any

import numpy as np
import sklearn
import torch

from paradime._version import __version__
from paradime.data.columns import described, outweighing_columns
from paradime.dr.inference import adherence_of
from paradime.exceptions import SpecificationError
from paradime.metrics import Estimate
from paradime.plot.histories import PhaseCurves, read_curves
from paradime.reporting.material import Material, Points

__all__ = [
    "Facts",
    "describe_constraints",
    "describe_data",
    "describe_routine",
    "number",
    "percent",
    "recorded_phases",
    "specification",
    "versions",
    "with_error",
]

_NAMED = 5


@dataclasses.dataclass(frozen=True)
class Facts:
    """Facts by name, and possible problems.

    Attributes:
        values: Pairs of a name and its value as text.
        concerns: Sentences on possible problems.
    """

    values: tuple[tuple[str, str], ...]
    concerns: tuple[str, ...]


def describe_data(material: Material) -> Facts:
    """Describes the data, and checks them for properties that harm embeddings."""
    old, new = material.old, material.new
    shape = tuple(old.rows.shape[1:])
    columns = f"{shape[0]:,} columns" if len(shape) == 1 else f"rows of shape {' × '.join(map(str, shape))}"
    values = [("Training rows", _count(old)), ("Columns", columns)]
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
        names = _listed(material.feature_names, is_constant.nonzero().flatten().tolist())
        concerns.append(f"{n_constant:,} columns are constant and carry no information: {names}.")
    varying = torch.where(is_constant, 0.0, deviations)
    if len(shape) == 1 and n_constant < len(varying):
        values.append(_scales(material.feature_names, varying))
        if (outweighing := outweighing_columns(flat)) is not None:
            sentence = described(outweighing, material.feature_names)
            concerns.append(f"{sentence[0].upper()}{sentence[1:]} Standardise the columns unless intended.")
    n_copies = len(flat) - len(np.unique(flat.numpy(), axis=0))
    values.append(("Duplicate rows", f"{n_copies:,} of {len(flat):,}"))
    if n_copies > 0.01 * len(flat):
        concerns.append(
            f"{n_copies / len(flat):.0%} of the rows are duplicates, which are nearest neighbours in any map and "
            "raise metrics of neighbours."
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
        parameters = routine.get_params(deep=False)
        settings = {name: value for name, value in parameters.items() if value is not None}
        values += [(f"{name} =", _short(repr(value))) for name, value in settings.items()]
    return Facts(tuple(values), ())


def describe_constraints(routine: Any, *, seen: tuple[Any, Any], new: tuple[Any, Any]) -> Facts:
    """Describes how far rows adhere to the constraints of a routine.

    Args:
        routine: The routine.
        seen: The training rows, or a dict of named entries, and their targets.
        new: The same for new rows, ``None`` if there are none.
    """
    values, concerns = [], []
    for key, constraint in getattr(routine, "constraints", {}).items():
        parts = []
        for rows, (X, y) in (("training rows", seen), ("new rows", new)):
            if X is None:
                continue
            try:
                found = adherence_of(routine, X, y, only=key).get(key)
            except (KeyError, ValueError) as error:
                concerns.append(f"The adherence of {rows} to {key!r} was not measured: {error}")
                continue
            if found is not None:
                parts.append(f"{number(found.score)} for {found.n:,} {rows}")
        values.append((key, f"{constraint.measure}: {', '.join(parts) or 'not measured'}"))
    return Facts(tuple(values), tuple(concerns))


def recorded_phases(routine: Any) -> list[PhaseCurves]:
    """Returns the epochs of all phases in the routine's history."""
    if not hasattr(routine, "training_phases"):
        return []
    try:
        return read_curves(routine)
    except ValueError:  # the history is empty
        return []


def specification(routine: Any) -> str:
    """Returns the specification of the routine, or a sentence on why there is none."""
    if not hasattr(routine, "to_spec"):
        return f"A {type(routine).__name__} has no specification."
    try:
        return str(routine.to_spec())
    except (SpecificationError, NotImplementedError) as error:
        return f"The routine has no specification: {error}"


def versions() -> str:
    """Returns the versions of the libraries."""
    return (
        f"ParaDime {__version__}, torch {torch.__version__}, NumPy {np.__version__}, scikit-learn "
        f"{sklearn.__version__}, Python {platform.python_version()}"
    )


def _count(points: Points) -> str:
    if len(points) == points.n_total:
        return f"{points.n_total:,}"
    return f"{points.n_total:,}; this report uses {len(points):,} drawn at random"


def _targets(old: Points) -> list[tuple[str, str]]:
    labels = old.labels
    if labels is None:
        return [("y", "not given")]
    if labels.codes is None:
        assert labels.numbers is not None
        known = labels.numbers[np.isfinite(labels.numbers)]
        n_unlabeled = len(labels.numbers) - len(known)
        kind = f"numbers from {known.min():.4g} to {known.max():.4g}" if len(known) else "no numbers"
    else:
        n_unlabeled = int((labels.codes < 0).sum())
        kind = f"{len(labels.names):,} classes"
    return [("y", kind + (f", {n_unlabeled:,} rows without" if n_unlabeled else ""))]


def _scales(names: list[str], deviations: torch.Tensor) -> tuple[str, str]:
    """Describes how much the scales of columns differ."""
    positive = deviations[deviations > 0]
    widest = names[int(deviations.argmax())]
    scales = f"median {positive.median():.3g}, from {positive.min():.3g} to {positive.max():.3g} ({widest})"
    return ("Standard deviation of columns", scales)


def _listed(names: list[str], columns: list[int]) -> str:
    listed = ", ".join(repr(names[column]) for column in columns[:_NAMED])
    return listed + (", …" if len(columns) > _NAMED else "")


def _short(text: str, most: int = 200) -> str:
    return text if len(text) <= most else text[: most - 1] + "…"


def percent(value: float) -> str:
    """Returns a share in percent, with one decimal if it is small.

    Example:
        >>> percent(0.523), percent(0.0123), percent(0.0), percent(0.99996), percent(0.00001)
        ('52%', '1.2%', '0%', '100%', '<0.1%')
    """
    share = 100 * float(value)
    if share == 0 or share >= 9.95:
        return f"{share:.0f}%"
    return f"{share:.1f}%" if share >= 0.05 else "<0.1%" if share > 0 else f"{share:.1f}%"


def number(value: float | None, digits: int = 3) -> str:
    """Returns a number with a fixed number of decimals, or a dash if it is missing.

    Example:
        >>> number(0.12345), number(None), number(float("nan"))
        ('0.123', '–', '–')
    """
    return "–" if value is None or math.isnan(value) else f"{float(value):.{digits}f}"


def with_error(value: Estimate, as_percent: bool = False) -> str:
    """Returns a value with its standard error, if it has one.

    Example:
        >>> with_error(Estimate(0.5, standard_error=0.02, n_sampled=9), as_percent=True)
        '50% ± 2.0%'
        >>> with_error(Estimate(0.5, n_sampled=9))
        '0.50'
    """
    error = value.standard_error
    shown = percent(value) if as_percent else f"{float(value):.2f}"
    if math.isnan(error) or error == 0:
        return shown
    return f"{shown} ± {percent(error)}" if as_percent else f"{shown} ± {max(error, 0.001):.3f}"
