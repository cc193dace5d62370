"""A cache of the results of neighbour searches."""

from __future__ import annotations

import contextlib
import contextvars
from collections import OrderedDict
from collections.abc import Iterator
from typing import Any, NamedTuple

import torch

from paradime.types import Metric
from paradime.utils.rows import Rows

__all__ = ["NeighborCache", "active_cache"]

_active: contextvars.ContextVar[NeighborCache | None] = contextvars.ContextVar("neighbor_cache", default=None)


class _Key(NamedTuple):
    """All that a result depends on, except the number of neighbours."""

    digest: bytes
    metric: str | int
    backend: str
    random_state: int


class _Result(NamedTuple):
    indices: torch.Tensor
    dists: torch.Tensor

    def n_bytes(self) -> int:
        return sum(tensor.numel() * tensor.element_size() for tensor in self)


class NeighborCache:
    """Stores neighbours by the content of the data, the metric, the backend and the seed.

    A request for fewer neighbours than stored returns the first columns of the stored result. Metrics that are
    functions are compared by identity.

    Args:
        max_bytes: Largest size of the stored results, ≥ 0; the least recently used results are removed first, and
            results larger than this are not stored.

    Raises:
        ValueError: If ``max_bytes`` is negative.

    Example:
        >>> from paradime.neighbors import nearest_neighbors
        >>> X, cache = torch.arange(12.0)[:, None], NeighborCache()
        >>> with cache.active():
        ...     _ = nearest_neighbors(X, 3)
        ...     _ = nearest_neighbors(X, 2)
        >>> cache.hits
        1
    """

    def __init__(self, max_bytes: int = 256 * 2**20) -> None:
        if max_bytes < 0:
            raise ValueError(f"max_bytes must be at least 0, got {max_bytes}. 0 disables the cache.")
        self.max_bytes = max_bytes
        self.hits = 0
        self._results: OrderedDict[_Key, _Result] = OrderedDict()
        self._functions: dict[int, Metric] = {}

    @property
    def n_bytes(self) -> int:
        """Size of the stored results."""
        return sum(result.n_bytes() for result in self._results.values())

    @contextlib.contextmanager
    def active(self) -> Iterator[NeighborCache]:
        """Lets searches within the ``with`` block read from and write to this cache."""
        token = _active.set(self)
        try:
            yield self
        finally:
            _active.reset(token)

    def __reduce__(self) -> tuple[Any, ...]:
        # copies and pickles of a routine have an empty cache
        return NeighborCache, (self.max_bytes,)

    def key(self, rows: Rows, metric: Metric, backend: str, random_state: int) -> _Key:
        """Returns the key of a search."""
        if isinstance(metric, str):
            return _Key(rows.digest(), metric, backend, random_state)
        # storing the function prevents that another one gets its id
        self._functions[id(metric)] = metric
        return _Key(rows.digest(), id(metric), backend, random_state)

    def get(self, key: _Key, n_neighbors: int) -> tuple[torch.Tensor, torch.Tensor] | None:
        """Returns a copy of the first columns of a stored result, or ``None`` if none has enough."""
        result = self._results.get(key)
        if result is None or result.indices.shape[1] < n_neighbors:
            return None
        self._results.move_to_end(key)
        self.hits += 1
        return result.indices[:, :n_neighbors].to(torch.int64), result.dists[:, :n_neighbors].clone()

    def put(self, key: _Key, indices: torch.Tensor, dists: torch.Tensor) -> None:
        """Stores a copy of a result, which replaces one with fewer neighbours, and removes old results."""
        # int32 halves the size, and no search supports more points
        result = _Result(indices.to(torch.int32), dists.clone())
        if result.n_bytes() > self.max_bytes:
            return
        self._results.pop(key, None)
        self._results[key] = result
        while self.n_bytes > self.max_bytes:
            self._results.popitem(last=False)


def active_cache() -> NeighborCache | None:
    """Returns the cache whose ``active()`` block encloses the call, or ``None``."""
    return _active.get()
