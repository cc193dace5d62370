"""Tables in files: read whole or by chunks, as pandas data frames, in the format that the suffix says."""

from __future__ import annotations

import contextlib
import gzip
import io
import os
import re
import sys
import zlib
from collections.abc import Collection, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from paradime._registry import did_you_mean
from paradime.utils._table_formats import READERS, TableError, require_pandas

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["FORMATS", "TableError", "file_format", "read_chunks", "read_table", "require_pandas"]

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

_CHUNK_ROWS = 20_000
_PEEK = 1 << 16
# what counts as missing in a column of numbers; in a column of texts, "NA" may be a country
_MISSING = ("", "NA", "N/A", "n/a", "NaN", "nan", "null", "NULL", "None", "#N/A", "-nan", "-NaN", "<NA>")


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
    if found is None or (name.endswith(".gz") and found not in ("csv", "tsv")):
        hint = did_you_mean(suffix, FORMATS) if suffix else f"Known: {', '.join(sorted(FORMATS))}."
        raise TableError(f"{path}: the suffix must say the format of a table, got {suffix or 'none'!r}. {hint}")
    return found


def read_table(path: str | os.PathLike[str], *, as_text: Collection[str] = ()) -> pd.DataFrame:
    r"""Reads a whole table.

    Args:
        path: The file; ``-`` for CSV from standard input.
        as_text: Columns of CSV and TSV that stay the texts they are, such as identifiers with leading zeros.

    Returns:
        A data frame, at least one row. Columns of arrays without names are x0, x1, … Those that stand beside the
        matrix of an NPZ or H5AD file, such as labels, are listed in its ``attrs["about"]``.

    Raises:
        TableError: If the file is no such table, or has no rows.
        OSError: If it cannot be read.
        ImportError: If pandas, or what else the format needs, is missing.

    Example:
        >>> folder = getfixture("tmp_path")
        >>> _ = (folder / "a.csv").write_text("id,size\n007,1.5\n")
        >>> read_table(folder / "a.csv", as_text=["id"]).values.tolist()
        [['007', 1.5]]
    """
    pd = require_pandas()
    parts = list(_parts(path, None, as_text, None))
    frame = parts[0] if len(parts) == 1 else pd.concat(parts, ignore_index=True)
    if len(frame) == 0:
        raise TableError(f"{path}: has no rows below its names of columns. Nothing can be done with it.")
    return frame


def read_chunks(
    path: str | os.PathLike[str], *, numbers: Collection[str] | None = None, n_rows: int | None = None
) -> Iterator[pd.DataFrame]:
    """Reads a table by chunks of rows, so that it need not fit into memory; NPZ is read as a whole.

    Args:
        path: The file; ``-`` for CSV from standard input.
        numbers: Columns of CSV and TSV to be read as numbers; all others stay the texts they are. All columns are
            read as what they look like, chunk by chunk, if ``None``.
        n_rows: Rows of a chunk; at most 20,000, and about 4 million numbers, if ``None``.

    Yields:
        Data frames, whose indices go on from chunk to chunk.

    Raises:
        TableError: If the file is no such table, or has no rows.
        OSError: If it cannot be read.
        ImportError: If pandas, or what else the format needs, is missing.
    """
    start = 0
    for part in _parts(path, n_rows or _CHUNK_ROWS, (), numbers):
        if len(part):
            part.index = range(start, start + len(part))
            start += len(part)
            yield part
    if start == 0:
        raise TableError(f"{path}: has no rows below its names of columns. Nothing can be done with it.")


def _parts(
    path: str | os.PathLike[str], n_rows: int | None, texts: Collection[str], numbers: Collection[str] | None
) -> Iterator[pd.DataFrame]:
    """Reads chunks of ``n_rows``, or everything at once if that is ``None``."""
    require_pandas()
    kind = file_format(path)
    if os.fspath(path) != "-":
        _refuse_what_is_no_file(path)
    if kind in ("csv", "tsv"):
        yield from _text_parts(path, "\t" if kind == "tsv" else ",", n_rows, texts, numbers)
        return
    try:
        yield from READERS[kind](os.fspath(path), n_rows)
    except (OSError, ImportError, TableError, MemoryError):
        raise
    except Exception as error:  # each library has exceptions of its own for a damaged file
        raise TableError(f"{path}: is no {kind.upper()} file, or is damaged ({_first_line(error)}).") from error


