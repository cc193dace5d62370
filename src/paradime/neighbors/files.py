"""Files with the results of neighbour searches, which other processes and later runs read."""

from __future__ import annotations

import hashlib
import json
import logging
import os
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
import torch

from paradime._version import __version__
from paradime.types import AnyArray
from paradime.utils.convert import as_numpy
from paradime.utils.files import atomic_write
from paradime.utils.logging import report

__all__ = ["NeighborFiles"]

log = logging.getLogger(__name__)

_MAGIC = b"paradime neighbors 1\n"
_HEADER_BYTES = 512
_SUM_BYTES = 16
_BLOCK_BYTES = 1 << 24


class NeighborFiles:
    """A folder of files, one for each search, that are read only if they are whole and of the same search.

    A file has a header (the search, in JSON), indices (int32), distances (float32), little-endian, and a checksum
    of all that. A file that is damaged, or that is no such file, is not used, and a message names it; reading a
    file executes nothing. Files of other versions of ParaDime are never read, since their searches may differ.
    Files are not removed: delete what is not needed any more.

    Args:
        folder: The folder, which is made when the first result is written.

    Example:
        >>> files = NeighborFiles(getfixture("tmp_path"))
        >>> files.write("a search", torch.tensor([[1], [0]]), torch.tensor([[2.0], [2.0]]))
        >>> files.read("a search", 2, 1)
        (tensor([[1],
                [0]], dtype=torch.int32), tensor([[2.],
                [2.]]))
    """

    def __init__(self, folder: str | os.PathLike[str]) -> None:
        self.folder = Path(folder)

    def path_of(self, search: str) -> Path:
        """Returns the file of a search."""
        digest = hashlib.blake2b(f"{__version__} {search}".encode(), digest_size=16)
        return self.folder / f"{digest.hexdigest()}.neighbors"

    def write(self, search: str, indices: torch.Tensor, dists: torch.Tensor) -> None:
        """Writes a result, in place of one with fewer neighbours; if that fails, a message says so.

        Args:
            search: All that the result depends on, but for the number of neighbours.
            indices: Neighbours of each row, shape (n, k).
            dists: Their distances, shape (n, k).
        """
        path = self.path_of(search)
        header = {"search": search, "version": __version__, "shape": list(indices.shape)}
        text = json.dumps(header).encode()
        if len(text) > _HEADER_BYTES:
            return
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            with atomic_write(path) as temporary, temporary.open("wb") as file:
                checksum = hashlib.blake2b(digest_size=_SUM_BYTES)
                for part in (
                    _MAGIC,
                    text.ljust(_HEADER_BYTES),
                    *_bytes_of(indices, "<i4"),
                    *_bytes_of(dists, "<f4"),
                ):
                    checksum.update(part)
                    file.write(part)
                file.write(checksum.digest())
        except OSError as error:
            log.warning("neighbours are not stored in cache_dir: %s. The fit goes on.", error)
            return
        report(log, f"Neighbors written to {path}.")

    def read(self, search: str, n_rows: int, n_neighbors: int) -> tuple[torch.Tensor, torch.Tensor] | None:
        """Returns a stored result, or ``None`` if there is none, or none with enough neighbours.

        Args:
            search: As for :meth:`write`.
            n_rows: Number of rows n.
            n_neighbors: The least number of neighbours.

        Returns:
            Indices (int32) and distances (float32), of shape (n, k) with k ≥ n_neighbors.
        """
        path = self.path_of(search)
        try:
            with path.open("rb") as file:
                shape = _shape_in(file, search)
                if shape[0] != n_rows:
                    raise ValueError(f"it has {shape[0]} rows")
                return _arrays_in(file, (shape[0], shape[1])) if shape[1] >= n_neighbors else None
        except FileNotFoundError:
            return None
        except (OSError, ValueError, KeyError, TypeError) as error:
            log.warning(
                "%s is not used, since %s. Neighbours are searched, and the file is replaced.", path, error
            )
            return None


def _bytes_of(values: torch.Tensor, kind: str) -> Iterator[bytes]:
    array, step = as_numpy(values), max(1, _BLOCK_BYTES // max(1, 4 * values.shape[1]))
    for start in range(0, len(array), step):
        yield np.ascontiguousarray(array[start : start + step], dtype=kind).tobytes()


def _shape_in(file: BinaryIO, search: str) -> tuple[int, int]:
    if file.read(len(_MAGIC)) != _MAGIC:
        raise ValueError("it is no file of neighbours")
    header: Any = json.loads(file.read(_HEADER_BYTES))
    if header["search"] != search or header["version"] != __version__:
        raise ValueError("it is of another search")
    n_rows, n_neighbors = (int(size) for size in header["shape"])
    expected = len(_MAGIC) + _HEADER_BYTES + 8 * n_rows * n_neighbors + _SUM_BYTES
    size = os.fstat(file.fileno()).st_size
    if min(n_rows, n_neighbors) < 1 or size != expected:  # before memory is taken for the arrays
        raise ValueError(f"it has {size:,} bytes, expected {expected:,}")
    return n_rows, n_neighbors


def _arrays_in(file: BinaryIO, shape: tuple[int, int]) -> tuple[torch.Tensor, torch.Tensor]:
    file.seek(0)
    checksum = hashlib.blake2b(file.read(len(_MAGIC) + _HEADER_BYTES), digest_size=_SUM_BYTES)
    indices, dists = np.empty(shape, "<i4"), np.empty(shape, "<f4")
    for block in (*_blocks_of(indices), *_blocks_of(dists)):
        if file.readinto(block) != len(block):  # type: ignore[attr-defined]
            raise ValueError("it ends early")
        checksum.update(block)
    if file.read() != checksum.digest():
        raise ValueError("its checksum is wrong")
    if int(indices.min()) < 0 or int(indices.max()) >= shape[0]:
        raise ValueError("it names rows that there are not")
    return torch.from_numpy(indices.astype("i4", copy=False)), torch.from_numpy(dists.astype("f4", copy=False))


def _blocks_of(array: AnyArray) -> Iterable[memoryview]:
    view = array.reshape(-1).view(np.uint8).data
    return (view[start : start + _BLOCK_BYTES] for start in range(0, len(view), _BLOCK_BYTES))
