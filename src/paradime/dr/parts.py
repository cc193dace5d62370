"""Methods that a routine has only where its model has the part they need."""

from __future__ import annotations

import types
from collections.abc import Callable
from typing import Any

import torch

from paradime.exceptions import UnsupportedConfigurationError
from paradime.models import EmbeddingModel, Model, ModelRecipe

__all__ = ["MissingPartError", "PartMethod", "has_part", "needs_part"]

_PART_OF = {"decode": "decoder", "classify": "classifier"}


class MissingPartError(UnsupportedConfigurationError, NotImplementedError, AttributeError):
    """The model has no decoder or no classifier; to ``hasattr`` the method that needs it is not there."""


class PartMethod:
    """A method that is an attribute only of routines whose model has a part.

    scikit-learn asks by ``hasattr`` what an estimator can do.

    Args:
        function: The method.
        needed: The model's method that it calls, ``"decode"`` or ``"classify"``.
    """

    def __init__(self, function: Callable[..., Any], needed: str) -> None:
        self.function = function
        self.needed = needed
        self.__doc__ = function.__doc__

    def __get__(self, routine: Any, owner: type) -> Any:
        if routine is None:
            return self.function
        if not has_part(routine, self.needed):
            name, part = type(routine).__name__, _PART_OF[self.needed]
            takes_part = part in routine._get_param_names()
            remedy = f"{name}({part}=True)" if takes_part else f"{name}(ModelRecipe({part}=True), …)"
            raise MissingPartError(
                f"this {name} has no {self.function.__name__}: its model has no {part}. "
                f"Fit {remedy}, which has one."
            )
        return types.MethodType(self.function, routine)


def needs_part(needed: str) -> Callable[[Callable[..., Any]], Any]:
    """Makes a method one that is there only if the model has its method ``needed``; see :class:`PartMethod`."""
    return lambda function: PartMethod(function, needed)


def has_part(routine: Any, needed: str) -> bool:
    """Whether the model of a routine, or the one it will get, has a method.

    Args:
        routine: The routine. Components that are not made yet stay so.
        needed: ``"decode"`` or ``"classify"``.
    """
    components = routine._made_components
    given = routine._stored.get("model")
    model = given if components is None or components.model is None else components.model
    if isinstance(model, torch.nn.Module):
        return _can(model, needed)
    part = _PART_OF[needed]
    if isinstance(model, ModelRecipe):
        return bool(getattr(model, part)) or _type_can(model.model_type, needed)
    return bool(routine._stored.get(part, False)) or part in type(routine).own_parts


def _can(model: torch.nn.Module, method: str) -> bool:
    if isinstance(model, EmbeddingModel) and getattr(type(model), method) is getattr(EmbeddingModel, method):
        return getattr(model, _PART_OF[method]) is not None or _type_can(type(model.encoder), method)
    found = getattr(model, method, None)  # a method of the class, or a function that was set on the instance
    return getattr(found, "__func__", found) not in (None, getattr(Model, method))


def _type_can(model_type: type, method: str) -> bool:
    return getattr(model_type, method, None) not in (None, getattr(Model, method))
