"""Tables in binary files, read by chunks."""

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

_FEWEST_ROWS, _CHUNK_NUMBERS = 100, 4_000_000
_MAIN_KEYS = ("data", "X", "main", "x", "features")


class TableError(ValueError):
    """A file is not a table, or not of the expected format; the message starts with its name."""


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
    """Refuses names that several columns have.

    Raises:
        TableError: If a name occurs twice.
    """
    places: dict[str, int] = {}
    for j, name in enumerate(names, 1):
        if name in places:
            raise TableError(
                f"{path}: column names must differ, got {name!r} for columns {places[name]} and {j}. "
                "Rename one of them, or leave it out."
            )
        places[name] = j


def first_line(error: BaseException) -> str:
    """Returns the first line of the message of an error."""
    return (str(error).strip().splitlines() or [type(error).__name__])[0][:200].rstrip(".")


def rows_of_chunk(n_rows: int, n_columns: int) -> int:
    """Returns the number of rows in a chunk of a table, which is smaller for wide tables."""
    return min(n_rows, max(_FEWEST_ROWS, _CHUNK_NUMBERS // max(1, n_columns)))


# -- Arrow ----------------------------------------------------------------------------------------------


def _parquet(path: str, n_rows: int | None) -> Iterator[tuple[Any, list[str]]]:
    with require_arrow("parquet").ParquetFile(path) as file:
        tidy = _Tidied(path, file.schema_arrow)
        if n_rows is None:
            yield tidy(file.read())
            return
        import pyarrow

        for batch in file.iter_batches(batch_size=rows_of_chunk(n_rows, len(file.schema_arrow.names))):
            yield tidy(pyarrow.Table.from_batches([batch]))


def _feather(path: str, n_rows: int | None) -> Iterator[tuple[Any, list[str]]]:
    if n_rows is None:
        table = require_arrow("feather").read_table(path)
        yield _Tidied(path, table.schema)(table)
        return
    with require_arrow("ipc").open_file(path) as file:
        import pyarrow

        tidy = _Tidied(path, file.schema)
        step = rows_of_chunk(n_rows, len(file.schema.names))
        for i in range(file.num_record_batches):
            part = pyarrow.Table.from_batches([file.get_batch(i)])
            for start in range(0, part.num_rows, step):
                yield tidy(part.slice(start, step))


class _Tidied:
    """Makes plain tables of Arrow tables that pandas has written: indexes become columns, and names strings.

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
        # a named range of numbers is written as its start and step
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
    """Returns the levels of a name, which pandas writes as a tuple of Python, joined by underscores."""
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
        yield _framed(np.array(array[start : start + step])), []


def _npz(path: str, _: int | None) -> Iterator[tuple[pd.DataFrame, list[str]]]:
    with np.load(path, allow_pickle=False) as archive:
        arrays = {name: archive[name] for name in archive.files}
    matrices = [name for name, array in arrays.items() if array.ndim == 2]
    chosen = next((name for name in _MAIN_KEYS if name in matrices), matrices[0] if len(matrices) == 1 else None)
    columns = {name: array for name, array in arrays.items() if array.ndim == 1}
    if chosen is None:
        if not matrices and columns and len({len(array) for array in columns.values()}) == 1:
            yield require_pandas().DataFrame(columns), []
            return
        raise TableError(
            f"{path}: must hold one matrix of rows, named 'data' or 'X', or an array per column, got "
            f"{', '.join(f'{name} {array.shape}' for name, array in arrays.items())}. Name the matrix 'data'."
        )
    _check_matrix(f"{path}, {chosen!r}", arrays[chosen])
    frame = _framed(arrays[chosen])
    about = {name: column for name, column in columns.items() if len(column) == len(frame)}
    yield _beside(path, frame, about)


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
                # about a setting of pandas that anndata uses
                warnings.filterwarnings("ignore", message=".*mode.chained_assignment")
                part = data[start : start + step].to_memory()
            values = part.X.toarray() if hasattr(part.X, "toarray") else np.asarray(part.X)
            frame = require_pandas().DataFrame(values, columns=genes)
            obs = part.obs.reset_index(drop=True)
            about = {"obs_names": part.obs_names.to_numpy(dtype=object)}
            about.update({str(name): _without_categories(obs[name]) for name in obs})
            # a column of obs may have the name of a gene
            about = {f"obs_{name}" if name in frame else name: column for name, column in about.items()}
            yield _beside(path, frame, about)
    finally:
        data.file.close()


def _without_categories(column: pd.Series) -> Any:
    """Returns the values of a categorical column, since categories differ from chunk to chunk."""
    if str(column.dtype) != "category":
        return column
    kind = column.dtype.categories.dtype
    if kind.kind in "iu" and bool(column.isna().any()):
        return column.astype("Int64")
    return column.astype(kind if kind.kind in "iufbM" else object)


def _beside(path: str, frame: pd.DataFrame, about: dict[str, Any]) -> tuple[pd.DataFrame, list[str]]:
    """Returns a matrix of numbers with further columns, and the names of the latter."""
    check_names(path, [*frame.columns, *about])
    pd = require_pandas()
    return pd.concat([frame, pd.DataFrame(about, index=frame.index)], axis=1), list(about)


def _check_matrix(path: str, array: Any) -> None:
    if array.ndim != 2:
        raise TableError(
            f"{path}: must hold a matrix with a row per data point, got shape {array.shape}. Reshape it."
        )
    if array.dtype.kind not in "biuf":
        raise TableError(f"{path}: must hold real numbers, got type {array.dtype}. Convert it.")


def _framed(array: Any) -> pd.DataFrame:
    return require_pandas().DataFrame(array, columns=default_names(array.shape[1]))


READERS: dict[str, Callable[[str, int | None], Iterator[tuple[Any, Iterable[str]]]]] = {
    "parquet": _parquet,
    "feather": _feather,
    "npy": _npy,
    "npz": _npz,
    "h5ad": _h5ad,
}
"""The readers of formats: they take a path and the number of rows in a chunk, or ``None`` for all rows.

Each chunk is an Arrow table or a data frame of pandas, with the names of the columns that are not in the matrix,
or that are an index.
"""
