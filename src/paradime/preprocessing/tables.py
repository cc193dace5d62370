"""Tables in files, read as a whole or by chunks, in the format of the suffix."""

from __future__ import annotations

import functools
import os
from collections.abc import Collection, Iterable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from paradime._registry import did_you_mean
from paradime.preprocessing import _read_columns
from paradime.preprocessing._table_formats import READERS, TableError, first_line, require_pandas, rows_of_chunk
from paradime.preprocessing._text_tables import open_text
from paradime.types import AnyArray, FloatArray, IntArray

if TYPE_CHECKING:
    import pandas as pd

__all__ = [
    "FORMATS",
    "Table",
    "TableError",
    "file_format",
    "read_chunks",
    "read_sample",
    "read_table",
    "require_pandas",
]

FORMATS: dict[str, str] = {
    ".csv": "csv",
    ".tsv": "tsv",
    ".tab": "tsv",
    ".parquet": "parquet",
    ".pq": "parquet",
    ".feather": "feather",
    ".arrow": "feather",
    ".npy": "npy",
    ".npz": "npz",
    ".h5ad": "h5ad",
}
"""The format of a table by the suffix of its file; CSV and TSV may be followed by ``.gz``."""

_TEXT = ("csv", "tsv")
_CHUNK_ROWS = 20_000


def file_format(path: str | os.PathLike[str]) -> str:
    """Returns the format of a table, one of those in :data:`FORMATS`.

    Args:
        path: The file; ``-`` for standard input or output, which is CSV.

    Raises:
        TableError: If the suffix is unknown.

    Example:
        >>> file_format("cells.H5AD"), file_format("rows.csv.gz"), file_format("-")
        ('h5ad', 'csv', 'csv')
    """
    if os.fspath(path) == "-":
        return "csv"
    name = Path(path).name.lower()
    suffix = Path(name.removesuffix(".gz")).suffix
    form = FORMATS.get(suffix)
    if form is None or (name.endswith(".gz") and form not in _TEXT):
        hint = did_you_mean(suffix, FORMATS) if suffix else f"Known: {', '.join(sorted(FORMATS))}."
        raise TableError(f"{path}: the suffix must say the format of a table, got {suffix or 'none'!r}. {hint}")
    return form


class Table:
    """Rows of a table, both converted to the types of its columns and as in the file.

    Args:
        rows: An Arrow table or a pandas data frame with distinct names.
        about: Names of columns beside a matrix, such as labels, or from an index.
        kinds: For tables of strings, as in CSV: the kinds of columns as far as they are known, by name, see
            :func:`paradime.preprocessing._read_columns.kind_of`. ``None`` for other tables.
        comma: Whether numbers in strings may have a decimal comma.
    """

    def __init__(
        self, rows: Any, *, about: Iterable[str] = (), kinds: dict[str, str] | None = None, comma: bool = False
    ) -> None:
        self._rows = rows
        self._is_arrow = hasattr(rows, "column_names")
        self._kinds, self._comma = kinds, comma
        self.names: list[str] = list(rows.column_names if self._is_arrow else map(str, rows.columns))
        self.about = tuple(about)

    def __len__(self) -> int:
        return int(self._rows.num_rows if self._is_arrow else len(self._rows))

    @functools.cached_property
    def frame(self) -> pd.DataFrame:
        """All columns as numbers, booleans, dates or strings; empty strings are missing values."""
        if not self._is_arrow:
            return self._rows
        return _read_columns.as_frame(self._converted(self.names) if self._is_text else self._rows)

    @property
    def _is_text(self) -> bool:
        return self._kinds is not None

    def kind(self, name: str) -> str:
        """Returns the kind of a column of strings, see :func:`paradime.preprocessing._read_columns.kind_of`."""
        assert self._kinds is not None
        if name not in self._kinds:
            self._kinds[name] = _read_columns.kind_of(self._rows.column(name), comma=self._comma)
        return self._kinds[name]

    def with_kinds(self, kinds: dict[str, str]) -> Table:
        """Returns the same rows of strings with the kinds of the columns of the whole file."""
        return Table(self._rows, about=self.about, kinds=dict(kinds), comma=self._comma)

    def numbers(self, names: Sequence[str]) -> AnyArray:
        """Returns the numbers of columns, shape (n, d), float64; NaN for missing or other values."""
        if self._is_text:
            return _read_columns.numbers_of(self._rows.select(list(names)), comma=self._comma)
        if self._is_arrow:
            return _read_columns.as_numbers(self._rows.select(list(names)))
        frame = self._rows[list(names)]
        if all(isinstance(kind, np.dtype) and kind.kind in "biuf" for kind in frame.dtypes):
            return np.asarray(frame.to_numpy(dtype=np.float64))
        return np.column_stack([_read_columns.numbers_of_objects(frame[name]) for name in names])

    def strings(self, name: str) -> AnyArray:
        """Returns a column as strings, shape (n,), object; ``None`` for missing values.

        Strings of CSV are as in the file, whatever other rows contain.
        """
        table = self.part([name])
        column = (table.with_kinds({name: "text"}) if self._is_text else table).frame[name]
        found: AnyArray = column.astype(str).to_numpy(dtype=object)
        found[column.isna().to_numpy()] = None
        return found

    def value(self, name: str, row: int) -> Any:
        """Returns a single value as in the file."""
        return self._rows.column(name)[row].as_py() if self._is_arrow else self._rows[name].iloc[row]

    def written(self, names: Sequence[str], form: str) -> pd.DataFrame:
        """Returns columns without change, for writing to a file.

        Args:
            names: Names of the columns.
            form: The format of the file, one of :data:`FORMATS`. Values of CSV remain strings in CSV and TSV, and
                are converted to the kind of the column in other formats.
        """
        names = list(names)
        if not names:  # a table of Arrow without columns has no number of rows
            return require_pandas().DataFrame(index=range(len(self)))
        if not self._is_arrow:
            return self._rows[names]
        if form in _TEXT or form in ("parquet", "feather"):
            is_converted = self._is_text and form not in _TEXT
            chosen = self._converted(names) if is_converted else self._rows.select(names)
            return _read_columns.as_written(chosen, nested=form not in _TEXT)
        return self.part(names).frame

    def part(self, names: Sequence[str]) -> Table:
        """Returns some of the columns."""
        names = list(names)
        rows = self._rows.select(names) if self._is_arrow else self._rows[names]
        return Table(
            rows, about=[name for name in self.about if name in names], kinds=self._kinds, comma=self._comma
        )

    def take(self, rows: IntArray) -> Table:
        """Returns some of the rows, given by their positions."""
        chosen = self._rows.take(rows) if self._is_arrow else self._rows.iloc[rows].reset_index(drop=True)
        return Table(chosen, about=self.about, kinds=None if self._kinds is None else {}, comma=self._comma)

    def _converted(self, names: Sequence[str]) -> Any:
        import pyarrow

        columns = [_read_columns.converted(self._rows.column(name), self.kind(name)) for name in names]
        return pyarrow.table(columns, names=list(names))


