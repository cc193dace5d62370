"""The sparse layout: a CSR matrix of shape (n, n)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Self

import numpy as np
import scipy.sparse
import torch

from paradime.relationdata._one_tensor import as_indices, as_values
from paradime.relationdata._rows import (
    CSR,
    index_type,
    read_all_entries,
    read_block,
    read_entries,
    row_blocks,
    upper_half,
)
from paradime.relationdata.base import RelationData, register_container
from paradime.types import AnyArray
from paradime.utils.convert import as_numpy, as_tensor, to_numpy

__all__ = ["SparseRelationArray"]


def _mean_with_transpose(matrix: CSR) -> scipy.sparse.csr_array:
    """Returns ½(M + Mᵀ) of a canonical CSR array, shape (n, n)."""
    return _with_transpose(matrix, subtract_product=False)


def _union_with_transpose(matrix: CSR) -> scipy.sparse.csr_array:
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


@register_container("sparse array")
class SparseRelationArray(RelationData):
    """Relations that are mostly zero, as SciPy CSR matrix.

    ``data`` is a ``csr_matrix``, as in version 1: ``m * m`` is the product of matrices, and ``m.sum(axis=1)`` a
    matrix of shape (n, 1), so that ``m / m.sum(axis=1)`` divides each row by its sum.

    Args:
        relations: Anything that ``scipy.sparse.csr_array`` takes, shape (n, n).

    Raises:
        ValueError: If the relations have another shape.

    Example:
        >>> SparseRelationArray(np.eye(3)).total()
        tensor(3., dtype=torch.float64)
    """

    layout = "sparse"

    _symmetric = False
    """Whether the matrix is known to be symmetric; ``False`` means unknown."""

    # of the matrix, once somebody has asked for it
    _known_upper: tuple[AnyArray, AnyArray, AnyArray] | None = None
    _known_diagonal: bool | None = None

    def __init__(self, relations: Any) -> None:
        self.data = relations

    @classmethod
    def _of(cls, matrix: CSR) -> Self:
        relations = cls.__new__(cls)
        # shares memory; this module uses no operators such as *, which differ between csr_matrix and csr_array
        relations._matrix = scipy.sparse.csr_matrix(matrix)
        return relations

    @classmethod
    def _from_edges(cls, rows: torch.Tensor, cols: torch.Tensor, values: torch.Tensor, n_points: int) -> Self:
        coordinates = to_numpy(rows), to_numpy(cols)
        return cls._of(scipy.sparse.coo_array((to_numpy(values), coordinates), shape=(n_points, n_points)).tocsr())

    @classmethod
    def _from(cls, relations: RelationData) -> Self:
        return cls._from_edges(*relations.edges(), relations.n_points)

    @property
    def data(self) -> scipy.sparse.csr_matrix:
        """The relations as CSR matrix of shape (n, n), which shares memory with the container."""
        self._take_storage()
        return self._matrix

    @data.setter
    def data(self, data: Any) -> None:
        matrix = scipy.sparse.csr_array(data)
        if matrix.shape[0] != matrix.shape[1]:
            raise ValueError(f"sparse relations must have shape (n, n), got {matrix.shape}. Pass a square matrix.")
        values = as_values(matrix.data)
        matrix = scipy.sparse.csr_array((to_numpy(values), matrix.indices, matrix.indptr), shape=matrix.shape)
        if not matrix.has_canonical_format:
            # duplicate entries must be summed before a non-linear function is applied; SciPy sums in place
            matrix = matrix.copy()
            matrix.sum_duplicates()
        self._matrix = scipy.sparse.csr_matrix(matrix)
        self._symmetric = False
        self._known_upper = self._known_diagonal = None

    def _copy_storage(self) -> None:
        self.data = self._matrix.copy()

    @property
    def n_points(self) -> int:
        return int(self._matrix.shape[0])

    @property
    def values(self) -> torch.Tensor:
        return as_tensor(self._matrix.data)

    def with_values(self, values: torch.Tensor) -> Self:
        structure = self._matrix.indices, self._matrix.indptr
        return self._of(scipy.sparse.csr_array((to_numpy(values), *structure), shape=self._matrix.shape))

    def total(self) -> torch.Tensor:
        return as_tensor(self._matrix.data).sum()

    def row_normalized(self) -> Self:
        sums = np.asarray(self._matrix.sum(axis=1)).ravel()
        factors = 1 / np.where(sums == 0, 1, sums)
        repeated = np.repeat(factors, np.diff(self._matrix.indptr))
        return self.with_values(self.values * as_tensor(repeated).to(self.values.dtype))

    def symmetrized(self, *, subtract_product: bool = False) -> Self:
        combine = _union_with_transpose if subtract_product else _mean_with_transpose
        relations = self._of(combine(self._matrix))
        relations._symmetric = True
        return relations

    def normalized(self) -> RelationData:
        relations = super().normalized()
        relations._symmetric = self._symmetric  # type: ignore[attr-defined]
        return relations

    def map_rows(self, function: Callable[[torch.Tensor], torch.Tensor]) -> Self:
        others = self._off_diagonal()
        rows = self._rows()[as_numpy(others)]
        counts = np.bincount(rows, minlength=self.n_points)
        filled = as_tensor(np.arange(counts.max(initial=0)) < counts[:, None])
        padded = torch.full(filled.shape, torch.inf, dtype=self.values.dtype)
        mapped = function(padded.masked_scatter_(filled, self.values[others]))[filled]
        return self.with_values(mapped.new_zeros(others.shape).masked_scatter_(others, mapped))

    def without_diagonal(self) -> Self:
        return self.with_values(torch.where(self._off_diagonal(), self.values, 0))

    def _rows(self) -> AnyArray:
        return np.repeat(np.arange(self.n_points), np.diff(self._matrix.indptr))

    def _off_diagonal(self) -> torch.Tensor:
        return as_tensor(self._rows() != self._matrix.indices)

    def to_square(self) -> torch.Tensor:
        return as_tensor(self._matrix.toarray())

    def sub(self, indices: torch.Tensor | AnyArray | list[int]) -> torch.Tensor:
        chosen, matrix = to_numpy(indices), self._matrix
        if chosen.dtype.kind in "iu" and len(chosen) and chosen.min() >= 0 and chosen.max() < self.n_points:
            # of a symmetric matrix, half of the entries suffice
            entries = self._upper if self._symmetric else (matrix.indices, matrix.data, matrix.indptr)
            cols, values, starts = entries
            chosen = chosen.astype(np.int64, copy=False)
            block = read_block(cols, values, starts, chosen, mirrored=self._symmetric)
            if block is not None:
                return as_tensor(block)
        # repeated or negative indices; selecting rows first limits the entries that are read
        return as_tensor(matrix[chosen][:, chosen].toarray())

    def sub_pairs(
        self, indices: torch.Tensor | AnyArray | list[int]
    ) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor] | None:
        if not self._symmetric or self._has_diagonal:
            return None
        entries = read_entries(*self._upper, as_numpy(as_indices(indices, torch.device("cpu"))))
        return None if entries is None else (as_tensor(entries[0]), as_tensor(entries[1]), as_tensor(entries[2]))

    def sub_pairs_of(
        self, batches: Sequence[torch.Tensor]
    ) -> list[tuple[torch.Tensor, torch.Tensor, torch.Tensor]] | None:
        if not self._symmetric or self._has_diagonal:
            return None
        chosen = [as_numpy(as_indices(batch, torch.device("cpu"))) for batch in batches]
        entries = read_all_entries(*self._upper, chosen)
        return [(as_tensor(rows), as_tensor(cols), as_tensor(values)) for rows, cols, values in entries]

    @property
    def _has_diagonal(self) -> bool:
        if self._known_diagonal is None:
            self._known_diagonal = bool((self._matrix.diagonal() != 0).any())
        return self._known_diagonal

    @property
    def _upper(self) -> tuple[AnyArray, AnyArray, AnyArray]:
        if self._known_upper is None:
            self._known_upper = upper_half(self._matrix)
        return self._known_upper

    def to_sparse_array(self) -> RelationData:
        if self._matrix.count_nonzero() == self._matrix.nnz:
            return self
        return super().to_sparse_array()

    def edges(self) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        stored = self._matrix.tocoo()
        keep = stored.data != 0
        rows, cols = (as_tensor(index[keep]).to(torch.int64) for index in (stored.row, stored.col))
        return rows, cols, as_tensor(stored.data[keep])
