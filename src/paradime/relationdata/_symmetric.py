"""Symmetrisation of sparse matrices, in blocks of rows."""

from __future__ import annotations

import numpy as np
import scipy.sparse

from paradime.relationdata._rows import CSR, index_type, row_blocks

__all__ = ["mean_with_transpose", "union_with_transpose"]


def mean_with_transpose(matrix: CSR) -> scipy.sparse.csr_array:
    """Returns ½(M + Mᵀ) of a canonical CSR array, shape (n, n)."""
    return _with_transpose(matrix, subtract_product=False)


def union_with_transpose(matrix: CSR) -> scipy.sparse.csr_array:
    """Returns the fuzzy union M + Mᵀ − M∘Mᵀ of a canonical CSR array, shape (n, n)."""
    return _with_transpose(matrix, subtract_product=True)


def _with_transpose(matrix: CSR, *, subtract_product: bool) -> scipy.sparse.csr_array:
    matrix = _narrow(matrix)
    transposed = matrix.T.tocsr()
    # room for two matrices without a common entry; the system allocates memory only when it is written
    room = 2 * matrix.nnz
    index = index_type(matrix.shape[0], room)
    values, cols = np.empty(room, matrix.dtype), np.empty(room, index)
    starts = np.zeros(len(matrix.indptr), index)
    end = 0
    for rows in row_blocks(matrix.indptr):
        block, mirrored = _rows_of(matrix, rows), _rows_of(transposed, rows)
        union = block + mirrored
        if subtract_product:
            union = union - block * mirrored
        else:
            union.data *= 0.5
        written = slice(end, end + union.nnz)
        values[written], cols[written] = union.data[: union.nnz], union.indices[: union.nnz]
        starts[rows.start + 1 : rows.stop + 1] = union.indptr[1:] + end
        end += union.nnz
    # resized in place, because slices would keep all of the memory
    values.resize(end, refcheck=False)
    cols.resize(end, refcheck=False)
    return scipy.sparse.csr_array((values, cols, starts), shape=matrix.shape)


def _narrow(matrix: CSR) -> scipy.sparse.csr_array:
    """Returns the matrix with indices of the smallest dtype that its sum with the transpose allows."""
    index = index_type(matrix.shape[0], 2 * matrix.nnz)
    cols, starts = matrix.indices.astype(index, copy=False), matrix.indptr.astype(index, copy=False)
    return scipy.sparse.csr_array((matrix.data, cols, starts), shape=matrix.shape)


def _rows_of(matrix: CSR, rows: slice) -> scipy.sparse.csr_array:
    """Returns a block of rows of a canonical matrix, which shares the memory of the entries."""
    starts = matrix.indptr[rows.start : rows.stop + 1]
    entries = slice(starts[0], starts[-1])
    shape = rows.stop - rows.start, matrix.shape[1]
    block = scipy.sparse.csr_array(
        (matrix.data[entries], matrix.indices[entries], starts - starts[0]), shape=shape
    )
    # set here, because SciPy would read all entries to determine it
    block.has_canonical_format = True
    return block
