"""Processes that train one model together: who they are, and what they exchange.

``torchrun`` starts several processes with the same script. Each is a *rank*, numbered from 0. Within
:func:`together`, they form one group. Each then runs the same program on the same rows, computes its share of the
expensive parts, and exchanges the results. Elsewhere, and without ``torchrun``, a process is alone, and all
functions of :class:`Ranks` return what they are given.
"""

from __future__ import annotations

import atexit
import contextlib
import contextvars
import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

import torch

from paradime.exceptions import RankLostError

__all__ = ["Ranks", "current_ranks", "together"]

T = TypeVar("T")

_VARIABLES = ("RANK", "WORLD_SIZE", "MASTER_ADDR", "MASTER_PORT")


@dataclass(frozen=True)
class Ranks:
    """The processes of a group, as one of them sees it.

    All of them must call the same methods in the same order.

    Attributes:
        rank: The number of this process, from 0.
        size: The number of processes.

    Example:
        >>> Ranks(1, size=3).share(10), Ranks().share(10)
        (slice(3, 6, None), slice(0, 10, None))
    """

    rank: int = 0
    size: int = 1

    @property
    def is_first(self) -> bool:
        """Whether this process writes and logs."""
        return self.rank == 0

    def share(self, n: int) -> slice:
        """Returns the rows out of n that this process computes; the shares of all differ by at most one row."""
        return self.shares(n)[self.rank]

    def shares(self, n: int) -> list[slice]:
        """Returns the shares of all processes, by rank."""
        return [slice(rank * n // self.size, (rank + 1) * n // self.size) for rank in range(self.size)]

    def split(self, rows: torch.Tensor) -> torch.Tensor:
        """Returns this process's share of rows that all have; their gradient is that of all shares."""
        return rows if self.size == 1 else _split(rows, self)

    def gather(self, rows: torch.Tensor, n: int, *, sizes: Sequence[int] | None = None) -> torch.Tensor:
        """Returns the rows of all shares, in order.

        The gradient is exact if all processes compute the same of the result, and gradients of parameters are then
        averaged by :meth:`average`.

        Args:
            rows: This process's share, shape (m, …).
            n: The number of rows of all shares.
            sizes: The number of rows of each share; those of :meth:`shares` if ``None``. With sizes, there is no
                gradient.

        Returns:
            The rows, shape (n, …).
        """
        if self.size == 1:
            return rows
        return _gather(rows, n, self) if sizes is None else _gathered(rows, sizes, self)

    def average(self, tensors: Sequence[torch.Tensor]) -> None:
        """Replaces tensors by their means over all processes, in one exchange for each dtype."""
        if self.size == 1:
            return
        for dtype in dict.fromkeys(tensor.dtype for tensor in tensors):
            chosen = [tensor for tensor in tensors if tensor.dtype == dtype]
            flat = torch.cat([tensor.reshape(-1) for tensor in chosen])
            with _exchanging(self):
                torch.distributed.all_reduce(flat)
            flat /= self.size
            for tensor, mean in zip(chosen, torch.split(flat, [one.numel() for one in chosen]), strict=True):
                tensor.copy_(mean.view_as(tensor))

    def overwrite(self, tensors: Iterable[torch.Tensor]) -> None:
        """Overwrites tensors by those of the first process."""
        if self.size == 1:
            return
        for tensor in tensors:
            sent = tensor.detach().contiguous()
            with _exchanging(self):
                torch.distributed.broadcast(sent, 0)
            if sent.data_ptr() != tensor.data_ptr():
                with torch.no_grad():
                    tensor.copy_(sent)

    def of_all(self, value: T) -> list[T]:
        """Returns the values of all processes, by rank; they are pickled."""
        if self.size == 1:
            return [value]
        values: list[Any] = [None] * self.size
        with _exchanging(self):
            torch.distributed.all_gather_object(values, value)
        return values

    def of_first(self, make: Callable[[], T]) -> T:
        """Calls a function in the first process; returns its result, or raises its error, in all of them.

        Args:
            make: The function. Its result is pickled.
        """
        if self.size == 1:
            return make()
        sent: list[Any] = [None, None]
        if self.is_first:
            try:
                sent[0] = make()
            except Exception as error:  # raised below, in all processes
                sent[1] = error
        with _exchanging(self):
            torch.distributed.broadcast_object_list(sent, 0)
        if sent[1] is not None:
            raise sent[1]
        return sent[0]  # type: ignore[no-any-return]


_ALONE = Ranks()
_current: contextvars.ContextVar[Ranks] = contextvars.ContextVar("ranks", default=_ALONE)


def current_ranks() -> Ranks:
    """Returns the group that this process computes with at the moment.

    Example:
        >>> current_ranks()
        Ranks(rank=0, size=1)
    """
    return _current.get()


@contextlib.contextmanager
def together() -> Iterator[Ranks]:
    """Within the block, this process computes together with the others that ``torchrun`` has started, if any.

    All of them must enter the block. The process group is that of ``torch.distributed``; if there is none yet, it
    is made here (gloo on CPUs, NCCL on GPUs), and ends with the process.

    Raises:
        RankLostError: If another process has ended.
    """
    token = _current.set(_joined())
    try:
        yield _current.get()
    finally:
        _current.reset(token)


def _joined() -> Ranks:
    if not torch.distributed.is_available():
        return _ALONE
    if not torch.distributed.is_initialized():
        if not all(name in os.environ for name in _VARIABLES) or int(os.environ["WORLD_SIZE"]) < 2:
            return _ALONE
        has_gpu = torch.cuda.is_available()
        if has_gpu:
            torch.cuda.set_device(int(os.environ.get("LOCAL_RANK", "0")))
        torch.distributed.init_process_group("cpu:gloo,cuda:nccl" if has_gpu else "gloo")
        atexit.register(_leave)
    return Ranks(torch.distributed.get_rank(), torch.distributed.get_world_size())


def _leave() -> None:
    if torch.distributed.is_initialized():
        torch.distributed.destroy_process_group()


@contextlib.contextmanager
def _exchanging(ranks: Ranks) -> Iterator[None]:
    try:
        yield
    except RuntimeError as error:
        raise RankLostError(
            f"process {ranks.rank} of {ranks.size} cannot exchange data with the others ({_first_line(error)}). "
            "One of them has ended, or computes something else: see its output. With Checkpoints(folder), the "
            "training can be resumed: fit(X, resume_from=folder)."
        ) from error


def _first_line(error: Exception) -> str:
    return str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__


class _Split(torch.autograd.Function):
    """Takes a share of rows. Its gradient is the mean of the gathered ones: :class:`_Gather` scales them."""

    @staticmethod
    def forward(ctx: Any, rows: torch.Tensor, ranks: Ranks) -> torch.Tensor:
        ctx.ranks, ctx.n = ranks, len(rows)
        return rows[ranks.share(len(rows))].clone()

    @staticmethod
    def backward(ctx: Any, gradient: torch.Tensor) -> Any:
        return _gather(gradient, ctx.n, ctx.ranks) / ctx.ranks.size, None


class _Gather(torch.autograd.Function):
    """Gathers shares of rows. Each process gets the gradient of its own, times the number of processes.

    The gradients of parameters are sums over rows. A process has those of its own rows only, and their mean over
    all processes shall be the sum over all rows.
    """

    @staticmethod
    def forward(ctx: Any, rows: torch.Tensor, n: int, ranks: Ranks) -> torch.Tensor:
        ctx.ranks = ranks
        return _gathered(rows, [one.stop - one.start for one in ranks.shares(n)], ranks)

    @staticmethod
    def backward(ctx: Any, gradient: torch.Tensor) -> Any:
        return _split(gradient, ctx.ranks) * ctx.ranks.size, None, None


def _gathered(rows: torch.Tensor, sizes: Sequence[int], ranks: Ranks) -> torch.Tensor:
    padded = rows.new_zeros((max(sizes), *rows.shape[1:]))  # exchanges need equal sizes
    padded[: len(rows)] = rows
    parts = [torch.empty_like(padded) for _ in range(ranks.size)]
    with _exchanging(ranks):
        torch.distributed.all_gather(parts, padded)
    return torch.cat([part[:size] for part, size in zip(parts, sizes, strict=True)])


def _split(rows: torch.Tensor, ranks: Ranks) -> torch.Tensor:
    return _Split.apply(rows, ranks)  # type: ignore[no-any-return, no-untyped-call]


def _gather(rows: torch.Tensor, n: int, ranks: Ranks) -> torch.Tensor:
    return _Gather.apply(rows, n, ranks)  # type: ignore[no-any-return, no-untyped-call]
