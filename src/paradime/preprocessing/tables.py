"""Tables in files: reading of a whole table or of chunks, in the format of the suffix."""

from __future__ import annotations

import functools
import os
from collections.abc import Collection, Iterable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from paradime._registry import did_you_mean
from paradime.preprocessing import _arrow_columns, _text_columns
from paradime.preprocessing._table_formats import READERS, TableError, first_line, require_pandas, rows_of_chunk
from paradime.preprocessing._text_tables import open_text
from paradime.types import AnyArray

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["FORMATS", "Table", "TableError", "file_format", "read_chunks", "read_table", "require_pandas"]

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
        path: The file; ``-``, which stands for standard input or output, is CSV.

    Raises:
        TableError: If the suffix is not known.

    Example:
        >>> file_format("cells.H5AD"), file_format("rows.csv.gz"), file_format("-")
        ('h5ad', 'csv', 'csv')
    """
    if os.fspath(path) == "-":
        return "csv"
    name = Path(path).name.lower()
    suffix = Path(name.removesuffix(".gz")).suffix
    found = FORMATS.get(suffix)
    if found is None or (name.endswith(".gz") and found not in _TEXT):
        hint = did_you_mean(suffix, FORMATS) if suffix else f"Known: {', '.join(sorted(FORMATS))}."
        raise TableError(f"{path}: the suffix must say the format of a table, got {suffix or 'none'!r}. {hint}")
    return found


class Table:
    """Rows of a table: the values of its columns, and their form in the file.

    Args:
        rows: An Arrow table, or a data frame of pandas, whose names are distinct.
        about: Names of columns besides a matrix, such as labels, or of an index.
        kinds: Kinds of columns by name, as far as they are known
            (:func:`paradime.preprocessing._text_columns.kind_of`). If not ``None``, all columns are strings.
        comma: Whether numbers in CSV may have a decimal comma.
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
        """All columns by type: numbers, booleans, dates, strings; empty strings are missing."""
        if not self._is_arrow:
            return self._rows
        return _arrow_columns.as_frame(self._converted(self.names) if self._is_text else self._rows)

    @property
    def _is_text(self) -> bool:
        return self._kinds is not None

    def kind(self, name: str) -> str:
        """Returns the kind of a column of CSV, see :func:`paradime.preprocessing._text_columns.kind_of`."""
        assert self._kinds is not None
        if name not in self._kinds:
            self._kinds[name] = _text_columns.kind_of(self._rows.column(name), comma=self._comma)
        return self._kinds[name]

    def with_kinds(self, kinds: dict[str, str]) -> Table:
        """Returns the same rows of CSV, with the kinds of the columns of the whole file."""
        return Table(self._rows, about=self.about, kinds=dict(kinds), comma=self._comma)

    def numbers(self, names: Sequence[str]) -> AnyArray:
        """Returns numbers of columns, shape (n, d), float64; NaN where a value is missing or not a number."""
        if self._is_text:
            return _text_columns.numbers_of(self._rows.select(list(names)), comma=self._comma)
        if self._is_arrow:
            return _arrow_columns.as_numbers(self._rows.select(list(names)))
        frame = self._rows[list(names)]
        if all(isinstance(kind, np.dtype) and kind.kind in "biuf" for kind in frame.dtypes):
            return np.asarray(frame.to_numpy(dtype=np.float64))
        return np.column_stack([_arrow_columns.numbers_of_objects(frame[name]) for name in names])

    def strings(self, name: str) -> AnyArray:
        """Returns a column as strings, shape (n,), object; ``None`` where a value is missing.

        Strings of CSV are as in the file, whatever other rows hold.
        """
        table = self.part([name])
        column = (table.with_kinds({name: "text"}) if self._is_text else table).frame[name]
        found: AnyArray = column.astype(str).to_numpy(dtype=object)
        found[column.isna().to_numpy()] = None
        return found

    def value(self, name: str, row: int) -> Any:
        """Returns a single value, as it is in the file."""
        return self._rows.column(name)[row].as_py() if self._is_arrow else self._rows[name].iloc[row]

    def written(self, names: Sequence[str], form: str) -> pd.DataFrame:
        """Returns columns in the form for a file, unchanged.

        Args:
            names: Names of the columns.
            form: The format of the file, one of :data:`FORMATS`. Strings of CSV stay so in CSV and TSV, and are
                converted by the kind of the whole column for other formats.
        """
        names = list(names)
        if not names:  # Arrow would lose the number of rows
            return require_pandas().DataFrame(index=range(len(self)))
        if not self._is_arrow:
            return self._rows[names]
        if form in _TEXT or form in ("parquet", "feather"):
            is_converted = self._is_text and form not in _TEXT
            chosen = self._converted(names) if is_converted else self._rows.select(names)
            return _arrow_columns.as_written(chosen, nested=form not in _TEXT)
        return self.part(names).frame

    def part(self, names: Sequence[str]) -> Table:
        """Returns some of the columns."""
        names = list(names)
        rows = self._rows.select(names) if self._is_arrow else self._rows[names]
        return Table(
            rows, about=[name for name in self.about if name in names], kinds=self._kinds, comma=self._comma
        )

    def _converted(self, names: Sequence[str]) -> Any:
        import pyarrow

        columns = [_text_columns.converted(self._rows.column(name), self.kind(name)) for name in names]
        return pyarrow.table(columns, names=list(names))


