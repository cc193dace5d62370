"""Rows of a sparse matrix, which become dense only as far as they are asked for."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import scipy.sparse
import torch

from paradime.types import AnyArray
from paradime.utils.convert import as_tensor

__all__ = ["MOST_DENSE_BYTES", "SparseRows", "is_sparse", "without_offset"]

MOST_DENSE_BYTES = 1 << 30
"""How much rows may take that are made dense together; who asks for more gets an error."""

_INDEX_TYPES = {np.dtype(np.int32): torch.int32, np.dtype(np.int64): torch.int64}


def is_sparse(values: Any) -> bool:
    """Returns whether something is a sparse matrix: of SciPy's, of torch's, or :class:`SparseRows`."""
    if isinstance(values, torch.Tensor):
        return values.layout != torch.strided
    return isinstance(values, SparseRows) or bool(scipy.sparse.issparse(values))


class SparseRows:
    """A sparse matrix that is read like a tensor, by rows, which then are dense.

    Where a data set keeps it in place of a tensor, batches and whatever else takes rows work as with dense data,
    and never hold more than the rows that they asked for.

    Args:
        matrix: A sparse matrix or array of SciPy's, of any format, or a sparse tensor, shape (n, d). Entries that
            are stored twice count together.

    Raises:
        ValueError: If it is not two-dimensional.
        TypeError: If it does not hold numbers.

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
            # a copy, since the user's matrix stays as it is
            csr = csr.copy()
            csr.sum_duplicates()
        self._starts = torch.from_numpy(csr.indptr.astype(np.int64))
        self._columns = torch.from_numpy(csr.indices.astype(_index_dtype(csr.indices), copy=False))
        self._values = as_tensor(csr.data)
        self.shape: tuple[int, int] = csr.shape

    # -- what a tensor has ----------------------------------------------------------------------------

    @property
    def dtype(self) -> torch.dtype:
        """The type of the numbers."""
        return self._values.dtype

    @property
    def device(self) -> torch.device:
        """Where the numbers are."""
        return self._values.device

    @property
    def is_cuda(self) -> bool:
        """Whether they are on CUDA."""
        return self._values.is_cuda

    @property
    def values(self) -> torch.Tensor:
        """The numbers that are stored, row by row; all others are zero."""
        return self._values

    def __len__(self) -> int:
        return self.shape[0]

    def numel(self) -> int:
        """Returns n d, the number of elements that the dense matrix would have."""
        return self.shape[0] * self.shape[1]

    def is_floating_point(self) -> bool:
        """Returns whether the numbers have a fraction."""
        return self._values.is_floating_point()

    def is_complex(self) -> bool:
        """Returns whether the numbers are complex."""
        return self._values.is_complex()

    def detach(self) -> SparseRows:
        """Returns the same rows; gradients do not flow to data."""
        return self

    def contiguous(self) -> SparseRows:
        """Returns the same rows, which have no other order."""
        return self

    def to(self, *args: Any, **kwargs: Any) -> SparseRows:
        """Returns the rows in another type or on another device; what is there already is shared."""
        values = self._values.to(*args, **kwargs)
        if values is self._values:
            return self
        return self._with(values, self._starts.to(values.device), self._columns.to(values.device))

    def __getitem__(self, rows: Any) -> torch.Tensor:
        """Returns some rows, dense: one by its number, or those of a slice, list, mask, or tensor of numbers."""
        if isinstance(rows, int):
            return self.index_select(0, torch.tensor([range(len(self))[rows]], device=self.device))[0]
        if isinstance(rows, tuple):
            raise TypeError("sparse rows are read by their numbers alone: rows[i], not rows[i, j].")
        chosen = self._numbers(rows)
        return self.index_select(0, chosen.reshape(-1)).view(*chosen.shape, self.shape[1])

    def index_select(self, dim: int, index: torch.Tensor) -> torch.Tensor:
        """Returns some rows, dense, shape (m, d).

        Args:
            dim: Must be 0.
            index: Their numbers, shape (m,).

        Raises:
            MemoryError: If that many rows are large when dense.
        """
        if dim != 0:
            raise ValueError(f"sparse rows are selected along dimension 0, got {dim}.")
        self._refuse_large(len(index))
        index = index.to(self.device, torch.int64)
        entries, row = self._entries_of(index)
        dense = self._values.new_zeros(len(index) * self.shape[1])
        dense[row * self.shape[1] + self._columns.index_select(0, entries)] = self._values.index_select(0, entries)
        return dense.view(len(index), self.shape[1])

    def split(self, size: int) -> Iterator[torch.Tensor]:
        """Yields successive blocks of rows, dense."""
        for start in range(0, len(self), max(1, size)):
            yield self[start : start + max(1, size)]

    def __iter__(self) -> Iterator[torch.Tensor]:
        return (self[i] for i in range(len(self)))

    def mean(self, dim: int = 0) -> torch.Tensor:
        """Returns the means of the columns, shape (d,), float32 unless the numbers are float64."""
        if dim != 0:
            raise ValueError(f"the mean of sparse rows is taken over dimension 0, got {dim}.")
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
        """Returns the rows times a number."""
        return self._with(self._values * factor, self._starts, self._columns)

    def largest_of_rows(self) -> torch.Tensor:
        """Returns the largest absolute value of each row, shape (n,)."""
        matrix = self.to_scipy()
        return torch.from_numpy(abs(matrix).max(axis=1).toarray().reshape(-1)).to(self.device)

    # -- what a sparse matrix has ---------------------------------------------------------------------

    def take(self, rows: Any) -> SparseRows:
        """Returns some rows, which stay sparse; rows are chosen as by ``[]``."""
        index = self._numbers(rows).to(torch.int64)
        entries, _ = self._entries_of(index)
        counts = (self._starts[1:] - self._starts[:-1])[index]
        starts = torch.nn.functional.pad(counts.cumsum(0), (1, 0))
        made = self._with(self._values[entries], starts, self._columns[entries])
        made.shape = (len(index), self.shape[1])
        return made

    def to_scipy(self) -> scipy.sparse.csr_array:
        """Returns the rows as a SciPy array; it shares memory with these on the CPU and must not be changed."""
        parts = (self._values, self._columns, self._starts)
        values, columns, starts = (part.detach().cpu().numpy() for part in parts)
        made = scipy.sparse.csr_array((values, columns, starts.astype(columns.dtype)), shape=self.shape)
        made.has_sorted_indices = made.has_canonical_format = True
        return made

    def column_of(self, entries: torch.Tensor) -> torch.Tensor:
        """Returns the columns of stored numbers, given their places in :attr:`values`."""
        return self._columns[entries]

    def row_of(self, entry: int) -> int:
        """Returns the row of a stored number, given its place in :attr:`values`."""
        return int(torch.searchsorted(self._starts, entry, right=True)) - 1

    def __array__(self, *args: Any, **kwargs: Any) -> AnyArray:
        raise TypeError(
            "sparse rows are not made dense as a whole. Read some of them, rows[indices], or take the SciPy "
            "array, rows.to_scipy()."
        )

    def __repr__(self) -> str:
        return f"SparseRows(shape={self.shape}, stored={len(self._values)}, dtype={self.dtype})"

    # -- helpers --------------------------------------------------------------------------------------

    def _with(self, values: torch.Tensor, starts: torch.Tensor, columns: torch.Tensor) -> SparseRows:
        made = SparseRows.__new__(SparseRows)
        made._values, made._starts, made._columns, made.shape = values, starts, columns, self.shape
        return made

    def _numbers(self, rows: Any) -> torch.Tensor:
        """Numbers of rows given in any way that tensors know."""
        if isinstance(rows, slice):
            return torch.arange(len(self), device=self.device)[rows]
        chosen = torch.as_tensor(rows, device=self.device)
        if chosen.dtype == torch.bool:
            return chosen.nonzero().squeeze(1)
        return torch.where(chosen < 0, chosen + len(self), chosen)

    def _entries_of(self, index: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Places of the stored numbers of some rows, and which of these rows each belongs to."""
        starts = self._starts.index_select(0, index)
        counts = self._starts.index_select(0, index + 1) - starts
        row = torch.repeat_interleave(counts)
        ends = counts.cumsum(0)
        first = starts - ends + counts  # of a row's entries, less how many came before
        return torch.arange(len(row), device=row.device) + first.index_select(0, row), row

    def _refuse_large(self, n_rows: int) -> None:
        n_bytes = n_rows * self.shape[1] * self._values.element_size()
        if n_bytes > MOST_DENSE_BYTES:
            raise MemoryError(
                f"{n_rows} rows of {self.shape[1]} columns would take {n_bytes / 2**30:.1f} GB when dense, more "
                f"than {MOST_DENSE_BYTES / 2**30:g} GB. Ask for fewer rows at once (batch_size)."
            )


def without_offset(*matrices: scipy.sparse.csr_array) -> list[scipy.sparse.csr_array]:
    """Returns sparse rows less the first row, in the columns that all of them store; differences stay the same.

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
    for part in matrices:
        first[np.bincount(part.indices, minlength=n_columns) < part.shape[0]] = 0
    return [
        scipy.sparse.csr_array((part.data - first[part.indices], part.indices, part.indptr), shape=part.shape)
        for part in matrices
    ]


def _index_dtype(indices: AnyArray) -> np.dtype[Any]:
    return indices.dtype if indices.dtype in _INDEX_TYPES else np.dtype(np.int64)


def _scipy_of(tensor: torch.Tensor) -> scipy.sparse.csr_array:
    coo = tensor.detach().cpu().to_sparse_coo().coalesce()  # type: ignore[no-untyped-call]
    return scipy.sparse.csr_array((coo.values().numpy(), coo.indices().numpy()), shape=tuple(coo.shape))
