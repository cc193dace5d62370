"""Sparse matrices that are read by dense rows."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from typing import Any

import numpy as np
import scipy.sparse
import torch

from paradime.types import AnyArray
from paradime.utils.convert import as_numpy, as_tensor
from paradime.utils.row_protocol import MAX_DENSE_BYTES, Condition, Rows

__all__ = ["MAX_DENSE_BYTES", "SparseRows", "is_sparse", "sparse_sq_dists", "without_offset"]

_PAIR_ENTRIES = 1 << 22  # number of stored entries of rows whose differences are computed at a time
_INDEX_TYPES = {np.dtype(np.int32): torch.int32, np.dtype(np.int64): torch.int64}


def is_sparse(values: Any) -> bool:
    """Returns whether a value is a sparse matrix of SciPy or torch, or :class:`SparseRows`."""
    if isinstance(values, torch.Tensor):
        return values.layout != torch.strided
    return isinstance(values, SparseRows) or bool(scipy.sparse.issparse(values))


class SparseRows(Rows):
    """A sparse matrix that is indexed by rows like a tensor; the selected rows are dense.

    Batches and other readers of rows work as with dense data, and only the rows that they select are dense.

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

    is_sparse = True

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

    @property
    def dtype(self) -> torch.dtype:  # type: ignore[override]  # read-only
        """The type of the entries."""
        return self._values.dtype

    @property
    def device(self) -> torch.device:  # type: ignore[override]  # read-only
        """The device of the entries."""
        return self._values.device

    @property
    def values(self) -> torch.Tensor:
        """The stored entries in row-major order; all others are zero."""
        return self._values

    # -- rows -----------------------------------------------------------------------------------------

    def gather(self, index: torch.Tensor) -> torch.Tensor:
        """Returns selected rows as a dense tensor, shape (m, d)."""
        entries, row = self._entries_of(index)
        dense = self._values.new_zeros(len(index) * self.shape[1])
        dense[row * self.shape[1] + self._columns.index_select(0, entries)] = self._values.index_select(0, entries)
        return dense.view(len(index), self.shape[1])

    def take(self, rows: Any) -> SparseRows:
        """Returns selected rows as sparse rows; ``rows`` as for ``[]``."""
        index = self._numbers(rows).to(torch.int64)
        entries, _ = self._entries_of(index)
        counts = (self._starts[1:] - self._starts[:-1])[index]
        starts = torch.nn.functional.pad(counts.cumsum(0), (1, 0))
        selected = self._with(self._values[entries], starts, self._columns[entries])
        selected.shape = (len(index), self.shape[1])
        return selected

    def to(self, *args: Any, **kwargs: Any) -> SparseRows:
        """Returns the rows in another type or on another device; memory is shared if possible."""
        values = self._values.to(*args, **kwargs)
        if values is self._values:
            return self
        return self._with(values, self._starts.to(values.device), self._columns.to(values.device))

    def divided(self, unit: float) -> SparseRows:
        """Returns the rows divided by a number."""
        return self._with(self._values / unit, self._starts, self._columns)

    def exported(self) -> scipy.sparse.csr_array:
        """Returns :meth:`to_scipy`, which functions from outside take."""
        return self.to_scipy()

    def dense(self) -> torch.Tensor:
        """Returns all rows as a tensor, whatever their size."""
        return as_tensor(self.to_scipy().toarray()).to(self.device)

    def to_scipy(self) -> scipy.sparse.csr_array:
        """Returns the rows as a SciPy array, which shares memory with rows on the CPU and must not be changed."""
        parts = (self._values, self._columns, self._starts)
        values, columns, starts = (part.detach().cpu().numpy() for part in parts)
        matrix = scipy.sparse.csr_array((values, columns, starts.astype(columns.dtype)), shape=self.shape)
        matrix.has_sorted_indices = matrix.has_canonical_format = True
        return matrix

    # -- statistics, without dense rows ---------------------------------------------------------------

    def extremes(self) -> tuple[torch.Tensor, torch.Tensor]:
        """Returns the minimum and maximum of each column; see :meth:`Rows.extremes`.

        Example:
            >>> SparseRows(scipy.sparse.csr_array([[1.0, -2.0], [0.0, 0.0]])).extremes()
            (tensor([ 0., -2.], dtype=torch.float64), tensor([1., 0.], dtype=torch.float64))
        """
        matrix = self.to_scipy()
        low, high = (
            torch.from_numpy(np.ascontiguousarray(bound.toarray().reshape(-1))).to(self.device)
            for bound in (matrix.min(axis=0), matrix.max(axis=0))
        )
        return self._wide(low), self._wide(high)

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

    def columns_with_zeros(self) -> torch.Tensor:
        """Returns which columns have an entry of zero, shape (d,)."""
        columns = self._columns[self._values != 0].to(torch.int64)
        return torch.bincount(columns, minlength=self.shape[1]) < len(self)

    def max_abs_per_row(self) -> torch.Tensor:
        """Returns the largest absolute value of each row, shape (n,)."""
        matrix = self.to_scipy()
        return torch.from_numpy(abs(matrix).max(axis=1).toarray().reshape(-1)).to(self.device)

    def sampled_columns(
        self, sample: torch.Tensor, step: int, least: float = 0.0
    ) -> Iterator[tuple[torch.Tensor, torch.Tensor]]:
        """Yields the columns of sampled rows that store more than a share of the entries, in dense blocks."""
        columns = self.take(sample).to_scipy().tocsc()
        chosen = np.flatnonzero(np.diff(columns.indptr) > least * len(sample))
        for start in range(0, len(chosen), step):
            block = columns[:, chosen[start : start + step]].toarray()
            yield torch.from_numpy(chosen[start : start + step]), torch.from_numpy(block).to(self.device)

    def column(self, j: int) -> torch.Tensor:
        """Returns a column, shape (n,)."""
        return torch.from_numpy(self.to_scipy()[:, [j]].toarray()[:, 0]).to(self.device)

    def surely_finite(self) -> bool:
        """Returns whether the sum of the stored entries is finite."""
        return bool(self._values.sum(dtype=torch.float64).isfinite())

    def first_where(self, condition: Condition) -> tuple[tuple[int, ...], float] | None:
        """Returns the index and the value of the first stored entry with a property; ``None`` if there is none."""
        mask = condition(self._values)
        if not bool(mask.any()):
            return None
        entry = int(mask.nonzero()[0])
        row = int(torch.searchsorted(self._starts, entry, right=True)) - 1
        return (row, int(self._columns[entry])), float(self._values[entry])

    def digest(self) -> bytes:
        """Computes a digest of stored entries, type, shape and device."""
        matrix = self.to_scipy()
        digest = hashlib.blake2b(f"sparse {self.dtype} {self.shape} {self.device}".encode(), digest_size=16)
        for array in (matrix.indptr, matrix.indices, matrix.data):
            digest.update(array.data)
        return digest.digest()

    def sq_dists(self, first: torch.Tensor, second: torch.Tensor) -> torch.Tensor:
        """Returns squared Euclidean distances of pairs of rows, shape (p,), float64."""
        squares = sparse_sq_dists(self.to_scipy(), as_numpy(first), as_numpy(second))
        return torch.from_numpy(squares).to(first.device)

    def __repr__(self) -> str:
        return f"SparseRows(shape={self.shape}, stored={len(self._values)}, dtype={self.dtype})"

    # -- helpers --------------------------------------------------------------------------------------

    def _with(self, values: torch.Tensor, starts: torch.Tensor, columns: torch.Tensor) -> SparseRows:
        rows = SparseRows.__new__(SparseRows)
        rows._values, rows._starts, rows._columns, rows.shape = values, starts, columns, self.shape
        return rows

    def _entries_of(self, index: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Returns the indices of the stored entries of rows, and the position in ``index`` of the row of each."""
        starts = self._starts.index_select(0, index)
        counts = self._starts.index_select(0, index + 1) - starts
        row = torch.repeat_interleave(counts)
        ends = counts.cumsum(0)
        first = starts - ends + counts  # a row's first entry, minus the number of entries before it
        return torch.arange(len(row), device=row.device) + first.index_select(0, row), row


def without_offset(*matrices: Any) -> list[Any]:
    """Subtracts the first row; differences of rows do not change. Sparse rows change in columns that all store.

    Args:
        *matrices: Shape (n, d) each, n at least 1: arrays, or SciPy's CSR arrays without entries that are stored
            twice.

    Example:
        >>> without_offset(scipy.sparse.csr_array([[1e9, 0.0], [1e9 + 1, 2.0]]))[0].toarray()
        array([[0., 0.],
               [1., 2.]])
    """
    if isinstance(matrices[0], np.ndarray):
        return [matrix - matrices[0][0] for matrix in matrices]
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


def sparse_sq_dists(rows: scipy.sparse.csr_array, first: AnyArray, second: AnyArray) -> AnyArray:
    """Computes squared Euclidean distances of pairs of sparse rows, by differences.

    Args:
        rows: Shape (n, d).
        first: Indices of rows, shape (p,).
        second: Indices of rows, shape (p,).

    Returns:
        Shape (p,), float64.

    Example:
        >>> sparse_sq_dists(scipy.sparse.csr_array([[3.0, 0.0], [0.0, 4.0]]), np.array([0]), np.array([1]))
        array([25.])
    """
    sq_dists = np.empty(len(first))
    step = max(1, _PAIR_ENTRIES // max(1, rows.nnz // rows.shape[0]))
    for start in range(0, len(first), step):
        chunk = slice(start, start + step)
        difference = rows[first[chunk]].astype(np.float64) - rows[second[chunk]]
        difference.data **= 2
        sq_dists[chunk] = difference.sum(axis=1)
    return sq_dists


def _index_dtype(indices: AnyArray) -> np.dtype[Any]:
    return indices.dtype if indices.dtype in _INDEX_TYPES else np.dtype(np.int64)


def _scipy_of(tensor: torch.Tensor) -> scipy.sparse.csr_array:
    coo = tensor.detach().cpu().to_sparse_coo().coalesce()  # type: ignore[no-untyped-call]
    return scipy.sparse.csr_array((coo.values().numpy(), coo.indices().numpy()), shape=tuple(coo.shape))
