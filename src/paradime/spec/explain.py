"""Messages about mistakes in specifications, from pydantic's errors."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pydantic
from pydantic_core import ErrorDetails

from paradime._registry import did_you_mean
from paradime.spec.loading import place_of
from paradime.spec.schema import RoutineSpec
from paradime.spec.values import shown

__all__ = ["explain"]

_MOST_LINES = 25


def explain(error: pydantic.ValidationError) -> str:
    """Returns a line for each mistake, which starts with the place; beyond 25, only their number."""
    details = error.errors(include_url=False)
    lines = [_line(detail) for detail in details[:_MOST_LINES]]
    if len(details) > _MOST_LINES:
        lines.append(f"… and {len(details) - _MOST_LINES} more mistakes.")
    return "\n".join(lines)


def _line(detail: ErrorDetails) -> str:
    make = _MESSAGES.get(detail["type"])
    message = f"{detail['msg']}, got {shown(detail['input'])}." if make is None else make(detail)
    return f"{place_of(detail['loc'])}: {message}"


def _unknown_key(detail: ErrorDetails) -> str:
    key = str(detail["loc"][-1])
    known = _keys_at(detail["loc"][:-1])
    # "type: adam, lr: 1" instead of "type: adam, options: {lr: 1}"
    nested = " Arguments stand under 'options'." if {"type", "options"} & {*known} == {"type", "options"} else ""
    return f"unknown key {key!r}. {did_you_mean(key, known)}{nested}"


def _unknown_value(detail: ErrorDetails) -> str:
    expected = str(detail.get("ctx", {}).get("expected", ""))
    names = [name.strip(" '") for name in expected.replace(" or ", ",").split(",")]
    return f"unknown value {shown(detail['input'])}. {did_you_mean(detail['input'], names)}"


def _no_mapping(detail: ErrorDetails) -> str:
    keys = _keys_at(detail["loc"])
    named = f" of {', '.join(map(repr, keys))}" if keys else ""
    return f"must be a mapping{named}, got {shown(detail['input'])}."


def _no_list(detail: ErrorDetails) -> str:
    if detail["input"] is None:
        return "must be a list, got nothing. Leave the key out, or write []."
    return f"must be a list, got {shown(detail['input'])}. Write [ ] around it, or '- ' before each entry."


_MESSAGES: dict[str, Callable[[ErrorDetails], str]] = {
    "extra_forbidden": _unknown_key,
    "literal_error": _unknown_value,
    "missing": lambda _: "is missing.",
    "list_type": _no_list,
    "tuple_type": lambda detail: f"must be a pair such as [data, main], got {shown(detail['input'])}.",
    "too_short": lambda _: "must have at least one entry, got none.",
    "bool_type": lambda detail: f"must be true or false, got {shown(detail['input'])}.",
    "string_type": lambda detail: f"must be a string, got {shown(detail['input'])}.",
    **dict.fromkeys(("model_type", "model_attributes_type", "dict_type"), _no_mapping),
    **dict.fromkeys(("value_error", "option"), lambda detail: detail["msg"].removeprefix("Value error, ")),
}


def _keys_at(location: tuple[int | str, ...]) -> list[str]:
    """Returns the keys of the schema at a place."""
    model: type[pydantic.BaseModel] = RoutineSpec
    for part in location:
        if isinstance(part, str):
            fields = {field.alias or name: field for name, field in model.model_fields.items()}
            model = _model_in(fields[part].annotation) if part in fields else pydantic.BaseModel
    return [field.alias or name for name, field in model.model_fields.items()]


def _model_in(annotation: Any) -> type[pydantic.BaseModel]:
    if isinstance(annotation, type) and issubclass(annotation, pydantic.BaseModel):
        return annotation
    found = (_model_in(part) for part in getattr(annotation, "__args__", ()))
    return next((model for model in found if model is not pydantic.BaseModel), pydantic.BaseModel)
