"""Reading of specifications from files, strings and dicts, and their checks."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import pydantic
from pydantic_core import ErrorDetails

from paradime._registry import did_you_mean
from paradime.exceptions import SpecificationError
from paradime.spec.build import build
from paradime.spec.formats import check_extent, load, place_of
from paradime.spec.schema import RoutineSpec
from paradime.spec.values import shown
from paradime.spec.vocabulary import Vocabulary
from paradime.types import Spec

__all__ = ["parse_spec", "read_spec", "validate_spec"]

_MOST_LINES = 25


def validate_spec(
    file_or_spec: str | os.PathLike[str] | Spec, *, allow_imports: Iterable[str] = ()
) -> dict[str, Any]:
    """Checks a specification.

    Args:
        file_or_spec: The path of a YAML or JSON file, its contents as a string, or as a dict.
        allow_imports: Modules or packages from which names such as ``"mine.losses:MyLoss"`` may be imported.

    Returns:
        The specification with all defaults written out.

    Raises:
        SpecificationError: If it is wrong; the message has a line for each mistake, which starts with the place.
        OSError: If the file cannot be read.
    """
    vocabulary = Vocabulary(tuple(allow_imports))
    spec = read_spec(file_or_spec, vocabulary)
    # constructors check the rest, such as ranges of numbers
    build(spec, vocabulary)
    return spec.model_dump(by_alias=True)


def read_spec(file_or_spec: str | os.PathLike[str] | Spec, vocabulary: Vocabulary | None = None) -> RoutineSpec:
    """Reads a specification and checks its shape, names, and types of options; see :func:`validate_spec`."""
    return parse_spec(load(file_or_spec), vocabulary)


def parse_spec(contents: Any, vocabulary: Vocabulary | None = None) -> RoutineSpec:
    """Checks the contents of a specification.

    Args:
        contents: Nested mappings and lists.
        vocabulary: The names that it may use; those of the registries if ``None``.

    Raises:
        SpecificationError: If they are wrong; the message has a line for each mistake.
    """
    check_extent(contents)
    try:
        return RoutineSpec.model_validate(
            dict(contents) if isinstance(contents, Mapping) else contents, context=vocabulary
        )
    except pydantic.ValidationError as error:
        raise SpecificationError(_explain(error)) from None


def _explain(error: pydantic.ValidationError) -> str:
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
