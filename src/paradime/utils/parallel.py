"""Independent parts of a computation, in threads that do not wait for each other."""

from __future__ import annotations

import contextlib
import contextvars
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

import torch

__all__ = ["parallel_map", "part_size"]

T = TypeVar("T")
R = TypeVar("R")

_LEAST_ELEMENTS = 1 << 19  # of a part: below, calls of torch take longer than what they compute


@contextlib.contextmanager
def parallel_map(
    n_parts: int, device: torch.device
) -> Iterator[Callable[[Callable[[T], R], Iterable[T]], Iterable[R]]]:
    """Yields a ``map`` for the parts of a computation, on the CPU with as many threads as torch computes with.

    Within each of these, torch computes on one thread. Torch's own threads wait for each other after every
    operation. If other processes use the cores, each operation takes until the system has let all its threads run,
    and those that wait keep a core busy. These threads wait for each other once, at the end.

    Results come in the order of the parts. Those that are not read yet are kept, so they should be small. An error
    of a call is raised when its result is read. At the end of the block, calls that have not begun are cancelled.

    Args:
        n_parts: The number of parts. A single one is computed on all threads of torch.
        device: Where the parts are computed.

    Example:
        >>> with parallel_map(3, torch.device("cpu")) as apply:
        ...     list(apply(lambda i: i * i, range(3)))
        [0, 1, 4]
    """
    n_threads = torch.get_num_threads()
    if device.type != "cpu" or n_threads < 2 or n_parts < 2:
        yield map
        return
    grad, inference = torch.is_grad_enabled(), torch.is_inference_mode_enabled()

    def call(function: Callable[[T], R], part: T) -> R:
        # torch's modes are those of a thread, and new threads begin with the defaults
        with torch.inference_mode(inference), torch.set_grad_enabled(grad):
            return function(part)

    def results(calls: deque[Future[R]]) -> Iterator[R]:
        while calls:
            yield calls.popleft().result()  # which is not kept here

    def apply(function: Callable[[T], R], parts: Iterable[T]) -> Iterable[R]:
        return results(
            deque(workers.submit(contextvars.copy_context().run, call, function, part) for part in parts)
        )

    workers = ThreadPoolExecutor(min(n_threads, n_parts), initializer=torch.set_num_threads, initargs=(1,))
    torch.set_num_threads(1)  # new threads begin with it
    try:
        yield apply
    finally:
        workers.shutdown(cancel_futures=True)
        torch.set_num_threads(n_threads)


def part_size(n_elements: int, device: torch.device) -> int:
    """Returns how many elements of a block each thread works on at a time, so that all have about ``n_elements``.

    Example:
        >>> threads = torch.get_num_threads()
        >>> torch.set_num_threads(1)
        >>> part_size(1 << 22, torch.device("cpu")) == 1 << 22
        True
        >>> torch.set_num_threads(threads)
    """
    if device.type != "cpu":
        return n_elements
    return max(n_elements // torch.get_num_threads(), min(n_elements, _LEAST_ELEMENTS))
