"""Views of a model, some of whose methods do something else, or remember what they returned."""

from __future__ import annotations

import functools
import inspect
import types
from collections.abc import Callable, Iterable
from types import TracebackType
from typing import Any, NamedTuple, Self, TypeVar

import torch

__all__ = ["SharedEncodings", "view_of", "viewed"]

_SHARED = ("forward", "embed", "encode")  # by all losses of a step

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
        # not as torch sets attributes of modules; the attributes are the model's own, also those set later
        object.__setattr__(view, name, value)
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


class _Encoding(NamedTuple):
    rows: torch.Tensor  # kept, or another tensor could get its identity
    version: int
    result: torch.Tensor


class SharedEncodings:
    """A view of a model for several losses, in which what it makes of a tensor is computed once.

    Losses that users write call ``model.embed(batch["main"])`` each on their own. The methods of the view remember
    what they returned while the context is entered, and hand a copy of it to the next loss that calls them with
    the same tensor. A loss that calls twice means two encodings (two masks of a dropout, say), and gets them.

    Args:
        model: The model, which stays as it is.

    Attributes:
        model: The view, which losses get in place of the model.

    Example:
        >>> rows = torch.ones(8, 8)
        >>> with SharedEncodings(torch.nn.Dropout(0.5)) as shared:
        ...     shared.begin_loss()
        ...     first = shared.model(rows)
        ...     shared.begin_loss()
        ...     second, third = shared.model(rows), shared.model(rows)
        >>> torch.equal(first, second), torch.equal(second, third)
        (True, False)
    """

    def __init__(self, model: torch.nn.Module) -> None:
        self._known: dict[tuple[Any, ...], _Encoding] = {}
        self._asked: set[tuple[Any, ...]] = set()
        self._remembers = False
        self._model = model
        self.model = view_of(model, _SHARED, self._remembering)

    def __enter__(self) -> Self:
        self._remembers = True
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._remembers = False  # a loss may have kept the view
        self._known.clear()
        self.model = self._model

    def begin_loss(self) -> None:
        """Tells that the calls to come are of another loss than those before."""
        self._asked.clear()

    def _mode(self, device: torch.device) -> tuple[bool, ...]:
        """What a result depends on besides the rows and the weights."""
        return self._model.training, torch.is_grad_enabled(), torch.is_autocast_enabled(device.type)

    def _remembering(self, name: str, method: Callable[..., Any]) -> Callable[..., Any]:
        def encode(*args: Any, **kwargs: Any) -> Any:
            if not self._remembers or kwargs or len(args) != 1 or not isinstance(args[0], torch.Tensor):
                return method(*args, **kwargs)
            if torch.compiler.is_compiling():
                # a compiled method that calls this one: what is remembered would be compiled into it
                return method(*args)
            rows = args[0]
            key = name, id(rows), *self._mode(rows.device)
            first_time = key not in self._asked
            self._asked.add(key)
            known = self._known.get(key)
            if known is not None and first_time and known.version == rows._version:
                return known.result.clone()
            result = method(rows)
            if isinstance(result, torch.Tensor):
                self._known[key] = _Encoding(rows, rows._version, result)
                # a copy, so that a loss may change what it is given
                return result.clone()
            return result

        return encode
