"""What a reader of rows does, whatever the format, and readers that join several files."""

from __future__ import annotations

import abc
import dataclasses
import os
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np

from paradime.exceptions import ParaDimeError
from paradime.types import AnyArray, IntArray

__all__ = ["FileStamp", "JoinedReader", "Reader", "SourceError"]

_NEAR_BYTES = 1 << 14  # selected rows that lie so near to each other are read together
_RUN_BYTES = 1 << 24


class SourceError(ParaDimeError, ValueError):
    """A file holds no rows of numbers, or has changed since it was opened; the message starts with its name."""


class Reader(abc.ABC):
    """Reads rows of numbers by their positions; all rows have one shape and one type.

    A subclass sets the attributes, and defines :meth:`block`.

    Attributes:
        name: The name of the file or array, for messages.
        shape: Number of rows, and the shape of a row.
        dtype: The type of the numbers.
        columns: The names of the columns, or ``None``.
        is_random: Whether single rows are read without reading or decoding many others.
    """

    name: str
    shape: tuple[int, ...]
    dtype: np.dtype[np.generic]
    columns: list[str] | None = None
    is_random: bool = True

    @abc.abstractmethod
    def block(self, start: int, stop: int) -> AnyArray:
        """Returns successive rows, shape (stop − start, …).

        Raises:
            SourceError: If the file has changed since it was opened, or is damaged.
        """

    def rows(self, index: IntArray) -> AnyArray:
        """Returns the rows of given positions.

        Args:
            index: Ascending positions without repetitions, shape (m,), int64.
        """
        result = np.empty((len(index), *self.shape[1:]), self.dtype)
        for part in self._runs(index):
            chosen = index[part]
            first = int(chosen[0])
            result[part] = self.block(first, int(chosen[-1]) + 1)[chosen - first]
        return result

    def _runs(self, index: IntArray) -> Iterator[slice]:
        """Yields slices of positions that lie near to each other."""
        row_bytes = max(1, int(np.prod(self.shape[1:])) * self.dtype.itemsize)
        # where single rows cannot be read, those between them are decoded in any case
        near = max(1, _NEAR_BYTES // row_bytes) if self.is_random else self.shape[0]
        ends = np.flatnonzero(np.diff(index) > near) + 1
        longest = max(1, _RUN_BYTES // row_bytes)
        for start, stop in zip([0, *ends.tolist()], [*ends.tolist(), len(index)], strict=True):
            while start < stop:
                # a run also ends where its block would become large
                end = start + int(np.searchsorted(index[start:stop], index[start] + longest))
                yield slice(start, end)
                start = end


@dataclasses.dataclass(frozen=True)
class FileStamp:
    """Size and time of a file, by which a later change is noticed.

    Args:
        path: The file.
        size: Its size in bytes.
        time: When it was last changed, in nanoseconds.
    """

    path: str
    size: int
    time: int

    @classmethod
    def of(cls, path: str | os.PathLike[str]) -> FileStamp:
        """Returns the present size and time."""
        found = Path(path).stat()
        return cls(os.fspath(path), found.st_size, found.st_mtime_ns)

    def check(self) -> None:
        """Raises SourceError if the file is gone, or has another size or time than when it was opened."""
        try:
            now = FileStamp.of(self.path)
        except OSError as error:
            raise SourceError(
                f"{self.path}: must not change while it is read, got {error.strerror}. Restore it first."
            ) from None
        if now != self:
            what = f"{now.size:,} bytes, had {self.size:,}" if now.size != self.size else "another time of change"
            raise SourceError(f"{self.path}: must not change while it is read, got {what}. Begin again.")


class JoinedReader(Reader):
    """The rows of several readers, one after another.

    Args:
        parts: The readers, at least one.

    Raises:
        SourceError: If they differ in the shape of a row, in type, or in names of columns.
    """

    def __init__(self, parts: Sequence[Reader]) -> None:
        first = parts[0]
        for part in parts[1:]:
            _check_alike(first, part)
        self._parts = list(parts)
        self._ends = np.cumsum([part.shape[0] for part in parts])
        self.name = first.name if len(parts) == 1 else f"{first.name} and {len(parts) - 1} more"
        self.shape = (int(self._ends[-1]), *first.shape[1:])
        self.dtype, self.columns = first.dtype, first.columns
        self.is_random = all(part.is_random for part in parts)

    def block(self, start: int, stop: int) -> AnyArray:
        """Returns successive rows."""
        pieces = []
        for part, end in zip(self._parts, self._ends.tolist(), strict=True):
            begin = end - part.shape[0]
            if start < end and stop > begin:
                pieces.append(part.block(max(start, begin) - begin, min(stop, end) - begin))
        return pieces[0] if len(pieces) == 1 else np.concatenate(pieces)

    def rows(self, index: IntArray) -> AnyArray:
        """Returns the rows of given positions."""
        result = np.empty((len(index), *self.shape[1:]), self.dtype)
        bounds = np.searchsorted(index, [0, *self._ends.tolist()])
        for part, end, low, high in zip(self._parts, self._ends.tolist(), bounds[:-1], bounds[1:], strict=True):
            if high > low:
                result[low:high] = part.rows(index[low:high] - (end - part.shape[0]))
        return result


def _check_alike(first: Reader, other: Reader) -> None:
    for what, one, two in (
        ("the same type of numbers", first.dtype, other.dtype),
        ("rows of the same shape", first.shape[1:], other.shape[1:]),
        ("the same columns", first.columns, other.columns),
    ):
        if one != two:
            raise SourceError(
                f"{other.name}: files that are joined must have {what}, got {two} after {one} in {first.name}. "
                "Convert one of them."
            )
