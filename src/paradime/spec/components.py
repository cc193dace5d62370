"""The parts of specifications that name a component and give its options."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, ClassVar, Literal

from pydantic import BaseModel, ConfigDict, Field, StrictBool, ValidationInfo, field_validator, model_validator

from paradime._registry import (
    CALLBACKS,
    DATA_FUNCTIONS,
    LOSS_FUNCTIONS,
    LOSSES,
    MODELS,
    OPTIMIZERS,
    RELATIONS,
    SAMPLINGS,
    SCHEDULES,
    TRANSFORMS,
    Registry,
)
from paradime.spec.options import check_classifier, check_decoder, check_options, options_of
from paradime.spec.values import Names, Options, Text, simply
from paradime.spec.vocabulary import Vocabulary

__all__ = [
    "CallbackSpec",
    "Component",
    "DerivedDataSpec",
    "Entry",
    "LossSpec",
    "ModelSpec",
    "OptimizerSpec",
    "RelationsSpec",
    "SamplingSpec",
    "ScheduleSpec",
    "TransformSpec",
]


class Entry(BaseModel):
    """The base of all parts: unknown keys are errors, and spaces and underscores are equivalent."""

    # validators are built when a part is first read: most programs read no specification
    model_config = ConfigDict(extra="forbid", populate_by_name=True, frozen=True, defer_build=True)

    @model_validator(mode="before")
    @classmethod
    def _spell_keys(cls, entry: Any) -> Any:
        if not isinstance(entry, Mapping):
            return entry
        names = {name: field.alias or name for name, field in cls.model_fields.items()}
        known = {**{alias: alias for alias in names.values()}, **names}
        made: dict[str, Any] = {}
        for key, value in entry.items():
            # "training_phases" for "training phases"; what is unknown is shown as it was written
            name = known.get(str(key).replace("_", " "), known.get(str(key), str(key)))
            if name in made:
                raise ValueError(f"the key {name!r} is given twice, once as {str(key)!r}. Leave one out.")
            made[name] = value
        return made


class Component(Entry):
    """A part that names a component of a registry by ``type``, and gives its ``options``."""

    registry: ClassVar[Registry[Any]]
    key: ClassVar[str] = "type"
    """The field that holds the name."""

    also: ClassVar[frozenset[str]] = frozenset()
    """Options that belong to the enclosing part; the builder handles them."""

    hidden: ClassVar[frozenset[str]] = frozenset()
    """Arguments that other keys of the specification give."""

    @model_validator(mode="before")
    @classmethod
    def _only_the_name(cls, entry: Any) -> Any:
        # "adam" for {type: adam}
        return {"type": entry} if isinstance(entry, str) and "name" not in cls.model_fields else entry

    @field_validator("type", "func", mode="before", check_fields=False)
    @classmethod
    def _known(cls, name: Any, info: ValidationInfo) -> Any:
        registry = LOSS_FUNCTIONS if info.field_name == "func" and cls.key != "func" else cls.registry
        if name is not None:
            _vocabulary(info).find(registry, name)
        return name

    @field_validator("options", mode="after", check_fields=False)
    @classmethod
    def _fitting(cls, options: dict[str, Any], info: ValidationInfo) -> dict[str, Any]:
        name = info.data.get(cls.key)
        if name is not None:  # otherwise the name is reported
            block = _vocabulary(info).find(cls.registry, name)
            check_options(block, options, hidden=cls.hidden_of(block), also=cls.also)
        return options

    @classmethod
    def hidden_of(cls, block: Any) -> frozenset[str]:  # noqa: ARG003  not all subclasses need it
        """Returns the arguments of a component that other keys of the specification give."""
        return cls.hidden


def _vocabulary(info: ValidationInfo) -> Vocabulary:
    return info.context if isinstance(info.context, Vocabulary) else Vocabulary()


class DerivedDataSpec(Component):
    """An entry of the data set that is computed before training."""

    registry: ClassVar[Registry[Any]] = DATA_FUNCTIONS
    key: ClassVar[str] = "func"

    name: Text
    func: str = Field(alias="data func")
    keys: list[tuple[Literal["data", "rels"], str]] = Field(default=[("data", "main")], min_length=1)
    options: Options = Field(default={})

    @classmethod
    def hidden_of(cls, block: Any) -> frozenset[str]:
        """Returns the first argument, which ``keys`` fill."""
        # their number is checked when the entry is built
        return frozenset(list(options_of(block))[:1])


class TransformSpec(Component):
    """A transform of relations."""

    registry: ClassVar[Registry[Any]] = TRANSFORMS

    type: str
    options: Options = Field(default={})


class RelationsSpec(Component):
    """Relations between all points, or between the embedded points of a batch."""

    registry: ClassVar[Registry[Any]] = RELATIONS
    hidden: ClassVar[frozenset[str]] = frozenset({"transform", "data_key"})

    name: Text
    level: Literal["global", "batch"]
    type: str
    field: Text = "main"
    options: Options = Field(default={})
    transforms: list[TransformSpec] = Field(default=[])


class LossKeysSpec(Entry):
    """The data, relations and methods that a loss uses."""

    data: Names = Field(default=[], description="Entries of the data set.")
    rels: Names = Field(default=[], description="Relations: global ones, then batch relations.")
    methods: Names = Field(default=[], description="Methods of the model.")


class LossSpec(Component):
    """A loss."""

    registry: ClassVar[Registry[Any]] = LOSSES
    hidden: ClassVar[frozenset[str]] = frozenset({"name"})

    name: Text
    type: str
    func: str | None = None
    keys: LossKeysSpec = LossKeysSpec()
    options: Options = Field(default={})


_HEAD = simply("true, false, or a mapping of options")
_Head = Annotated[StrictBool | Options, _HEAD]


class ModelSpec(Component):
    """The network, which is made when training begins."""

    registry: ClassVar[Registry[Any]] = MODELS

    type: str = "mlp"
    options: Options = Field(default={})
    decoder: _Head = Field(False, description="Whether to decode embeddings, or options of the decoder.")
    classifier: _Head = Field(
        False, description="Whether to predict labels of embeddings, or options of the head that does."
    )

    @field_validator("decoder", "classifier", mode="after")
    @classmethod
    def _fitting_head(cls, options: bool | dict[str, Any], info: ValidationInfo) -> bool | dict[str, Any]:
        if not isinstance(options, bool):
            if info.field_name == "classifier":
                check_classifier(options)
            elif "type" in info.data:  # otherwise the name of the model is reported
                check_decoder(_vocabulary(info).find(MODELS, info.data["type"]), options)
        return options


class SamplingSpec(Component):
    """How batches are drawn."""

    registry: ClassVar[Registry[Any]] = SAMPLINGS
    also: ClassVar[frozenset[str]] = frozenset({"batch_size", "batches_per_epoch", "report_interval"})

    type: str = "item"
    options: Options = Field(default={})


class OptimizerSpec(Component):
    """The optimizer."""

    registry: ClassVar[Registry[Any]] = OPTIMIZERS
    also: ClassVar[frozenset[str]] = frozenset({"learning_rate"})
    hidden: ClassVar[frozenset[str]] = frozenset({"params"})

    type: str = "adam"
    options: Options = Field(default={})


class ScheduleSpec(Component):
    """How the learning rate changes over a phase."""

    registry: ClassVar[Registry[Any]] = SCHEDULES

    type: str = "constant"
    options: Options = Field(default={})


class CallbackSpec(Component):
    """A callback of a phase."""

    registry: ClassVar[Registry[Any]] = CALLBACKS

    type: str
    options: Options = Field(default={})
