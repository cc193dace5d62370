"""How many threads a training step computes with."""

from __future__ import annotations

import math
from types import TracebackType
from typing import Any, Self

import torch

__all__ = ["StepThreads", "work_per_row"]

_LEAST_WORK = 6_000_000
"""Multiply-adds of a step's forward products from which a second thread saves more than a tenth of its time."""


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
