"""How the model computes during a phase: its precision, and whether it is compiled."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from typing import Any

import torch

from paradime.models import replaced_methods

__all__ = ["PRECISIONS", "executing"]

PRECISIONS = ("float32", "bfloat16")
_METHODS = ("forward", "embed", "encode", "decode", "classify")


@contextlib.contextmanager
def executing(
    model: torch.nn.Module,
    device: torch.device,
    *,
    precision: str = "float32",
    compile: bool | str = False,  # noqa: A002  torch's name for it
) -> Iterator[None]:
    """Within the block, the methods of a model compute as asked; losses need not know.

    Args:
        model: The model; it is as before afterwards, and its weights stay in their precision throughout.
        device: Where it computes.
        precision: ``"float32"``, or ``"bfloat16"`` for the layers that torch's autocast lowers. What the methods
            return is in single precision either way: distances and losses need it.
        compile: Whether ``torch.compile`` makes the methods faster; the name of a backend chooses that.

    Example:
        >>> model = torch.nn.Linear(3, 2)
        >>> with executing(model, torch.device("cpu"), precision="bfloat16"):
        ...     model(torch.ones(1, 3)).dtype
        torch.float32
    """
    backend = "inductor" if compile is True else str(compile)

    def compiled(_name: str, method: Callable[..., Any]) -> Callable[..., Any]:
        made: Callable[..., Any] = torch.compile(method, backend=backend)
        return made

    def lowered(_name: str, method: Callable[..., Any]) -> Callable[..., Any]:
        def call(*args: Any, **kwargs: Any) -> Any:
            with torch.autocast(device.type, dtype=torch.bfloat16):
                result = method(*args, **kwargs)
            lowered_tensor = isinstance(result, torch.Tensor) and result.dtype == torch.bfloat16
            return result.to(torch.float32) if lowered_tensor else result

        return call

    with contextlib.ExitStack() as stack:
        if compile:
            stack.enter_context(replaced_methods(model, _METHODS, compiled))
        if precision == "bfloat16":
            stack.enter_context(replaced_methods(model, _METHODS, lowered))
        yield
