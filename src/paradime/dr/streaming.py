"""Rows on disk: their embedding in blocks, from file to file, and samples of them to train on."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import torch

from paradime.dr.inputs import names_entries, number_of_rows
from paradime.preprocessing.table_writing import TableWriter
from paradime.preprocessing.tables import file_format, require_pandas
from paradime.sources import StoredRows
from paradime.types import AnyArray, FloatArray
from paradime.utils.arguments import check_integer
from paradime.utils.convert import as_numpy
from paradime.utils.ranks import current_ranks
from paradime.utils.rows import rows_of
from paradime.utils.seed import RandomState, seed_of

__all__ = ["embed_to_file", "embedded_blocks", "embedding_of", "sample_of"]

_BLOCK_BYTES = 1 << 24
_AXES = "xyz"

Embed = Callable[[Any], torch.Tensor]


def embedded_blocks(rows: StoredRows, embed: Embed) -> Iterator[FloatArray]:
    """Yields the positions of rows on disk, a block of a few megabytes of rows at a time.

    Args:
        rows: The rows.
        embed: Embeds a block, shape (b, …).

    Raises:
        ValueError: If a value is NaN or infinite; the message names the row of the file.
    """
    row_bytes = max(1, rows.numel() // max(1, len(rows)) * 8)
    start = 0
    for block in rows.split(max(1, _BLOCK_BYTES // row_bytes)):
        if block.is_floating_point() and not bool(block.sum(dtype=torch.float64).isfinite()):
            _refuse_non_finite(block, start, rows.reader.name)
        yield as_numpy(embed(block))
        start += len(block)


def embedding_of(rows: StoredRows, embed: Embed) -> torch.Tensor:
    """Returns the positions of rows on disk, which alone are in memory, shape (n, out_dim)."""
    result: AnyArray | None = None
    start = 0
    for block in embedded_blocks(rows, embed):
        if result is None:
            result = np.empty((len(rows), *block.shape[1:]), block.dtype)
        result[start : start + len(block)] = block
        start += len(block)
    # an empty file is refused by the checks of any rows
    return embed(rows) if result is None else torch.from_numpy(result)


def embed_to_file(X: Any, out: str | os.PathLike[str], embed: Embed) -> Path:
    """Writes the positions of rows to a file, which appears once all are written; returns its path.

    Args:
        X: Rows in any form; those on disk are read in blocks.
        out: An NPY file, which holds the positions; or a table, whose columns are ``x``, ``y``, …, in the format
            of the suffix: Parquet, Feather, CSV or TSV.
        embed: Embeds a block of rows.

    Raises:
        TableError: If the suffix is unknown.
        ValueError: If the file would replace one that is read, or values are not finite.
        OSError: If the file cannot be written.
    """
    file_format(out)
    if isinstance(X, StoredRows) and Path(out).exists() and Path(X.reader.name).resolve() == Path(out).resolve():
        raise ValueError(f"out must be another file than the rows, got {os.fspath(out)} for both. Choose another.")
    blocks = embedded_blocks(X, embed) if isinstance(X, StoredRows) else iter([as_numpy(embed(X))])
    first = next(blocks)
    n_axes = first.shape[1]
    names = list(_AXES[:n_axes]) if n_axes <= len(_AXES) else [f"e{i}" for i in range(n_axes)]
    with TableWriter(out, names) as writer:
        writer.write_positions(first)
        for block in blocks:
            writer.write_positions(block)
    return Path(out)


def sample_of(X: Any, y: Any, size: int, random_state: RandomState) -> tuple[Any, Any]:
    """Returns a random sample of rows, in memory and in their order, and of their targets.

    Args:
        X: Rows in any form, or a dict of named entries.
        y: Their targets, or ``None``.
        size: Number of rows, at least 2; all rows are returned as they are if there are no more.
        random_state: Draws the rows.

    Example:
        >>> X = np.arange(10.0)[:, None]
        >>> rows, targets = sample_of(X, list("abcdefghij"), 3, 0)
        >>> len(rows), all(target == "abcdefghij"[int(row)] for row, target in zip(rows[:, 0], targets))
        (3, True)
    """
    check_integer("sample", size, 2, remedy="1_000_000 suits most data.")
    entries = X if names_entries(X) else {"": X}
    n = number_of_rows(next(iter(entries.values())))
    for name, rows in entries.items():
        if number_of_rows(rows) != n:
            raise ValueError(
                f"all data entries must have the same number of rows, got {number_of_rows(rows)} in {name!r} and "
                f"{n} in the first. Pass the same rows in each."
            )
    if y is not None and number_of_rows(y) != n:
        raise ValueError(
            f"y must have one target a row, {n} in all, got {number_of_rows(y)}. Pass as many as rows."
        )
    if n <= size:
        return X, y
    seed = seed_of(random_state)
    generator = None if seed is None else torch.Generator().manual_seed(seed)
    chosen = torch.randperm(n, generator=generator)[:size].sort().values
    current_ranks().overwrite([chosen])  # without a seed, each process has drawn others
    drawn = {name: _selected(rows, chosen) for name, rows in entries.items()}
    return drawn if names_entries(X) else drawn[""], None if y is None else _selected(y, chosen)


def _selected(values: Any, chosen: torch.Tensor) -> Any:
    """Returns rows of any container, in the same container if it has a name for them."""
    index = chosen.numpy()
    if isinstance(values, StoredRows):
        return _read(values.take(chosen))
    if hasattr(values, "iloc"):
        return values.iloc[index]
    if hasattr(values, "take") and hasattr(values, "schema") and hasattr(values, "num_rows"):
        return values.take(index)  # a table of Arrow
    if isinstance(values, (list, tuple)):
        return [values[i] for i in index]
    if hasattr(values, "gather") or hasattr(values, "is_sparse"):
        return rows_of(values).take(chosen).stored
    return values[index]


def _read(rows: StoredRows) -> Any:
    """Returns rows of a file in memory: a tensor, or a data frame if the columns have names."""
    values = rows.dense()
    if not hasattr(rows, "columns"):
        return values
    return require_pandas().DataFrame(values.numpy(), columns=rows.columns)


def _refuse_non_finite(block: torch.Tensor, start: int, name: str) -> None:
    wrong = ~block.isfinite()
    if bool(wrong.any()):
        row, *column = (int(i) for i in wrong.nonzero()[0])
        where = f"row {start + row}" + (f", column {column[0]}" if column else "")
        kind = "NaN" if bool(block[(row, *column)].isnan()) else "infinity"
        raise ValueError(f"{name} contains {kind}, first at {where}. Impute these values or drop the rows.")