def read_table(path: str | os.PathLike[str], *, header: bool | None = None) -> Table:
    r"""Reads a whole table.

    Args:
        path: The file; ``-`` for CSV from standard input.
        header: Whether the first line of CSV and TSV contains names. If ``None``, it must, and a first line that
            looks like data raises an error. Without header, columns are named x0, x1, …

    Returns:
        The table, with at least one row.

    Raises:
        TableError: If the file is not a valid table or has no rows, or if names of columns are not distinct.
        OSError: If it cannot be read.
        ImportError: If pandas, or another library that the format needs, is missing.

    Example:
        >>> folder = getfixture("tmp_path")
        >>> _ = (folder / "a.csv").write_text("id,size\n007,1.5\n")
        >>> table = read_table(folder / "a.csv")
        >>> table.frame.values.tolist(), table.numbers(["size"]).tolist()
        ([['007', 1.5]], [[1.5]])
    """
    parts = list(_parts(path, None, header))
    if not sum(map(len, parts)):
        raise _without_rows(path)
    return parts[0] if len(parts) == 1 else _joined(parts)


def read_sample(
    path: str | os.PathLike[str], size: int, *, seed: int = 0, header: bool | None = None
) -> tuple[Table, int]:
    """Reads a random sample of the rows of a table, in their order; at most twice as many rows are in memory.

    Args:
        path: The file; ``-`` for CSV from standard input.
        size: Number of rows, at least 1; all are returned if there are no more.
        seed: Seed of the sample.
        header: As in :func:`read_table`.

    Returns:
        The sampled rows, and the number of all rows.

    Raises:
        TableError: If the file is not a valid table or has no rows, or if names of columns are not distinct.
        OSError: If it cannot be read.
        ImportError: If pandas, or another library that the format needs, is missing.
    """
    random = np.random.default_rng(seed)
    parts: list[Table] = []
    keys: FloatArray = np.empty(0)
    n_rows = 0
    for chunk in read_chunks(path, header=header):
        drawn = random.random(len(chunk))
        # the sample is the rows with the smallest keys
        limit = np.partition(keys, size - 1)[size - 1] if len(keys) >= size else np.inf
        chosen = np.flatnonzero(drawn < limit)
        n_rows += len(chunk)
        if len(chosen):
            parts.append(chunk.take(chosen))
            keys = np.concatenate([keys, drawn[chosen]])
        if len(keys) >= 2 * size:
            parts, keys = _smallest(parts, keys, size)
    parts, _ = _smallest(parts, keys, size)
    return parts[0], n_rows


