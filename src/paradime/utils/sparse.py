"""Sparse matrices that are read by dense rows."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import scipy.sparse
import torch

from paradime.types import AnyArray
from paradime.utils.convert import as_tensor

__all__ = ["MAX_DENSE_BYTES", "SparseRows", "is_sparse", "without_offset"]

MAX_DENSE_BYTES = 1 << 30
"""The largest block of rows that is converted to dense at once."""

_INDEX_TYPES = {np.dtype(np.int32): torch.int32, np.dtype(np.int64): torch.int64}


def is_sparse(values: Any) -> bool:
    """Returns whether a value is a sparse matrix of SciPy or torch, or :class:`SparseRows`."""
    if isinstance(values, torch.Tensor):
        return values.layout != torch.strided
    return isinstance(values, SparseRows) or bool(scipy.sparse.issparse(values))


class SparseRows:
    """A sparse matrix that is indexed by rows like a tensor; the selected rows are dense.

    A data set can hold it in place of a tensor. Batches and other readers of rows work as with dense data, and
    only the rows that they select are dense.

    Args:
        matrix: A sparse matrix or array of SciPy in any format, or a sparse tensor, shape (n, d). Entries that are
            stored twice are summed.

    Raises:
        ValueError: If the matrix is not two-dimensional.
        TypeError: If it is not numeric.

    Example:
        >>> rows = SparseRows(scipy.sparse.eye_array(4, format="csr"))
        >>> rows.shape, rows[1], rows[[0, 3]].dtype
        ((4, 4), tensor([0., 1., 0., 0.], dtype=torch.float64), torch.float64)
    """

    ndim = 2

    def __init__(self, matrix: Any) -> None:
        if isinstance(matrix, torch.Tensor):
            matrix = _scipy_of(matrix)
        if matrix.ndim != 2:
            raise ValueError(f"Expected 2D sparse data, got shape {tuple(matrix.shape)}. Pass a matrix of rows.")
        csr = scipy.sparse.csr_array(matrix)
        if csr.dtype.kind not in "biufc":
            raise TypeError(f"expected numbers, got a sparse matrix of dtype {csr.dtype}. Encode them as numbers.")
        if not csr.has_canonical_format:
            # a copy, so that the user's matrix does not change
            csr = csr.copy()
            csr.sum_duplicates()
        self._starts = torch.from_numpy(csr.indptr.astype(np.int64))
        self._columns = torch.from_numpy(csr.indices.astype(_index_dtype(csr.indices), copy=False))
        self._values = as_tensor(csr.data)
        self.shape: tuple[int, int] = csr.shape

    # -- interface of tensors -------------------------------------------------------------------------

    @property
    def dtype(self) -> torch.dtype:
        """The type of the entries."""
        return self._values.dtype

    @property
    def device(self) -> torch.device:
        """The device of the entries."""
        return self._values.device

    @property
    def is_cuda(self) -> bool:
        """Whether the entries are on a CUDA device."""
        return self._values.is_cuda

    @property
    def values(self) -> torch.Tensor:
        """The stored entries in row-major order; all others are zero."""
        return self._values

    def __len__(self) -> int:
        return self.shape[0]

    def numel(self) -> int:
        """Returns n · d, the number of entries of the dense matrix."""
        return self.shape[0] * self.shape[1]

    def is_floating_point(self) -> bool:
        """Returns whether the type is a floating-point type."""
        return self._values.is_floating_point()

    def is_complex(self) -> bool:
        """Returns whether the type is complex."""
        return self._values.is_complex()

    def detach(self) -> SparseRows:
        """Returns the same rows, which never require gradients."""
        return self

    def contiguous(self) -> SparseRows:
        """Returns the same rows, which are always in row-major order."""
        return self

    def to(self, *args: Any, **kwargs: Any) -> SparseRows:
        """Returns the rows in another type or on another device; memory is shared if possible."""
        values = self._values.to(*args, **kwargs)
        if values is self._values:
            return self
        return self._with(values, self._starts.to(values.device), self._columns.to(values.device))

    def __getitem__(self, rows: Any) -> torch.Tensor:
        """Returns rows as a dense tensor: one for an integer, several for a slice, list, mask or tensor."""
        if isinstance(rows, int):
            return self.index_select(0, torch.tensor([range(len(self))[rows]], device=self.device))[0]
        if isinstance(rows, tuple):
            raise TypeError(
                "sparse rows take one index, got several. Select rows first: rows[i][j], not rows[i, j]."
            )
        index = self._index(rows)
        return self.index_select(0, index.reshape(-1)).view(*index.shape, self.shape[1])

    def index_select(self, dim: int, index: torch.Tensor) -> torch.Tensor:
        """Returns selected rows as a dense tensor, shape (m, d).

        Args:
            dim: Must be 0.
            index: The indices of the rows, shape (m,).

        Raises:
            ValueError: If ``dim`` is not 0.
            MemoryError: If the dense rows would take more than :data:`MAX_DENSE_BYTES`.
        """
        if dim != 0:
            raise ValueError(f"dim must be 0 for sparse rows, got {dim}. Convert them: rows.to_scipy().")
        self._check_dense_size(len(index))
        index = index.to(self.device, torch.int64)
        entries, row = self._entries_of(index)
        dense = self._values.new_zeros(len(index) * self.shape[1])
        dense[row * self.shape[1] + self._columns.index_select(0, entries)] = self._values.index_select(0, entries)
        return dense.view(len(index), self.shape[1])

    def split(self, size: int) -> Iterator[torch.Tensor]:
        """Yields successive blocks of rows as dense tensors."""
        for start in range(0, len(self), max(1, size)):
            yield self[start : start + max(1, size)]

    def __iter__(self) -> Iterator[torch.Tensor]:
        return (self[i] for i in range(len(self)))

    def mean(self, dim: int = 0) -> torch.Tensor:
        """Returns the means of the columns, shape (d,), float64 for entries in float64, else float32."""
        if dim != 0:
            raise ValueError(
                f"dim must be 0 for the mean of sparse rows, got {dim}. Convert them: rows.to_scipy()."
            )
        sums = torch.zeros(self.shape[1], dtype=torch.float64, device=self.device)
        sums.index_add_(0, self._columns, self._values.to(torch.float64))
        return (sums / len(self)).to(torch.float64 if self.dtype == torch.float64 else torch.float32)

    def mean_and_deviation(self) -> tuple[torch.Tensor, torch.Tensor]:
        """Returns the means and standard deviations of the columns, shape (d,) each, float64.

        Example:
            >>> SparseRows(scipy.sparse.csr_array([[1.0, 3.0], [0.0, 3.0]])).mean_and_deviation()
            (tensor([0.5000, 3.0000], dtype=torch.float64), tensor([0.5000, 0.0000], dtype=torch.float64))
        """
        values, n = self._values.to(torch.float64), len(self)
        sums = values.new_zeros(self.shape[1])
        mean = sums.index_add(0, self._columns, values) / n
        squares = sums.index_add(0, self._columns, (values - mean[self._columns]).square())
        n_stored = sums.index_add(0, self._columns, torch.ones_like(values))
        return mean, ((squares + (n - n_stored) * mean.square()) / n).sqrt()

    def scaled(self, factor: float) -> SparseRows:
        """Returns the rows multiplied by a number."""
        return self._with(self._values * factor, self._starts, self._columns)

    def max_abs_per_row(self) -> torch.Tensor:
        """Returns the largest absolute value of each row, shape (n,)."""
        matrix = self.to_scipy()
        return torch.from_numpy(abs(matrix).max(axis=1).toarray().reshape(-1)).to(self.device)

    # -- interface of sparse matrices -----------------------------------------------------------------

    def take(self, rows: Any) -> SparseRows:
        """Returns selected rows as sparse rows; ``rows`` as for ``[]``."""
        index = self._index(rows).to(torch.int64)
        entries, _ = self._entries_of(index)
        counts = (self._starts[1:] - self._starts[:-1])[index]
        starts = torch.nn.functional.pad(counts.cumsum(0), (1, 0))
        selected = self._with(self._values[entries], starts, self._columns[entries])
        selected.shape = (len(index), self.shape[1])
        return selected

    def to_scipy(self) -> scipy.sparse.csr_array:
        """Returns the rows as a SciPy array, which shares memory with rows on the CPU and must not be changed."""
        parts = (self._values, self._columns, self._starts)
        values, columns, starts = (part.detach().cpu().numpy() for part in parts)
        matrix = scipy.sparse.csr_array((values, columns, starts.astype(columns.dtype)), shape=self.shape)
        matrix.has_sorted_indices = matrix.has_canonical_format = True
        return matrix

    def column_of(self, entries: torch.Tensor) -> torch.Tensor:
        """Returns the columns of stored entries, given their indices in :attr:`values`."""
        return self._columns[entries]

    def row_of(self, entry: int) -> int:
        """Returns the row of a stored entry, given its index in :attr:`values`."""
        return int(torch.searchsorted(self._starts, entry, right=True)) - 1

    def __array__(self, *args: Any, **kwargs: Any) -> AnyArray:
        raise TypeError(
            "sparse rows are not converted to a dense array as a whole. Select some, rows[indices], or use the "
            "SciPy array, rows.to_scipy()."
        )

    def __repr__(self) -> str:
        return f"SparseRows(shape={self.shape}, stored={len(self._values)}, dtype={self.dtype})"

    # -- helpers --------------------------------------------------------------------------------------

    def _with(self, values: torch.Tensor, starts: torch.Tensor, columns: torch.Tensor) -> SparseRows:
        rows = SparseRows.__new__(SparseRows)
        rows._values, rows._starts, rows._columns, rows.shape = values, starts, columns, self.shape
        return rows

    def _index(self, rows: Any) -> torch.Tensor:
        """Returns the indices of rows that are selected in any way that tensors support."""
        if isinstance(rows, slice):
            return torch.arange(len(self), device=self.device)[rows]
        index = torch.as_tensor(rows, device=self.device)
        if index.dtype == torch.bool:
            return index.nonzero().squeeze(1)
        return torch.where(index < 0, index + len(self), index)

    def _entries_of(self, index: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Returns the indices of the stored entries of rows, and the position in ``index`` of the row of each."""
        starts = self._starts.index_select(0, index)
        counts = self._starts.index_select(0, index + 1) - starts
        row = torch.repeat_interleave(counts)
        ends = counts.cumsum(0)
        first = starts - ends + counts  # a row's first entry, minus the number of entries before it
        return torch.arange(len(row), device=row.device) + first.index_select(0, row), row

    def _check_dense_size(self, n_rows: int) -> None:
        n_bytes = n_rows * self.shape[1] * self._values.element_size()
        if n_bytes > MAX_DENSE_BYTES:
            raise MemoryError(
                f"{n_rows} rows of {self.shape[1]} columns would take {n_bytes / 2**30:.1f} GB when dense, more "
                f"than {MAX_DENSE_BYTES / 2**30:g} GB. Select fewer rows at once (batch_size)."
            )


