"""Constraints of a routine: how they are added, and how far rows adhere to them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch

from paradime.constraints import Adherence, Constraint
from paradime.data import Dataset
from paradime.dr.continuing import add_known_targets
from paradime.dr.inputs import as_dataset
from paradime.dr.targets import Targets
from paradime.types import Data

__all__ = ["adherence_of", "give_data"]


def adherence_of(routine: Any, X: Data | None, y: Any) -> dict[str, Adherence]:
    """Measures how far rows adhere to the constraints of a trained routine; see ``ParametricDR.adherence``."""
    blocks = routine._components
    if X is None:
        dataset, positions = blocks.workspace.require_dataset(), routine.embedding_
    else:
        dataset = as_dataset(X, routine.data_key)
        add_known_targets(dataset, y, None if y is None else routine._fitted.targets)
        positions = routine._apply(X, "embed")
    wide = torch.as_tensor(positions).detach().to("cpu", torch.float64)
    found = {key: constraint.adherence(wide, dataset) for key, constraint in blocks.constraints().items()}
    return {key: adherence for key, adherence in found.items() if adherence is not None}


def give_data(constraints: Mapping[str, Constraint], dataset: Dataset, targets: Targets | None) -> None:
    """Gives constraints the rows that ``fit`` was given, before any of them are held out.

    Args:
        constraints: The constraints by key.
        dataset: All rows.
        targets: What ``y`` was.

    Raises:
        UnsupportedConfigurationError: If two of them contradict each other.
    """
    classes = None if targets is None or targets.classes is None else targets.classes.tolist()
    for key, constraint in constraints.items():
        constraint.check_beside({name: other for name, other in constraints.items() if name != key})
        constraint.take_data(dataset, classes)
