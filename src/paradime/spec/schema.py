"""The shape of specifications, as pydantic models."""

from __future__ import annotations

from typing import Annotated, Any, Literal, TypeVar

from pydantic import AfterValidator, BeforeValidator, Field, field_validator

from paradime.spec.components import (
    CallbackSpec,
    DerivedDataSpec,
    Entry,
    LossSpec,
    ModelSpec,
    Names,
    OptimizerSpec,
    Options,
    RelationsSpec,
    SamplingSpec,
    ScheduleSpec,
    check_options,
    listed,
    simply,
)
from paradime.training import Stopping

__all__ = ["LATEST_VERSION", "FieldSpec", "PhaseLossSpec", "PhaseSpec", "RoutineSpec"]

E = TypeVar("E")

LATEST_VERSION = 2


class FieldSpec(Entry):
    """An entry that the data must have."""

    name: str
    content: Literal["numbers", "classes"] = Field(
        "numbers", description="Numbers, or integers that number classes, of which −1 means unlabelled."
    )
    shape: list[int | None] | None = Field(
        None, description="The shape of a row, with null for any size; any shape if it is left out."
    )
    description: str = Field("", description="What it holds, for people.")


class PhaseLossSpec(Entry):
    """The weighted sum of losses of a phase."""

    components: Annotated[Names, Field(min_length=1, description="Losses, by name.")]
    weights: Annotated[
        Literal["balanced"] | list[float | tuple[float, float]] | None,
        simply("'balanced', or a list of numbers and pairs of numbers"),
        BeforeValidator(lambda weights: weights if weights == "balanced" else listed(weights)),
    ] = Field(
        None,
        description="One number a component, or a pair of numbers between which the weight changes over the "
        "phase; 1 each if left out. 'balanced' keeps the shares of the gradient's norm.",
    )
    shares: dict[str, float] | None = Field(
        None, description="With balanced weights: the share of each component; equal ones if left out."
    )


class PhaseSpec(Entry):
    """A training phase."""

    name: str | None = None
    epochs: int = Field(5, ge=1)
    sampling: SamplingSpec = SamplingSpec()
    optimizer: OptimizerSpec = OptimizerSpec()
    schedule: ScheduleSpec = ScheduleSpec()
    clip_norm: float | None = Field(
        None, alias="clip norm", gt=0, description="The largest norm of the gradient; any if left out."
    )
    stopping: Options | None = Field(None, description="When to end the phase early; never if left out.")
    callbacks: Annotated[list[CallbackSpec], BeforeValidator(listed)] = Field(default=[])
    loss: PhaseLossSpec
    precision: Literal["float32", "bfloat16"] = "float32"
    compile: Annotated[bool | str, simply("true, false, or the name of a backend")] = Field(
        False, description="Whether to compile the model, or by which backend of torch."
    )
    report_interval: int | None = Field(
        None, alias="report interval", ge=1, description="Epochs between reports of the loss."
    )

    @field_validator("stopping", mode="after")
    @classmethod
    def _fitting(cls, stopping: dict[str, Any] | None) -> dict[str, Any] | None:
        if stopping is not None:
            check_options(Stopping, stopping, hidden=frozenset())
        return stopping


def _unique_names(entries: list[E]) -> list[E]:
    names = [entry.name for entry in entries]  # type: ignore[attr-defined]
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise ValueError(f"the name {twice[0]!r} is used twice. Give every entry a name of its own.")
    return entries


def _unique_names_per_level(entries: list[RelationsSpec]) -> list[RelationsSpec]:
    for level in ("global", "batch"):
        _unique_names([entry for entry in entries if entry.level == level])
    return entries


def _readable_version(version: int) -> int:
    if not 1 <= version <= LATEST_VERSION:
        raise ValueError(
            f"the text is of version {version} of the grammar, this is version {LATEST_VERSION}. Upgrade paradime."
        )
    return version


class RoutineSpec(Entry):
    """A whole routine: a specification in ParaDime's grammar."""

    version: Annotated[int, AfterValidator(_readable_version)] = Field(
        LATEST_VERSION, description="The version of the grammar; texts of version 1 mean the same."
    )
    data: Annotated[list[FieldSpec], AfterValidator(_unique_names)] = Field(
        [], description="What the data must have; nothing is checked if left out."
    )
    derived_data: Annotated[list[DerivedDataSpec], AfterValidator(_unique_names)] = Field([], alias="derived data")
    relations: Annotated[list[RelationsSpec], AfterValidator(_unique_names_per_level)] = Field(default=[])
    model: ModelSpec | None = None
    losses: Annotated[list[LossSpec], AfterValidator(_unique_names)] = Field(min_length=1)
    training_phases: list[PhaseSpec] = Field(alias="training phases", min_length=1)
