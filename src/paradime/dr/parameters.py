"""The check of a routine's parameters against the annotations of its constructor."""

from __future__ import annotations

import functools
import inspect
import typing
from collections.abc import Mapping
from typing import Any

import pydantic
from pydantic import ConfigDict, TypeAdapter

from paradime.dr.components import COMPONENTS
from paradime.utils.annotations import as_lists, from_numpy, hints_of, readable

__all__ = ["checked_parameters"]

# what the code that takes them checks, since it knows more than a type
_CHECKED_ELSEWHERE = frozenset(
    {*COMPONENTS, "model", "callbacks", "data_fields", "dataset", "device", "precomputed_knn", "random_state"}
    | {"initialization", "metric", "training_defaults"}
)
_IN_PYTHON = (("true or false or", "True, False or"), ("true or false", "True or False"), ("null", "None"))


def checked_parameters(routine: type, values: Mapping[str, Any]) -> dict[str, Any]:
    """Returns parameters of a routine as Python's own numbers, texts and lists.

    NumPy's scalars and arrays stand for these, and any sequence for a list. Ranges are checked by what is made of
    the parameters.

    Args:
        routine: The class.
        values: Parameters by name; others are left out.

    Raises:
        ValueError: If one is of another type than the constructor's annotation says.

    Example:
        >>> import numpy as np
        >>> from paradime.dr import ParametricDR
        >>> checked_parameters(ParametricDR, {"out_dim": np.int64(3), "hidden_dims": np.array([20, 10])})
        {'out_dim': 3, 'hidden_dims': [20, 10]}
    """
    kinds = _kinds(routine)
    return {name: _checked(name, value, *kinds[name]) for name, value in values.items() if name in kinds}


def _checked(name: str, value: Any, adapter: TypeAdapter[Any], wants: str, default: Any) -> Any:
    if wants == _WORDS_OF_BOOL and isinstance(value, int) and value in (0, 1):
        return bool(value)  # as in scripts that write verbose=1
    for read in (from_numpy, as_lists):
        try:
            checked = adapter.validate_python(read(value))
        except pydantic.ValidationError:
            continue
        return value if type(value) in (int, float, str) else checked  # 1 stays an integer where a float may stand
    for specified, said in _IN_PYTHON:
        wants = wants.replace(specified, said)
    usual = "" if default is inspect.Parameter.empty else f" The default is {default!r}."
    raise ValueError(f"{name} must be {wants}, got {value!r}.{usual}")


_WORDS_OF_BOOL = readable(bool)[1]


@functools.cache
def _kinds(routine: type) -> dict[str, tuple[TypeAdapter[Any], str, Any]]:
    """Returns, by parameter, the check of its type, what is wanted in words, and the default."""
    hints: dict[str, Any] = {}
    for name, hint in hints_of(routine).items():
        if typing.get_origin(hint) is typing.Unpack:
            hints |= typing.get_type_hints(typing.get_args(hint)[0])
        else:
            hints[name] = hint
    config = ConfigDict(strict=True, arbitrary_types_allowed=True)
    made = {}
    for name, parameter in inspect.signature(routine).parameters.items():
        if name in hints and name not in _CHECKED_ELSEWHERE:
            kind, wants = readable(hints[name])
            made[name] = TypeAdapter(kind, config=config), wants, parameter.default
    return made
