"""Tables of numbers in binary files, read by chunks."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["READERS", "TableError", "require_pandas"]

_FEWEST_ROWS, _CHUNK_NUMBERS = 100, 4_000_000
_MAIN_KEYS = ("data", "X", "main", "x", "features")


class TableError(ValueError):
    """A file is no table, or not of the format that it should have; the message starts with its name."""


def require_pandas() -> Any:
    """Imports pandas.

    Raises:
        ImportError: If it is missing, with what to install.
    """
    try:
        import pandas
    except ImportError as error:
        raise ImportError('tables need pandas: pip install "paradime[files]"') from error
    return pandas


def _parquet(path: str, n_rows: int | None) -> Iterator[pd.DataFrame]:
    parquet = _arrow("parquet")
    with parquet.ParquetFile(path) as file:
        if n_rows is None:
            yield file.read().to_pandas()
            return
        for batch in file.iter_batches(batch_size=_rows_of(n_rows, len(file.schema_arrow.names))):
            yield batch.to_pandas()


def _feather(path: str, n_rows: int | None) -> Iterator[pd.DataFrame]:
    if n_rows is None:
        yield _arrow("feather").read_table(path).to_pandas()
        return
    ipc = _arrow("ipc")
    with ipc.open_file(path) as file:
        for i in range(file.num_record_batches):
            yield file.get_batch(i).to_pandas()


def _arrow(module: str) -> Any:
    import importlib

    try:
        return importlib.import_module(f"pyarrow.{module}")
    except ImportError as error:
        raise ImportError('Parquet and Feather need PyArrow: pip install "paradime[files]"') from error


def _npy(path: str, n_rows: int | None) -> Iterator[pd.DataFrame]:
    array = np.load(path, mmap_mode="r", allow_pickle=False)
    _check_matrix(path, array)
    step = len(array) if n_rows is None else _rows_of(n_rows, array.shape[1])
    for start in range(0, len(array), max(1, step)):
        yield _framed(np.array(array[start : start + step]))


def _npz(path: str, _: int | None) -> Iterator[pd.DataFrame]:
    with np.load(path, allow_pickle=False) as archive:
        arrays = {name: archive[name] for name in archive.files}
    matrices = [name for name, array in arrays.items() if array.ndim == 2]
    chosen = next((name for name in _MAIN_KEYS if name in matrices), matrices[0] if len(matrices) == 1 else None)
    columns = {name: array for name, array in arrays.items() if array.ndim == 1}
    if chosen is None:
        if not matrices and columns and len({len(array) for array in columns.values()}) == 1:
            yield require_pandas().DataFrame(columns)
            return
        raise TableError(
            f"{path}: must hold one matrix of rows, named 'data' or 'X', or one array a column; got "
            f"{', '.join(f'{name} {array.shape}' for name, array in arrays.items())}."
        )
    frame = _framed(arrays[chosen])
    about = {name: column for name, column in columns.items() if len(column) == len(frame)}
    for name, column in about.items():
        frame[name] = column
    yield _marked(frame, about)


def _h5ad(path: str, n_rows: int | None) -> Iterator[pd.DataFrame]:
    try:
        import anndata
    except ImportError as error:
        raise ImportError('H5AD needs anndata: pip install "paradime[anndata]"') from error
    data = anndata.read_h5ad(path, backed="r")
    try:
        n, d = data.shape
        step = n if n_rows is None else _rows_of(n_rows, d)
        for start in range(0, n, max(1, step)):
            part = data[start : start + step].to_memory()
            values = part.X.toarray() if hasattr(part.X, "toarray") else np.asarray(part.X)
            frame = require_pandas().DataFrame(values, columns=list(map(str, part.var_names)))
            about = {
                "obs_names": part.obs_names.to_numpy(),
                **{name: part.obs[name].to_numpy() for name in part.obs},
            }
            added = require_pandas().DataFrame({k: v for k, v in about.items() if k not in frame})
            yield _marked(require_pandas().concat([frame, added], axis=1), added.columns)
    finally:
        data.file.close()


def _marked(frame: pd.DataFrame, about: Iterable[str]) -> pd.DataFrame:
    """Marks columns that stood beside the matrix of numbers."""
    frame.attrs["about"] = [str(name) for name in about]
    return frame


def _check_matrix(path: str, array: Any) -> None:
    if array.ndim != 2:
        raise TableError(f"{path}: must hold a matrix, one row a data point, got shape {array.shape}.")
    if array.dtype.kind not in "biuf":
        raise TableError(f"{path}: must hold real numbers, got type {array.dtype}.")


def _framed(array: Any) -> pd.DataFrame:
    return require_pandas().DataFrame(array, columns=[f"x{i}" for i in range(array.shape[1])])


def _rows_of(n_rows: int, n_columns: int) -> int:
    return min(n_rows, max(_FEWEST_ROWS, _CHUNK_NUMBERS // max(1, n_columns)))


READERS: dict[str, Callable[[str, int | None], Iterator[pd.DataFrame]]] = {
    "parquet": _parquet,
    "feather": _feather,
    "npy": _npy,
    "npz": _npz,
    "h5ad": _h5ad,
}
"""What reads a format: of a path, in chunks of so many rows, or all at once if ``None``."""
