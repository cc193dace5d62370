"""Row-wise operations of the sparse layout, with small temporaries."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import TypeAlias

import numpy as np
import scipy.sparse

from paradime.types import AnyArray

__all__ = [
    "CSR",
    "index_type",
    "read_all_entries",
    "read_block",
    "read_entries",
    "row_blocks",
    "row_numbers",
    "upper_half",
]

CSR: TypeAlias = scipy.sparse.csr_array | scipy.sparse.csr_matrix
"""A CSR array or matrix of SciPy; they differ in the meaning of operators such as ``*``."""

_BLOCK_ENTRIES = 1 << 21


def index_type(n_points: int, n_entries: int) -> type[np.signedinteger]:
    """Returns int32 if it can index all points and all entries, else int64."""
    return np.int32 if max(n_points, n_entries) <= np.iinfo(np.int32).max else np.int64


def row_blocks(starts: AnyArray, entries: int = _BLOCK_ENTRIES) -> Iterator[slice]:
    """Splits rows into blocks with about the same number of entries, at least one row each.

    Args:
        starts: Start of each row, and end of the last one, shape (n + 1,).
        entries: Largest number of entries of a block of several rows.

    Yields:
        Slices of rows, in order.
    """
    n, first = len(starts) - 1, 0
    while first < n:
        limit = int(starts[first]) + entries
        stop = max(first + 1, int(np.searchsorted(starts, limit, side="right")) - 1)
        yield slice(first, stop)
        first = stop


def row_numbers(starts: AnyArray, rows: slice) -> AnyArray:
    """Returns the row index of every entry in a block of rows, in the dtype of ``starts``."""
    counts = np.diff(starts[rows.start : rows.stop + 1])
    return np.repeat(np.arange(rows.start, rows.stop, dtype=starts.dtype), counts)


def upper_half(matrix: CSR) -> tuple[AnyArray, AnyArray, AnyArray]:
    """Returns columns, values and row starts of the entries on and above the diagonal.

    Columns have the smallest dtype that can index the points, which makes reading faster.
    """
    n = matrix.shape[0]
    column_type = np.min_scalar_type(max(0, n - 1))
    starts = np.zeros(n + 1, np.int64)
    cols, values = [np.empty(0, column_type)], [matrix.data[:0]]
    for rows in row_blocks(matrix.indptr):
        entries = slice(matrix.indptr[rows.start], matrix.indptr[rows.stop])
        row_indices = row_numbers(matrix.indptr, rows)
        is_upper = matrix.indices[entries] >= row_indices
        cols.append(matrix.indices[entries][is_upper].astype(column_type))
        values.append(matrix.data[entries][is_upper])
        starts[rows.start + 1 : rows.stop + 1] = np.bincount(
            row_indices[is_upper] - rows.start, minlength=rows.stop - rows.start
        )
    return np.concatenate(cols), np.concatenate(values), starts.cumsum()


def read_block(
    cols: AnyArray, values: AnyArray, starts: AnyArray, chosen: AnyArray, *, mirrored: bool
) -> AnyArray | None:
    """Returns the block of a matrix at given points.

    Args:
        cols: Columns of the entries, row by row, shape (m,), distinct within a row.
        values: The entries, shape (m,).
        starts: Start of each row, and end of the last one, shape (n + 1,).
        chosen: Indices of the points, in [0, n), shape (b,).
        mirrored: Whether each entry also represents its mirror image.

    Returns:
        Shape (b, b), or ``None`` if a point is chosen twice, which is not supported.
    """
    entries = read_entries(cols, values, starts, chosen)
    if entries is None:
        return None
    block_rows, block_cols, block_values = entries
    b = len(chosen)
    block = np.zeros(b * b, values.dtype)
    block[block_rows.astype(np.int64) * b + block_cols] = block_values
    if mirrored:
        block[block_cols.astype(np.int64) * b + block_rows] = block_values
    return block.reshape(b, b)


def read_entries(
    cols: AnyArray, values: AnyArray, starts: AnyArray, chosen: AnyArray
) -> tuple[AnyArray, AnyArray, AnyArray] | None:
    """Returns rows and columns in [0, b) and values of entries between given points; see :func:`read_block`."""
    n, b = len(starts) - 1, len(chosen)
    order, positions = np.arange(b, dtype=np.int32), np.empty(n, np.int32)
    positions[chosen] = order
    if not np.array_equal(positions[chosen], order):
        return None
    is_chosen = np.zeros(n, np.bool_)
    is_chosen[chosen] = True
    firsts, ends = starts[chosen].astype(np.int64), starts[chosen + 1].astype(np.int64)
    read = _joined(cols, firsts, ends)
    inside = np.flatnonzero(is_chosen.take(read))
    # few entries are inside, so that searching the row ends among them is fast
    offsets = np.concatenate(([0], np.cumsum(ends - firsts)))
    counts = np.diff(np.searchsorted(inside, offsets))
    block_rows, block_cols = np.repeat(order, counts), positions.take(read.take(inside))
    return block_rows, block_cols, values.take(inside + np.repeat(firsts - offsets[:-1], counts))


def read_all_entries(
    cols: AnyArray, values: AnyArray, starts: AnyArray, batches: Sequence[AnyArray]
) -> list[tuple[AnyArray, AnyArray, AnyArray]]:
    """Returns the result of :func:`read_entries` for several disjoint sets of points, in one pass over entries.

    Args:
        cols: Columns of the entries, row by row, shape (m,), distinct within a row.
        values: The entries, shape (m,).
        starts: Start of each row, and end of the last one, shape (n + 1,).
        batches: Disjoint sets of points in [0, n), at least one.
    """
    n = len(starts) - 1
    labels, positions = np.zeros(n, np.min_scalar_type(len(batches))), np.empty(n, np.int32)
    for label, chosen in enumerate(batches, start=1):
        labels[chosen], positions[chosen] = label, np.arange(len(chosen))
    blocks = [_within_a_label(cols, values, starts, rows, labels) for rows in row_blocks(starts)]
    firsts, seconds, inside = (np.concatenate(arrays) for arrays in zip(*blocks, strict=True))
    owners = labels.take(firsts)
    # a stable sort of small integers is a fast radix sort
    order = np.argsort(owners, kind="stable")
    ends = np.bincount(owners, minlength=len(batches) + 1).cumsum()
    firsts, seconds, inside = (
        positions.take(firsts.take(order)),
        positions.take(seconds.take(order)),
        inside.take(order),
    )
    slices = [slice(first, end) for first, end in pairwise(ends)]
    return [(firsts[batch], seconds[batch], inside[batch]) for batch in slices]


def _within_a_label(
    cols: AnyArray, values: AnyArray, starts: AnyArray, rows: slice, labels: AnyArray
) -> tuple[AnyArray, AnyArray, AnyArray]:
    """Returns rows, columns and values of the entries in a block of rows whose two points have the same label."""
    bounds = starts[rows.start : rows.stop + 1]
    entries = slice(bounds[0], bounds[-1])
    counts = np.diff(bounds)
    same = np.repeat(labels[rows], counts) == labels.take(cols[entries])
    inside = np.flatnonzero(same)
    inside_counts = np.diff(np.searchsorted(inside, bounds - bounds[0]))
    firsts = np.repeat(np.arange(rows.start, rows.stop), inside_counts)
    return firsts, cols[entries].take(inside), values[entries].take(inside)


def _joined(array: AnyArray, firsts: AnyArray, ends: AnyArray) -> AnyArray:
    """Concatenates slices of an array; joining bytes is the fastest way to copy many short slices."""
    memory, size = array.view(np.uint8).data, array.itemsize
    slices = zip((firsts * size).tolist(), (ends * size).tolist(), strict=True)
    return np.frombuffer(b"".join([memory[first:end] for first, end in slices]), array.dtype)
