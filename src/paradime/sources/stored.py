"""Rows that stay where they are stored, and are read when they are needed."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import torch

from paradime.sources.reader import Reader
from paradime.utils.rows import Rows

__all__ = ["StoredRows"]


class StoredRows(Rows):
    """Rows of a :class:`~paradime.sources.Reader`, of which only those are in memory that are being used.

    Args:
        reader: Reads the rows.
        index: The rows that are selected, shape (n,), int64; all if ``None``.
        dtype: The type in which they are returned; by default that of the file, or the nearest that torch has.
        device: Where they are returned.

    Attributes:
        reader: Reads the rows.
        columns: The names of the columns, if the file has names; there is no such attribute otherwise.
    """

    def __init__(
        self,
        reader: Reader,
        index: torch.Tensor | None = None,
        dtype: torch.dtype | None = None,
        device: torch.device | None = None,
        *,
        row_shape: tuple[int, ...] | None = None,
    ) -> None:
        self.reader = reader
        self._index = index
        n_rows = reader.shape[0] if index is None else len(index)
        self.shape = (n_rows, *(reader.shape[1:] if row_shape is None else row_shape))
        self.dtype = dtype or _torch_type(reader.dtype)
        self.device = device or torch.device("cpu")
        if reader.columns is not None:
            self.columns = list(reader.columns)

    @property
    def is_whole(self) -> bool:
        """Whether these are all rows of the reader, in its order."""
        return self._index is None

    def gather(self, index: torch.Tensor) -> torch.Tensor:
        """Returns selected rows, shape (m, …); rows that occur several times are read once."""
        chosen = index.cpu() if self._index is None else self._index[index.cpu()]
        wanted = chosen.numpy()
        if len(wanted) == 0:
            return torch.empty((0, *self.shape[1:]), dtype=self.dtype, device=self.device)
        steps = np.diff(wanted)
        if bool((steps == 1).all()):
            return self._made(self.reader.block(int(wanted[0]), int(wanted[-1]) + 1))
        if bool((steps > 0).all()):
            return self._made(self.reader.rows(wanted))
        distinct, places = np.unique(wanted, return_inverse=True)
        return self._made(self.reader.rows(distinct)).index_select(0, torch.from_numpy(places).to(self.device))

    def split(self, size: int) -> Iterator[torch.Tensor]:
        """Yields successive blocks of rows."""
        size = max(1, size)
        if self._index is not None:
            yield from super().split(size)
            return
        for start in range(0, len(self), size):
            yield self._made(self.reader.block(start, min(start + size, len(self))))

    def take(self, rows: Any) -> StoredRows:
        """Returns selected rows, which stay where they are; ``rows`` as for ``[]``."""
        if isinstance(rows, slice) and rows == slice(None):
            return self._like(self._index)
        chosen = self._numbers(rows).cpu()
        return self._like(chosen if self._index is None else self._index[chosen])

    def to(self, *args: Any, **kwargs: Any) -> StoredRows:
        """Returns the rows in another type or on another device; they are converted when they are read."""
        target = torch.empty(0, dtype=self.dtype, device=self.device).to(*args, **kwargs)
        return self._like(self._index, target.dtype, target.device)

    def flat(self) -> StoredRows:
        """Returns rows of one axis, shape (n, d)."""
        if self.ndim == 2:
            return self
        return StoredRows(self.reader, self._index, self.dtype, self.device, row_shape=(self._row_size,))

    def _like(
        self, index: torch.Tensor | None, dtype: torch.dtype | None = None, device: torch.device | None = None
    ) -> StoredRows:
        shape = tuple(self.shape[1:])
        return StoredRows(self.reader, index, dtype or self.dtype, device or self.device, row_shape=shape)

    def _made(self, block: Any) -> torch.Tensor:
        native = np.ascontiguousarray(block, dtype=_native(block.dtype))
        if not native.flags.writeable:  # torch warns of arrays that it could not write to
            native = native.copy()
        return torch.from_numpy(native).reshape(len(native), *self.shape[1:]).to(self.device, self.dtype)


def _native(dtype: np.dtype[Any]) -> np.dtype[Any]:
    """Returns a type that torch has, and that holds all values: native byte order, and signed integers."""
    wider = {"u2": "i4", "u4": "i8", "u8": "f8"}
    name = f"{dtype.kind}{dtype.itemsize}"
    if dtype.kind == "f" and dtype.itemsize > 8:
        return np.dtype("f8")
    return np.dtype(wider.get(name, name))


def _torch_type(dtype: np.dtype[Any]) -> torch.dtype:
    return torch.from_numpy(np.empty(0, _native(dtype))).dtype
