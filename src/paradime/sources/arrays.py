"""Readers of arrays that are indexed by slices: HDF5, H5AD, zarr, and objects of other libraries."""

from __future__ import annotations

import os
import weakref
from typing import Any

import numpy as np

from paradime.sources.reader import FileStamp, Reader, SourceError
from paradime.types import AnyArray
from paradime.utils.optional import require

__all__ = ["ArrayReader", "SparseReader", "hdf5_reader", "zarr_reader"]

_MAIN_KEYS = ("X", "data", "main", "x", "features")


class ArrayReader(Reader):
    """Reads an object with ``len()`` that returns arrays for slices of rows.

    Args:
        array: The object, such as a data set of h5py, an array of zarr, or one of a user's own class.
        name: Its name, for messages.
        path: The file in which it is, whose change is noticed, or ``None``.

    Raises:
        SourceError: If it has no rows of real numbers.
    """

    def __init__(self, array: Any, name: str, path: str | None = None) -> None:
        self._array, self.name = array, name
        self._stamp = None if path is None or os.path.isdir(path) else FileStamp.of(path)
        first = _as_numbers(array[0:1], name)
        n_rows = int(array.shape[0]) if hasattr(array, "shape") else len(array)
        self.shape = (n_rows, *first.shape[1:])
        self.dtype = first.dtype
        if self.dtype.kind not in "biuf":
            raise SourceError(f"{name}: must hold rows of real numbers, got type {self.dtype}.")
        # compressed chunks are decoded as a whole for any of their rows
        self.is_random = getattr(array, "chunks", None) is None

    def block(self, start: int, stop: int) -> AnyArray:
        """Returns successive rows."""
        if self._stamp is not None:
            self._stamp.check()
        try:
            found = _as_numbers(self._array[start:stop], self.name)
        except (OSError, RuntimeError) as error:
            message = (str(error).strip().splitlines() or [type(error).__name__])[0]
            raise SourceError(f"{self.name}: cannot be read ({message}). Write it again.") from error
        if found.shape != (stop - start, *self.shape[1:]) or found.dtype != self.dtype:
            raise SourceError(
                f"{self.name}: rows {start} to {stop - 1} must be an array of shape "
                f"{(stop - start, *self.shape[1:])} and type {self.dtype}, as the first one, got "
                f"{found.shape} and {found.dtype}. Convert what [{start}:{stop}] returns."
            )
        return found


class SparseReader(Reader):
    """Reads a matrix in compressed rows, as H5AD files hold it, and returns dense rows.

    Args:
        group: The group with ``data``, ``indices`` and ``indptr``.
        name: Its name, for messages.
        path: The file.

    Raises:
        SourceError: If it is compressed by columns.
    """

    def __init__(self, group: Any, name: str, path: str) -> None:
        kind = str(group.attrs.get("encoding-type", "csr_matrix"))
        if kind != "csr_matrix":
            raise SourceError(
                f"{name}: must be compressed by rows (CSR), got {kind}. Convert it: adata.X.tocsr()."
            )
        self.name, self._group, self._stamp = name, group, FileStamp.of(path)
        self._starts: AnyArray = group["indptr"][:]
        self.shape = (len(self._starts) - 1, int(group.attrs["shape"][1]))
        self.dtype = group["data"].dtype

    def block(self, start: int, stop: int) -> AnyArray:
        """Returns successive rows, dense."""
        self._stamp.check()
        low, high = int(self._starts[start]), int(self._starts[stop])
        result = np.zeros((stop - start, self.shape[1]), self.dtype)
        counts = np.diff(self._starts[start : stop + 1])
        result[np.repeat(np.arange(stop - start), counts), self._group["indices"][low:high]] = self._group["data"][
            low:high
        ]
        return result


def hdf5_reader(path: str, key: str | None = None) -> Reader:
    """Returns the reader of a matrix in an HDF5 or H5AD file.

    Args:
        path: The file.
        key: The name of the matrix in the file; by default ``"X"``, ``"data"``, or the only one there is.

    Raises:
        SourceError: If there is no such matrix.
    """
    h5py = require("h5py", "Reading HDF5", extra="files")
    try:
        file = h5py.File(path, "r")
    except FileNotFoundError:
        raise
    except OSError as error:
        raise SourceError(f"{path}: is not a valid HDF5 file ({error}). Write it again.") from error
    found = file[_key_in(file, key, path)]
    name = f"{path}, {found.name.lstrip('/')!r}"
    reader = SparseReader(found, name, path) if "indptr" in _names_in(found) else ArrayReader(found, name, path)
    weakref.finalize(reader, file.close)
    return reader


def zarr_reader(path: str, key: str | None = None) -> Reader:
    """Returns the reader of an array in a zarr folder or file.

    Args:
        path: The folder.
        key: The name of the array in a group, as for :func:`hdf5_reader`.

    Raises:
        SourceError: If there is no such array.
    """
    zarr = require("zarr", "Reading zarr", extra="zarr")
    try:
        found = zarr.open(path, mode="r")
    except FileNotFoundError:
        raise
    except (OSError, ValueError, KeyError) as error:
        raise SourceError(f"{path}: is not a valid zarr array ({error}). Write it again.") from error
    if not hasattr(found, "dtype"):
        found = found[_key_in(found, key, path)]
    return ArrayReader(found, path, path)


def _names_in(group: Any) -> list[str]:
    return list(group.keys()) if hasattr(group, "keys") else []


def _key_in(group: Any, key: str | None, path: str) -> str:
    names = _names_in(group)
    if key is not None and key in group:
        return key
    fitting = [name for name in _MAIN_KEYS if name in names] or (names if len(names) == 1 else [])
    if key is not None or not fitting:
        wanted = "one matrix, or one named 'X' or 'data'" if key is None else f"an entry {key!r}"
        raise SourceError(f"{path}: must have {wanted}, got {names[:10]}. Name it: open_rows(path, key=…).")
    return fitting[0]


def _as_numbers(rows: Any, name: str) -> AnyArray:
    """Returns rows of any library as an array; records of one field, as of Hugging Face, as this field."""
    if isinstance(rows, dict):
        if len(rows) != 1:
            raise SourceError(
                f"{name}: must have one column of rows, got {sorted(rows)[:10]}. Select one: "
                "dataset.select_columns(name)."
            )
        rows = next(iter(rows.values()))
    found = np.asarray(rows.detach().cpu() if hasattr(rows, "detach") else rows)
    if found.ndim == 0 or found.dtype == object:
        raise SourceError(f"{name}: must return arrays of numbers for slices, got {type(rows).__name__}.")
    return found
