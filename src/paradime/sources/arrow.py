"""Reader of Arrow data sets: Parquet and Feather files, folders of them, and data sets of PyArrow."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from paradime.sources.reader import FileStamp, Reader, SourceError
from paradime.types import AnyArray
from paradime.utils.optional import require

__all__ = ["ArrowReader"]

_BATCH_ROWS = 1 << 16


def require_arrow(module: str) -> Any:
    """Imports a module of PyArrow.

    Raises:
        MissingLibraryError: If it is missing, with what to install.
    """
    return require(f"pyarrow.{module}", "Reading Parquet and Arrow data", extra="files")


class ArrowReader(Reader):
    """Reads columns of numbers, or one column of lists of equal length, in blocks from the first to the last.

    Compressed columns have no places for single rows: reading backwards begins again at the first row, so that
    such files are copied before a training; see :func:`~paradime.sources.random_access`.

    Args:
        source: A Parquet or Feather file, a folder of Parquet files, several files, or a data set of PyArrow.
        columns: The columns that are read; all if ``None``.

    Raises:
        SourceError: If there is no such column, one is no column of numbers, or files differ in their columns or
            types.
        OSError: If the files cannot be opened.
        MissingLibraryError: If PyArrow is missing.
    """

    is_random = False

    def __init__(self, source: Any, columns: Sequence[str] | None = None) -> None:
        self._dataset, self._source = _dataset_of(source), source
        files = list(getattr(self._dataset, "files", ()))
        self.name = os.fspath(source) if isinstance(source, (str, os.PathLike)) else "Arrow data"
        if isinstance(source, (list, tuple)):
            self.name = os.fspath(source[0]) + (f" and {len(source) - 1} more" if len(source) > 1 else "")
        self._stamps = [FileStamp.of(file) for file in files]
        self._check_schemas()
        schema = self._dataset.schema
        self._names = list(schema.names if columns is None else columns)
        unknown = [name for name in self._names if name not in schema.names]
        if unknown:
            raise SourceError(f"{self.name}: has no column {unknown[0]!r}, got {schema.names[:10]}.")
        types = [schema.field(name).type for name in self._names]
        self._lists = _is_list(types[0]) and len(types) == 1
        kinds = [types[0].value_type] if self._lists else types
        self._check_types(kinds)
        self.dtype = np.result_type(*(np.dtype(_numpy_name(kind)) for kind in kinds))
        n = int(self._dataset.count_rows())
        self.columns = None if self._lists else list(self._names)
        self.shape = (n, self._list_length(types[0]) if self._lists else len(self._names))
        self._position = 0
        self._rest: AnyArray | None = None
        self._batches: Iterator[Any] = iter(())
        self._restart()

    def __reduce__(self) -> tuple[Any, ...]:
        # copies begin at the first row
        return ArrowReader, (self._source, self._names)

    def block(self, start: int, stop: int) -> AnyArray:
        """Returns successive rows; fastest if the blocks themselves are successive."""
        if start < self._position:
            self._restart()
        result = np.empty((stop - start, *self.shape[1:]), self.dtype)
        while self._position < stop:
            values = self._next_part()
            begin, end = self._position, min(self._position + len(values), stop)
            if end > start:
                low = max(begin, start)
                result[low - start : end - start] = values[low - begin : end - begin]
            # what was not needed yet is returned to the front
            self._rest = values[end - begin :] if end - begin < len(values) else None
            self._position = end
        return result

    def _restart(self) -> None:
        scanner = self._dataset.scanner(
            columns=self._names, batch_size=_BATCH_ROWS, batch_readahead=2, fragment_readahead=1
        )
        self._position, self._batches, self._rest = 0, iter(scanner.to_batches()), None

    def _next_part(self) -> AnyArray:
        if self._rest is not None:
            return self._rest
        for stamp in self._stamps:
            stamp.check()
        try:
            batch = next(self._batches)
        except StopIteration:
            raise SourceError(
                f"{self.name}: must not change while it is read, got its end after row {self._position} of "
                f"{self.shape[0]:,}. Write it again."
            ) from None
        except OSError as error:  # ArrowInvalid is a ValueError, and names the damage
            raise SourceError(f"{self.name}: cannot be read ({_first_line(error)}). Write it again.") from error
        return self._values(batch)

    def _values(self, batch: Any) -> AnyArray:
        if self._lists:
            column = batch.column(0)
            values = column.flatten()
            self._refuse_missing(self._names[0], column, values)
            if len(values) != len(column) * self.shape[1]:
                raise SourceError(
                    f"{self.name}: lists of column {self._names[0]!r} must have {self.shape[1]} numbers each, got "
                    f"{len(values) / max(1, len(column)):.2f} on average. Make them equally long."
                )
            numbers: AnyArray = values.to_numpy(zero_copy_only=False).reshape(-1, self.shape[1])
            return numbers.astype(self.dtype, copy=False)
        result = np.empty((batch.num_rows, len(self._names)), self.dtype)
        for j, name in enumerate(self._names):
            column = batch.column(j)
            self._refuse_missing(name, column)
            result[:, j] = column.to_numpy(zero_copy_only=False)
        return result

    def _refuse_missing(self, name: str, *arrays: Any) -> None:
        for array in arrays:
            if array.null_count:
                row = int(np.flatnonzero(array.is_null().to_numpy(zero_copy_only=False))[0])
                where = f", first in row {self._position + row}" if array is arrays[0] else ""
                raise SourceError(
                    f"{self.name}: column {name!r} has missing values{where}. Impute them or drop the rows."
                )

    def _check_types(self, kinds: Sequence[Any]) -> None:
        types = require_arrow("types")
        for name, kind in zip(self._names, kinds, strict=True):
            is_number = types.is_floating(kind) or types.is_integer(kind) or types.is_boolean(kind)
            if not is_number:
                raise SourceError(
                    f"{self.name}: column {name!r} must hold numbers, or be the only column and hold lists, "
                    f"got {kind}. Name the columns: open_rows(path, columns=[…])."
                )

    def _check_schemas(self) -> None:
        first: Any = None
        for fragment in self._dataset.get_fragments():
            schema = fragment.physical_schema.remove_metadata()
            first = first or (fragment, schema)
            if not first[1].equals(schema):
                path, other = (getattr(one, "path", "") for one in (fragment, first[0]))
                got = [str(field) for field in schema if field not in list(first[1])][:3]
                raise SourceError(
                    f"{path}: files that are joined must have the same columns and types, got {got} unlike in "
                    f"{other}. Convert one of them."
                )

    def _list_length(self, kind: Any) -> int:
        if hasattr(kind, "list_size"):
            return int(kind.list_size)
        head = self._dataset.head(1, columns=self._names)
        return len(head.column(0)[0].as_py() or ()) if head.num_rows else 0


def _dataset_of(source: Any) -> Any:
    dataset = require_arrow("dataset")
    if isinstance(source, dataset.Dataset):
        return source
    paths = [os.fspath(one) for one in (source if isinstance(source, (list, tuple)) else [source])]
    is_feather = Path(paths[0]).suffix.lower() in (".feather", ".arrow")
    try:
        return dataset.dataset(
            paths if len(paths) > 1 else paths[0], format="feather" if is_feather else "parquet"
        )
    except FileNotFoundError:
        raise
    except (OSError, ValueError) as error:
        raise SourceError(
            f"{paths[0]}: is not a valid Arrow file ({_first_line(error)}). Write it again."
        ) from error


def _is_list(kind: Any) -> bool:
    types = require_arrow("types")
    return bool(types.is_fixed_size_list(kind) or types.is_list(kind) or types.is_large_list(kind))


def _numpy_name(kind: Any) -> str:
    name = str(kind)
    return {"bool": "bool", "halffloat": "float16", "float": "float32", "double": "float64"}.get(name, name)


def _first_line(error: BaseException) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0][:200].rstrip(".")
