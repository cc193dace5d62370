"""The arguments of a building block, as an instance keeps them and a text can hold them."""

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
_LONGEST = 10_000  # numbers in an array: more belong into the data


def settings_of(block: object, path: str, hidden: Sequence[str] = (), *, numbers: bool = False) -> dict[str, Any]:
    """Returns the constructor's arguments that differ from their defaults, as an instance keeps them.

    Args:
        block: The instance.
        path: Its place, for messages.
        hidden: Arguments to leave out.
        numbers: Whether to write numbers that have their default, too: they are what people change.
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
                    f"{path}: a text names all arguments, and those of *{name} of {type(block).__name__} have no "
                    "names. Make them one argument, a list."
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
    """Returns an argument of a constructor, which an instance keeps as an attribute.

    Raises:
        SpecificationError: If it does not.
    """
    if not hasattr(block, name):
        raise SpecificationError(
            f"{path}: {type(block).__name__} does not keep its argument {name!r}. Store it: self.{name} = {name}."
        )
    return getattr(block, name)


def _equal(value: Any, default: Any) -> bool:
    if isinstance(value, (list, tuple)) and isinstance(default, (list, tuple)):
        return len(value) == len(default) and all(map(_equal, value, default))
    same_kind = type(value) is type(default) or {type(value), type(default)} <= {int, float}
    return value is default or (same_kind and bool(np.all(value == default)))


def plain(value: Any, path: str) -> Any:
    """Returns a value as a text can hold it.

    Raises:
        SpecificationError: If no text can.
    """
    if isinstance(value, np.generic):
        value = value.item()
    if isinstance(value, float) and math.isnan(value):
        raise SpecificationError(f"{path}: must be a number, got nan, which is none.")
    if isinstance(value, float) and value.is_integer() and abs(value) < _LARGEST_WHOLE:
        return int(value)  # "30" reads better than "30.0", and means the same
    if value is None or type(value) in (bool, int, float, str):
        return value
    if isinstance(value, torch.Tensor) and value.requires_grad:
        raise SpecificationError(f"{path}: a parameter that is trained cannot be written as text. Pass a number.")
    if isinstance(value, (np.ndarray, torch.Tensor)):
        if np.prod(value.shape) > _LONGEST:
            raise SpecificationError(
                f"{path}: an array of shape {tuple(value.shape)} is too long for a text. "
                "Make it an entry of the data."
            )
        return plain(value.tolist(), path)
    if isinstance(value, Mapping):
        if not all(isinstance(key, str) for key in value):
            raise SpecificationError(f"{path}: the keys of a mapping must be texts, got {shown(list(value))}.")
        return {str(key): plain(part, f"{path}.{key}") for key, part in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(part, f"{path}[{i}]") for i, part in enumerate(value)]
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return settings_of(value, path)
    raise SpecificationError(
        f"{path}: a value of type {type(value).__name__} cannot be written as text. Pass a name, number or list."
    )


def without_empty(entry: Mapping[str, Any]) -> dict[str, Any]:
    """Returns what is neither ``None`` nor empty."""
    return {key: part for key, part in entry.items() if part is not None and part != {} and part != []}
