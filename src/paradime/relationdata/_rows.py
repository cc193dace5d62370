"""What the sparse layout does by rows: small temporaries however many entries there are."""

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
"""Compressed sparse rows of either kind, which differ in what operators such as ``*`` mean."""

_BLOCK_ENTRIES = 1 << 21


def index_type(n_points: int, n_entries: int) -> type[np.signedinteger]:
    """Returns the smaller of int32 and int64 that numbers all points and all entries."""
    return np.int32 if max(n_points, n_entries) <= np.iinfo(np.int32).max else np.int64


def row_blocks(starts: AnyArray, entries: int = _BLOCK_ENTRIES) -> Iterator[slice]:
    """Cuts rows into runs of about as many entries, at least one row each.

    Args:
        starts: Where the rows start and the last one ends, shape (n + 1,).
        entries: How many entries a run may have, unless a single row has more.

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
    """Returns the row of every entry in a run of rows, in the type of ``starts``."""
    counts = np.diff(starts[rows.start : rows.stop + 1])
    return np.repeat(np.arange(rows.start, rows.stop, dtype=starts.dtype), counts)


def upper_half(matrix: CSR) -> tuple[AnyArray, AnyArray, AnyArray]:
    """Returns columns, values and starts of the rows of the entries on and above the diagonal.

    Columns have the smallest type that numbers the points: what is read less is read faster.
    """
    n = matrix.shape[0]
    column_type = np.min_scalar_type(max(0, n - 1))
    starts = np.zeros(n + 1, np.int64)
    cols, values = [np.empty(0, column_type)], [matrix.data[:0]]
    for rows in row_blocks(matrix.indptr):
        entries = slice(matrix.indptr[rows.start], matrix.indptr[rows.stop])
        numbers = row_numbers(matrix.indptr, rows)
        kept = matrix.indices[entries] >= numbers
        cols.append(matrix.indices[entries][kept].astype(column_type))
        values.append(matrix.data[entries][kept])
        starts[rows.start + 1 : rows.stop + 1] = np.bincount(
            numbers[kept] - rows.start, minlength=rows.stop - rows.start
        )
    return np.concatenate(cols), np.concatenate(values), starts.cumsum()


def read_block(
    cols: AnyArray, values: AnyArray, starts: AnyArray, chosen: AnyArray, *, mirrored: bool
) -> AnyArray | None:
    """Returns the block of a matrix at some points.

    Args:
        cols: Columns of the entries, row by row, shape (m,); none occurs twice in a row.
        values: The entries, shape (m,).
        starts: Where the rows start and the last one ends, shape (n + 1,).
        chosen: Which points, in [0, n), shape (b,).
        mirrored: Whether each entry stands for its mirror image, too.

    Returns:
        Shape (b, b), or ``None`` if a point is chosen twice, which this does not know.
    """
    entries = read_entries(cols, values, starts, chosen)
    if entries is None:
        return None
    rows, places, found = entries
    b = len(chosen)
    block = np.zeros(b * b, values.dtype)
    block[rows.astype(np.int64) * b + places] = found
    if mirrored:
        block[places.astype(np.int64) * b + rows] = found
    return block.reshape(b, b)


def read_entries(
    cols: AnyArray, values: AnyArray, starts: AnyArray, chosen: AnyArray
) -> tuple[AnyArray, AnyArray, AnyArray] | None:
    """Returns rows and columns in [0, b) and values of the entries between some points; see :func:`read_block`."""
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
    # what is inside is little of what is read: its rows are found by where the rows end in it
    offsets = np.concatenate(([0], np.cumsum(ends - firsts)))
    counts = np.diff(np.searchsorted(inside, offsets))
    rows, places = np.repeat(order, counts), positions.take(read.take(inside))
    return rows, places, values.take(inside + np.repeat(firsts - offsets[:-1], counts))


def read_all_entries(
    cols: AnyArray, values: AnyArray, starts: AnyArray, batches: Sequence[AnyArray]
) -> list[tuple[AnyArray, AnyArray, AnyArray]]:
    """Returns for each of some disjoint sets of points what :func:`read_entries` does, in one pass over all.

    Args:
        cols: Columns of the entries, row by row, shape (m,); none occurs twice in a row.
        values: The entries, shape (m,).
        starts: Where the rows start and the last one ends, shape (n + 1,).
        batches: Disjoint sets of points in [0, n), at least one.
    """
    n = len(starts) - 1
    labels, positions = np.zeros(n, np.min_scalar_type(len(batches))), np.empty(n, np.int32)
    for label, chosen in enumerate(batches, start=1):
        labels[chosen], positions[chosen] = label, np.arange(len(chosen))
    parts = [_within_a_label(cols, values, starts, rows, labels) for rows in row_blocks(starts)]
    firsts, seconds, found = (np.concatenate(part) for part in zip(*parts, strict=True))
    owners = labels.take(firsts)
    # sorted by counting, as the labels are small numbers
    order = np.argsort(owners, kind="stable")
    ends = np.bincount(owners, minlength=len(batches) + 1).cumsum()
    firsts, seconds, found = (
        positions.take(firsts.take(order)),
        positions.take(seconds.take(order)),
        found.take(order),
    )
    places = [slice(first, end) for first, end in pairwise(ends)]
    return [(firsts[place], seconds[place], found[place]) for place in places]


def _within_a_label(
    cols: AnyArray, values: AnyArray, starts: AnyArray, rows: slice, labels: AnyArray
) -> tuple[AnyArray, AnyArray, AnyArray]:
    """Returns rows, columns and values of those entries in a run of rows whose two points have the same label."""
    bounds = starts[rows.start : rows.stop + 1]
    entries = slice(bounds[0], bounds[-1])
    counts = np.diff(bounds)
    same = np.repeat(labels[rows], counts) == labels.take(cols[entries])
    places = np.flatnonzero(same)
    found_counts = np.diff(np.searchsorted(places, bounds - bounds[0]))
    firsts = np.repeat(np.arange(rows.start, rows.stop), found_counts)
    return firsts, cols[entries].take(places), values[entries].take(places)


def _joined(array: AnyArray, firsts: AnyArray, ends: AnyArray) -> AnyArray:
    """Returns the runs of an array one after another; joining bytes is the fastest way to copy many short runs."""
    memory, size = array.view(np.uint8).data, array.itemsize
    runs = zip((firsts * size).tolist(), (ends * size).tolist(), strict=True)
    return np.frombuffer(b"".join([memory[first:end] for first, end in runs]), array.dtype)
