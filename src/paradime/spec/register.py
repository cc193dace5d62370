"""Names of the grammar for building blocks of one's own."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from paradime._registry import DATA_FUNCTIONS, LOSS_FUNCTIONS, LOSSES, RELATIONS, TRANSFORMS, Registry
from paradime.loss import Loss
from paradime.relations import Relations
from paradime.transforms import RelationTransform

__all__ = [
    "register_data_func",
    "register_loss",
    "register_loss_func",
    "register_relations",
    "register_transform",
]


def register_data_func(name: str, func: Callable[..., Any]) -> None:
    """Makes a function for derived data known to the grammar.

    Args:
        name: The name after ``data func``.
        func: Takes the entries named by ``keys``, and ``options``; returns an array of shape (n, …).

    Raises:
        TypeError: If ``func`` is no function.
    """
    _add_function(DATA_FUNCTIONS, name, func)


def register_loss_func(name: str, func: Callable[..., Any]) -> None:
    """Makes a loss function known to the grammar.

    Args:
        name: The name after ``func`` of a loss.
        func: Takes two tensors, returns a scalar.

    Raises:
        TypeError: If ``func`` is no function.
    """
    _add_function(LOSS_FUNCTIONS, name, func)


def register_relations(name: str, relations: type[Relations]) -> None:
    """Makes a class of relations known to the grammar.

    Args:
        name: The name after ``type`` of relations.
        relations: A subclass of ``Relations``; ``field`` becomes its argument ``data_key``, ``transforms`` its
            argument ``transform``, where it has them, and ``options`` its other arguments.

    Raises:
        TypeError: If it is no such class.
    """
    _add_class(RELATIONS, name, relations, Relations)


def register_transform(name: str, transform: type[RelationTransform]) -> None:
    """Makes a class of transforms known to the grammar.

    Args:
        name: The name after ``type`` of a transform.
        transform: A subclass of ``RelationTransform``; ``options`` are its arguments.

    Raises:
        TypeError: If it is no such class.
    """
    _add_class(TRANSFORMS, name, transform, RelationTransform)


def register_loss(name: str, loss: type[Loss]) -> None:
    """Makes a class of losses known to the grammar.

    Args:
        name: The name after ``type`` of a loss.
        loss: A subclass of ``Loss``; ``options`` are its arguments, and ``func`` and ``keys`` those that its
            attribute ``grammar`` names.

    Raises:
        TypeError: If it is no such class.
    """
    _add_class(LOSSES, name, loss, Loss)


def _add_function(registry: Registry[Callable[..., Any]], name: str, func: Callable[..., Any]) -> None:
    if not callable(func):
        raise TypeError(f"a {registry.kind} must be a function, got {type(func).__name__}.")
    registry.add(name, func)


def _add_class(registry: Registry[type[Any]], name: str, entry: type[Any], base: type[Any]) -> None:
    if not (isinstance(entry, type) and issubclass(entry, base)):
        raise TypeError(
            f"a {registry.kind} must be a subclass of {base.__name__}, got {entry!r}. Pass the class itself."
        )
    registry.add(name, entry)
