"""Tables written by chunks of rows, in the format of the suffix."""

from __future__ import annotations

import contextlib
import io
import json
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

import numpy as np

from paradime.preprocessing._table_formats import require_anndata, require_arrow, require_pandas
from paradime.preprocessing.tables import TableError, file_format
from paradime.types import AnyArray
from paradime.utils.files import atomic_write, naming_path

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["TableWriter", "write_table"]

_MAX_EXACT = 2**53  # up to this, float64 represents all integers


class TableWriter:
    """Writes a table chunk by chunk; the file is created or replaced at the end.

    CSV, TSV, Parquet, Feather and NPY files are written by chunks, NPZ and H5AD files at the end. NPY files
    contain the coordinates only; H5AD files contain them as ``obsm["X_paradime"]``, and the other columns as
    ``obs``.

    Args:
        path: The file; ``-`` for CSV to standard output.
        coordinates: The columns of positions.

    Raises:
        TableError: If the suffix is unknown.
        OSError: If the file cannot be written, with the path.
        ImportError: If a library that the format needs is missing.

    Example:
        >>> import pandas
        >>> path = getfixture("tmp_path") / "map.csv"
        >>> with TableWriter(path, ["x"]) as table:
        ...     table.write(pandas.DataFrame({"id": ["a"], "x": [1.5]}))
        ...     table.write(pandas.DataFrame({"id": ["b"], "x": [2.5]}))
        >>> path.read_text().split()
        ['id,x', 'a,1.5', 'b,2.5']
    """

    def __init__(self, path: str | os.PathLike[str], coordinates: Sequence[str] = ()) -> None:
        self.path = os.fspath(path)
        self.coordinates = list(coordinates)
        self.n_rows = 0
        self._kind = file_format(path)
        self._stack = contextlib.ExitStack()
        self._file: Any = None
        self._arrow: Any = None
        self._schema: Any = None
        self._target: Path | None = None
        self._chunks: list[pd.DataFrame] = []
        self._array: _ArrayWriter | None = None

    def __enter__(self) -> Self:
        """Opens a temporary file, or standard output."""
        if self.path != "-":
            self._target = self._stack.enter_context(atomic_write(self.path))
        if self._kind in ("csv", "tsv"):
            self._file = sys.stdout if self._target is None else self._stack.enter_context(self._opened())
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Creates or replaces the file, or leaves it unchanged after an error."""
        if error is not None:
            self._close_arrow()
            self._stack.__exit__(kind, error, trace)
            return
        with self._stack, naming_path(self.path):
            self._close_arrow()
            self._finish()

    def write(self, frame: pd.DataFrame) -> None:
        """Writes rows.

        Args:
            frame: The rows, with the same columns as the first ones.

        Raises:
            OSError: If they cannot be written.
        """
        if self._file is not None:
            separator = "\t" if self._kind == "tsv" else ","
            frame.to_csv(self._file, sep=separator, index=False, header=self.n_rows == 0, lineterminator="\n")
        elif self._kind in ("parquet", "feather"):
            self._write_arrow(frame)
        elif self._kind == "npy":
            self._write_array((frame[self.coordinates] if self.coordinates else frame).to_numpy())
        else:
            self._chunks.append(frame)
        self.n_rows += len(frame)

    def write_positions(self, positions: AnyArray) -> None:
        """Writes rows that have coordinates only; into NPY files, without pandas.

        Args:
            positions: Shape (b, number of coordinates).

        Raises:
            OSError: If they cannot be written.
        """
        if self._kind == "npy":
            self._write_array(positions)
            self.n_rows += len(positions)
            return
        self.write(require_pandas().DataFrame(positions, columns=self.coordinates))

    def _write_array(self, rows: AnyArray) -> None:
        if self._array is None:
            assert self._target is not None
            self._array = _ArrayWriter(self._stack.enter_context(self._target.open("wb")), rows)
        self._array.write(rows)

    def _opened(self) -> Any:
        assert self._target is not None
        if self.path.lower().endswith(".gz"):
            import gzip

            return gzip.open(self._target, "wt", encoding="utf-8", newline="")
        return io.open(self._target, "w", encoding="utf-8", newline="")  # noqa: UP020  like gzip.open

    def _write_arrow(self, frame: pd.DataFrame) -> None:
        require_arrow("parquet")
        import pyarrow
        from pyarrow import ipc, parquet

        try:
            table = pyarrow.Table.from_pandas(frame, schema=self._schema, preserve_index=False)
        except (pyarrow.ArrowInvalid, pyarrow.ArrowTypeError) as error:
            raise TableError(
                f"{self.path}: a column must hold one kind of values: {str(error).splitlines()[0]}. "
                "Write CSV instead."
            ) from None
        if self._arrow is None:
            make = parquet.ParquetWriter if self._kind == "parquet" else ipc.new_file
            self._schema = _with_default_types(table.schema)
            self._arrow = make(str(self._target), self._schema)
        self._arrow.write_table(table.replace_schema_metadata(self._schema.metadata))

    def _close_arrow(self) -> None:
        if self._arrow is not None:
            self._arrow.close()

    def _finish(self) -> None:
        if self._array is not None:
            self._array.finish()
        if self._kind not in ("npz", "h5ad"):
            return
        import pandas as pd

        frame = pd.concat(self._chunks, ignore_index=True)
        assert self._target is not None
        if self._kind == "h5ad":
            _write_h5ad(self._target, frame, self.coordinates)
            return
        with self._target.open("wb") as file:
            np.savez_compressed(file, allow_pickle=False, **_arrays(frame, self.coordinates))


class _ArrayWriter:
    """Writes an NPY file block by block.

    Args:
        file: An empty file.
        first: The first rows, whose type and width all have.
    """

    def __init__(self, file: Any, first: AnyArray) -> None:
        self._file, self._dtype, self._width = file, first.dtype, first.shape[1:]
        self._n_rows = 0
        self._write_header()

    def write(self, rows: AnyArray) -> None:
        """Writes further rows."""
        self._file.write(np.ascontiguousarray(rows, self._dtype).data)
        self._n_rows += len(rows)

    def finish(self) -> None:
        """Writes the number of rows into the header."""
        self._file.seek(0)
        self._write_header()
        self._file.flush()

    def _write_header(self) -> None:
        # NumPy leaves room in the header for any number of rows
        described = np.lib.format.dtype_to_descr(self._dtype)
        header = {"descr": described, "fortran_order": False, "shape": (self._n_rows, *self._width)}
        np.lib.format.write_array_header_1_0(self._file, header)


def write_table(frame: pd.DataFrame, path: str | os.PathLike[str], *, coordinates: Sequence[str] = ()) -> None:
    """Writes a whole table, see :class:`TableWriter`.

    Args:
        frame: The table.
        path: The file; ``-`` for CSV to standard output.
        coordinates: The columns of positions.
    """
    with TableWriter(path, coordinates) as table:
        table.write(frame)


def _with_default_types(schema: Any) -> Any:
    """Changes the metadata such that pandas reads columns with its default types instead of Arrow's."""
    described = dict(schema.pandas_metadata)
    described["columns"] = [
        column | {"numpy_type": "object"} if "pyarrow" in column["numpy_type"] else column
        for column in described["columns"]
    ]
    return schema.with_metadata({"pandas": json.dumps(described)})


