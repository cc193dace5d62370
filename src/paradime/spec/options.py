"""Options of components, which are read from the signatures and docstrings of their constructors."""

from __future__ import annotations

import dataclasses
import functools
import inspect
import re
import types
from collections.abc import Callable, Mapping
from typing import Annotated, Any

import pydantic
from pydantic import AfterValidator, ConfigDict, WithJsonSchema

from paradime.models import ACTIVATIONS
from paradime.utils.annotations import hints_of, readable

__all__ = ["Option", "chosen", "first_sentence", "options_model", "options_of", "parameters_of", "takes_anything"]

# tables of the names that a string argument takes
_CHOICES: Mapping[str, Mapping[str, Any]] = {"activation": ACTIVATIONS}
_FILLED = (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)


@dataclasses.dataclass(frozen=True)
class Option:
    """An argument of a constructor of a component.

    Attributes:
        name: Its name.
        type: Its type, as pydantic checks it; what YAML cannot express is not part of the JSON Schema.
        default: Its default; ``inspect.Parameter.empty`` if it is required.
        description: Its description in the docstring.
        wants: The values that it takes, in words.
        kind: Whether it is given by position, by name, or both, as ``inspect.Parameter.kind``.
    """

    name: str
    type: Any
    default: Any
    description: str
    wants: str
    kind: Any = inspect.Parameter.POSITIONAL_OR_KEYWORD

    @property
    def required(self) -> bool:
        """Whether it must be given."""
        return self.default is inspect.Parameter.empty


@functools.cache
def options_of(block: Any) -> Mapping[str, Option]:
    """Returns the named arguments of a component, in order.

    Args:
        block: A class, or a function.

    Example:
        >>> from paradime.transforms import Symmetrize
        >>> options_of(Symmetrize)["subtract_product"].wants
        'true or false'
    """
    hints, docs = hints_of(block), _argument_docs(block)
    found = {}
    for name, parameter in parameters_of(block).items():
        if parameter.kind in _FILLED:
            continue
        checked, wants = readable(hints.get(name, Any))
        if inspect.isclass(block):
            checked, wants = chosen(name, checked, wants)
        found[name] = Option(name, checked, parameter.default, docs.get(name, ""), wants, parameter.kind)
    return types.MappingProxyType(found)


def parameters_of(block: Any) -> Mapping[str, inspect.Parameter]:
    """Returns the parameters of a class or function; ``**options`` for one without a signature."""
    try:
        return inspect.signature(block).parameters
    except (ValueError, TypeError):  # written in C
        return {"options": inspect.Parameter("options", inspect.Parameter.VAR_KEYWORD)}


def takes_anything(block: Callable[..., Any]) -> frozenset[str] | None:
    """Returns the further options that a component takes; ``None`` means any."""
    parameters = parameters_of(block).values()
    if not any(p.kind is inspect.Parameter.VAR_KEYWORD for p in parameters):
        return frozenset()
    extra: frozenset[str] | None = getattr(block, "extra_options", None)
    # named arguments are options with a type
    return None if extra is None else extra - set(parameters_of(block))


@functools.cache
def options_model(block: Any, hidden: frozenset[str]) -> type[pydantic.BaseModel]:
    """Returns a pydantic model of the options of a component.

    Args:
        block: A class, or a function.
        hidden: Arguments that other keys of the specification give.
    """
    fields: dict[str, Any] = {}
    for option in options_of(block).values():
        if option.name not in hidden:
            # an alias, since a pydantic field cannot be called "copy" or "json". Missing arguments are checked
            # later, since other keys of the specification may give them
            default = option.default if _in_json(option.default) else None
            fields[f"option_{option.name}"] = (
                option.type,
                pydantic.Field(default, alias=option.name, description=option.description or None),
            )
    further = takes_anything(block)
    for name in sorted(further or ()):
        fields[f"option_{name}"] = (Any, pydantic.Field(None, alias=name))
    config = ConfigDict(
        extra="forbid" if further is not None else "allow",
        strict=True,
        arbitrary_types_allowed=True,
        protected_namespaces=(),
    )
    return pydantic.create_model(getattr(block, "__name__", "Options"), __config__=config, **fields)


def first_sentence(block: Any) -> str:
    """Returns the first paragraph of a docstring, on one line."""
    text = inspect.getdoc(block) or ""
    return re.sub(r"\s+", " ", text.split("\n\n")[0]).strip()


def _in_json(default: Any) -> bool:
    """Whether a default can stand in a JSON Schema."""
    if isinstance(default, (list, tuple)):
        return all(map(_in_json, default))
    return default is None or (type(default) in (bool, int, float, str) and default == default)


def chosen(name: str, kind: Any, wants: str) -> tuple[Any, str]:
    """Returns the type of an argument and its values in words; the names of a table are those it has now.

    Args:
        name: The argument.
        kind: Its type, as pydantic checks it.
        wants: The values that it takes, in words.
    """
    if name not in _CHOICES or kind is not str:
        return kind, wants
    table = _CHOICES[name]

    def check(value: str) -> str:
        if value.replace("_", " ") not in table:
            raise ValueError(value)
        return value

    schema = WithJsonSchema({"type": "string", "enum": sorted(table)})
    return Annotated[str, AfterValidator(check), schema], f"one of {', '.join(map(repr, sorted(table)))}"


def _argument_docs(block: Callable[..., Any]) -> dict[str, str]:
    """Returns the descriptions in the section ``Args`` of a docstring by argument, each on one line.

    Example:
        >>> from paradime.transforms import Symmetrize
        >>> _argument_docs(Symmetrize)["subtract_product"][:28]
        'Whether to take the fuzzy un'
    """
    text = inspect.getdoc(block) or ""
    section = re.search(r"^Args:\n((?:[ ]+.*\n?|\n)*)", text, flags=re.MULTILINE)
    if section is None:
        return {}
    entries = re.findall(r"^ {4}\*{0,2}(\w+): (.*(?:\n(?: {5,}.*|\s*$))*)", section[1], flags=re.MULTILINE)
    return {name: re.sub(r"\s+", " ", description).replace("``", "`").strip() for name, description in entries}