def read_table(path: str | os.PathLike[str], *, header: bool | None = None) -> Table:
    r"""Reads a whole table.

    Args:
        path: The file; ``-`` for CSV from standard input.
        header: Whether the first line of CSV and TSV holds names. If ``None``, it does, and one that looks like
            data is refused. Columns without names are x0, x1, …

    Returns:
        The table, at least one row.

    Raises:
        TableError: If the file is not a table of this format, or has no rows, or column names are not distinct.
        OSError: If it cannot be read.
        ImportError: If pandas, or another library for the format, is missing.

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


def read_chunks(
    path: str | os.PathLike[str],
    *,
    header: bool | None = None,
    typed: bool = False,
    numbers: Collection[str] = (),
    n_rows: int | None = None,
) -> Iterator[Table]:
    """Reads a table in chunks of rows, so that it need not fit into memory; NPZ is read as a whole.

    Args:
        path: The file; ``-`` for CSV from standard input.
        header: As in :func:`read_table`.
        typed: Whether the kinds of columns of CSV and TSV are determined for the whole file before the first
            chunk. This takes a second reading, or for standard input the memory to hold it.
        numbers: Columns that are numbers, whose kind need not be determined.
        n_rows: Rows of a chunk; at most 20,000, and about 4 million numbers, if ``None``.

    Yields:
        The chunks.

    Raises:
        TableError: If the file is not a table of this format, or has no rows, or column names are not distinct.
        OSError: If it cannot be read.
        ImportError: If pandas, or another library for the format, is missing.
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
    found: dict[str, list[str]] = {}
    for part in parts:
        for name in part.names:
            if name not in numbers:
                found.setdefault(name, []).append(part.kind(name))
    return {name: _text_columns.merged(kinds) for name, kinds in found.items()}


def _joined(parts: list[Table]) -> Table:
    rows = [part._rows for part in parts]
    if not hasattr(rows[0], "column_names"):
        return Table(require_pandas().concat(rows, ignore_index=True), about=parts[0].about)
    import pyarrow

    first = parts[0]
    return Table(
        pyarrow.concat_tables(rows), about=first.about, kinds={} if first._is_text else None, comma=first._comma
    )


def _without_rows(path: Any) -> TableError:
    return TableError(f"{path}: must have rows below the column names, got none. Add rows.")


def _parts(path: str | os.PathLike[str], n_rows: int | None, header: bool | None) -> Iterator[Table]:
    """Reads chunks of ``n_rows``; if ``None``, everything at once, or chunks of any size."""
    require_pandas()
    kind = file_format(path)
    if os.fspath(path) != "-":
        _refuse_what_is_no_file(path)
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
    except Exception as error:  # the libraries have different exceptions for damaged files
        raise TableError(
            f"{path}: must have the format {kind.upper()}, got a file that cannot be read ({first_line(error)}). "
            "Check it."
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


def _refuse_what_is_no_file(path: str | os.PathLike[str]) -> None:
    place = Path(path)
    if place.is_dir():
        raise TableError(f"{path}: must be a file, got a folder. Name a file in it.")
    if not place.exists():
        near = [entry.name for entry in place.parent.iterdir()] if place.parent.is_dir() else []
        hint = did_you_mean(place.name, near)
        raise FileNotFoundError(f"{path}: no such file. {hint if hint.startswith('Did') else 'Check its name.'}")
    if place.is_file() and place.stat().st_size == 0:
        raise TableError(f"{path}: must have a line of names and rows below it, got an empty file. Check it.")