def _arrays(frame: pd.DataFrame, coordinates: Sequence[str]) -> dict[str, Any]:
    others = {name: _plain(frame[name]) for name in frame.columns if name not in coordinates}
    return {"data": frame[list(coordinates)].to_numpy(), **others} if coordinates else others


def _plain(column: Any) -> Any:
    kind, has_gaps = column.dtype.kind, bool(column.isna().any())
    if kind in "fMm" or (kind in "biu" and not has_gaps):
        return column.to_numpy()
    if kind in "iu" and bool((column.abs() <= _MAX_EXACT).all()):
        return column.to_numpy(dtype=np.float64, na_value=np.nan)
    # objects would be pickled, and NumPy has no missing strings or integers
    return column.astype(object).where(column.notna(), "").astype(str).to_numpy(dtype=str)


def _write_h5ad(target: Path, frame: pd.DataFrame, coordinates: Sequence[str]) -> None:
    anndata = require_anndata()
    import pandas as pd

    def as_index(values: Any) -> Any:
        # anndata cannot write the string type of pandas 3
        return pd.Index([str(value) for value in values], dtype=object)

    obs = frame.drop(columns=list(coordinates))
    names = obs.pop("obs_names") if "obs_names" in obs else frame.index
    obs.index, obs.columns = as_index(names), as_index(obs.columns)
    for name in obs.columns:
        if obs[name].dtype.kind not in "biuf":
            values = [
                None if missing else str(value) for value, missing in zip(obs[name], obs[name].isna(), strict=True)
            ]
            categories = sorted({value for value in values if value is not None})
            obs[name] = pd.Categorical(values, categories=as_index(categories))
    positions = {"X_paradime": frame[list(coordinates)].to_numpy()} if coordinates else {}
    no_columns = pd.DataFrame(index=as_index([]))
    anndata.AnnData(obs=obs, var=no_columns, obsm=positions).write_h5ad(target)
