"""Optimizers of torch, made for short steps."""

from __future__ import annotations

import functools
import inspect
import itertools
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch

from paradime._registry import OPTIMIZERS
from paradime.exceptions import UnsupportedConfigurationError

__all__ = ["load_optimizer_state", "make_optimizer", "optimizer_state", "trainable_parameters"]

_FUSED = (torch.optim.Adam, torch.optim.AdamW, torch.optim.SGD)

OPTIMIZERS.add("adam", torch.optim.Adam)
OPTIMIZERS.add("adamw", torch.optim.AdamW)
OPTIMIZERS.add("nadam", torch.optim.NAdam)
OPTIMIZERS.add("radam", torch.optim.RAdam)
OPTIMIZERS.add("adagrad", torch.optim.Adagrad)
OPTIMIZERS.add("rmsprop", torch.optim.RMSprop)
OPTIMIZERS.add("sgd", torch.optim.SGD)


def trainable_parameters(model: torch.nn.Module, loss: torch.nn.Module) -> list[torch.nn.Parameter]:
    """Returns the parameters of a model and its loss that are trained; each once, if the loss holds the model.

    Raises:
        UnsupportedConfigurationError: If there are none, or some were made in inference mode.
    """
    for owner in (model, loss):
        for name, held in itertools.chain(owner.named_parameters(), owner.named_buffers()):
            if held.is_inference():
                raise UnsupportedConfigurationError(
                    f"{type(owner).__name__} must be made outside torch.inference_mode(), which makes weights "
                    f"that cannot be trained, got such a tensor {name!r}. Make it before entering that mode."
                )
    unique = {id(p): p for p in (*model.parameters(), *loss.parameters()) if p.requires_grad}
    if not unique:
        raise UnsupportedConfigurationError(
            f"model {type(model).__name__} has no parameters that can be trained. Check requires_grad."
        )
    return list(unique.values())


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


def optimizer_state(optimizer: torch.optim.Optimizer) -> dict[str, Any]:
    """Returns the state of an optimizer, without importing torch's compiler."""
    state: dict[str, Any] = _unwrapped(optimizer, "state_dict")()
    return state


def load_optimizer_state(optimizer: torch.optim.Optimizer, state: Mapping[str, Any]) -> None:
    """Gives an optimizer what :func:`optimizer_state` returned of one for the same parameters."""
    _unwrapped(optimizer, "load_state_dict")(state)


def _unwrapped(optimizer: torch.optim.Optimizer, method: str) -> Callable[..., Any]:
    """Returns a method without the wrapper that imports torch's compiler when it is first called."""
    return functools.partial(inspect.unwrap(getattr(type(optimizer), method)), optimizer)


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
