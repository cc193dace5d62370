"""Methods of one model that are replaced for a while."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterable, Iterator
from typing import Any

import torch

__all__ = ["replaced_methods"]

Method = Callable[..., Any]


@contextlib.contextmanager
def replaced_methods(
    model: torch.nn.Module, names: Iterable[str], wrap: Callable[[str, Method], Method]
) -> Iterator[None]:
    """Within the block, methods of a model do what a function makes of them; only this instance is affected.

    Args:
        model: The model; what is no module, or scripted, stays as it is.
        names: The methods, as far as the model has them. Calling the model calls ``"forward"``.
        wrap: Takes the name and the method, returns what takes its place.

    Example:
        >>> model = torch.nn.Identity()
        >>> with replaced_methods(model, ["forward"], lambda name, method: lambda X: 2 * method(X)):
        ...     model(torch.ones(1))
        tensor([2.])
        >>> model(torch.ones(1))
        tensor([1.])
    """
    if not isinstance(model, torch.nn.Module) or isinstance(model, torch.jit.ScriptModule):
        yield
        return
    instance = vars(model)
    own = {name: instance[name] for name in names if name in instance}
    methods = {name: getattr(model, name, None) for name in names}
    replaced = {name: wrap(name, method) for name, method in methods.items() if callable(method)}
    instance.update(replaced)
    try:
        yield
    finally:
        for name in replaced:
            del instance[name]
        instance.update(own)
