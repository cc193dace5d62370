"""Which reader opens what: one registry of formats, by suffix or by kind of object."""

from __future__ import annotations

import mmap
import os
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from paradime._registry import did_you_mean
from paradime.sources.arrays import ArrayReader, hdf5_reader, zarr_reader
from paradime.sources.arrow import ArrowReader
from paradime.sources.copying import random_access
from paradime.sources.npy import NpyReader
from paradime.sources.reader import JoinedReader, Reader, SourceError
from paradime.sources.stored import StoredRows

__all__ = ["READERS", "is_source", "open_data", "open_rows"]

_Options = Mapping[str, Any]


def _npy(path: str, options: _Options) -> Reader:
    _refuse_options(path, options, ())
    return NpyReader(path)


def _arrow(path: str, options: _Options) -> Reader:
    _refuse_options(path, options, ("columns",))
    return ArrowReader(path, options.get("columns"))


def _hdf5(path: str, options: _Options) -> Reader:
    _refuse_options(path, options, ("key",))
    return hdf5_reader(path, options.get("key"))


def _zarr(path: str, options: _Options) -> Reader:
    _refuse_options(path, options, ("key",))
    return zarr_reader(path, options.get("key"))


READERS: dict[str, Callable[[str, _Options], Reader]] = {
    ".npy": _npy,
    ".parquet": _arrow,
    ".pq": _arrow,
    ".feather": _arrow,
    ".arrow": _arrow,
    ".h5": _hdf5,
    ".hdf5": _hdf5,
    ".h5ad": _hdf5,
    ".zarr": _zarr,
}
"""The reader of each suffix, which takes a path and options; other folders hold Parquet or NPY files."""


def is_source(values: Any) -> bool:
    """Returns whether something names or holds rows on disk: a path, several paths, or an open array.

    Example:
        >>> is_source("rows.npy"), is_source(["a.npy", "b.npy"]), is_source([[1.0]]), is_source("rows")
        (True, True, False, False)
    """
    if isinstance(values, (list, tuple)):
        return bool(values) and all(isinstance(one, (str, os.PathLike)) and is_source(one) for one in values)
    if isinstance(values, os.PathLike):
        return True
    if isinstance(values, str):
        return Path(values).suffix.lower() in READERS or Path(values).is_dir()
    return _is_handle(values)


def open_rows(
    source: Any, *, columns: Sequence[str] | None = None, key: str | None = None, dtype: Any = None
) -> StoredRows:
    r"""Opens rows of numbers that stay on disk, and are read in blocks.

    Args:
        source: A path: NPY; Parquet or Feather, whose columns are numbers, or whose only column has lists of equal
            length; HDF5 or H5AD (``X``); zarr; or a folder of Parquet or NPY files. Several paths, whose rows
            follow each other. Or an object: a memory map of NumPy, a data set of h5py or PyArrow, an array of
            zarr, or any other with ``len()`` that returns arrays for slices.
        columns: Which columns of Parquet and Feather are read; all if ``None``.
        key: The name of the matrix in HDF5 or zarr.
        dtype: The type of torch in which rows are returned; that of the file if ``None``.

    Returns:
        Rows that ``fit``, ``update`` and ``transform`` take in place of an array.

    Raises:
        SourceError: If it holds no rows of numbers, or files differ in type or columns.
        FileNotFoundError: If there is no such file.
        MissingLibraryError: If a library that the format needs is missing.

    Example:
        >>> path = getfixture("tmp_path") / "rows.npy"
        >>> np.save(path, np.arange(6.0).reshape(3, 2))
        >>> rows = open_rows(path)
        >>> rows, rows[[2, 0]].tolist()
        (StoredRows(shape=(3, 2), dtype=torch.float64), [[4.0, 5.0], [0.0, 1.0]])
    """
    if isinstance(source, StoredRows):
        return source
    options = {name: value for name, value in (("columns", columns), ("key", key)) if value is not None}
    return StoredRows(_reader_of(source, options), dtype=dtype)


def open_data(data: Any, *, random: bool = False) -> Any:
    """Returns data with every source in it opened; anything else as it is.

    Args:
        data: Rows, or a dict of named entries.
        random: Whether single rows will be read in any order; see :func:`~paradime.sources.random_access`.
    """
    if type(data) is dict:
        return {name: open_data(one, random=random) for name, one in data.items()}
    rows = open_rows(data) if is_source(data) else data
    return random_access(rows) if random and isinstance(rows, StoredRows) else rows


def _reader_of(source: Any, options: _Options) -> Reader:
    if isinstance(source, (list, tuple)):
        return JoinedReader([_reader_of(one, options) for one in source])
    if not isinstance(source, (str, os.PathLike)):
        return _reader_of_handle(source, options)
    path = Path(source)
    if not path.exists():
        names = [entry.name for entry in path.parent.iterdir()] if path.parent.is_dir() else []
        hint = did_you_mean(path.name, names)
        raise FileNotFoundError(f"{path}: no such file. {hint if hint.startswith('Did') else 'Check its name.'}")
    reads = READERS.get(path.suffix.lower())
    if reads is not None:
        return reads(os.fspath(path), options)
    if not path.is_dir():
        raise SourceError(
            f"{path}: the suffix must say the format, got {path.suffix or 'none'!r}. Known: {', '.join(READERS)}."
        )
    return _reader_of_folder(path, options)


def _reader_of_folder(path: Path, options: _Options) -> Reader:
    for suffixes in ((".parquet", ".pq"), (".npy",), (".feather", ".arrow")):
        files = sorted(file for file in path.rglob("*") if file.suffix.lower() in suffixes and file.is_file())
        if files:
            return JoinedReader([READERS[file.suffix.lower()](os.fspath(file), options) for file in files])
    raise SourceError(f"{path}: must hold files of Parquet, NPY or Feather, got none. Name the files.")


def _reader_of_handle(source: Any, options: _Options) -> Reader:
    if _is_mapped_file(source):
        return NpyReader(source.filename)
    if _library(source) == "pyarrow":
        _refuse_options("Arrow data", options, ("columns",))
        return ArrowReader(source, options.get("columns"))
    if not ((hasattr(source, "__len__") or hasattr(source, "shape")) and hasattr(source, "__getitem__")):
        raise SourceError(
            f"rows must be a path, or have len() and return arrays for slices, got {type(source).__name__}."
        )
    file = getattr(getattr(source, "file", None), "filename", None) if _library(source) == "h5py" else None
    return ArrayReader(source, type(source).__name__ if file is None else file, file)


def _is_handle(values: Any) -> bool:
    library, name = _library(values), type(values).__name__
    if library == "pyarrow":
        return name.endswith("Dataset")
    return (library, name) in (("h5py", "Dataset"), ("zarr", "Array"), ("datasets", "Dataset"))


def _library(values: Any) -> str:
    return type(values).__module__.partition(".")[0]


def _is_mapped_file(source: Any) -> bool:
    """Whether something is a memory map of an NPY file as a whole, not a part of it, that cannot be written to."""
    mapped: Any = source if type(source) is np.memmap else None
    if mapped is None or mapped.mode != "r" or not isinstance(mapped.base, mmap.mmap):
        return False
    return Path(str(mapped.filename)).suffix == ".npy" and bool(mapped.flags.c_contiguous)


def _refuse_options(path: str, options: _Options, known: Sequence[str]) -> None:
    for name in options:
        if name not in known:
            raise SourceError(f"{path}: has no {name} to choose, got {name}={options[name]!r}. Leave it out.")
