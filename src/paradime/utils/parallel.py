"""Independent parts of a computation, in threads that do not wait for each other."""

from __future__ import annotations

import contextvars
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

import torch

__all__ = ["in_parallel", "part_size"]

T = TypeVar("T")

_LEAST_ELEMENTS = 1 << 19  # of a part: below, calls of torch take longer than what they compute


def in_parallel(function: Callable[[T], Any], parts: Sequence[T], device: torch.device) -> None:
    """Calls a function on each part of a computation, on the CPU in as many threads as torch computes with.

    Within each of these, torch computes on one thread. Torch's own threads wait for each other after every
    operation. If other processes use the cores, each operation takes until the system has let all its threads run,
    and those that wait keep a core busy. These threads wait for each other once, at the end.

    Args:
        function: Writes its results to a place of its own for each part; what it raises is raised here.
        parts: The parts. A single one is computed on all threads of torch.
        device: Where the function computes.

    Example:
        >>> squares = torch.zeros(3)
        >>> in_parallel(lambda i: squares[i].fill_(i * i), range(3), squares.device)
        >>> squares
        tensor([0., 1., 4.])
    """
    n_threads = torch.get_num_threads()
    if device.type != "cpu" or n_threads < 2 or len(parts) < 2:
        for part in parts:
            function(part)
        return
    grad, inference = torch.is_grad_enabled(), torch.is_inference_mode_enabled()

    def call(part: T) -> None:
        # torch's modes are those of a thread, and new threads begin with the defaults
        with torch.inference_mode(inference), torch.set_grad_enabled(grad):
            function(part)

    workers = ThreadPoolExecutor(min(n_threads, len(parts)), initializer=torch.set_num_threads, initargs=(1,))
    torch.set_num_threads(1)  # new threads begin with it
    try:
        for future in [workers.submit(contextvars.copy_context().run, call, part) for part in parts]:
            future.result()
    finally:
        workers.shutdown(cancel_futures=True)
        torch.set_num_threads(n_threads)


def part_size(n_elements: int) -> int:
    """Returns how many elements of a block each thread works on at a time, so that all have about ``n_elements``.

    Example:
        >>> threads = torch.get_num_threads()
        >>> torch.set_num_threads(1)
        >>> part_size(1 << 22) == 1 << 22
        True
        >>> torch.set_num_threads(threads)
    """
    return max(n_elements // torch.get_num_threads(), min(n_elements, _LEAST_ELEMENTS))
