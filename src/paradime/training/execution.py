"""Where and how models compute: the device, and in a phase the precision, compilation and number of threads."""

from __future__ import annotations

import functools
import math
from collections.abc import Callable
from types import TracebackType
from typing import Any, Self

import torch

from paradime.exceptions import CUDANotAvailableError
from paradime.models import ROW_METHODS, view_of

__all__ = ["PRECISIONS", "StepThreads", "executed_as", "resolve_device", "work_per_row"]

PRECISIONS = ("float32", "bfloat16")

_LEAST_WORK = 6_000_000
"""Multiply-adds of a step's forward products from which a second thread saves more than a tenth of its time."""


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

        @functools.cache  # torch keeps compiled code with the object that torch.compile returns
        def compiled(name: str) -> Callable[..., Any]:
            return torch.compile(getattr(model, name), backend=str(backend))

        view = view_of(view, ROW_METHODS, lambda name, _: compiled(name))
    if precision == "bfloat16":
        view = view_of(view, ROW_METHODS, lambda _, method: _lowered(method, device))
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


class StepThreads:
    """Within the block, steps too small to gain from several threads compute on one.

    The threads of a small operation spend most of their time waiting for each other. On an idle machine, one
    thread is as fast. If other processes use the cores, each operation waits until all its threads have run,
    and a training takes several times as long. The choice follows from the size of the steps, not from measured
    times: another number of threads changes the last bits of sums, and a seed should give the same embedding in
    each run. The number of threads is restored after the block, and is never exceeded.

    Args:
        device: Where the model computes; threads are left as they are unless it is the CPU.
        work_per_row: Multiply-adds for a row, see :func:`work_per_row`.

    Example:
        >>> before = torch.get_num_threads()
        >>> with StepThreads(torch.device("cpu"), work_per_row=10_000) as threads:
        ...     threads.choose(n_rows=100)
        ...     torch.get_num_threads()
        1
        >>> torch.get_num_threads() == before
        True
    """

    def __init__(self, device: torch.device, work_per_row: float) -> None:
        self._is_active, self._work_per_row = device.type == "cpu", work_per_row
        self._all = self._present = 1

    def __enter__(self) -> Self:
        self._all = self._present = torch.get_num_threads()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._set(self._all)

    def choose(self, n_rows: int) -> None:
        """Sets the number of threads for a step on so many rows."""
        if self._is_active:
            self._set(self._all if n_rows * self._work_per_row >= _LEAST_WORK else 1)

    def _set(self, n_threads: int) -> None:
        if n_threads != self._present:
            torch.set_num_threads(n_threads)
            self._present = n_threads


def work_per_row(model: torch.nn.Module, rows: Any) -> float:
    """Returns the multiply-adds of a model's forward products for a row: one per weight, or infinity if unknown.

    Weights of convolutions, and those that are applied along further axes of the rows, are used many times.

    Args:
        model: The model.
        rows: The rows that it embeds, shape (n, …).

    Example:
        >>> work_per_row(torch.nn.Linear(3, 2), torch.ones(5, 3))
        8
        >>> work_per_row(torch.nn.Conv1d(1, 1, 3), torch.ones(5, 1, 9))
        inf
    """
    weights = [*model.parameters(), *model.buffers()]
    if len(rows.shape) > 2 or any(weight.ndim > 2 for weight in weights):
        return math.inf
    return sum(weight.numel() for weight in weights)
