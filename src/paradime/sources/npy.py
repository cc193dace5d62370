"""Reader of NPY files, whose rows have fixed places in the file."""

from __future__ import annotations

import math
import os
import threading
import weakref
from itertools import repeat
from pathlib import Path
from typing import Any

import numpy as np

from paradime.sources.reader import FileStamp, Reader, SourceError
from paradime.types import AnyArray, IntArray

__all__ = ["NpyReader"]


class NpyReader(Reader):
    """Reads an NPY file, without a memory map.

    Reading from a map is several times as fast for single rows in the file cache, but ends the process if the file
    is truncated meanwhile, and pages that were read count as memory of the process.

    Args:
        path: The file, in C order.

    Raises:
        SourceError: If it is not an NPY file of numbers in C order, or shorter than its header says.
        OSError: If it cannot be opened.
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self.name = self._path = os.fspath(path)
        self._file = Path(path).open("rb", buffering=0)  # noqa: SIM115  open as long as the reader is
        weakref.finalize(self, self._file.close)
        self._lock = threading.Lock()
        self.shape, self.dtype = self._read_header()
        self._offset = self._file.tell()
        self._row_bytes = math.prod(self.shape[1:]) * self.dtype.itemsize
        self._stamp = FileStamp.of(path)
        needed = self._offset + self.shape[0] * self._row_bytes
        if self._stamp.size < needed:
            raise SourceError(
                f"{self.name}: must have the {needed:,} bytes of its {self.shape[0]:,} rows, got "
                f"{self._stamp.size:,}: it is truncated. Write it again."
            )

    def _read_header(self) -> tuple[tuple[int, ...], np.dtype[Any]]:
        fmt = np.lib.format
        try:
            version = fmt.read_magic(self._file)
            reads = fmt.read_array_header_1_0 if version == (1, 0) else fmt.read_array_header_2_0
            shape, is_fortran, dtype = reads(self._file)
        except ValueError as error:
            self._file.close()
            raise SourceError(
                f"{self.name}: is not a valid NPY file ({error}). Write it with numpy.save."
            ) from None
        if is_fortran and len(shape) > 1:
            raise SourceError(
                f"{self.name}: must be in C order, in which rows are successive, got Fortran order. Save "
                "numpy.ascontiguousarray(X)."
            )
        if dtype.kind not in "biuf" or not shape:
            raise SourceError(f"{self.name}: must hold rows of real numbers, got {dtype} of shape {shape}.")
        return shape, dtype

    def __reduce__(self) -> tuple[Any, ...]:
        # copies open the file themselves
        return NpyReader, (self._path,)

    def block(self, start: int, stop: int) -> AnyArray:
        """Returns successive rows."""
        self._stamp.check()
        result = np.empty((stop - start, *self.shape[1:]), self.dtype)
        view = result.reshape(-1).view(np.uint8).data
        done = 0
        with self._lock:
            self._file.seek(self._offset + start * self._row_bytes)
            while done < len(view):
                n_bytes = self._file.readinto(view[done:])
                if not n_bytes:
                    raise SourceError(
                        f"{self.name}: must not change while it is read, got its end after row "
                        f"{start + done // self._row_bytes} of {self.shape[0]:,}. Write it again."
                    )
                done += n_bytes
        return result

    def rows(self, index: IntArray) -> AnyArray:
        """Returns the rows of given positions."""
        if not hasattr(os, "pread"):  # Windows
            return super().rows(index)
        self._stamp.check()
        places = (self._offset + index * self._row_bytes).tolist()
        reads = map(os.pread, repeat(self._file.fileno()), repeat(self._row_bytes), places)
        found = bytearray().join(reads)  # torch wants arrays it may write to
        if len(found) != len(index) * self._row_bytes:
            raise SourceError(
                f"{self.name}: must not change while it is read, got its end before row {int(index[-1])} of "
                f"{self.shape[0]:,}. Write it again."
            )
        return np.frombuffer(found, self.dtype).reshape(len(index), *self.shape[1:])
