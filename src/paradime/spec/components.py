"""The parts of specifications that name a building block and its options."""

from __future__ import annotations

from typing import Annotated, Any, ClassVar, Literal

import numpy as np
import pydantic
from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    ValidationInfo,
    ValidatorFunctionWrapHandler,
    WrapValidator,
    field_validator,
    model_validator,
)
from pydantic_core import InitErrorDetails, PydanticCustomError

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
    did_you_mean,
)
from paradime.spec.options import options_model, options_of, takes_anything
from paradime.spec.vocabulary import Vocabulary

__all__ = [
    "CallbackSpec",
    "Component",
    "DerivedDataSpec",
    "Entry",
    "LossSpec",
    "ModelSpec",
    "Names",
    "OptimizerSpec",
    "Options",
    "RelationsSpec",
    "SamplingSpec",
    "ScheduleSpec",
    "TransformSpec",
    "check_options",
    "listed",
    "simply",
]


def _spaced(entry: Any) -> Any:
    """Lets keys be written with underscores, too: ``training_phases`` for ``training phases``."""
    return {str(k).replace("_", " "): v for k, v in entry.items()} if isinstance(entry, dict) else entry


def _underscored(options: Any) -> Any:
    """Lets options be written with spaces, ``batch size`` for ``batch_size``; NumPy's numbers become plain."""
    if options is None:
        return {}
    if not isinstance(options, dict):
        return options
    return {str(k).replace(" ", "_"): v.item() if isinstance(v, np.generic) else v for k, v in options.items()}


def simply(wanted: str) -> WrapValidator:
    """Returns a validator that says in one line what is wanted where several types would do."""

    def check(value: Any, check_types: ValidatorFunctionWrapHandler) -> Any:
        try:
            return check_types(value)
        except pydantic.ValidationError:
            raise ValueError(f"must be {wanted}, got {value!r}.") from None

    return WrapValidator(check)


def listed(entry: Any) -> Any:
    """Lets a list of one entry be written without brackets."""
    return entry if isinstance(entry, (list, tuple)) or entry is None else [entry]


Options = Annotated[dict[str, Any], BeforeValidator(_underscored)]
Names = Annotated[list[str], BeforeValidator(listed)]


class Entry(BaseModel):
    """What all parts of a specification share: unknown keys are errors, spaces and underscores are the same."""

    model_config = ConfigDict(extra="forbid", populate_by_name=True, frozen=True)

    @model_validator(mode="before")
    @classmethod
    def _spell_keys(cls, entry: Any) -> Any:
        return _spaced(entry)


class Component(Entry):
    """A part that names a building block of a registry by ``type``, and gives its ``options``."""

    registry: ClassVar[Registry[Any]]
    key: ClassVar[str] = "type"
    """The field that holds the name."""

    also: ClassVar[frozenset[str]] = frozenset()
    """Options that belong to the whole around it; known by the builder."""

    hidden: ClassVar[frozenset[str]] = frozenset()
    """Arguments that come from elsewhere in the text."""

    @model_validator(mode="before")
    @classmethod
    def _only_the_name(cls, entry: Any) -> Any:
        # "adam" for {type: adam}
        return {"type": entry} if isinstance(entry, str) and cls.key == "type" else entry

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
        if name is not None:  # or the name was wrong, and that was said
            check_options(_vocabulary(info).find(cls.registry, name), options, hidden=cls.hidden, also=cls.also)
        return options


def check_options(
    block: Any, options: dict[str, Any], *, hidden: frozenset[str], also: frozenset[str] = frozenset()
) -> None:
    """Checks options against a constructor's arguments.

    Args:
        block: The class or function.
        options: Options by name.
        hidden: Arguments that are no options.
        also: Names that are options all the same.

    Raises:
        pydantic.ValidationError: With an error for each option that does not fit.
    """
    further = takes_anything(block)
    arguments = {name: option for name, option in options_of(block).items() if name not in hidden}
    errors: list[InitErrorDetails] = []
    for name in options:
        if further is not None and name not in {*arguments, *also, *further}:
            advice = did_you_mean(name, {*arguments, *also})
            errors.append(_error(name, "unknown option {option}. {advice}", option=repr(name), advice=advice))
    own = {name: value for name, value in options.items() if name in arguments}
    try:
        options_model(block, hidden).model_validate(own)
    except pydantic.ValidationError as refused:
        for name in dict.fromkeys(str(detail["loc"][0]) for detail in refused.errors(include_url=False)):
            wants = arguments[name].wants
            errors.append(_error(name, "must be {wants}, got {got}.", wants=wants, got=repr(own[name])))
    if errors:
        raise pydantic.ValidationError.from_exception_data("options", errors)


def _error(name: str, message: str, **details: str) -> InitErrorDetails:
    return InitErrorDetails(type=PydanticCustomError("option", message, details), loc=(name,), input=None)


def _vocabulary(info: ValidationInfo) -> Vocabulary:
    return info.context if isinstance(info.context, Vocabulary) else Vocabulary()


class DerivedDataSpec(Component):
    """An entry of the data set that is computed before training."""

    registry: ClassVar[Registry[Any]] = DATA_FUNCTIONS
    key: ClassVar[str] = "func"

    name: str
    func: str = Field(alias="data func")
    keys: list[tuple[Literal["data", "rels"], str]] = Field(default=[("data", "main")])
    options: Options = Field(default={})


class TransformSpec(Component):
    """A transform of relations."""

    registry: ClassVar[Registry[Any]] = TRANSFORMS

    type: str
    options: Options = Field(default={})


class RelationsSpec(Component):
    """Relations between all points, or between those of an embedded batch."""

    registry: ClassVar[Registry[Any]] = RELATIONS
    hidden: ClassVar[frozenset[str]] = frozenset({"transform", "data_key"})

    name: str
    level: Literal["global", "batch"]
    type: str
    field: str = "main"
    options: Options = Field(default={})
    transforms: list[TransformSpec] = Field(default=[])


class LossKeysSpec(Entry):
    """What a loss works on."""

    data: Names = Field(default=[], description="Entries of the data set.")
    rels: Names = Field(default=[], description="Relations: global ones, then batch relations.")
    methods: Names = Field(default=[], description="Methods of the model.")


class LossSpec(Component):
    """A loss."""

    registry: ClassVar[Registry[Any]] = LOSSES
    hidden: ClassVar[frozenset[str]] = frozenset({"name"})

    name: str
    type: str
    func: str | None = None
    keys: LossKeysSpec = LossKeysSpec()
    options: Options = Field(default={})


_HEAD = simply("true, false, or a mapping of options")


class ModelSpec(Component):
    """The network, made for the data when training begins."""

    registry: ClassVar[Registry[Any]] = MODELS

    type: str = "mlp"
    options: Options = Field(default={})
    decoder: Annotated[bool | Options, _HEAD] = Field(
        False, description="Whether to decode embeddings, or options of the decoder."
    )
    classifier: Annotated[bool | Options, _HEAD] = Field(
        False, description="Whether to predict labels of embeddings, or options of the head that does."
    )


class SamplingSpec(Component):
    """What batches are made of."""

    registry: ClassVar[Registry[Any]] = SAMPLINGS
    also: ClassVar[frozenset[str]] = frozenset({"batch_size", "batches_per_epoch", "report_interval"})

    type: str = "item"
    options: Options = Field(default={})


class OptimizerSpec(Component):
    """How steps are taken."""

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
    """What is called during a phase."""

    registry: ClassVar[Registry[Any]] = CALLBACKS

    type: str
    options: Options = Field(default={})
