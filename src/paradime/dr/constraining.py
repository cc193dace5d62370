"""Constraints of a routine: how they are added, and how far rows adhere to them."""

from __future__ import annotations

from typing import Any

import torch

from paradime.constraints import Adherence
from paradime.dr.continuing import add_known_targets
from paradime.dr.inputs import as_dataset
from paradime.types import Data

__all__ = ["adherence_of"]


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
