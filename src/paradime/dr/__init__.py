"""Parametric dimensionality reduction: the routine, its data, its phases, and specifications."""

from collections.abc import Mapping
from typing import TypeAlias

from paradime.data import Dataset, DerivedData, NegSampledEdgeDataset
from paradime.dr.routine import ParametricDR
from paradime.loss import Loss
from paradime.relations import Relations
from paradime.spec import (
    register_data_func,
    register_loss,
    register_loss_func,
    register_relations,
    register_transform,
    validate_spec,
)
from paradime.training import TrainingPhase
from paradime.types import Data, TypeKeyTuples

__all__ = [
    "Data",
    "Dataset",
    "DerivedData",
    "LossOrLossDict",
    "NegSampledEdgeDataset",
    "ParametricDR",
    "RelOrRelDict",
    "TrainingPhase",
    "TypeKeyTuples",
    "register_data_func",
    "register_loss",
    "register_loss_func",
    "register_relations",
    "register_transform",
    "validate_spec",
]

LossOrLossDict: TypeAlias = Loss | Mapping[str, Loss]
"""One loss, or several by key."""

RelOrRelDict: TypeAlias = Relations | Mapping[str, Relations]
"""One kind of relations, or several by key."""
