"""Readers of tables in binary files, by chunks."""

from __future__ import annotations

import ast
import contextlib
import warnings
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from paradime.utils.frames import default_names
from paradime.utils.optional import require

if TYPE_CHECKING:
    import pandas as pd

__all__ = [
    "READERS",
    "TableError",
    "check_names",
    "first_line",
    "require_arrow",
    "require_pandas",
    "rows_of_chunk",
]

_MIN_CHUNK_ROWS, _MAX_CHUNK_NUMBERS = 100, 4_000_000
_MAIN_KEYS = ("data", "X", "main", "x", "features")


class TableError(ValueError):
    """A file is not a valid table of its format; the message starts with the path."""


def require_pandas() -> Any:
    """Imports pandas.

    Raises:
        ImportError: If it is missing, with what to install.
    """
    return require("pandas", "A table", extra="files")


def require_arrow(module: str) -> Any:
    """Imports a module of PyArrow.

    Raises:
        ImportError: If it is missing, with what to install.
    """
    return require(f"pyarrow.{module}", "A table in CSV, Parquet or Feather", extra="files")


def require_anndata() -> Any:
    """Imports anndata.

    Raises:
        ImportError: If it is missing, with what to install.
    """
    return require("anndata", "A table in H5AD", extra="anndata")


def check_names(path: str, names: Sequence[str]) -> None:
    """Checks that columns have distinct names, so that a name identifies a column.

    Raises:
        TableError: If a name occurs twice.
    """
    numbers: dict[str, int] = {}
    for j, name in enumerate(names, 1):
        if name in numbers:
            raise TableError(
                f"{path}: names of columns must differ, got {name!r} for columns {numbers[name]} and {j}. "
                "Rename one of them, or leave it out."
            )
        numbers[name] = j


def first_line(error: BaseException) -> str:
    """Returns the first line of an error's message."""
    return (str(error).strip().splitlines() or [type(error).__name__])[0][:200].rstrip(".")