def without_offset(*matrices: scipy.sparse.csr_array) -> list[scipy.sparse.csr_array]:
    """Subtracts the first row in the columns that all rows store; differences of rows do not change.

    Args:
        *matrices: Shape (n, d) each, n at least 1, without entries that are stored twice.

    Example:
        >>> without_offset(scipy.sparse.csr_array([[1e9, 0.0], [1e9 + 1, 2.0]]))[0].toarray()
        array([[0., 0.],
               [1., 2.]])
    """
    n_columns = matrices[0].shape[1]
    first = np.zeros(n_columns)
    row = slice(0, matrices[0].indptr[1])
    first[matrices[0].indices[row]] = matrices[0].data[row]
    for matrix in matrices:
        first[np.bincount(matrix.indices, minlength=n_columns) < matrix.shape[0]] = 0
    return [
        scipy.sparse.csr_array(
            (matrix.data - first[matrix.indices], matrix.indices, matrix.indptr), shape=matrix.shape
        )
        for matrix in matrices
    ]


def _index_dtype(indices: AnyArray) -> np.dtype[Any]:
    return indices.dtype if indices.dtype in _INDEX_TYPES else np.dtype(np.int64)


def _scipy_of(tensor: torch.Tensor) -> scipy.sparse.csr_array:
    coo = tensor.detach().cpu().to_sparse_coo().coalesce()  # type: ignore[no-untyped-call]
    return scipy.sparse.csr_array((coo.values().numpy(), coo.indices().numpy()), shape=tuple(coo.shape))
