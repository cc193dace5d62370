"""Reading specifications from files, text and dicts, and checking them."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import pydantic
from pydantic_core import ErrorDetails

from paradime._registry import did_you_mean
from paradime.exceptions import SpecificationError
from paradime.spec.build import build
from paradime.spec.schema import RoutineSpec
from paradime.spec.vocabulary import Vocabulary
from paradime.types import Spec

__all__ = ["parse_spec", "read_spec", "validate_spec"]

_LARGEST_TEXT = 1_000_000  # bytes
_MOST_ENTRIES = 100_000


def validate_spec(
    file_or_dict: str | os.PathLike[str] | Spec, *, allow_imports: Iterable[str] = ()
) -> dict[str, Any]:
    """Checks a specification in the grammar.

    Args:
        file_or_dict: The path of a YAML or JSON file, its text, or its contents as a dict.
        allow_imports: Modules or packages from which names such as ``"mine.losses:MyLoss"`` may be imported.

    Returns:
        The specification with all defaults written out.

    Raises:
        SpecificationError: If it is wrong; the message has a line for each mistake, which starts with the place.
        OSError: If the file cannot be read.
    """
    vocabulary = Vocabulary(tuple(allow_imports))
    spec = read_spec(file_or_dict, vocabulary)
    # what only the constructors know, such as the range of a number
    build(spec, vocabulary)
    return spec.model_dump(by_alias=True)


def read_spec(file_or_dict: str | os.PathLike[str] | Spec, vocabulary: Vocabulary | None = None) -> RoutineSpec:
    """Reads a specification and checks its shape, names and types of options; see :func:`validate_spec`."""
    if isinstance(file_or_dict, Mapping):
        return parse_spec(file_or_dict, vocabulary)
    if isinstance(file_or_dict, str) and ("\n" in file_or_dict or file_or_dict.lstrip().startswith("{")):
        return parse_spec(_load(file_or_dict, "the text"), vocabulary)
    path = Path(file_or_dict)
    if path.stat().st_size > _LARGEST_TEXT:
        raise SpecificationError(f"{path} has {path.stat().st_size} bytes, more than the {_LARGEST_TEXT} allowed.")
    return parse_spec(_load(path.read_text(encoding="utf-8"), str(path)), vocabulary)


def parse_spec(contents: Any, vocabulary: Vocabulary | None = None) -> RoutineSpec:
    """Checks the contents of a specification.

    Args:
        contents: Nested mappings and lists.
        vocabulary: The names that it may use; those of the registries if ``None``.

    Raises:
        SpecificationError: If they are wrong; the message has a line for each mistake.
    """
    try:
        return RoutineSpec.model_validate(
            dict(contents) if isinstance(contents, Mapping) else contents, context=vocabulary
        )
    except pydantic.ValidationError as error:
        raise SpecificationError("\n".join(_explain(detail) for detail in error.errors())) from None


def _load(text: str, origin: str) -> Any:
    """Loads YAML 1.2, of which JSON is a part; no tag runs code, and a key may not be given twice."""
    from ruamel.yaml import YAML
    from ruamel.yaml.error import MarkedYAMLError, YAMLError

    if len(text) > _LARGEST_TEXT:
        raise SpecificationError(f"{origin} has {len(text)} characters, more than the {_LARGEST_TEXT} allowed.")
    try:
        contents = YAML(typ="safe", pure=True).load(text)
    except MarkedYAMLError as error:
        line = f"line {error.problem_mark.line + 1}: " if error.problem_mark else ""
        raise SpecificationError(f"{origin}: {line}{error.problem}") from None
    except YAMLError as error:
        raise SpecificationError(f"{origin} is not valid YAML: {error}") from None
    _refuse_bombs(contents, origin)
    return contents


def _refuse_bombs(contents: Any, origin: str) -> None:
    """Aliases are stored once, but visited at every place: a few lines may unfold to billions of entries."""
    open_ends, seen = [contents], 0
    while open_ends:
        entry = open_ends.pop()
        seen += 1
        if seen > _MOST_ENTRIES:
            raise SpecificationError(
                f"{origin} unfolds to more than {_MOST_ENTRIES} entries. Write fewer aliases."
            )
        if isinstance(entry, dict):
            open_ends.extend(entry.values())
        elif isinstance(entry, list):
            open_ends.extend(entry)


def _explain(detail: ErrorDetails) -> str:
    path, message = _path(detail["loc"]), detail["msg"].removeprefix("Value error, ")
    if detail["type"] == "extra_forbidden":
        key = str(detail["loc"][-1])
        return f"{path}: unknown key {key!r}. {did_you_mean(key, _keys_at(detail['loc'][:-1]))}"
    if detail["type"] == "literal_error":
        expected = str(detail.get("ctx", {}).get("expected", ""))
        names = [name.strip(" '") for name in expected.replace(" or ", ",").split(",")]
        return f"{path}: unknown value {detail['input']!r}. {did_you_mean(detail['input'], names)}"
    if detail["type"] == "missing":
        return f"{path}: is missing."
    if detail["type"] in ("value_error", "option"):
        return f"{path}: {message}"
    return f"{path}: {message}, got {detail['input']!r}."


def _path(location: tuple[int | str, ...]) -> str:
    path = ""
    for part in location:
        path += f"[{part}]" if isinstance(part, int) else f".{part}" if path else str(part)
    return path or "specification"


def _keys_at(location: tuple[int | str, ...]) -> list[str]:
    """The keys that the schema knows at a place."""
    model: type[pydantic.BaseModel] = RoutineSpec
    for part in location:
        if isinstance(part, str):
            fields = {field.alias or name: field for name, field in model.model_fields.items()}
            model = _model_in(fields[part].annotation) if part in fields else model
    return [field.alias or name for name, field in model.model_fields.items()]


def _model_in(annotation: Any) -> type[pydantic.BaseModel]:
    if isinstance(annotation, type) and issubclass(annotation, pydantic.BaseModel):
        return annotation
    found = (_model_in(part) for part in getattr(annotation, "__args__", ()))
    return next((model for model in found if model is not pydantic.BaseModel), pydantic.BaseModel)
