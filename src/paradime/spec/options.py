"""What a text may say about a building block: read off its constructor, never written twice."""

from __future__ import annotations

import dataclasses
import functools
import inspect
import re
import sys
import types
import typing
from collections.abc import Callable, Mapping, Sequence
from typing import Annotated, Any, Literal, Union

import pydantic
import torch
from pydantic import AfterValidator, ConfigDict, InstanceOf, WithJsonSchema
from pydantic.json_schema import SkipJsonSchema

from paradime.models import ACTIVATIONS

__all__ = ["Option", "first_sentence", "options_model", "options_of", "parameters_of", "takes_anything"]

_PLAIN = {int: "an integer", float: "a number", str: "a text", bool: "true or false", type(None): "null"}
_SEQUENCES = (list, tuple, Sequence)
_MAPPINGS = (dict, Mapping)
_NOT_IN_TEXTS: Any = SkipJsonSchema()  # type: ignore[type-arg]
_INSTANCE: Any = InstanceOf()  # type: ignore[type-arg]
# what strings stand for where constructors alone know
_CHOICES: Mapping[str, Mapping[str, Any]] = {"activation": ACTIVATIONS}
_FILLED = (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)


@dataclasses.dataclass(frozen=True)
class Option:
    """An argument of a building block's constructor.

    Attributes:
        name: Its name.
        type: Its type, as pydantic checks it; what a text cannot express is left out of the JSON Schema.
        default: Its default; ``inspect.Parameter.empty`` if it must be given.
        description: What its docstring says.
        wants: What may be given, in words.
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
    """Returns the arguments of a building block that have a name, in order.

    Args:
        block: A class, or a function.

    Example:
        >>> from paradime.transforms import Symmetrize
        >>> options_of(Symmetrize)["subtract_product"].wants
        'true or false'
    """
    hints, docs = _hints(block), _argument_docs(block)
    found = {}
    for name, parameter in parameters_of(block).items():
        if parameter.kind in _FILLED:
            continue
        checked, wants = _readable(hints.get(name, Any))
        if name in _CHOICES and checked is str and inspect.isclass(block):
            checked, wants = _chosen(name)
        found[name] = Option(name, checked, parameter.default, docs.get(name, ""), wants, parameter.kind)
    return types.MappingProxyType(found)


def parameters_of(block: Any) -> Mapping[str, inspect.Parameter]:
    """Returns the parameters of a class or function; ``**options`` for one that does not tell."""
    try:
        return inspect.signature(block).parameters
    except (ValueError, TypeError):  # written in C
        return {"options": inspect.Parameter("options", inspect.Parameter.VAR_KEYWORD)}


def takes_anything(block: Callable[..., Any]) -> frozenset[str] | None:
    """Returns which further options a building block takes; ``None`` stands for any."""
    parameters = parameters_of(block).values()
    if not any(p.kind is inspect.Parameter.VAR_KEYWORD for p in parameters):
        return frozenset()
    extra: frozenset[str] | None = getattr(block, "extra_options", None)
    # those with a name of their own have a type, too
    return None if extra is None else extra - set(parameters_of(block))


@functools.cache
def options_model(block: Any, hidden: frozenset[str]) -> type[pydantic.BaseModel]:
    """Returns a pydantic model of the options of a building block.

    Args:
        block: A class, or a function.
        hidden: Arguments that are filled from elsewhere in the text.
    """
    fields: dict[str, Any] = {}
    for option in options_of(block).values():
        if option.name not in hidden:
            # an alias, since a pydantic field may not be called "copy" or "json"; what is missing is told by the
            # constructor, as an argument may also be filled by other keys of the text
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


def _hints(block: Any) -> dict[str, Any]:
    function: Any = block.__init__ if inspect.isclass(block) else block
    hints = _hints_of(block) if dataclasses.is_dataclass(block) else {}
    return {**hints, **_hints_of(function)}


def _hints_of(annotated: Any) -> dict[str, Any]:
    try:
        return typing.get_type_hints(annotated)
    except Exception:  # whatever an annotation raises that only a type checker can read
        pass
    names = vars(sys.modules.get(getattr(annotated, "__module__", ""), typing))
    found = {}
    for name, hint in getattr(annotated, "__annotations__", {}).items():
        try:
            # the others are readable
            found[name] = typing.get_type_hints(types.SimpleNamespace(__annotations__={name: hint}), names)[name]
        except Exception:
            continue
    return found


def _in_json(default: Any) -> bool:
    """Whether a default can stand in a JSON Schema."""
    if isinstance(default, (list, tuple)):
        return all(map(_in_json, default))
    return default is None or (type(default) in (bool, int, float, str) and default == default)


def _chosen(name: str) -> tuple[Any, str]:
    """Returns the type of an argument that is a name in a table, which may grow."""
    table = _CHOICES[name]

    def check(value: str) -> str:
        if value.replace("_", " ") not in table:
            raise ValueError(value)
        return value

    schema = WithJsonSchema({"type": "string", "enum": sorted(table)})
    return Annotated[str, AfterValidator(check), schema], f"one of {', '.join(map(repr, sorted(table)))}"


def _readable(annotation: Any) -> tuple[Any, str]:
    """Returns a type as pydantic checks it, and what it stands for in words."""
    if annotation in _PLAIN:
        return annotation, _PLAIN[annotation]
    if annotation is None:
        return None, _PLAIN[type(None)]
    origin, arguments = typing.get_origin(annotation), typing.get_args(annotation)
    if origin is typing.Annotated:
        return _readable(arguments[0])
    if origin is Literal:
        return annotation, " or ".join("null" if a is None else repr(a) for a in arguments)
    if origin in (Union, types.UnionType):
        return _union([_readable(part) for part in arguments])
    if origin in _SEQUENCES or annotation in _SEQUENCES:
        # a text has lists only, also where the constructor wants a pair
        parts = [_readable(part) for part in arguments if part is not Ellipsis] or [(Any, "anything")]
        inner, wants = _union(parts)
        if origin is tuple and Ellipsis not in arguments:
            of_any_length: Any = Sequence[inner]  # type: ignore[valid-type]
            pair: Any = Annotated[of_any_length, pydantic.Field(min_length=len(parts), max_length=len(parts))]
            return pair, f"a list of {len(parts)}, each {wants}"
        return Sequence[inner], f"a list of {wants}"  # type: ignore[valid-type]
    if origin in _MAPPINGS or annotation in _MAPPINGS:
        inner = _readable(arguments[1])[0] if len(arguments) == 2 else Any
        return Mapping[str, inner], "a mapping"  # type: ignore[valid-type]
    if origin is not None and "Callable" in str(origin):
        return Annotated[Callable[..., Any], _NOT_IN_TEXTS], "a function"
    if inspect.isclass(annotation) and annotation is not torch.Tensor and origin is None and annotation is not Any:
        try:
            isinstance(None, annotation)
        except TypeError:  # such as a protocol
            return Any, "anything"
        return Annotated[annotation, _INSTANCE, _NOT_IN_TEXTS], f"a {annotation.__name__}"
    if annotation is torch.Tensor:
        return Annotated[torch.Tensor, _INSTANCE, _NOT_IN_TEXTS], "a tensor"
    return Any, "anything"


def _union(parts: Sequence[tuple[Any, str]]) -> tuple[Any, str]:
    kinds = list(dict.fromkeys(kind for kind, _ in parts))
    wants = " or ".join(dict.fromkeys(text for _, text in parts))
    if Any in kinds:
        return Any, "anything"
    return functools.reduce(lambda a, b: Union[a, b], kinds), wants  # noqa: UP007  kinds are known at run time


def _argument_docs(block: Callable[..., Any]) -> dict[str, str]:
    """Returns what the section ``Args`` of a docstring says, by argument, each on one line.

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
    return {name: re.sub(r"\s+", " ", said).replace("``", "`").strip() for name, said in entries}
