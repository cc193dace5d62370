"""CSV and TSV files: their separator, their header, and their rows as strings."""

from __future__ import annotations

import contextlib
import csv
import dataclasses
import gzip
import io
import itertools
import os
import sys
import zlib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from paradime.preprocessing._read_columns import MISSING, as_number
from paradime.preprocessing._table_formats import TableError, check_names, first_line, require_arrow
from paradime.utils.frames import default_names

__all__ = ["TextTable", "open_text"]

_PEEK, _MAX_PEEK = 1 << 16, 1 << 26
_MIN_LINES, _MAX_RECORDS = 5, 100
_BLOCK = 1 << 24
_MAX_SHOWN = 5


@dataclasses.dataclass(frozen=True)
class TextTable:
    """An open file.

    Attributes:
        names: Names of the columns.
        comma: Whether numbers may have a decimal comma, as in files of spreadsheets with semicolons.
        row_names: Whether the first column holds names of rows, a column to which R gives no name.
        parts: The rows as Arrow tables of the strings in the file.
    """

    names: list[str]
    comma: bool
    row_names: bool
    parts: Iterator[Any]


@contextlib.contextmanager
def open_text(path: str | os.PathLike[str], separator: str, header: bool | None) -> Iterator[TextTable]:
    """Opens a file.

    Args:
        path: The file; ``-`` for standard input.
        separator: The separator of columns, unless the first lines show another.
        header: Whether the first line contains names; if ``None``, it must, and a line that looks like data
            raises an error.

    Raises:
        TableError: If the file is not a valid table.
        ImportError: If PyArrow is missing.
    """
    require_arrow("csv")
    with contextlib.ExitStack() as stack, _gzip_errors_named(path):
        stream = _opened(path, stack)
        head, is_whole = _head(stream)
        records, ends, separator = _records(path, head, separator, is_whole=is_whole)
        names, rows = records[0], records[1:]
        if header is False:
            names, rows = default_names(len(records[0])), records
        elif header is None and _looks_like_data(names, rows):
            shown = ", ".join(names[:_MAX_SHOWN]) + (", …" if len(names) > _MAX_SHOWN else "")
            raise TableError(
                f"{path}: the first line must hold names of columns, got what looks like data: {shown}. "
                "Add --no-header if it is a row, or --header if these are names."
            )
        names, row_names = _completed(names, rows)
        names = [name or f"Unnamed: {j}" for j, name in enumerate(names)]
        check_names(os.fspath(path), names)
        start = 0 if header is False else ends[0]
        rest = io.BufferedReader(_Rejoined(head[start:], stream), _BLOCK)
        yield TextTable(names, separator != ",", row_names, _parts(path, rest, names, separator, ends, start > 0))


def _parts(
    path: Any, stream: Any, names: list[str], separator: str, ends: list[int], has_header: bool
) -> Iterator[Any]:
    import pyarrow
    from pyarrow import csv as arrow_csv

    wrong: list[Any] = []

    def refuse(row: Any) -> str:
        wrong.append(row)
        return "error"

    longest = max((end - start for start, end in zip([0, *ends], ends, strict=False)), default=0)
    try:
        if not stream.peek(1):  # Arrow rejects empty streams
            return
        with arrow_csv.open_csv(
            stream,
            read_options=arrow_csv.ReadOptions(
                column_names=names, use_threads=False, block_size=max(_BLOCK, 8 * longest)
            ),
            parse_options=arrow_csv.ParseOptions(
                delimiter=separator, newlines_in_values=True, invalid_row_handler=refuse
            ),
            convert_options=arrow_csv.ConvertOptions(
                column_types=dict.fromkeys(names, pyarrow.string()), strings_can_be_null=False
            ),
        ) as reader:
            for batch in reader:
                yield pyarrow.Table.from_batches([batch])
    except pyarrow.ArrowInvalid as error:
        if wrong:
            row = wrong[0]
            line = f"line {row.number + has_header}" if row.number is not None else "a line"
            raise TableError(
                f"{path}: {line} must have {row.expected_columns} values, got {row.actual_columns}. "
                "Correct it; a value that contains the separator must be in quotes."
            ) from None
        if "UTF8" in str(error):
            raise TableError(f"{path}: is not encoded as UTF-8. Save it as UTF-8.") from None
        raise TableError(
            f"{path}: is not a valid CSV or TSV table ({first_line(error)}). Check its separators and quotes."
        ) from None


@contextlib.contextmanager
def _gzip_errors_named(path: Any) -> Iterator[None]:
    try:
        yield
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise TableError(f"{path}: is not a valid gzip file ({first_line(error)}). Compress it again.") from None


def _opened(path: str | os.PathLike[str], stack: contextlib.ExitStack) -> Any:
    if os.fspath(path) == "-":
        return sys.stdin.buffer
    if os.fspath(path).lower().endswith(".gz"):
        return stack.enter_context(gzip.open(path, "rb"))
    return stack.enter_context(Path(path).open("rb"))


