"""Optimizers of torch, made for short steps."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Sequence
from typing import Any

import torch

from paradime._registry import OPTIMIZERS

__all__ = ["make_optimizer"]

_FUSED = (torch.optim.Adam, torch.optim.AdamW, torch.optim.SGD)

OPTIMIZERS.add("adam", torch.optim.Adam)
OPTIMIZERS.add("adamw", torch.optim.AdamW)
OPTIMIZERS.add("nadam", torch.optim.NAdam)
OPTIMIZERS.add("radam", torch.optim.RAdam)
OPTIMIZERS.add("adagrad", torch.optim.Adagrad)
OPTIMIZERS.add("rmsprop", torch.optim.RMSprop)
OPTIMIZERS.add("sgd", torch.optim.SGD)


def make_optimizer(
    kind: Callable[..., torch.optim.Optimizer], parameters: Sequence[torch.nn.Parameter], **settings: Any
) -> torch.optim.Optimizer:
    """Makes an optimizer; those of torch take their steps in one kernel, and without torch's compiler.

    Args:
        kind: A class of ``torch.optim``, which is then a base of the optimizer's class, or a function of
            parameters and settings, which is called as it is.
        parameters: What to train.
        **settings: Settings, such as ``lr``; ``foreach`` or ``fused`` choose the implementation.

    Raises:
        TypeError: If the optimizer does not take its settings.

    Example:
        >>> optimizer = make_optimizer(torch.optim.SGD, [torch.nn.Parameter(torch.ones(2))], lr=0.1)
        >>> isinstance(optimizer, torch.optim.SGD)
        True
    """
    of_torch = inspect.isclass(kind) and kind.__module__.startswith("torch.optim")
    if not of_torch:
        return kind(parameters, **settings)
    if kind in _FUSED and not {"foreach", "fused", "differentiable"} & set(settings):
        settings["fused"] = all(p.is_floating_point() and p.device.type in ("cpu", "cuda") for p in parameters)
    if settings.get("differentiable"):
        return kind(parameters, **settings)
    return _without_compiler(kind)(parameters, **settings)


@functools.cache
def _without_compiler(kind: Callable[..., torch.optim.Optimizer]) -> Callable[..., torch.optim.Optimizer]:
    """Returns an optimizer's class without the wrappers that import torch's compiler when they are first called.

    That import takes one to several seconds, and serves optimizers within compiled functions only.
    """
    methods: dict[str, Any] = {
        name: inspect.unwrap(getattr(kind, name)) for name in ("add_param_group", "zero_grad")
    }
    methods["step"] = torch.no_grad()(inspect.unwrap(kind.step))  # type: ignore[attr-defined]
    return type(kind.__name__, (kind,), {**methods, "__module__": __name__})  # type: ignore[arg-type]
