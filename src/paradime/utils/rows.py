"""Rows of any origin as :class:`Rows`, and those that are a tensor in memory."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import scipy.sparse
import torch

from paradime.utils.autograd import without_graph
from paradime.utils.convert import as_tensor, to_torch
from paradime.utils.row_protocol import Rows
from paradime.utils.sparse import SparseRows, is_sparse

__all__ = ["DenseRows", "Rows", "loaded", "rows_of", "stacked"]

_BLOCK_BYTES = 1 << 24


class DenseRows(Rows):
    """Rows of a tensor, which is not copied.

    A data set holds the tensor itself (:attr:`stored`), so that training reads it directly.

    Args:
        values: Shape (n, …).
    """

    in_memory = True

    def __init__(self, values: torch.Tensor) -> None:
        self._values = values

    @property
    def shape(self) -> tuple[int, ...]:  # type: ignore[override]  # read-only
        """The shape of the tensor."""
        return self._values.shape

    @property
    def dtype(self) -> torch.dtype:  # type: ignore[override]  # read-only
        """The type of the tensor."""
        return self._values.dtype

    @property
    def device(self) -> torch.device:  # type: ignore[override]  # read-only
        """The device of the tensor."""
        return self._values.device

    def gather(self, index: torch.Tensor) -> torch.Tensor:
        """Returns selected rows, shape (m, …)."""
        return self._values.index_select(0, index)

    def take(self, rows: Any) -> DenseRows:
        """Returns selected rows; ``rows`` as for ``[]``."""
        return DenseRows(self[rows])

    def to(self, *args: Any, **kwargs: Any) -> DenseRows:
        """Returns the rows in another type or on another device; memory is shared if possible."""
        return DenseRows(self._values.to(*args, **kwargs))

    def __getitem__(self, rows: Any) -> torch.Tensor:
        """Returns rows as the tensor does, whose device ``rows`` may not share."""
        return self._values[rows.to(self.device) if isinstance(rows, torch.Tensor) else rows]

    def split(self, size: int) -> Iterator[torch.Tensor]:
        """Yields successive blocks of rows."""
        return iter(torch.split(self._values, max(1, size)))

    def detach(self) -> DenseRows:
        """Returns the rows without their autograd graph."""
        return DenseRows(without_graph(self._values))

    @property
    def stored(self) -> torch.Tensor:
        """The tensor."""
        return self._values

    def dense(self) -> torch.Tensor:
        """Returns the tensor."""
        return self._values

    def flat(self) -> DenseRows:
        """Returns rows of one axis, shape (n, d)."""
        return self if self.ndim == 2 else DenseRows(self._values.reshape(len(self), -1))

    def single(self) -> DenseRows:
        """Returns the rows in single precision: float32 or int32; see :func:`~paradime.utils.convert.to_torch`."""
        # in row-major order, so that results do not depend on the memory layout
        return DenseRows(to_torch(self._values).contiguous())

    def constant_columns(self) -> torch.Tensor:
        """Returns which columns are constant, shape (d,)."""
        flat = self._values.reshape(len(self), -1)
        constant = flat[0] == flat[min(1, len(self) - 1)]
        # only columns in which the first two rows are equal need a full check; usually these are few
        candidates = constant.nonzero().squeeze(1)
        for chunk in torch.split(candidates, max(1, _BLOCK_BYTES // (4 * len(flat)))):
            columns = flat[:, chunk]
            constant[chunk] = (columns == columns[0]).all(dim=0)
        return constant

    def sampled_columns(
        self,
        sample: torch.Tensor,
        step: int,
        least: float = 0.0,
    ) -> Iterator[tuple[slice, torch.Tensor]]:
        """Yields all columns of sampled rows in blocks, without a copy of the sample."""
        for start in range(0, self.shape[1], step):
            chosen = slice(start, start + step)
            yield chosen, self._values[:, chosen][sample]

    def column(self, j: int) -> torch.Tensor:
        """Returns a column, shape (n,)."""
        return self._values[:, j]

    def surely_finite(self) -> bool:
        """Returns whether the sum of all entries is finite, which needs no temporary."""
        return bool(self._values.sum(dtype=torch.float64).isfinite())

    def divided(self, unit: float) -> DenseRows:
        """Returns the rows divided by a number."""
        return DenseRows(self._values / unit)


def rows_of(X: Any) -> Rows:
    """Returns rows of any form as :class:`Rows`, without a change of precision; memory is shared if possible.

    Args:
        X: A tensor, an array, nested lists, a sparse matrix of SciPy or torch, or :class:`Rows`.

    Raises:
        TypeError: If ``X`` is not numeric, or :class:`Rows` whose shape, type or device is not set.
        ValueError: If rows differ in length, or a sparse matrix is not two-dimensional.

    Example:
        >>> rows_of([[1.0, 2.0], [0.0, 0.0]]).column(1)
        tensor([2., 0.], dtype=torch.float64)
        >>> rows_of(scipy.sparse.eye_array(3)).is_sparse
        True
    """
    if isinstance(X, Rows):
        X.check_attributes()
        return X
    return SparseRows(X) if is_sparse(X) else DenseRows(as_tensor(X))


def loaded(X: Any) -> DenseRows | SparseRows:
    """Returns rows for computations with all of them: sparse ones as they are, others in memory.

    Args:
        X: As for :func:`rows_of`.
    """
    rows = rows_of(X)
    return rows if isinstance(rows, (SparseRows, DenseRows)) else DenseRows(rows.dense())


def stacked(first: Any, second: Any) -> Any:
    """Returns rows and further ones as data that :func:`rows_of` takes; sparse if either is.

    Args:
        first: Rows, shape (n, …).
        second: Rows, shape (m, …).
    """
    parts = [rows_of(part) for part in (first, second)]
    if any(part.is_sparse for part in parts):
        return scipy.sparse.vstack([scipy.sparse.csr_array(part.exported()) for part in parts])
    return torch.cat([part.dense().to(parts[0].device) for part in parts])
