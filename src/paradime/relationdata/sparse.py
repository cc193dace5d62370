"""A sparse n × n matrix."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any, Self

import numpy as np
import scipy.sparse
import torch

from paradime.relationdata._dense import as_values
from paradime.relationdata.base import RelationData
from paradime.types import AnyArray
from paradime.utils.convert import as_numpy, as_tensor, to_numpy

__all__ = ["SparseRelationArray"]


class SparseRelationArray(RelationData):
    """Relations of which most are zero, as SciPy CSR array.

    Args:
        relations: Anything that ``scipy.sparse.csr_array`` takes, shape (n, n).

    Raises:
        ValueError: If the shape is another.

    Example:
        >>> SparseRelationArray(np.eye(3)).total()
        tensor(3., dtype=torch.float64)
    """

    layout = "sparse"

    _symmetric = False
    """Whether the matrix is known to be symmetric; ``False`` says nothing."""

    def __init__(self, relations: Any) -> None:
        self.data = relations

    @classmethod
    def _of(cls, matrix: scipy.sparse.csr_array) -> Self:
        made = cls.__new__(cls)
        made._matrix = matrix
        return made

    @classmethod
    def _from_edges(cls, rows: torch.Tensor, cols: torch.Tensor, values: torch.Tensor, n_points: int) -> Self:
        coordinates = to_numpy(rows), to_numpy(cols)
        return cls._of(scipy.sparse.coo_array((to_numpy(values), coordinates), shape=(n_points, n_points)).tocsr())

    @property
    def data(self) -> scipy.sparse.csr_array:
        """The relations as CSR array of shape (n, n); memory is shared."""
        self._take_storage()
        return self._matrix

    @data.setter
    def data(self, data: Any) -> None:
        matrix = scipy.sparse.csr_array(data)
        if matrix.shape[0] != matrix.shape[1]:
            raise ValueError(f"sparse relations must have shape (n, n), got {matrix.shape}.")
        values = as_values(matrix.data)
        matrix = scipy.sparse.csr_array((to_numpy(values), matrix.indices, matrix.indptr), shape=matrix.shape)
        if not matrix.has_canonical_format:
            # an entry stored in parts is their sum, and so for functions that are not linear; a copy, since
            # SciPy sums in place
            matrix = matrix.copy()
            matrix.sum_duplicates()
        self._matrix = matrix
        self._symmetric = False
        self.__dict__.pop("_upper", None)

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
        sums = self._matrix.sum(axis=1)
        factors = 1 / np.where(sums == 0, 1, sums)
        repeated = np.repeat(factors, np.diff(self._matrix.indptr))
        return self.with_values(self.values * as_tensor(repeated).to(self.values.dtype))

    def symmetrized(self, *, subtract_product: bool = False) -> Self:
        matrix, transposed = self._matrix, self._matrix.T.tocsr()
        union = matrix + transposed
        if subtract_product:
            union = union - matrix * transposed
        else:
            union.data *= 0.5
        made = self._of(union)
        made._symmetric = True
        return made

    def normalized(self) -> RelationData:
        made = super().normalized()
        made._symmetric = self._symmetric  # type: ignore[attr-defined]
        return made

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
        chosen = to_numpy(indices)
        # rows first: only these are read
        if not self._symmetric:
            return as_tensor(self._matrix[chosen][:, chosen].toarray())
        # half of the entries tell all
        half = as_tensor(self._upper[chosen][:, chosen].toarray())
        return half + half.T

    @functools.cached_property
    def _upper(self) -> scipy.sparse.csr_array:
        """The entries above the diagonal, and half of those on it."""
        rows, cols = self._rows(), self._matrix.indices
        kept = cols >= rows
        values = np.where(cols[kept] == rows[kept], 0.5, 1).astype(self._matrix.dtype) * self._matrix.data[kept]
        starts = np.concatenate(([0], np.cumsum(kept)))[self._matrix.indptr]
        structure = cols[kept], starts.astype(cols.dtype)
        return scipy.sparse.csr_array((values, *structure), shape=self._matrix.shape)

    def edges(self) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        stored = self._matrix.tocoo()
        keep = stored.data != 0
        rows, cols = (as_tensor(index[keep]).to(torch.int64) for index in (stored.row, stored.col))
        return rows, cols, as_tensor(stored.data[keep])
