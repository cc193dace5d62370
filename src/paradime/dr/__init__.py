"""Parametric dimensionality reduction: the routine, its data, its phases, and the grammar's entrance."""

from paradime.data import Dataset, DerivedData, NegSampledEdgeDataset
from paradime.dr.routine import ParametricDR
from paradime.spec import (
    register_data_func,
    register_loss,
    register_loss_func,
    register_relations,
    register_transform,
    validate_spec,
)
from paradime.training import TrainingPhase
from paradime.types import Data

__all__ = [
    "Data",
    "Dataset",
    "DerivedData",
    "NegSampledEdgeDataset",
    "ParametricDR",
    "TrainingPhase",
    "register_data_func",
    "register_loss",
    "register_loss_func",
    "register_relations",
    "register_transform",
    "validate_spec",
]
