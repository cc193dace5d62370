"""The shape of specifications, as pydantic models."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Any, Literal, TypeVar

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, model_validator

from paradime._registry import DATA_FUNCTIONS, LOSS_FUNCTIONS, LOSSES, OPTIMIZERS, RELATIONS, TRANSFORMS, Registry

__all__ = ["DerivedDataSpec", "LossSpec", "PhaseSpec", "RelationsSpec", "RoutineSpec", "TransformSpec"]

E = TypeVar("E")


def _name_in(registry: Registry[Any]) -> Callable[[Any], str]:
    def check(name: Any) -> str:
        if name not in registry:
            raise ValueError(registry.describe_unknown(name))
        return str(name)

    return check


def _spaced(entry: Any) -> Any:
    """Lets keys be written with underscores, too: ``training_phases`` for ``training phases``."""
    return {str(k).replace("_", " "): v for k, v in entry.items()} if isinstance(entry, dict) else entry


def _underscored(options: Any) -> Any:
    """Lets options be written with spaces, too: ``batch size`` for ``batch_size``."""
    return {str(k).replace(" ", "_"): v for k, v in options.items()} if isinstance(options, dict) else options


def _listed(entry: Any) -> Any:
    return entry if isinstance(entry, (list, tuple)) or entry is None else [entry]


Options = Annotated[
    dict[str, Any], BeforeValidator(lambda options: _underscored({} if options is None else options))
]
Names = Annotated[list[str], BeforeValidator(_listed)]


class _Entry(BaseModel):
    model_config = ConfigDict(extra="forbid", populate_by_name=True, frozen=True)

    @model_validator(mode="before")
    @classmethod
    def _spell_keys(cls, entry: Any) -> Any:
        return _spaced(entry)


class DerivedDataSpec(_Entry):
    """An entry of the data set that is computed before training."""

    name: str
    func: Annotated[str, BeforeValidator(_name_in(DATA_FUNCTIONS))] = Field(alias="data func")
    keys: list[tuple[Literal["data", "rels"], str]] = [("data", "main")]
    options: Options = {}


class TransformSpec(_Entry):
    """A transform of relations."""

    type: Annotated[str, BeforeValidator(_name_in(TRANSFORMS))]
    options: Options = {}


class RelationsSpec(_Entry):
    """Relations between all points, or between those of an embedded batch."""

    name: str
    level: Literal["global", "batch"]
    type: Annotated[str, BeforeValidator(_name_in(RELATIONS))]
    field: str = "main"
    options: Options = {}
    transforms: list[TransformSpec] = []


class LossKeysSpec(_Entry):
    """What a loss works on."""

    data: Names = []
    rels: Names = []
    methods: Names = []


class LossSpec(_Entry):
    """A loss."""

    name: str
    type: Annotated[str, BeforeValidator(_name_in(LOSSES))]
    func: Annotated[str, BeforeValidator(_name_in(LOSS_FUNCTIONS))] | None = None
    keys: LossKeysSpec = LossKeysSpec()
    options: Options = {}


class SamplingSpec(_Entry):
    """What batches are made of."""

    type: Literal["item", "edge"] = "item"
    options: Options = {}


class OptimizerSpec(_Entry):
    """How steps are taken."""

    type: Annotated[str, BeforeValidator(_name_in(OPTIMIZERS))] = "adam"
    options: Options = {}


class PhaseLossSpec(_Entry):
    """The weighted sum of losses of a phase."""

    components: Annotated[Names, Field(min_length=1)]
    weights: Annotated[list[float], BeforeValidator(_listed)] | None = None


class PhaseSpec(_Entry):
    """A training phase."""

    name: str | None = None
    epochs: int = Field(5, ge=1)
    sampling: SamplingSpec = SamplingSpec()
    optimizer: OptimizerSpec = OptimizerSpec()
    loss: PhaseLossSpec
    precision: Literal["float32", "bfloat16"] = "float32"
    compile: bool | str = False


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


class RoutineSpec(_Entry):
    """A whole routine."""

    derived_data: Annotated[list[DerivedDataSpec], AfterValidator(_unique_names)] = Field([], alias="derived data")
    relations: Annotated[list[RelationsSpec], AfterValidator(_unique_names_per_level)] = []
    losses: Annotated[list[LossSpec], AfterValidator(_unique_names)] = Field(min_length=1)
    training_phases: list[PhaseSpec] = Field(alias="training phases", min_length=1)