def rows_of_chunk(n_rows: int, n_columns: int) -> int:
    """Returns the number of rows per chunk: fewer than ``n_rows`` for wide tables."""
    return min(n_rows, max(_MIN_CHUNK_ROWS, _MAX_CHUNK_NUMBERS // max(1, n_columns)))


# -- Arrow ----------------------------------------------------------------------------------------------


def _parquet(path: str, n_rows: int | None) -> Iterator[tuple[Any, list[str]]]:
    with require_arrow("parquet").ParquetFile(path) as file:
        converted = _PandasNames(path, file.schema_arrow)
        if n_rows is None:
            yield converted(file.read())
            return
        import pyarrow

        for batch in file.iter_batches(batch_size=rows_of_chunk(n_rows, len(file.schema_arrow.names))):
            yield converted(pyarrow.Table.from_batches([batch]))


def _feather(path: str, n_rows: int | None) -> Iterator[tuple[Any, list[str]]]:
    if n_rows is None:
        table = require_arrow("feather").read_table(path)
        yield _PandasNames(path, table.schema)(table)
        return
    with require_arrow("ipc").open_file(path) as file:
        import pyarrow

        converted = _PandasNames(path, file.schema)
        step = rows_of_chunk(n_rows, len(file.schema.names))
        for i in range(file.num_record_batches):
            part = pyarrow.Table.from_batches([file.get_batch(i)])
            for start in range(0, part.num_rows, step):
                yield converted(part.slice(start, step))


class _PandasNames:
    """Converts Arrow tables written by pandas: indexes become columns, names become strings.

    Args:
        path: The file, for messages.
        schema: The schema of the tables.

    Raises:
        TableError: If names of columns are not distinct.
    """

    def __init__(self, path: str, schema: Any) -> None:
        described = schema.pandas_metadata or {}
        self._n_rows = 0
        indexes = described.get("index_columns", [])
        levels = [index for index in indexes if isinstance(index, str)]
        # a named RangeIndex is stored as start and step
        self._ranges = [index for index in indexes if isinstance(index, dict) and index.get("name") is not None]
        self._ranges = [index for index in self._ranges if str(index["name"]) not in schema.names]
        several = len(described.get("column_indexes", [])) > 1
        names = [_joined_levels(name) if several else name for name in schema.names]
        for j, name in enumerate(schema.names):
            if name in levels and name.startswith("__index_level_"):
                number = "" if len(levels) == 1 else name.strip("_").removeprefix("index_level")
                names[j] = f"index{number}" if f"index{number}" not in schema.names else name
        self._names = names
        self._about = [names[j] for j, name in enumerate(schema.names) if name in levels]
        self._about += [str(index["name"]) for index in self._ranges]
        check_names(path, [*names, *(str(index["name"]) for index in self._ranges)])

    def __call__(self, table: Any) -> tuple[Any, list[str]]:
        import pyarrow

        table = table.rename_columns(self._names).replace_schema_metadata(None)
        rows = np.arange(self._n_rows, self._n_rows + table.num_rows)
        for index in self._ranges:
            table = table.append_column(str(index["name"]), pyarrow.array(index["start"] + index["step"] * rows))
        self._n_rows += table.num_rows
        return table, list(self._about)


def _joined_levels(name: str) -> str:
    """Joins the levels of a MultiIndex name, which is stored as a Python tuple, by underscores."""
    with contextlib.suppress(ValueError, SyntaxError):
        levels = ast.literal_eval(name)
        if isinstance(levels, tuple):
            return "_".join(str(level) for level in levels if level != "")
    return name


# -- arrays ---------------------------------------------------------------------------------------------


def _npy(path: str, n_rows: int | None) -> Iterator[tuple[pd.DataFrame, list[str]]]:
    array = np.load(path, mmap_mode="r", allow_pickle=False)
    _check_matrix(path, array)
    step = len(array) if n_rows is None else rows_of_chunk(n_rows, array.shape[1])
    for start in range(0, len(array), max(1, step)):
        yield _as_frame(np.array(array[start : start + step])), []


def _npz(path: str, _: int | None) -> Iterator[tuple[pd.DataFrame, list[str]]]:
    with np.load(path, allow_pickle=False) as archive:
        arrays = {name: archive[name] for name in archive.files}
    matrices = [name for name, array in arrays.items() if array.ndim == 2]
    main_key = next((name for name in _MAIN_KEYS if name in matrices), matrices[0] if len(matrices) == 1 else None)
    columns = {name: array for name, array in arrays.items() if array.ndim == 1}
    if main_key is None:
        if not matrices and columns and len({len(array) for array in columns.values()}) == 1:
            yield require_pandas().DataFrame(columns), []
            return
        raise TableError(
            f"{path}: must hold one matrix of rows, named 'data' or 'X', or one array per column, got "
            f"{', '.join(f'{name} {array.shape}' for name, array in arrays.items())}. Rename or remove arrays."
        )
    _check_matrix(f"{path}, {main_key!r}", arrays[main_key])
    frame = _as_frame(arrays[main_key])
    extra = {name: column for name, column in columns.items() if len(column) == len(frame)}
    yield _with_columns(path, frame, extra)


def _h5ad(path: str, n_rows: int | None) -> Iterator[tuple[pd.DataFrame, list[str]]]:
    anndata = require_anndata()
    data = anndata.read_h5ad(path, backed="r")
    try:
        n, d = data.shape
        genes = [str(name) for name in data.var_names]
        check_names(path, genes)
        step = n if n_rows is None else rows_of_chunk(n_rows, d)
        for start in range(0, n, max(1, step)):
            with warnings.catch_warnings():
                # anndata uses a deprecated setting of pandas
                warnings.filterwarnings("ignore", message=".*mode.chained_assignment")
                part = data[start : start + step].to_memory()
            values = part.X.toarray() if hasattr(part.X, "toarray") else np.asarray(part.X)
            frame = require_pandas().DataFrame(values, columns=genes)
            obs = part.obs.reset_index(drop=True)
            extra = {"obs_names": part.obs_names.to_numpy(dtype=object)}
            extra.update({str(name): _without_categories(obs[name]) for name in obs})
            # a column of obs may have the name of a gene
            extra = {f"obs_{name}" if name in frame else name: column for name, column in extra.items()}
            yield _with_columns(path, frame, extra)
    finally:
        data.file.close()


def _without_categories(column: pd.Series) -> Any:
    """Replaces categories, which differ between chunks, by their values."""
    if str(column.dtype) != "category":
        return column
    kind = column.dtype.categories.dtype
    if kind.kind in "iu" and bool(column.isna().any()):
        return column.astype("Int64")
    return column.astype(kind if kind.kind in "iufbM" else object)


def _with_columns(path: str, frame: pd.DataFrame, extra: dict[str, Any]) -> tuple[pd.DataFrame, list[str]]:
    """Adds columns to a matrix of numbers."""
    check_names(path, [*frame.columns, *extra])
    pd = require_pandas()
    return pd.concat([frame, pd.DataFrame(extra, index=frame.index)], axis=1), list(extra)


def _check_matrix(path: str, array: Any) -> None:
    if array.ndim != 2:
        raise TableError(f"{path}: must hold a matrix with one row per point, got shape {array.shape}.")
    if array.dtype.kind not in "biuf":
        raise TableError(f"{path}: must hold real numbers, got type {array.dtype}.")


def _as_frame(array: Any) -> pd.DataFrame:
    return require_pandas().DataFrame(array, columns=default_names(array.shape[1]))


READERS: dict[str, Callable[[str, int | None], Iterator[tuple[Any, Iterable[str]]]]] = {
    "parquet": _parquet,
    "feather": _feather,
    "npy": _npy,
    "npz": _npz,
    "h5ad": _h5ad,
}
"""The reader of each format. Its arguments are the path and the number of rows per chunk, or ``None`` for all
rows.

It yields Arrow tables or pandas data frames, with the names of their columns beside the matrix, or from an index.
"""
