"""One encoding for all losses of a step that ask the model for the same."""

from __future__ import annotations

from collections.abc import Callable
from types import TracebackType
from typing import Any, NamedTuple, Self

import torch

from paradime.models import view_of

__all__ = ["SharedEncodings"]

_METHODS = ("forward", "embed", "encode")


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
        self.model = view_of(model, _METHODS, self._remembering)

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