def _head(stream: Any) -> tuple[bytes, bool]:
    """Reads the beginning of a stream, with several complete lines; returns whether it is the whole stream."""
    head = b""
    while len(head) < _PEEK or (head.count(b"\n") < _MIN_LINES and len(head) < _MAX_PEEK):
        part = stream.read(_PEEK)
        if not part:
            return head, True
        head += part
    return head, False


class _Rejoined(io.RawIOBase):
    """A stream whose beginning has already been read, from the beginning."""

    def __init__(self, head: bytes, stream: Any) -> None:
        super().__init__()
        self._head, self._stream = memoryview(head), stream

    def readable(self) -> bool:
        """Returns True."""
        return True

    def readinto(self, buffer: Any) -> int:
        """Reads into a buffer; returns the number of bytes."""
        part = self._head[: len(buffer)] if len(self._head) else self._stream.read(len(buffer))
        self._head = self._head[len(part) :] if len(self._head) else self._head
        buffer[: len(part)] = part
        return len(part)


# -- the first lines ------------------------------------------------------------------------------------


def _records(path: Any, head: bytes, separator: str, *, is_whole: bool) -> tuple[list[list[str]], list[int], str]:
    """Returns the values of the first lines, the byte at which each ends, and the separator."""
    if head.startswith((b"\xff\xfe", b"\xfe\xff")):
        raise TableError(f"{path}: must be encoded as UTF-8, got UTF-16. Save it as UTF-8.")
    complete = head if is_whole else head[: max(head.rfind(b"\n"), head.rfind(b"\r"))]
    try:
        text = complete.decode("utf-8")
    except UnicodeDecodeError as error:
        raise TableError(
            f"{path}: is not encoded as UTF-8 ({error.reason} at byte {error.start}). Save it as UTF-8."
        ) from None
    candidates = [separator, *(other for other in ";\t" if separator == "," and other in text)]
    read = {candidate: _read_records(path, text, candidate, is_whole=is_whole) for candidate in candidates}
    if not read[separator][0]:
        raise TableError(f"{path}: is empty. It must have a line of names, and rows below it.")
    if separator == "," and len(candidates) > 1:
        # spreadsheets separate by semicolons if numbers have a decimal comma
        separator = max(candidates, key=lambda candidate: _agreement(read[candidate][0]))
    records, ends = read[separator]
    return records, ends, separator


def _read_records(path: Any, text: str, separator: str, *, is_whole: bool) -> tuple[list[list[str]], list[int]]:
    lines = list(io.StringIO(text, newline=""))
    ends_of_lines, end = [], 0
    for line in lines:
        end += len(line.encode())
        ends_of_lines.append(end)
    mark = "\ufeff"
    reader = csv.reader(iter([lines[0].removeprefix(mark), *lines[1:]] if lines else []), delimiter=separator)
    records, ends = list[list[str]](), list[int]()
    try:
        for record in reader:
            if record:
                records.append(record)
                ends.append(ends_of_lines[reader.line_num - 1])
            if len(records) > _MAX_RECORDS:
                break
    except csv.Error as error:
        raise TableError(f"{path}: is not a valid CSV or TSV table ({error}).") from None
    # the last record may be incomplete
    n = len(records) if is_whole and len(records) <= _MAX_RECORDS else max(1, len(records) - 1)
    return records[:n], ends[:n]


def _agreement(records: list[list[str]]) -> tuple[bool, bool, float, int]:
    """Returns a sort key of separators: equal numbers of columns, several columns, share of numbers, columns.

    Lines such as ``5,1;3,5`` are as regular with a comma as separator, but then ``1;3`` is not a number.
    """
    widths = [len(record) for record in records]
    numeric = sum(as_number(text) is not None for record in records for text in record) / max(1, sum(widths))
    return len(set(widths)) == 1 and widths[0] > 1, widths[0] > 1, numeric, min(widths)


def _completed(names: list[str], rows: list[list[str]]) -> tuple[list[str], bool]:
    """Adds a missing name: for R's row names, or for the empty last column of lines that end in a separator."""
    if not rows or any(len(row) != len(names) + 1 for row in rows):
        return names, False
    if all(not row[-1] for row in rows):
        return [*names, ""], False
    return ["", *names], True


def _looks_like_data(names: Sequence[str], rows: Sequence[Sequence[str]]) -> bool:
    """Returns whether numeric columns have numeric names that do not form a scale, such as wavelengths."""
    numeric = [j for j in range(len(names)) if _are_numbers([row[j] for row in rows if j < len(row)])]
    heads = [names[j] for j in numeric if names[j] not in MISSING]
    numbers = [as_number(name) for name in heads]
    if not numbers or None in numbers:
        return False
    values = [number for number in numbers if number is not None]
    if values in ([*range(len(values))], [*range(1, len(values) + 1)]):
        return False  # default names of pandas and R
    steps = [b - a for a, b in itertools.pairwise(values)]
    is_regular = len(steps) > 1 and max(steps) - min(steps) <= 1e-6 * abs(steps[0])
    is_scale = len(set(numbers)) == len(numbers) and (is_regular or (len(steps) > 4 and min(steps) > 0))
    return not is_scale


def _are_numbers(texts: list[str]) -> bool:
    known = [text for text in texts if text.strip() not in MISSING]
    return bool(known) and all(as_number(text) is not None for text in known)
