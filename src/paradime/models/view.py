"""Views of a model with wrapped methods, and a view that shares encodings between losses."""

from __future__ import annotations

import functools
import inspect
import types
from collections.abc import Callable, Iterable
from types import TracebackType
from typing import Any, NamedTuple, Self, TypeVar

import torch

from paradime.models.base import as_input
from paradime.models.centers import CenterModel
from paradime.models.embedding import EmbeddingModel
from paradime.models.prototypes import PrototypeModel
from paradime.models.scaled import ScaledModel
from paradime.models.scaling import InputScaling, ScaledRows
from paradime.utils.convert import joined_rows
from paradime.utils.rows import Rows

__all__ = ["Projection", "SharedEncodings", "projected_rows", "projection_for", "view_of", "viewed"]

_SHARED = ("forward", "embed", "encode")  # by all losses of a step

T = TypeVar("T")
Method = Callable[..., Any]
Wrap = Callable[[str, Method], Method]
_FEWER = 4  # ratio of columns to components from which the layer costs more than the rest of the model
_CHUNK_ELEMENTS = 1 << 22
_MOST_BYTES = 1 << 31


def view_of(model: T, names: Iterable[str], wrap: Wrap) -> T:
    """Returns a view of a model with wrapped methods.

    The view behaves like the model: it is an instance of a subclass of the model's class and shares the model's
    attributes, such as parameters, submodules, hooks and modes; setting an attribute sets it on the model. Methods
    that call others through ``self`` call those of the view. Copies and pickles of a view are of the model.

    Args:
        model: The model, or a view, whose methods are then wrapped once more. Objects that are no modules,
            scripted modules, and instances of classes that cannot be subclassed are returned unchanged.
        names: Names of the methods; those that the model lacks are skipped. Calling the view calls ``"forward"``.
        wrap: Takes the name and the method, and returns the replacement.

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
    model_type: Any = type(original)
    try:
        kind = _view_class(model_type, tuple(dict.fromkeys(name for chosen, _ in wraps for name in chosen)))
    except TypeError:
        return model
    view: Any = object.__new__(kind)
    for name, value in (("__dict__", original.__dict__), ("_viewed", original), ("_wraps", wraps)):
        # not as torch sets attributes of modules; the attributes are the model's own, also those set later
        object.__setattr__(view, name, value)
    return view  # type: ignore[no-any-return]


def viewed(model: T) -> T:
    """Returns the model of a view; any other model is returned unchanged."""
    return model._viewed if isinstance(model, _View) else model


class _View:
    """The attributes of a view in addition to those of its model."""

    __slots__ = ()

    _viewed: Any
    _wraps: tuple[tuple[tuple[str, ...], Wrap], ...]


class _Replaced:
    """A method of a view, as a data descriptor, which precedes the model's attributes."""

    def __init__(self, kind: type, name: str) -> None:
        self._kind, self._name = kind, name

    def __get__(self, view: Any, owner: type) -> Any:
        if view is None:
            return getattr(self._kind, self._name)
        # bound on access: a view that stored its methods would be a reference cycle
        method = _bound(view._viewed, self._name, view)
        for names, wrap in view._wraps:
            if self._name in names:
                method = wrap(self._name, method)
        return method

    def __set__(self, view: Any, value: Any) -> None:
        setattr(view._viewed, self._name, value)


@functools.lru_cache(maxsize=64)
def _view_class(kind: type, names: tuple[str, ...]) -> type:
    """Creates the class of the views of a class; cached, because this takes longer than a training step."""
    same = {name: getattr(kind, name) for name in ("__module__", "__qualname__", "__doc__")}
    own = {"__slots__": ("_viewed", "_wraps"), "__reduce_ex__": _reduced}
    replaced = {name: _Replaced(kind, name) for name in names}
    view_class: type = type(kind)(kind.__name__, (kind, _View), {**same, **own, **replaced})
    return view_class


def _bound(model: torch.nn.Module, name: str, view: Any) -> Method:
    """Returns a method of a model, bound to the view if it was bound to the model."""
    method: Any = getattr(model, name)
    of_model = inspect.ismethod(method) and method.__self__ is model
    bound: Method = types.MethodType(method.__func__, view) if of_model else method
    return bound


def _reduced(view: Any, protocol: Any) -> Any:  # noqa: ARG001  the signature of __reduce_ex__
    return viewed, (view._viewed,)


class _Encoding(NamedTuple):
    rows: torch.Tensor  # stored, because otherwise another tensor could get its id
    version: int
    result: torch.Tensor


