"""The specification format as a JSON Schema, with which editors complete and check specifications."""

from __future__ import annotations

from typing import Any

from paradime._registry import LOSS_FUNCTIONS, Registry
from paradime.models import DECODERS, FullyConnected
from paradime.spec.components import (
    CallbackSpec,
    Component,
    DerivedDataSpec,
    LossSpec,
    ModelSpec,
    OptimizerSpec,
    RelationsSpec,
    SamplingSpec,
    ScheduleSpec,
    TransformSpec,
)
from paradime.spec.options import OF_CLASSIFIER, OF_DECODER, first_sentence, options_model
from paradime.spec.schema import RoutineSpec
from paradime.training import EarlyStopping, TrainingPhase

__all__ = ["COMPONENTS", "json_schema"]

COMPONENTS: tuple[type[Component], ...] = (
    DerivedDataSpec,
    RelationsSpec,
    TransformSpec,
    ModelSpec,
    LossSpec,
    SamplingSpec,
    OptimizerSpec,
    ScheduleSpec,
    CallbackSpec,
)
_IMPORTED = r"^[\w.]+:\w+$"


def json_schema() -> dict[str, Any]:
    """Returns the JSON Schema (draft 2020-12) of specifications, with all components that are registered now.

    Save it as a file, and name it in the first line of a YAML file, ``# yaml-language-server:
    $schema=paradime.schema.json``: editors then complete keys, names and options, and mark mistakes.

    Example:
        >>> schema = json_schema()
        >>> "position" in schema["$defs"]["LossSpec"]["properties"]["type"]["anyOf"][0]["enum"]
        True
    """
    schema = RoutineSpec.model_json_schema(by_alias=True)
    definitions = schema["$defs"]
    for component in COMPONENTS:
        _complete(definitions, component)
    phase = definitions["PhaseSpec"]["properties"]
    phase["early stopping"] = {
        "anyOf": [_options(EarlyStopping, frozenset()), {"type": "null"}],
        **_described(phase["early stopping"]),
    }
    made: dict[str, Any] = {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "A specification of a routine of ParaDime",
        **_without_titles({key: value for key, value in schema.items() if key != "title"}),
    }
    return made


def _complete(definitions: dict[str, Any], component: type[Component]) -> None:
    """Writes the names of a registry, and the options of each, into a definition."""
    definition = definitions[component.__name__]
    properties = definition["properties"]
    key = component.model_fields[component.key].alias or component.key
    _name(properties[key], component.registry)
    if component is LossSpec:
        _name(properties["func"], LOSS_FUNCTIONS)
    rules = []
    for name, block in sorted(component.registry.items()):
        place = f"{component.registry.kind}: {name}"
        definitions[place] = _options(block, component.hidden_of(block), component)
        names = [name, *component.registry.aliases_of(name)]
        chosen = {"properties": {key: {"enum": names}}}
        if (
            component.model_fields[component.key].is_required()
            or name != component.model_fields[component.key].default
        ):
            chosen["required"] = [key]  # type: ignore[assignment]
        rules.append({"if": chosen, "then": {"properties": {"options": {"$ref": f"#/$defs/{place}"}}}})
    definition["allOf"] = rules
    if component is ModelSpec:
        _complete_heads(definitions, properties)
    if component.key == "type" and "name" not in properties:
        # "adam" is short for {type: adam}
        definitions[component.__name__] = {"anyOf": [_name({}, component.registry), definition]}


def _complete_heads(definitions: dict[str, Any], properties: dict[str, Any]) -> None:
    """Writes the options of decoders and classifiers into the definition of models."""
    places: dict[str, list[str]] = {"decoder": [], "classifier": ["classifier"]}
    for name, kind in DECODERS.items():
        place = f"{DECODERS.kind}: {name}"
        definitions[place] = made = _options(kind, OF_DECODER)
        names = [name, *DECODERS.aliases_of(name)]
        description = "The kind of decoder; that of the encoder if left out."
        made["properties"] = {"type": {"enum": names, "description": description}, **made["properties"]}
        places["decoder"].append(place)
    definitions["classifier"] = made = _options(FullyConnected, OF_CLASSIFIER)
    n_classes = {
        "type": "integer",
        "minimum": 1,
        "description": "Number of classes; that of the labels if left out.",
    }
    made["properties"] = {"n_classes": n_classes, **made["properties"]}
    for head, options in places.items():
        references = [{"$ref": f"#/$defs/{place}"} for place in options]
        properties[head] = {"anyOf": [{"type": "boolean"}, *references], **_described(properties[head])}


def _name(property_schema: dict[str, Any], registry: Registry[Any]) -> dict[str, Any]:
    """Changes the schema of a string to that of a name in a registry."""
    optional = any(part.get("type") == "null" for part in property_schema.get("anyOf", ()))
    known = {"enum": registry.names(), "type": "string"}
    imported = {"pattern": _IMPORTED, "type": "string", "description": "An importable name."}
    property_schema.pop("type", None)
    property_schema["anyOf"] = [known, imported, *([{"type": "null"}] if optional else [])]
    return property_schema


def _options(block: Any, hidden: frozenset[str], component: type[Component] | None = None) -> dict[str, Any]:
    schema = options_model(block, hidden).model_json_schema(by_alias=True)
    schema["description"] = first_sentence(block)
    if component is SamplingSpec:
        of_phase = options_model(TrainingPhase, frozenset()).model_json_schema(by_alias=True)["properties"]
        schema["properties"] = {
            **{name: of_phase[name] for name in sorted(component.also)},
            **schema.get("properties", {}),
        }
    if component is OptimizerSpec:
        rate = {"type": "number", "exclusiveMinimum": 0, "description": "Learning rate."}
        schema["properties"] = {"learning_rate": rate, **schema.get("properties", {})}
    return schema


def _described(property_schema: dict[str, Any]) -> dict[str, Any]:
    return {key: property_schema[key] for key in ("description", "default") if key in property_schema}


def _without_titles(schema: Any, *, names: bool = False) -> Any:
    """Removes the titles that pydantic adds; with ``names``, the keys are names of properties, which stay."""
    if isinstance(schema, dict):
        others = {
            key: value for key, value in schema.items() if names or key != "title" or not isinstance(value, str)
        }
        return {
            key: _without_titles(value, names=key in ("properties", "$defs") and not names)
            for key, value in others.items()
        }
    return [_without_titles(part) for part in schema] if isinstance(schema, list) else schema