def read_chunks(
    path: str | os.PathLike[str],
    *,
    header: bool | None = None,
    typed: bool = False,
    numbers: Collection[str] = (),
    n_rows: int | None = None,
) -> Iterator[Table]:
    """Reads a table by chunks of rows, so that it need not fit into memory; NPZ files are read as a whole.

    Args:
        path: The file; ``-`` for CSV from standard input.
        header: As in :func:`read_table`.
        typed: Whether to determine the kinds of columns of CSV and TSV from the whole file before the first chunk.
            Files are then read twice, and standard input is held in memory.
        numbers: Numeric columns, whose kind is not determined.
        n_rows: Rows per chunk; by default 20,000, or fewer such that a chunk has about 4 million numbers.

    Yields:
        The chunks.

    Raises:
        TableError: If the file is not a valid table or has no rows, or if names of columns are not distinct.
        OSError: If it cannot be read.
        ImportError: If pandas, or another library that the format needs, is missing.
    """
    n_rows = n_rows or _CHUNK_ROWS
    kinds: dict[str, str] | None = None
    parts: Iterable[Table] = _parts(path, n_rows, header)
    if typed and file_format(path) in _TEXT:
        parts = list(parts) if os.fspath(path) == "-" else parts
        kinds = _kinds_of_all(parts, numbers)
        parts = parts if isinstance(parts, list) else _parts(path, n_rows, header)
    is_empty = True
    for part in parts:
        if len(part):
            is_empty = False
            yield part if kinds is None else part.with_kinds(kinds)
    if is_empty:
        raise _without_rows(path)


def _kinds_of_all(parts: Iterable[Table], numbers: Collection[str]) -> dict[str, str]:
    kinds_by_name: dict[str, list[str]] = {}
    for part in parts:
        for name in part.names:
            if name not in numbers:
                kinds_by_name.setdefault(name, []).append(part.kind(name))
    return {name: _read_columns.merged(kinds) for name, kinds in kinds_by_name.items()}


def _joined(parts: list[Table]) -> Table:
    rows = [part._rows for part in parts]
    if not hasattr(rows[0], "column_names"):
        return Table(require_pandas().concat(rows, ignore_index=True), about=parts[0].about)
    import pyarrow

    first = parts[0]
    return Table(
        pyarrow.concat_tables(rows), about=first.about, kinds={} if first._is_text else None, comma=first._comma
    )


def _smallest(parts: list[Table], keys: FloatArray, size: int) -> tuple[list[Table], FloatArray]:
    """Returns the rows with the smallest keys, in their order, and these keys."""
    table = parts[0] if len(parts) == 1 else _joined(parts)
    if len(keys) <= size:
        return [table], keys
    chosen = np.sort(np.argpartition(keys, size - 1)[:size])
    return [table.take(chosen)], keys[chosen]


def _without_rows(path: Any) -> TableError:
    return TableError(f"{path}: has no rows below its names of columns. Add at least one.")


def _parts(path: str | os.PathLike[str], n_rows: int | None, header: bool | None) -> Iterator[Table]:
    """Reads chunks of ``n_rows``; for ``None``, CSV in chunks of any size, and other formats at once."""
    require_pandas()
    kind = file_format(path)
    if os.fspath(path) != "-":
        _check_file(path)
    if kind in _TEXT:
        with open_text(path, "\t" if kind == "tsv" else ",", header) as text:
            step = None if n_rows is None else rows_of_chunk(n_rows, len(text.names))
            about = text.names[:1] if text.row_names else []
            for rows in text.parts if step is None else _rechunked(text.parts, step):
                yield Table(rows, about=about, kinds={}, comma=text.comma)
        return
    try:
        for rows, beside in READERS[kind](os.fspath(path), n_rows):
            yield Table(rows, about=beside)
    except (OSError, ImportError, TableError, MemoryError):
        raise
    except Exception as error:  # each library raises its own exceptions for damaged files
        raise TableError(
            f"{path}: is not a valid {kind.upper()} file ({first_line(error)}). Write it again, "
            "or rename it to its format."
        ) from error


def _rechunked(parts: Iterator[Any], n_rows: int) -> Iterator[Any]:
    import pyarrow

    rest: Any = None
    for part in parts:
        rest = part if rest is None else pyarrow.concat_tables([rest, part])
        while rest.num_rows >= n_rows:
            yield rest.slice(0, n_rows)
            rest = rest.slice(n_rows)
    if rest is not None and rest.num_rows:
        yield rest


def _check_file(path: str | os.PathLike[str]) -> None:
    file = Path(path)
    if file.is_dir():
        raise TableError(f"{path}: must be a file, got a folder. Name a file in it.")
    if not file.exists():
        names = [entry.name for entry in file.parent.iterdir()] if file.parent.is_dir() else []
        hint = did_you_mean(file.name, names)
        raise FileNotFoundError(f"{path}: no such file. {hint if hint.startswith('Did') else 'Check its name.'}")
    if file.is_file() and file.stat().st_size == 0:
        raise TableError(f"{path}: is empty. It must have a line of names, and rows below it.")
