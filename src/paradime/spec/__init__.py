"""The grammar: reading, checking and building of specifications."""

from paradime.spec.build import build
from paradime.spec.read import parse_spec, read_spec, validate_spec
from paradime.spec.register import (
    register_data_func,
    register_loss,
    register_loss_func,
    register_relations,
    register_transform,
)
from paradime.spec.schema import RoutineSpec

__all__ = [
    "RoutineSpec",
    "build",
    "parse_spec",
    "read_spec",
    "register_data_func",
    "register_loss",
    "register_loss_func",
    "register_relations",
    "register_transform",
    "validate_spec",
]
