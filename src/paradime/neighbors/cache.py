"""A cache of the results of neighbour searches."""

from __future__ import annotations

import contextlib
import contextvars
import os
from collections import OrderedDict
from collections.abc import Iterator
from typing import Any, NamedTuple

import torch

from paradime.neighbors.files import NeighborFiles
from paradime.types import Metric
from paradime.utils.ranks import current_ranks
from paradime.utils.rows import Rows

__all__ = ["NeighborCache", "active_cache"]

_active: contextvars.ContextVar[NeighborCache | None] = contextvars.ContextVar("neighbor_cache", default=None)


class _Key(NamedTuple):
    """All that a result depends on, except the number of neighbours."""

    digest: bytes
    metric: str | int
    backend: str
    random_state: int
    device: torch.device
    n_rows: int

    def name(self) -> str | None:
        """Returns a name that is the same in other processes; ``None`` for metrics that are functions."""
        if not isinstance(self.metric, str):
            return None
        return f"{self.digest.hex()} {self.metric} {self.backend} {self.random_state}"


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
        max_bytes: Largest size of the results in memory, ≥ 0; the least recently used results are removed first,
            and results larger than this are not stored.
        folder: Where results are stored on disk, too, whatever their size, for other processes and later runs:
            a file for each, see :class:`~paradime.neighbors.files.NeighborFiles`. Results of metrics that are
            functions are not. Nowhere if ``None``.

    Attributes:
        hits: Number of searches that were answered from memory or disk.

    Raises:
        ValueError: If ``max_bytes`` is negative.
        TypeError: If ``folder`` is no path.

    Example:
        >>> from paradime.neighbors import nearest_neighbors
        >>> X, cache = torch.arange(12.0)[:, None], NeighborCache()
        >>> with cache.active():
        ...     _ = nearest_neighbors(X, 3)
        ...     _ = nearest_neighbors(X, 2)
        >>> cache.hits
        1
    """

    def __init__(self, max_bytes: int = 256 * 2**20, folder: str | os.PathLike[str] | None = None) -> None:
        if max_bytes < 0:
            raise ValueError(f"max_bytes must be at least 0, got {max_bytes}. 0 disables the cache.")
        self.max_bytes = max_bytes
        self.folder = _checked_folder(folder)
        self.hits = 0
        self._results: OrderedDict[_Key, _Result] = OrderedDict()
        self._functions: dict[int, Metric] = {}

    def store_in(self, folder: str | os.PathLike[str] | None) -> None:
        """Changes the folder in which results are stored on disk, too; ``None`` for none.

        Raises:
            TypeError: If it is no path.
        """
        self.folder = _checked_folder(folder)

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
        return NeighborCache, (self.max_bytes, self.folder)

    def key(self, rows: Rows, metric: Metric, backend: str, random_state: int) -> _Key:
        """Returns the key of a search."""
        if not isinstance(metric, str):
            # storing the function prevents that another one gets its id
            self._functions[id(metric)] = metric
        name = metric if isinstance(metric, str) else id(metric)
        return _Key(rows.digest(), name, backend, random_state, rows.device, len(rows))

    def get(self, key: _Key, n_neighbors: int) -> tuple[torch.Tensor, torch.Tensor] | None:
        """Returns a copy of the first columns of a stored result, or ``None`` if none has enough."""
        result = self._results.get(key)
        if result is None or result.indices.shape[1] < n_neighbors:
            result = self._read(key, n_neighbors)
        if result is None:
            return None
        if key in self._results:
            self._results.move_to_end(key)
        self.hits += 1
        return result.indices[:, :n_neighbors].to(torch.int64), result.dists[:, :n_neighbors].clone()

    def put(self, key: _Key, indices: torch.Tensor, dists: torch.Tensor) -> None:
        """Stores a copy of a result, which replaces one with fewer neighbours, and removes old results."""
        # int32 halves the size, and no search supports more points
        result = _Result(indices.to(torch.int32), dists.clone())
        name = key.name()
        if self.folder is not None and name is not None and current_ranks().is_first:
            NeighborFiles(self.folder).write(name, *result)
        self._remember(key, result)

    def _read(self, key: _Key, n_neighbors: int) -> _Result | None:
        name = key.name()
        if self.folder is None or name is None:
            return None
        stored = NeighborFiles(self.folder).read(name, key.n_rows, n_neighbors)
        # a search is made by all processes together, or by none
        if not all(current_ranks().of_all(stored is not None)) or stored is None:
            return None
        result = _Result(*(part.to(key.device) for part in stored))
        self._remember(key, result)
        return result

    def _remember(self, key: _Key, result: _Result) -> None:
        if result.n_bytes() > self.max_bytes:
            return
        self._results.pop(key, None)
        self._results[key] = result
        while self.n_bytes > self.max_bytes:
            self._results.popitem(last=False)


def active_cache() -> NeighborCache | None:
    """Returns the cache whose ``active()`` block encloses the call, or ``None``."""
    return _active.get()


def _checked_folder(folder: Any) -> str | os.PathLike[str] | None:
    if folder is None or isinstance(folder, (str, os.PathLike)):
        return folder
    raise TypeError(
        f"cache_dir must be the path of a folder, or None, got {folder!r}. Pass a string or a pathlib.Path."
    )
