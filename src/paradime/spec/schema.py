"""The structure of specifications, as pydantic models."""

from __future__ import annotations

import collections
from collections.abc import Mapping
from typing import Annotated, Any, Literal, TypeVar

from pydantic import AfterValidator, BeforeValidator, Field, StrictBool, StrictStr, field_validator

from paradime.spec.components import (
    CallbackSpec,
    DerivedDataSpec,
    Entry,
    LossSpec,
    ModelSpec,
    OptimizerSpec,
    RelationsSpec,
    SamplingSpec,
    ScheduleSpec,
)
from paradime.spec.options import check_options
from paradime.spec.values import AutoEpochs, Count, Names, Number, Options, Text, Whole, listed, shown, simply
from paradime.training import EarlyStopping

__all__ = ["LATEST_VERSION", "FieldSpec", "PhaseLossSpec", "PhaseSpec", "RoutineSpec"]

E = TypeVar("E")

LATEST_VERSION = 2


class FieldSpec(Entry):
    """A required entry of the data."""

    name: Text
    content: Literal["numbers", "classes"] = Field(
        "numbers", description="Numbers, or class numbers, where −1 means unlabelled."
    )
    shape: Annotated[list[Count | None] | None, simply("a list of sizes of at least 1, or null for any")] = Field(
        None, description="The shape of a row, with null for any size; any shape if it is left out."
    )
    description: str = Field("", description="A description for readers.")


def _all_different(names: list[str]) -> list[str]:
    twice = sorted(name for name, times in collections.Counter(names).items() if times > 1)
    if twice:
        raise ValueError(
            f"the loss {shown(twice[0])} must be named once, got it twice. Give it one weight, the sum."
        )
    return names


class PhaseLossSpec(Entry):
    """The weighted sum of losses of a phase."""

    components: Annotated[
        Names, AfterValidator(_all_different), Field(min_length=1, description="Losses, by name.")
    ]
    weights: Annotated[
        Literal["balanced"] | list[Number | tuple[Number, Number]] | None,
        simply("'balanced', or a list of numbers and pairs of numbers"),
        BeforeValidator(lambda weights: weights if isinstance(weights, (str, Mapping)) else listed(weights)),
    ] = Field(
        None,
        description="A number per component, or a pair of numbers between which the weight changes over the "
        "phase; 1 each if left out. 'balanced' adapts weights to the gradient shares.",
    )
    shares: dict[str, Number] | None = Field(
        None, description="With balanced weights: the gradient share of each component; equal shares if left out."
    )


class PhaseSpec(Entry):
    """A training phase."""

    name: str | None = None
    epochs: AutoEpochs = Field(
        5,
        description="Number of epochs; with auto or short, it follows from the number of rows. 0 skips the phase.",
    )
    sampling: SamplingSpec = SamplingSpec()
    optimizer: OptimizerSpec = OptimizerSpec()
    schedule: ScheduleSpec = ScheduleSpec()
    clip_norm: Number | None = Field(
        None, alias="clip norm", description="The largest norm of the gradient; unlimited if left out."
    )
    early_stopping: Options | None = Field(
        None, alias="early stopping", description="Settings of early stopping; none if left out."
    )
    callbacks: Annotated[list[CallbackSpec], BeforeValidator(listed)] = Field(default=[])
    loss: PhaseLossSpec
    precision: Literal["float32", "bfloat16"] = "float32"
    compile: Annotated[StrictBool | StrictStr, simply("true, false, or the name of a backend")] = Field(
        False, description="Whether to compile the model, or the backend of torch that compiles it."
    )
    report_interval: Count | None = Field(
        None, alias="report interval", description="Number of epochs between reports of the loss."
    )

    @field_validator("early_stopping", mode="after")
    @classmethod
    def _fitting(cls, settings: dict[str, Any] | None) -> dict[str, Any] | None:
        if settings is not None:
            check_options(EarlyStopping, settings, hidden=frozenset())
        return settings


def _unique_names(entries: list[E]) -> list[E]:
    names = collections.Counter(entry.name for entry in entries)  # type: ignore[attr-defined]
    twice = sorted(name for name, times in names.items() if times > 1)
    if twice:
        raise ValueError(
            f"the name {shown(twice[0])} must differ from other names, got it twice. Give each entry its own name."
        )
    return entries


def _unique_names_per_level(entries: list[RelationsSpec]) -> list[RelationsSpec]:
    for level in ("global", "batch"):
        _unique_names([entry for entry in entries if entry.level == level])
    return entries


def _readable_version(version: int) -> int:
    if version < 1:
        raise ValueError(f"must be 1 or {LATEST_VERSION}, got {version}.")
    if version > LATEST_VERSION:
        raise ValueError(
            f"must be at most {LATEST_VERSION}, the version that this paradime reads, got {version}. Upgrade "
            "paradime."
        )
    return version


class RoutineSpec(Entry):
    """A specification of a routine."""

    version: Annotated[Whole, AfterValidator(_readable_version)] = Field(
        LATEST_VERSION, description="The version of the specification format; version 1 has the same meaning."
    )
    data: Annotated[list[FieldSpec], AfterValidator(_unique_names)] = Field(
        [], description="Requirements on the data; nothing is checked if left out."
    )
    derived_data: Annotated[list[DerivedDataSpec], AfterValidator(_unique_names)] = Field([], alias="derived data")
    relations: Annotated[list[RelationsSpec], AfterValidator(_unique_names_per_level)] = Field(default=[])
    model: ModelSpec | None = None
    losses: Annotated[list[LossSpec], AfterValidator(_unique_names)] = Field(min_length=1)
    training_phases: list[PhaseSpec] = Field(alias="training phases", min_length=1)
    refine: bool = Field(
        False, description="Whether positions of the training rows move freely once the phases are over."
    )
