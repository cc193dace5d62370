"""Names of components: those of the registries, and importable names that the caller allows."""

from __future__ import annotations

import dataclasses
import importlib
import inspect
import sys
from collections.abc import Callable
from typing import Any

import torch

from paradime._registry import (
    CALLBACKS,
    DATA_FUNCTIONS,
    LOSS_FUNCTIONS,
    LOSSES,
    MODELS,
    OPTIMIZERS,
    RELATIONS,
    SAMPLINGS,
    SCHEDULES,
    TRANSFORMS,
    Registry,
    with_article,
)
from paradime.data import Sampling
from paradime.loss import CompoundLoss, Loss
from paradime.relations import Relations
from paradime.spec.values import shown
from paradime.training import Callback, Schedule
from paradime.transforms import Functional, RelationTransform

__all__ = ["CLASSES", "FUNCTIONS", "Vocabulary"]

CLASSES: dict[type[Any], Registry[type[Any]]] = {
    Loss: LOSSES,
    Relations: RELATIONS,
    RelationTransform: TRANSFORMS,
    Sampling: SAMPLINGS,
    Callback: CALLBACKS,
    Schedule: SCHEDULES,
    torch.optim.Optimizer: OPTIMIZERS,
    # after the losses, which are also modules
    torch.nn.Module: MODELS,
}
"""The registries of classes, by base class."""

FUNCTIONS: dict[str, Registry[Callable[..., Any]]] = {
    registry.kind: registry for registry in (DATA_FUNCTIONS, LOSS_FUNCTIONS)
}
"""The registries of functions, by kind."""

# modules of torch that are equivalent to a named function if they have their default settings
_SAME_AS: dict[type[torch.nn.Module], str] = {
    torch.nn.MSELoss: "mse",
    torch.nn.CrossEntropyLoss: "cross entropy",
    torch.nn.L1Loss: "mae",
    torch.nn.HuberLoss: "huber",
    torch.nn.BCEWithLogitsLoss: "bce",
}

# remedies for components that consist of code and cannot have a name
_REMEDIES: dict[Any, str] = {
    CompoundLoss: "Give its parts to the routine, and name them with their weights in the phase.",
    Functional: 'Write its function as a subclass of RelationTransform with @register("…").',
}


@dataclasses.dataclass(frozen=True)
class Vocabulary:
    """The names that a specification may use.

    Args:
        allow_imports: Importable names (``"mine.losses:MyLoss"``), modules (``"mine.losses"``) or packages
            (``"mine"``) that are allowed besides the names of the registries.

    Example:
        >>> from paradime._registry import LOSSES
        >>> Vocabulary().find(LOSSES, "position").__name__
        'PositionLoss'
        >>> Vocabulary().find(LOSSES, "mine:MyLoss")
        Traceback (most recent call last):
        ...
        ValueError: importing 'mine:MyLoss' is not allowed. Pass allow_imports=['mine'].
    """

    allow_imports: tuple[str, ...] = ()

    def find(self, registry: Registry[Any], name: object) -> Any:
        """Returns the component of a name.

        Raises:
            ValueError: If the name is unknown, may not be imported, or names something of another kind.
        """
        if not isinstance(name, str):
            raise ValueError(f"must be the name of {with_article(registry.kind)}, got {shown(name)}.")
        if ":" not in name:
            if name not in registry:
                raise ValueError(registry.describe_unknown(name))
            return registry[name]
        module_name, _, attribute = name.partition(":")
        if not self._allows(name):
            raise ValueError(f"importing {name!r} is not allowed. Pass allow_imports=[{module_name!r}].")
        try:
            found = getattr(importlib.import_module(module_name), attribute)
        except (ImportError, AttributeError, ValueError, TypeError, SyntaxError) as error:
            raise ValueError(
                f"{name!r} cannot be imported: {error}. Check the name, and that the module is installed."
            ) from None
        if not _fits(registry, found):
            raise ValueError(
                f"{name!r} must name {with_article(registry.kind)}, got {shown(found)}. Check the name."
            )
        return found

    def name_of(self, registry: Registry[Any], block: Any) -> str:
        """Returns the name of a component.

        Args:
            registry: The registry of its kind.
            block: A class or function.

        Raises:
            ValueError: If it has none.
        """
        found = registry.name_of(block)
        if found is not None:
            return found
        if registry is LOSS_FUNCTIONS and _has_defaults(block):
            return _SAME_AS[type(block)]
        place = _importable(block)
        if place and self._allows(place):
            return place
        raise ValueError(_nameless(registry, block, place))

    def _allows(self, name: str) -> bool:
        return any(name == entry or name.startswith((f"{entry}:", f"{entry}.")) for entry in self.allow_imports)


def _importable(block: Any) -> str | None:
    """Returns the name by which a class or function can be imported, if there is one."""
    module, name = getattr(block, "__module__", None), getattr(block, "__qualname__", "")
    if module in (None, "__main__") or not name.isidentifier():
        return None
    found = getattr(sys.modules.get(str(module)), name, None)
    return f"{module}:{name}" if found is block else None


def _nameless(registry: Registry[Any], block: Any, place: str | None) -> str:
    called = getattr(block, "__qualname__", None) or f"an object of type {type(block).__name__}"
    article = "an" if registry.kind[0] in "aeiou" else "a"
    rule = f"{called} has no name as {article} {registry.kind}."
    remedy = next((advice for kind, advice in _REMEDIES.items() if block is kind), None)
    if remedy is not None:
        return f"{rule} {remedy}"
    if not _fits(registry, block):
        return f"{rule} Pass a class, such as {next(iter(registry.values())).__name__}, and its settings by name."
    decorator = '@register("…")' if inspect.isclass(block) else f'@register("…", kind={registry.kind!r})'
    remedies = [f"Give it one with {decorator}"]
    if place:
        remedies.append(f"pass allow_imports=[{place.partition(':')[0]!r}]")
    return f"{rule} {', or '.join(remedies)}."


def _fits(registry: Registry[Any], block: Any) -> bool:
    if any(registry is known for known in FUNCTIONS.values()):
        return callable(block)
    bases = tuple(base for base, known in CLASSES.items() if known is registry)
    return inspect.isclass(block) and issubclass(block, bases)


def _has_defaults(function: Any) -> bool:
    """Returns whether this is a module of torch that is equivalent to the function in :data:`_SAME_AS`."""
    if type(function) not in _SAME_AS:
        return False
    if any(True for _ in function.buffers()):  # class weights
        return False
    settings = vars(type(function)())  # torch's modules have no other list of their settings
    return all(
        getattr(function, name, None) == value for name, value in settings.items() if not name.startswith("_")
    )
