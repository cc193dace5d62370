"""Neighbours that were searched for, kept for as long as a routine works."""

from __future__ import annotations

import contextlib
import contextvars
import hashlib
from collections import OrderedDict
from collections.abc import Iterator
from typing import Any, NamedTuple

import torch

from paradime.types import Metric
from paradime.utils.convert import as_numpy, row_major
from paradime.utils.sparse import SparseRows

__all__ = ["NeighborCache", "active_cache"]

_CHUNK_BYTES = 1 << 24
_active: contextvars.ContextVar[NeighborCache | None] = contextvars.ContextVar("neighbor_cache", default=None)


class _Key(NamedTuple):
    """What a result depends on, but for the number of neighbours."""

    digest: bytes
    metric: str | int
    backend: str
    random_state: int


class _Kept(NamedTuple):
    """A result."""

    indices: torch.Tensor
    dists: torch.Tensor

    def n_bytes(self) -> int:
        return sum(part.numel() * part.element_size() for part in (self.indices, self.dists))


class NeighborCache:
    """Keeps neighbours by the content of the data, the metric, the backend and the seed.

    A request for fewer neighbours than a kept result holds is answered with its first columns. Metrics that are
    functions count as the same if they are the same object.

    Args:
        max_bytes: How much may be kept, ≥ 0; what was not used for longest goes first, and results that are larger
            than this are not kept at all.

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
            raise ValueError(f"max_bytes must be at least 0, got {max_bytes}. Use 0 to keep nothing.")
        self.max_bytes = max_bytes
        self.hits = 0
        self._kept: OrderedDict[_Key, _Kept] = OrderedDict()
        self._functions: dict[int, Metric] = {}

    @property
    def n_bytes(self) -> int:
        """How much is kept."""
        return sum(kept.n_bytes() for kept in self._kept.values())

    @contextlib.contextmanager
    def active(self) -> Iterator[NeighborCache]:
        """Within the block, searches look here first, and leave their results here."""
        token = _active.set(self)
        try:
            yield self
        finally:
            _active.reset(token)

    def __reduce__(self) -> tuple[Any, ...]:
        # copies and pickles of a routine begin with nothing kept
        return NeighborCache, (self.max_bytes,)

    def key(self, X: torch.Tensor | SparseRows, metric: Metric, backend: str, random_state: int) -> _Key:
        """Returns the key of a search."""
        if isinstance(metric, str):
            return _Key(_digest(X), metric, backend, random_state)
        # held, so that no other function can get the same identity
        self._functions[id(metric)] = metric
        return _Key(_digest(X), id(metric), backend, random_state)

    def get(self, key: _Key, n_neighbors: int) -> tuple[torch.Tensor, torch.Tensor] | None:
        """Returns a copy of the first columns of a kept result, or ``None`` if none has enough."""
        kept = self._kept.get(key)
        if kept is None or kept.indices.shape[1] < n_neighbors:
            return None
        self._kept.move_to_end(key)
        self.hits += 1
        return kept.indices[:, :n_neighbors].to(torch.int64), kept.dists[:, :n_neighbors].clone()

    def put(self, key: _Key, indices: torch.Tensor, dists: torch.Tensor) -> None:
        """Keeps a copy of a result in place of one with fewer neighbours, and lets old ones go."""
        # half the bytes of the indices; no search knows more points than fit
        kept = _Kept(indices.to(torch.int32), dists.clone())
        if kept.n_bytes() > self.max_bytes:
            return
        self._kept.pop(key, None)
        self._kept[key] = kept
        while self.n_bytes > self.max_bytes:
            self._kept.popitem(last=False)


def active_cache() -> NeighborCache | None:
    """Returns the cache in whose ``active()`` block this is called, if any."""
    return _active.get()


def _digest(X: torch.Tensor | SparseRows) -> bytes:
    """Digest of the values, type, shape and device, read in parts so that no copy is made of the whole."""
    if isinstance(X, SparseRows):
        matrix = X.to_scipy()
        digest = hashlib.blake2b(f"sparse {X.dtype} {X.shape} {X.device}".encode(), digest_size=16)
        for array in (matrix.indptr, matrix.indices, matrix.data):
            digest.update(array.data)
        return digest.digest()
    digest = hashlib.blake2b(f"{X.dtype} {tuple(X.shape)} {X.device}".encode(), digest_size=16)
    row_bytes = max(1, X.shape[1] * X.element_size())
    for part in torch.split(X.detach(), max(1, _CHUNK_BYTES // row_bytes)):
        digest.update(as_numpy(row_major(part.contiguous()).view(torch.uint8)).data)
    return digest.digest()
