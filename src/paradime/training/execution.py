"""Where and how models compute: the device, and in a phase the precision, and whether it is compiled."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from typing import Any

import torch

from paradime.exceptions import CUDANotAvailableError
from paradime.models import replaced_methods

__all__ = ["PRECISIONS", "Execution", "resolve_device"]

PRECISIONS = ("float32", "bfloat16")
_METHODS = ("forward", "embed", "encode", "decode", "decode_standardized", "classify")


class Execution:
    """How the methods of a model compute; losses need not know.

    Args:
        model: The model; its weights stay in their precision throughout.
        device: Where it computes.
        precision: ``"float32"``, or ``"bfloat16"`` for the layers that torch's autocast lowers. What the methods
            return is in single precision either way: distances and losses need it.
        compile: Whether ``torch.compile`` makes the methods faster; the name of a backend chooses that.

    Example:
        >>> model = torch.nn.Linear(3, 2)
        >>> with Execution(model, torch.device("cpu"), precision="bfloat16").active():
        ...     model(torch.ones(1, 3)).dtype
        torch.float32
    """

    def __init__(
        self,
        model: torch.nn.Module,
        device: torch.device,
        *,
        precision: str = "float32",
        compile: bool | str = False,  # noqa: A002  torch's name for it
    ) -> None:
        self._model = model
        self._device = device
        self._lowers = precision == "bfloat16"
        self._backend = "inductor" if compile is True else compile
        self._compiled: dict[str, Callable[..., Any]] = {}

    @contextlib.contextmanager
    def active(self) -> Iterator[None]:
        """Within the block, the methods compute as asked; afterwards the model is as before."""
        with contextlib.ExitStack() as stack:
            if self._backend:
                stack.enter_context(replaced_methods(self._model, _METHODS, self._compile))
            if self._lowers:
                stack.enter_context(replaced_methods(self._model, _METHODS, self._lower))
            yield

    def _compile(self, name: str, method: Callable[..., Any]) -> Callable[..., Any]:
        # kept from block to block: what is compiled belongs to the object that torch.compile returns
        if name not in self._compiled:
            self._compiled[name] = torch.compile(method, backend=str(self._backend))
        return self._compiled[name]

    def _lower(self, _name: str, method: Callable[..., Any]) -> Callable[..., Any]:
        def call(*args: Any, **kwargs: Any) -> Any:
            with torch.autocast(self._device.type, dtype=torch.bfloat16):
                result = method(*args, **kwargs)
            lowered_tensor = isinstance(result, torch.Tensor) and result.dtype == torch.bfloat16
            return result.to(torch.float32) if lowered_tensor else result

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
