"""Where and how models compute: the device, and in a phase the precision, and whether it is compiled."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import torch

from paradime.exceptions import CUDANotAvailableError
from paradime.models import view_of

__all__ = ["PRECISIONS", "executed_as", "resolve_device"]

PRECISIONS = ("float32", "bfloat16")
_METHODS = ("forward", "embed", "encode", "decode", "decode_standardized", "classify")


def executed_as(
    model: torch.nn.Module,
    device: torch.device,
    *,
    precision: str = "float32",
    compile: bool | str = False,  # noqa: A002  torch's name for it
) -> torch.nn.Module:
    """Returns a view of a model whose methods compute as asked; losses that get it need not know.

    Args:
        model: The model; its weights stay in their precision throughout.
        device: Where it computes.
        precision: ``"float32"``, or ``"bfloat16"`` for the layers that torch's autocast lowers. What the methods
            return is in single precision either way: distances and losses need it.
        compile: Whether ``torch.compile`` makes the methods faster; the name of a backend chooses that.

    Example:
        >>> model = torch.nn.Linear(3, 2)
        >>> executed_as(model, torch.device("cpu"), precision="bfloat16")(torch.ones(1, 3)).dtype
        torch.float32
    """
    view, backend = model, "inductor" if compile is True else compile
    if backend:

        @functools.cache  # what is compiled belongs to the object that torch.compile returns
        def compiled(name: str) -> Callable[..., Any]:
            return torch.compile(getattr(model, name), backend=str(backend))

        view = view_of(view, _METHODS, lambda name, _: compiled(name))
    if precision == "bfloat16":
        view = view_of(view, _METHODS, lambda _, method: _lowered(method, device))
    return view


def _lowered(method: Callable[..., Any], device: torch.device) -> Callable[..., Any]:
    def call(*args: Any, **kwargs: Any) -> Any:
        with torch.autocast(device.type, dtype=torch.bfloat16):
            result = method(*args, **kwargs)
        is_lowered = isinstance(result, torch.Tensor) and result.dtype == torch.bfloat16
        return result.to(torch.float32) if is_lowered else result

    return call


def resolve_device(device: str | torch.device | None = None, *, use_cuda: bool = False) -> torch.device:
    """Returns the device that is meant.

    Args:
        device: ``"auto"`` (CUDA, else MPS, else CPU), the name of a device, or a torch device; the CPU if
            ``None``, unless ``use_cuda``.
        use_cuda: Whether CUDA is required.

    Raises:
        CUDANotAvailableError: If CUDA is required and there is none.
        ValueError: If the device is unknown, not there, or contradicts ``use_cuda``.

    Example:
        >>> resolve_device("cpu")
        device(type='cpu')
    """
    if device == "auto":
        has_mps = torch.backends.mps.is_available()
        device = "cuda" if torch.cuda.is_available() or use_cuda else "mps" if has_mps else "cpu"
    if device is None:
        device = "cuda" if use_cuda else "cpu"
    try:
        resolved = torch.device(device)
    except (RuntimeError, TypeError):
        raise ValueError(f"device must be 'auto', 'cpu', 'cuda' or 'mps', got {device!r}.") from None
    if use_cuda and resolved.type != "cuda":
        raise ValueError(f"use_cuda=True contradicts device={device!r}. Leave one of them out.")
    if resolved.type == "cuda" and not torch.cuda.is_available():
        raise CUDANotAvailableError(
            "CUDA is asked for, but torch finds no usable CUDA device. "
            'Use device="auto", which takes the fastest device there is, or device="cpu".'
        )
    if resolved.type == "mps" and not torch.backends.mps.is_available():
        raise ValueError("device 'mps' is not available here. Use device=\"auto\".")
    return resolved
