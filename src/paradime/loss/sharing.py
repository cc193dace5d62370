"""One encoding for all losses of a step that ask the model for the same."""

from __future__ import annotations

from collections.abc import Callable
from types import TracebackType
from typing import Any, NamedTuple, Self

import torch

from paradime.models import replaced_methods

__all__ = ["SharedEncodings"]

_METHODS = ("forward", "embed", "encode")


class _Encoding(NamedTuple):
    rows: torch.Tensor  # kept, or another tensor could get its identity
    version: int
    result: torch.Tensor


class SharedEncodings:
    """While entered, what a model makes of a tensor is computed once for several losses.

    Losses that users write call ``model.embed(batch["main"])`` each on their own. The methods of the model are
    replaced by ones that remember what they returned, and hand a copy of it to the next loss that calls them with
    the same tensor. A loss that calls twice means two encodings (two masks of a dropout, say), and gets them.

    Args:
        model: The model; only its instance is changed, and restored afterwards.

    Example:
        >>> model, rows = torch.nn.Dropout(0.5), torch.ones(8, 8)
        >>> with SharedEncodings(model) as shared:
        ...     shared.begin_loss()
        ...     first = model(rows)
        ...     shared.begin_loss()
        ...     second, third = model(rows), model(rows)
        >>> torch.equal(first, second), torch.equal(second, third)
        (True, False)
    """

    def __init__(self, model: torch.nn.Module) -> None:
        self._model = model
        self._known: dict[tuple[Any, ...], _Encoding] = {}
        self._asked: set[tuple[Any, ...]] = set()
        self._replaced = replaced_methods(model, _METHODS, self._remembering)

    def __enter__(self) -> Self:
        self._replaced.__enter__()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._replaced.__exit__(kind, error, trace)

    def begin_loss(self) -> None:
        """Tells that the calls to come are of another loss than those before."""
        self._asked.clear()

    def _mode(self, device: torch.device) -> tuple[bool, ...]:
        """What a result depends on besides the rows and the weights."""
        return self._model.training, torch.is_grad_enabled(), torch.is_autocast_enabled(device.type)

    def _remembering(self, name: str, method: Callable[..., Any]) -> Callable[..., Any]:
        def encode(*args: Any, **kwargs: Any) -> Any:
            if kwargs or len(args) != 1 or not isinstance(args[0], torch.Tensor):
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
