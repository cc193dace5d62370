"""The constructor arguments of a component, as its instance stores them, in a form for YAML and JSON."""

from __future__ import annotations

import dataclasses
import inspect
import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import torch

from paradime.exceptions import SpecificationError
from paradime.spec.options import parameters_of
from paradime.spec.values import shown

__all__ = ["attribute_of", "plain", "settings_of", "without_empty"]

_LARGEST_WHOLE = 1e6
_LONGEST = 10_000  # numbers in an array: longer ones belong to the data


def settings_of(block: object, path: str, hidden: Sequence[str] = (), *, numbers: bool = False) -> dict[str, Any]:
    """Returns the constructor arguments that differ from their defaults, as an instance stores them.

    Args:
        block: The instance.
        path: Its place in the specification, for messages.
        hidden: Arguments to leave out.
        numbers: Whether to include numbers that have their default, for readers who edit them.
    """
    own: Callable[[], Mapping[str, Any]] | None = getattr(block, "spec_options", None)
    given = dict(own()) if own is not None else {}
    settings: dict[str, Any] = {}
    for name, parameter in parameters_of(type(block)).items():
        if name in hidden:
            continue
        value = given.pop(name) if name in given else attribute_of(block, name, path)
        if parameter.kind is inspect.Parameter.VAR_POSITIONAL:
            if len(value) > 0:
                raise SpecificationError(
                    f"{path}: all arguments must have names in a specification, and those of *{name} of "
                    f"{type(block).__name__} have none. Make them one argument, a list."
                )
        elif parameter.kind is inspect.Parameter.VAR_KEYWORD:
            if not isinstance(value, Mapping):
                raise SpecificationError(
                    f"{path}: {type(block).__name__}.{name} must be a dict, got {shown(value)}."
                )
            settings.update({key: plain(part, f"{path}.{key}") for key, part in value.items()})
        elif not _equal(value, parameter.default) or (numbers and type(value) in (int, float)):
            settings[name] = plain(value, f"{path}.{name}")
    return settings


def attribute_of(block: object, name: str, path: str) -> Any:
    """Returns an argument of a constructor, which an instance stores as an attribute.

    Raises:
        SpecificationError: If there is no such attribute.
    """
    if not hasattr(block, name):
        raise SpecificationError(
            f"{path}: {type(block).__name__} must store its argument {name!r} as an attribute. Add self.{name} = "
            f"{name}."
        )
    return getattr(block, name)


def _equal(value: Any, default: Any) -> bool:
    if isinstance(value, (list, tuple)) and isinstance(default, (list, tuple)):
        return len(value) == len(default) and all(map(_equal, value, default))
    same_kind = type(value) is type(default) or {type(value), type(default)} <= {int, float}
    return value is default or (same_kind and bool(np.all(value == default)))


def plain(value: Any, path: str) -> Any:
    """Returns a value in a form for YAML and JSON.

    Raises:
        SpecificationError: If there is none.
    """
    if isinstance(value, np.generic):
        value = value.item()
    if isinstance(value, float) and math.isnan(value):
        raise SpecificationError(f"{path}: must be a number, got nan. Replace it.")
    if isinstance(value, float) and value.is_integer() and abs(value) < _LARGEST_WHOLE:
        return int(value)  # "30" is easier to read than "30.0"
    if value is None or type(value) in (bool, int, float, str):
        return value
    if isinstance(value, torch.Tensor) and value.requires_grad:
        raise SpecificationError(
            f"{path}: must be a number to be written to a specification, got a trained parameter. Pass a number."
        )
    if isinstance(value, (np.ndarray, torch.Tensor)):
        if np.prod(value.shape) > _LONGEST:
            raise SpecificationError(
                f"{path}: an array in a specification must have at most {_LONGEST:,} numbers, got shape "
                f"{tuple(value.shape)}. Make it an entry of the data."
            )
        return plain(value.tolist(), path)
    if isinstance(value, Mapping):
        if not all(isinstance(key, str) for key in value):
            raise SpecificationError(f"{path}: the keys of a mapping must be strings, got {shown(list(value))}.")
        return {str(key): plain(part, f"{path}.{key}") for key, part in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(part, f"{path}[{i}]") for i, part in enumerate(value)]
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return settings_of(value, path)
    raise SpecificationError(
        f"{path}: must be a name, number, list or mapping to be written to a specification, got "
        f"{type(value).__name__}. Pass one of these."
    )


def without_empty(entry: Mapping[str, Any]) -> dict[str, Any]:
    """Returns the entries that are neither ``None`` nor empty."""
    return {key: part for key, part in entry.items() if part is not None and part != {} and part != []}
