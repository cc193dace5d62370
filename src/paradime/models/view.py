"""Views of a model, some of whose methods do something else; the model stays as it is."""

from __future__ import annotations

import functools
import inspect
import types
from collections.abc import Callable, Iterable
from typing import Any, TypeVar

import torch

__all__ = ["view_of", "viewed"]

T = TypeVar("T")
Method = Callable[..., Any]
Wrap = Callable[[str, Method], Method]


def view_of(model: T, names: Iterable[str], wrap: Wrap) -> T:
    """Returns a view of a model whose methods do what a function makes of them.

    A view passes for the model: it is of a subclass of the model's class and has the model's attributes, such as
    parameters, parts, hooks and modes; what is set of it is set of the model. Methods that call others through
    ``self`` call those of the view. Copies and pickles of a view are of the model.

    Args:
        model: The model, or a view, whose wrapped methods are wrapped once more. What is no module, or is
            scripted, or of a class that has no subclasses, is returned as it is.
        names: The methods, as far as the model has them. Calling the view calls ``"forward"``.
        wrap: Takes the name and the method, returns what takes its place.

    Example:
        >>> model = torch.nn.Linear(3, 2)
        >>> view = view_of(model, ["forward"], lambda name, method: lambda X: 2 * method(X))
        >>> rows = torch.ones(1, 3)
        >>> (
        ...     torch.equal(view(rows), 2 * model(rows)),
        ...     isinstance(view, torch.nn.Linear),
        ...     view.weight is model.weight,
        ... )
        (True, True, True)
    """
    if not isinstance(model, torch.nn.Module) or isinstance(model, torch.jit.ScriptModule):
        return model
    original = viewed(model)
    present = tuple(name for name in names if callable(getattr(original, name, None)))
    wraps = (*(model._wraps if isinstance(model, _View) else ()), (present, wrap))
    made_of: Any = type(original)
    try:
        kind = _view_class(made_of, tuple(dict.fromkeys(name for chosen, _ in wraps for name in chosen)))
    except TypeError:
        return model
    view: Any = object.__new__(kind)
    for name, value in (("__dict__", original.__dict__), ("_viewed", original), ("_wraps", wraps)):
        object.__setattr__(view, name, value)  # not as torch sets attributes of modules
    return view  # type: ignore[no-any-return]


def viewed(model: T) -> T:
    """Returns the model that a view is of; any other model is returned as it is."""
    return model._viewed if isinstance(model, _View) else model


class _View:
    """What views have beside the attributes of their model."""

    __slots__ = ()

    _viewed: Any
    _wraps: tuple[tuple[tuple[str, ...], Wrap], ...]


class _Replaced:
    """A method of a view. Python finds it before the model's attributes, since it can be set."""

    def __init__(self, kind: type, name: str) -> None:
        self._kind, self._name = kind, name

    def __get__(self, view: Any, owner: type) -> Any:
        if view is None:
            return getattr(self._kind, self._name)
        # made when it is asked for: a view that held its methods would be freed by the garbage collector alone
        method = _bound(view._viewed, self._name, view)
        for names, wrap in view._wraps:
            if self._name in names:
                method = wrap(self._name, method)
        return method

    def __set__(self, view: Any, value: Any) -> None:
        setattr(view._viewed, self._name, value)


@functools.lru_cache(maxsize=64)
def _view_class(kind: type, names: tuple[str, ...]) -> type:
    """Makes the class of the views of a class. That takes longer than a step, so it is made once."""
    same = {name: getattr(kind, name) for name in ("__module__", "__qualname__", "__doc__")}
    own = {"__slots__": ("_viewed", "_wraps"), "__reduce_ex__": _reduced}
    replaced = {name: _Replaced(kind, name) for name in names}
    made: type = type(kind)(kind.__name__, (kind, _View), {**same, **own, **replaced})
    return made


def _bound(model: torch.nn.Module, name: str, view: Any) -> Method:
    """Returns a method, bound to a view where it is one of the model's class."""
    method: Any = getattr(model, name)
    of_model = inspect.ismethod(method) and method.__self__ is model
    found: Method = types.MethodType(method.__func__, view) if of_model else method
    return found


def _reduced(view: Any, protocol: Any) -> Any:  # noqa: ARG001  as Python calls it
    return viewed, (view._viewed,)