def _refuse_what_is_no_file(path: str | os.PathLike[str]) -> None:
    place = Path(path)
    if place.is_dir():
        raise TableError(f"{path}: is a folder, and a table is expected. Name a file in it.")
    if not place.exists():
        near = [entry.name for entry in place.parent.iterdir()] if place.parent.is_dir() else []
        hint = did_you_mean(place.name, near)
        raise FileNotFoundError(f"{path}: no such file. {hint if hint.startswith('Did') else 'Check its name.'}")
    if place.is_file() and place.stat().st_size == 0:
        raise TableError(f"{path}: is empty. It must have a line of names, and rows below it.")


# -- text -----------------------------------------------------------------------------------------------


def _text_parts(
    path: str | os.PathLike[str],
    separator: str,
    n_rows: int | None,
    texts: Collection[str],
    numbers: Collection[str] | None,
) -> Iterator[pd.DataFrame]:
    pd = require_pandas()
    with contextlib.ExitStack() as stack:
        try:
            stream = _opened(path, stack)
            head = stream.peek(_PEEK)[:_PEEK].decode("utf-8", "replace").lstrip("\ufeff")
            settings = _dialect(head, separator)
            settings.update(_types(list(pd.read_csv(io.StringIO(head), nrows=0, **settings)), texts, numbers))
            if n_rows is None:
                yield pd.read_csv(stream, low_memory=False, **settings)
                return
            with pd.read_csv(stream, low_memory=False, chunksize=n_rows, **settings) as chunks:
                yield from chunks
        except pd.errors.EmptyDataError:
            raise TableError(f"{path}: is empty. It must have a line of names, and rows below it.") from None
        except pd.errors.ParserError as error:
            words = _first_line(error).removeprefix("Error tokenizing data. C error: ").strip()
            raise TableError(f"{path}: is no table as CSV or TSV: {words}.") from None
        except (EOFError, zlib.error, gzip.BadGzipFile) as error:
            raise TableError(
                f"{path}: is not compressed as .gz says, or is damaged ({_first_line(error)})."
            ) from None
        except UnicodeDecodeError as error:
            raise TableError(
                f"{path}: is not encoded as UTF-8 ({error.reason} at byte {error.start}). Save it as UTF-8."
            ) from None


def _dialect(head: str, separator: str) -> dict[str, Any]:
    """Settings of a file: spreadsheets write CSV with semicolons where numbers have a decimal comma."""
    names, _, rows = head.partition("\n")
    if separator == "," and "," not in names:
        separator = next((other for other in (";", "\t") if other in names), separator)
    decimal = "," if separator == ";" and re.search(r"\d,\d", rows) and not re.search(r"\d\.\d", rows) else "."
    return {"sep": separator, "decimal": decimal, "encoding": "utf-8-sig"}


def _types(names: list[str], texts: Collection[str], numbers: Collection[str] | None) -> dict[str, Any]:
    if numbers is None:
        return {"dtype": {name: str for name in names if name in texts}}
    return {
        "dtype": {name: str for name in names if name not in numbers},
        "keep_default_na": False,
        "na_values": {name: list(_MISSING) for name in names if name in numbers},
    }


def _opened(path: str | os.PathLike[str], stack: contextlib.ExitStack) -> Any:
    if os.fspath(path) == "-":
        return sys.stdin.buffer
    if os.fspath(path).lower().endswith(".gz"):
        return io.BufferedReader(stack.enter_context(gzip.open(path, "rb")), _PEEK)
    return stack.enter_context(Path(path).open("rb"))


def _first_line(error: BaseException) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0][:200].rstrip(".")
