"""Types of arguments from their annotations: for pydantic's checks, and in words for messages."""

from __future__ import annotations

import dataclasses
import functools
import inspect
import sys
import types
import typing
from collections.abc import Callable, Mapping, Sequence
from typing import Annotated, Any, Literal, Union

import numpy as np
import pydantic
import torch
from pydantic import InstanceOf
from pydantic.json_schema import SkipJsonSchema

from paradime._registry import with_article

__all__ = ["as_lists", "from_numpy", "hints_of", "readable"]

_WORDS = {int: "an integer", float: "a number", str: "a string", bool: "true or false", type(None): "null"}
_PLURALS = {"an integer": "integers", "a number": "numbers", "a string": "strings"}
_SEQUENCES = (list, tuple, Sequence)
_MAPPINGS = (dict, Mapping)
_NOT_IN_SCHEMA: Any = SkipJsonSchema()  # type: ignore[type-arg]
_INSTANCE: Any = InstanceOf()  # type: ignore[type-arg]


def from_numpy(value: Any) -> Any:
    """Converts NumPy's scalars and arrays, also within lists and mappings, to Python's own types.

    Example:
        >>> from_numpy(np.float64(0.5)), from_numpy([np.array([20, 10])])
        (0.5, [[20, 10]])
    """
    if isinstance(value, (np.generic, np.ndarray)):
        return value.tolist()
    if type(value) in (list, tuple):
        return type(value)(map(from_numpy, value))
    return {key: from_numpy(part) for key, part in value.items()} if type(value) is dict else value


def as_lists(value: Any) -> Any:
    """Converts every sequence, also a tensor or a column of a data frame, to a list of Python's own types.

    Other values are converted by :func:`from_numpy`.

    Example:
        >>> as_lists(torch.tensor([20, 10])), as_lists(range(2, 4)), as_lists((20, torch.tensor(10)))
        ([20, 10], [2, 3], [20, 10])
    """
    if isinstance(value, torch.Tensor):
        return value.detach().tolist()
    if isinstance(value, (list, tuple)):
        return [as_lists(part) for part in value]
    for method in ("tolist", "to_list", "to_pylist"):  # arrays; columns of pandas and polars; those of PyArrow
        if callable(getattr(value, method, None)):
            return getattr(value, method)()
    return (
        list(value) if isinstance(value, Sequence) and not isinstance(value, (str, bytes)) else from_numpy(value)
    )


def hints_of(block: Any) -> dict[str, Any]:
    """Returns the annotated types of the arguments of a class or function, if they can be evaluated."""
    function: Any = block.__init__ if inspect.isclass(block) else block
    hints = _hints_of(block) if dataclasses.is_dataclass(block) else {}
    return {**hints, **_hints_of(function)}


def _hints_of(annotated: Any) -> dict[str, Any]:
    try:
        return typing.get_type_hints(annotated)
    except Exception:  # an annotation for type checkers only may raise anything
        pass
    # names in annotations are those of the module that they are written in
    names = vars(sys.modules.get(getattr(annotated, "__module__", ""), typing))
    hints = {}
    for name, hint in getattr(annotated, "__annotations__", {}).items():
        try:
            # evaluate one at a time, since one that fails must not hide the others
            hints[name] = typing.get_type_hints(types.SimpleNamespace(__annotations__={name: hint}), names)[name]
        except Exception:
            continue
    return hints


def readable(annotation: Any) -> tuple[Any, str]:
    """Returns a type that pydantic can check, and its description in words."""
    if annotation is None or annotation is type(None):
        return type(None), _WORDS[type(None)]
    if annotation in _WORDS:
        return annotation, _WORDS[annotation]
    origin, arguments = typing.get_origin(annotation), typing.get_args(annotation)
    if origin is typing.Annotated:
        return readable(arguments[0])
    if origin is Literal:
        return annotation, " or ".join("null" if a is None else repr(a) for a in arguments)
    if origin in (Union, types.UnionType):
        return _union([readable(part) for part in arguments])
    if origin in _SEQUENCES or annotation in _SEQUENCES:
        # YAML and JSON have lists only, also for arguments that are tuples
        parts = [readable(part) for part in arguments if part is not Ellipsis] or [(Any, "anything")]
        inner, words = _union(parts)
        if origin is tuple and Ellipsis not in arguments:
            unlimited: Any = Sequence[inner]  # type: ignore[valid-type]
            length = pydantic.Field(min_length=len(parts), max_length=len(parts))
            limited: Any = Annotated[unlimited, length]
            return limited, f"a list of {len(parts)}, each {words}"
        return Sequence[inner], f"a list of {_PLURALS.get(words, words)}"  # type: ignore[valid-type]
    if origin in _MAPPINGS or annotation in _MAPPINGS:
        inner = readable(arguments[1])[0] if len(arguments) == 2 else Any
        return Mapping[str, inner], "a mapping"  # type: ignore[valid-type]
    if origin is not None and "Callable" in str(origin):
        return Annotated[Callable[..., Any], _NOT_IN_SCHEMA], "a function"
    if inspect.isclass(annotation) and annotation is not torch.Tensor and origin is None and annotation is not Any:
        try:
            isinstance(None, annotation)
        except TypeError:  # such as a protocol
            return Any, "anything"
        return Annotated[annotation, _INSTANCE, _NOT_IN_SCHEMA], with_article(annotation.__name__)
    if annotation is torch.Tensor:
        return Annotated[torch.Tensor, _INSTANCE, _NOT_IN_SCHEMA], "a tensor"
    return Any, "anything"


def _union(parts: Sequence[tuple[Any, str]]) -> tuple[Any, str]:
    alternatives = list(dict.fromkeys(kind for kind, _ in parts))
    words = " or ".join(dict.fromkeys(text for _, text in parts))
    if Any in alternatives:
        return Any, "anything"
    return functools.reduce(lambda a, b: Union[a, b], alternatives), words  # noqa: UP007  known at run time only
