"""Registration of components under names for specifications."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any, TypeVar

from paradime._registry import (
    DATA_FUNCTIONS,
    LOSS_FUNCTIONS,
    LOSSES,
    RELATIONS,
    TRANSFORMS,
    Registry,
    did_you_mean,
    with_article,
)
from paradime.loss import Loss
from paradime.relations import Relations
from paradime.spec.vocabulary import CLASSES, FUNCTIONS
from paradime.transforms import RelationTransform

__all__ = [
    "register",
    "register_data_func",
    "register_loss",
    "register_loss_func",
    "register_relations",
    "register_transform",
]

B = TypeVar("B", bound=Callable[..., Any])

# Version 1 had these names and refused to register them. Later names may be replaced, since scripts for version 1
# may register components under them.
_OF_VERSION_1 = frozenset(
    {
        *("pca", "spectral"),
        *("precomp", "pdist", "neighbor", "pdistdiff", "fromto"),
        *("symmetrize", "normalize", "normalize rows", "perplexity", "t-dist", "connect"),
        *("relation", "classification", "reconstruction", "position"),
        *("mse", "kl div", "cross entropy", "umap cross entropy"),
    }
)


def register(name: str, *aliases: str, kind: str | None = None) -> Callable[[B], B]:
    """Returns a decorator that registers a component under a name for specifications.

    The kind of a class follows from its base: a loss, relations, a transform, a model (any torch module), a
    sampling, a schedule, a callback, an optimizer. Its constructor's arguments are its options. To be written
    to a specification, it must store each in an attribute of the same name.

    Args:
        name: The name, after ``type``, ``func`` or ``data func`` in a specification.
        *aliases: Further names.
        kind: For functions: ``"loss function"`` or ``"data function"``.

    Raises:
        KeyError: If a built-in component has the name.
        TypeError: If it is of no such kind.
        ValueError: If the name is empty, or ``kind`` unknown.

    Example:
        >>> @register("my size", kind="loss function")
        ... def size(target, found):
        ...     return found.abs().mean()
        >>> @register("my cube")
        ... class Cube(RelationTransform):
        ...     def transform(self, reldata):
        ...         return reldata.map(lambda values: values**3)
    """
    if kind is not None and kind not in FUNCTIONS:
        raise ValueError(f"unknown kind {kind!r}. {did_you_mean(kind, FUNCTIONS)} Classes need none.")

    def bind(block: B) -> B:
        _registry_for(block, kind).extend(name, block, aliases=aliases)
        return block

    return bind


def _registry_for(block: Any, kind: str | None) -> Registry[Any]:
    if inspect.isclass(block):
        for base, registry in CLASSES.items():
            if issubclass(block, base):
                return registry
        bases = ", ".join(sorted(base.__name__ for base in CLASSES))
        raise TypeError(f"{block.__name__} is not a component: a class must be derived from one of {bases}.")
    if not callable(block):
        raise TypeError(f"a component must be a class or a function, got {type(block).__name__}.")
    if kind is None:
        kinds = " or ".join(f"kind={known!r}" for known in FUNCTIONS)
        raise TypeError(f"the kind of a function must be given: {kinds}.")
    return FUNCTIONS[kind]


def register_data_func(name: str, data_func: Callable[..., Any]) -> None:
    """Registers a function for derived data under a name for specifications; see also :func:`register`.

    Args:
        name: The name after ``data func``.
        data_func: Takes the entries named by ``keys``, and ``options``; returns an array of shape (n, …).

    Raises:
        KeyError: If the name is one of version 1's own, such as ``"pca"``.
        TypeError: If ``data_func`` is no function.
    """
    _add_function(DATA_FUNCTIONS, name, data_func)


def register_loss_func(name: str, loss_func: Callable[..., Any]) -> None:
    """Registers a loss function under a name for specifications; see also :func:`register`.

    Args:
        name: The name after ``func`` of a loss.
        loss_func: Takes two tensors, returns a scalar.

    Raises:
        KeyError: If the name is one of version 1's own, such as ``"mse"``.
        TypeError: If ``loss_func`` is no function.
    """
    _add_function(LOSS_FUNCTIONS, name, loss_func)


def register_relations(name: str, rel: type[Relations]) -> None:
    """Registers a class of relations under a name for specifications; see also :func:`register`.

    Args:
        name: The name after ``type`` of relations.
        rel: A subclass of ``Relations``; ``field`` becomes its argument ``data_key``, ``transforms`` its
            argument ``transform``, if it has them, and ``options`` its other arguments.

    Raises:
        KeyError: If the name is one of version 1's own, such as ``"pdist"``.
        TypeError: If it is no such class.
    """
    _add_class(RELATIONS, name, rel, Relations)


def register_transform(name: str, tf: type[RelationTransform]) -> None:
    """Registers a class of transforms under a name for specifications; see also :func:`register`.

    Args:
        name: The name after ``type`` of a transform.
        tf: A subclass of ``RelationTransform``; ``options`` are its arguments.

    Raises:
        KeyError: If the name is one of version 1's own, such as ``"perplexity"``.
        TypeError: If it is no such class.
    """
    _add_class(TRANSFORMS, name, tf, RelationTransform)


def register_loss(name: str, loss: type[Loss]) -> None:
    """Registers a class of losses under a name for specifications; see also :func:`register`.

    Args:
        name: The name after ``type`` of a loss.
        loss: A subclass of ``Loss``; ``options`` are its arguments, and ``func`` and ``keys`` those that its
            attribute ``spec_arguments`` names.

    Raises:
        KeyError: If the name is one of version 1's own, such as ``"relation"``.
        TypeError: If it is no such class.
    """
    _add_class(LOSSES, name, loss, Loss)


def _add_function(registry: Registry[Callable[..., Any]], name: str, func: Callable[..., Any]) -> None:
    if not callable(func):
        raise TypeError(f"{with_article(registry.kind)} must be a function, got {type(func).__name__}.")
    registry.extend(name, func, reserved=_OF_VERSION_1)


def _add_class(registry: Registry[type[Any]], name: str, entry: type[Any], base: type[Any]) -> None:
    if not (isinstance(entry, type) and issubclass(entry, base)):
        raise TypeError(
            f"{with_article(registry.kind)} must be a subclass of {base.__name__}, got {entry!r}. Pass the "
            "class itself."
        )
    registry.extend(name, entry, reserved=_OF_VERSION_1)
