"""Specifications of routines: reading, checking, building and writing."""

from paradime.spec.build import build
from paradime.spec.formats import dump
from paradime.spec.json_schema import json_schema
from paradime.spec.read import parse_spec, read_spec, validate_spec
from paradime.spec.registration import (
    register,
    register_data_func,
    register_loss,
    register_loss_func,
    register_relations,
    register_transform,
)
from paradime.spec.schema import RoutineSpec
from paradime.spec.vocabulary import Vocabulary
from paradime.spec.write import write

__all__ = [
    "RoutineSpec",
    "Vocabulary",
    "build",
    "dump",
    "json_schema",
    "parse_spec",
    "read_spec",
    "register",
    "register_data_func",
    "register_loss",
    "register_loss_func",
    "register_relations",
    "register_transform",
    "validate_spec",
    "write",
]