class SharedEncodings:
    """A view of a model that encodes each tensor once for several losses.

    Each user's loss may call ``model.embed(batch["main"])``. Within the context, the methods of the view store
    their results, and return a copy to the next loss that calls them with the same tensor. A loss that calls a
    method twice gets two encodings, for example with two masks of a dropout.

    Args:
        model: The model, which is not changed.

    Attributes:
        model: The view, which losses get instead of the model.

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
        self._encodings: dict[tuple[Any, ...], _Encoding] = {}
        self._requested: set[tuple[Any, ...]] = set()
        self._is_active = False
        self._model = model
        self.model = view_of(model, _SHARED, self._remembering)

    def __enter__(self) -> Self:
        self._is_active = True
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._is_active = False  # a loss may have stored the view
        self._encodings.clear()
        self.model = self._model

    def begin_loss(self) -> None:
        """Marks the following calls as those of the next loss."""
        self._requested.clear()

    def _mode(self, device: torch.device) -> tuple[bool, ...]:
        """Returns the modes on which a result depends, in addition to rows and weights."""
        return self._model.training, torch.is_grad_enabled(), torch.is_autocast_enabled(device.type)

    def _remembering(self, name: str, method: Callable[..., Any]) -> Callable[..., Any]:
        def encode(*args: Any, **kwargs: Any) -> Any:
            if not self._is_active or kwargs or len(args) != 1 or not isinstance(args[0], torch.Tensor):
                return method(*args, **kwargs)
            if torch.compiler.is_compiling():
                # called by a compiled method, into which a stored result would be compiled
                return method(*args)
            rows = args[0]
            key = name, id(rows), *self._mode(rows.device)
            first_time = key not in self._requested
            self._requested.add(key)
            stored = self._encodings.get(key)
            if stored is not None and first_time and stored.version == rows._version:
                return stored.result.clone()
            result = method(rows)
            if isinstance(result, torch.Tensor):
                self._encodings[key] = _Encoding(rows, rows._version, result)
                # a copy, so that a loss may change the result in place
                return result.clone()
            return result

        return encode


class Projection(NamedTuple):
    """Rows and the output of a model's fixed first layer for them.

    Attributes:
        weight: The weight of the layer, which copies of the model share.
        version: Its version.
        source: The rows, shape (n, …).
        rows: The output of the layer, shape (n, out_dim), to which the layer is the identity.
    """

    weight: torch.Tensor
    version: int
    source: Any
    rows: torch.Tensor

    def serves(self, model: torch.nn.Module) -> bool:
        """Returns whether the first layer of a model is still the one that was applied."""
        scaling = _scaling_of(model)
        return scaling is not None and scaling.weight is self.weight and self.weight._version == self.version


def projection_for(model: torch.nn.Module, rows: torch.Tensor | Rows) -> Projection | None:
    """Projects rows by the fixed first layer of a model, in chunks.

    Args:
        model: The model, prepared, on the device of the rows.
        rows: Rows of any form, shape (n, …), which are read in dense chunks.

    Returns:
        The projection; ``None`` if the model has another first layer, the layer is cheap, or the result too large.

    Example:
        >>> rows = torch.randn(30, 1_000, generator=torch.Generator().manual_seed(0))
        >>> model = CenterModel(1_000, n_rows=30, n_components=20)
        >>> model.prepare(rows)
        >>> torch.allclose(model(projection_for(model, rows).rows), model(rows), atol=1e-5)
        True
    """
    scaling = _wide_scaling_of(model)
    if scaling is None or len(rows) * scaling.out_dim * scaling.weight.element_size() > _MOST_BYTES:
        return None
    step = max(1, _CHUNK_ELEMENTS // scaling.in_dim)
    chunks = (
        projected_rows(model, as_input(model, chunk.to(scaling.weight.device))) for chunk in rows.split(step)
    )
    projected = joined_rows((chunk.as_subclass(torch.Tensor) for chunk in chunks), len(rows))
    return Projection(scaling.weight, scaling.weight._version, rows, projected.as_subclass(ScaledRows))


def projected_rows(model: torch.nn.Module, rows: torch.Tensor) -> torch.Tensor:
    """Applies the fixed first layer of a model to rows, without gradients; returns the rows if this saves nothing.

    Args:
        model: The model.
        rows: Rows of the model's dtype, shape (b, …), on its device; the model can be called with the result.
    """
    scaling = _wide_scaling_of(model)
    return rows if scaling is None else scaling.project(rows).as_subclass(ScaledRows)


def _wide_scaling_of(model: torch.nn.Module) -> InputScaling | None:
    scaling = _scaling_of(model)
    return None if scaling is None or scaling.in_dim < _FEWER * scaling.out_dim else scaling


def _scaling_of(model: torch.nn.Module) -> InputScaling | None:
    model = viewed(model)
    encoder = model.encoder if isinstance(model, EmbeddingModel) else model
    # exactly this class: a subclass may use the rows before the layer, as conditions on positions may
    if not isinstance(encoder, ScaledModel) or type(encoder) not in (CenterModel, PrototypeModel):
        return None
    layers = encoder.output_layers
    return None if layers is not None and layers.reads_rows else encoder.scaling
