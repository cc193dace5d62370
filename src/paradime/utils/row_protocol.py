"""The protocol of rows: what is read of data, however these are stored."""

from __future__ import annotations

import abc
import hashlib
from collections.abc import Callable, Iterator
from typing import Any, ClassVar, TypeAlias

import torch

from paradime.types import AnyArray
from paradime.utils.convert import as_numpy, row_major

__all__ = ["MAX_DENSE_BYTES", "Condition", "Rows"]

MAX_DENSE_BYTES = 1 << 30
"""The largest block of rows that is converted to dense at once."""

Condition: TypeAlias = Callable[[torch.Tensor], torch.Tensor]

_BLOCK_BYTES = 1 << 24
_PAIR_BYTES = 1 << 20  # of pairs of rows whose differences are computed at a time; these stay in the cache


class Rows(abc.ABC):
    """Rows of numbers that are indexed like a tensor; the selected rows are a dense tensor.

    A data set can hold them in place of a tensor. A subclass sets :attr:`shape`, :attr:`dtype` and :attr:`device`,
    and defines :meth:`gather`, :meth:`take` and :meth:`to`. All other methods follow from these, and read a few
    megabytes at a time; a subclass overrides those that it can compute faster.

    Attributes:
        shape: Number of rows, and the shape of a row.
        in_memory: Whether all numbers are in memory as a tensor, so that reading them all costs no memory.
        is_sparse: Whether only entries that are not zero are stored, so that products of rows cost less.

    Example:
        >>> class Squares(Rows):
        ...     shape, dtype, device = (5, 1), torch.float32, torch.device("cpu")
        ...
        ...     def gather(self, index):
        ...         return index[:, None].to(torch.float32) ** 2
        ...
        ...     def take(self, rows):
        ...         raise NotImplementedError
        ...
        ...     def to(self, *args, **kwargs):
        ...         return self
        >>> rows = Squares()
        >>> rows[[1, 3]].flatten(), rows.extremes()[1], rows.mean()
        (tensor([1., 9.]), tensor([16.], dtype=torch.float64), tensor([6.]))
    """

    in_memory: ClassVar[bool] = False
    is_sparse: ClassVar[bool] = False

    shape: tuple[int, ...]
    dtype: torch.dtype
    device: torch.device

    # -- what a subclass defines ----------------------------------------------------------------------

    @abc.abstractmethod
    def gather(self, index: torch.Tensor) -> torch.Tensor:
        """Returns the rows of given indices, int64, shape (m,), as a dense tensor, shape (m, …)."""

    @abc.abstractmethod
    def take(self, rows: Any) -> Rows:
        """Returns selected rows, stored as these are; ``rows`` as for ``[]``."""

    @abc.abstractmethod
    def to(self, *args: Any, **kwargs: Any) -> Rows:
        """Returns the rows in another type or on another device; arguments as for tensors."""

    # -- interface of tensors -------------------------------------------------------------------------

    @property
    def ndim(self) -> int:
        """Number of axes."""
        return len(self.shape)

    def __len__(self) -> int:
        return self.shape[0]

    def __iter__(self) -> Iterator[torch.Tensor]:
        return (self[i] for i in range(len(self)))

    def numel(self) -> int:
        """Returns the number of entries of all rows, stored or not."""
        return torch.Size(self.shape).numel()

    def is_floating_point(self) -> bool:
        """Returns whether the type is a floating-point type."""
        return self.dtype.is_floating_point

    def is_complex(self) -> bool:
        """Returns whether the type is complex."""
        return self.dtype.is_complex

    def detach(self) -> Rows:
        """Returns the rows without their autograd graph."""
        return self

    def contiguous(self) -> Rows:
        """Returns the rows in row-major order."""
        return self

    def __getitem__(self, rows: Any) -> torch.Tensor:
        """Returns rows as a dense tensor: one for an integer, several for a slice, list, mask or tensor.

        Raises:
            IndexError: If there is no such row, a mask has not one entry per row, or indices are no integers.
        """
        if isinstance(rows, int):
            return self.index_select(0, torch.tensor([range(len(self))[rows]], device=self.device))[0]
        if isinstance(rows, tuple):
            raise TypeError(
                "these rows take one index, got several. Select rows first: rows[i][j], not rows[i, j]."
            )
        index = self._numbers(rows)
        return self.index_select(0, index.reshape(-1)).view(*index.shape, *self.shape[1:])

    def index_select(self, dim: int, index: torch.Tensor) -> torch.Tensor:
        """Returns selected rows as a dense tensor, shape (m, …).

        Args:
            dim: Must be 0.
            index: The indices of the rows, shape (m,).

        Raises:
            ValueError: If ``dim`` is not 0, or :meth:`gather` returns a tensor of another shape than (m, …).
            MemoryError: If the dense rows would take more than :data:`MAX_DENSE_BYTES`.
            TypeError: If :meth:`gather` does not return a dense tensor.
        """
        if dim != 0:
            raise ValueError(f"dim must be 0 for these rows, got {dim}. Convert them: rows.dense().")
        n_bytes = len(index) * self._row_size * self.dtype.itemsize
        if n_bytes > MAX_DENSE_BYTES:
            raise MemoryError(
                f"{len(index)} rows of {self._row_size} numbers would take {n_bytes / 2**30:.1f} GB when dense, "
                f"more than {MAX_DENSE_BYTES / 2**30:g} GB. Select fewer rows at once (batch_size)."
            )
        rows, shape = self.gather(index.to(self.device, torch.int64)), (len(index), *self.shape[1:])
        if not isinstance(rows, torch.Tensor) or rows.layout != torch.strided:
            kind = rows.layout if isinstance(rows, torch.Tensor) else type(rows).__name__
            raise TypeError(
                f"{type(self).__name__}.gather must return a dense tensor, got {kind}. Convert what it "
                "returns, such as by torch.from_numpy or to_dense()."
            )
        if rows.shape != shape:
            raise ValueError(
                f"{type(self).__name__}.gather must return a tensor of shape {shape}, one row for each index, got "
                f"{tuple(rows.shape)}. Return these rows, or set shape to that of all rows."
            )
        return rows

    def split(self, size: int) -> Iterator[torch.Tensor]:
        """Yields successive blocks of rows as dense tensors."""
        for start in range(0, len(self), max(1, size)):
            yield self[start : start + max(1, size)]

    def mean(self, dim: int = 0) -> torch.Tensor:
        """Returns the means of the columns, shape (d,), float64 for entries in float64, else float32."""
        if dim != 0:
            raise ValueError(f"dim must be 0 for the mean of these rows, got {dim}. Convert them: rows.dense().")
        mean, _ = self.mean_and_deviation()
        return mean.to(torch.float64 if self.dtype == torch.float64 else torch.float32)

    def __array__(self, *args: Any, **kwargs: Any) -> AnyArray:
        raise TypeError(
            "these rows are not converted to a dense array as a whole. Select some, rows[indices], or call "
            f"rows.{'to_scipy' if self.is_sparse else 'dense'}()."
        )

    def __repr__(self) -> str:
        return f"{type(self).__name__}(shape={tuple(self.shape)}, dtype={self.dtype})"

    # -- other forms ----------------------------------------------------------------------------------

    @property
    def stored(self) -> Any:
        """What a data set holds: a tensor for rows in memory, these rows otherwise."""
        return self

    def exported(self) -> Any:
        """Returns what functions from outside take: a tensor, or SciPy's CSR array for sparse rows."""
        return self.dense()

    def dense(self) -> torch.Tensor:
        """Returns all rows as a tensor, whatever their size."""
        return torch.cat(list(self._blocks()))

    def flat(self) -> Rows:
        """Returns rows of one axis, shape (n, d)."""
        if self.ndim != 2:
            raise NotImplementedError(
                f"{type(self).__name__} must define flat() for rows of shape {self.shape[1:]}."
            )
        return self

    def single(self) -> Rows:
        """Returns the rows in single precision."""
        return self.to(torch.float32)

    # -- statistics -----------------------------------------------------------------------------------

    def extremes(self) -> tuple[torch.Tensor, torch.Tensor]:
        """Returns the minimum and maximum of each column, float64, or int64 for rows of this type, shape (d,)."""
        # in blocks of rows, in their type; torch.aminmax along the rows takes several times as long
        bounds = [(block.amin(dim=0), block.amax(dim=0)) for block in self._flat_blocks()]
        low, high = (torch.stack(bound) for bound in zip(*bounds, strict=True))
        return self._wide(low.amin(dim=0)), self._wide(high.amax(dim=0))

    def mean_and_deviation(self) -> tuple[torch.Tensor, torch.Tensor]:
        """Returns the means and standard deviations of the columns, shape (d,) each, float64."""
        n = len(self)
        mean = torch.stack([block.to(torch.float64).sum(dim=0) / n for block in self._flat_blocks()]).sum(dim=0)
        squares = [(block.to(torch.float64) - mean).square().sum(dim=0) / n for block in self._flat_blocks()]
        return mean, torch.stack(squares).sum(dim=0).sqrt()

    def constant_columns(self) -> torch.Tensor:
        """Returns which columns are constant, shape (d,)."""
        low, high = self.extremes()
        return low == high

    def columns_with_zeros(self) -> torch.Tensor:
        """Returns which columns have an entry of zero, shape (d,)."""
        return torch.stack([(block == 0).any(dim=0) for block in self._flat_blocks()]).any(dim=0)

    def max_abs_per_row(self) -> torch.Tensor:
        """Returns the largest absolute value of each row, shape (n,)."""
        return torch.cat([block.abs().amax(dim=1) for block in self._flat_blocks()])

    def sampled_columns(
        self, sample: torch.Tensor, step: int, least: float = 0.0
    ) -> Iterator[tuple[Any, torch.Tensor]]:
        """Yields the columns of sampled rows in dense blocks.

        Args:
            sample: Indices of rows, shape (m,).
            step: The largest number of columns of a block.
            least: Columns may be left out if not more than this share of their entries differs from zero.

        Yields:
            The columns, as an index or a slice, and their entries, shape (m, ≤ step).
        """
        rows = self.index_select(0, sample).flatten(1)
        for start in range(0, rows.shape[1], step):
            yield slice(start, start + step), rows[:, start : start + step]

    def column(self, j: int) -> torch.Tensor:
        """Returns a column, shape (n,)."""
        return torch.cat([block[:, j] for block in self._flat_blocks()])

    def surely_finite(self) -> bool:
        """Returns whether all entries are finite; may be ``False`` for finite entries whose sum is not."""
        return all(bool(block.sum(dtype=torch.float64).isfinite()) for block in self._blocks())

    def first_where(self, condition: Condition) -> tuple[tuple[int, ...], float] | None:
        """Returns the index and the value of the first entry with a property; ``None`` if there is none.

        Args:
            condition: Returns a mask of entries, of the same shape; zero must not have the property.
        """
        first = 0
        for block in self._blocks():
            mask = condition(block)
            if bool(mask.any()):
                index = tuple(int(i) for i in mask.nonzero()[0])
                return (first + index[0], *index[1:]), float(block[index])
            first += len(block)
        return None

    def digest(self) -> bytes:
        """Computes a digest of values, type, shape and device."""
        digest = hashlib.blake2b(f"{self.dtype} {tuple(self.shape)} {self.device}".encode(), digest_size=16)
        for block in self._blocks():
            digest.update(as_numpy(row_major(block.contiguous()).view(torch.uint8)).data)
        return digest.digest()

    def sq_dists(self, first: torch.Tensor, second: torch.Tensor) -> torch.Tensor:
        """Returns squared Euclidean distances of pairs of rows, shape (p,), float64.

        Args:
            first: Indices of rows, shape (p,).
            second: Indices of rows, shape (p,).
        """
        step, squares = max(1, _PAIR_BYTES // (8 * self._row_size)), []
        for pairs in zip(torch.split(first, step), torch.split(second, step), strict=True):
            starts, ends = (self.index_select(0, chosen).flatten(1).to(torch.float64) for chosen in pairs)
            squares.append((starts - ends).square_().sum(dim=1))
        return torch.cat(squares)

    # -- helpers --------------------------------------------------------------------------------------

    def check_attributes(self) -> None:
        """Raises TypeError if a subclass has not set shape, type and device as those of a tensor."""
        for name, kind, example in (
            ("shape", tuple, "(n, d)"),
            ("dtype", torch.dtype, "torch.float32"),
            ("device", torch.device, "torch.device('cpu')"),
        ):
            value = getattr(self, name, None)
            if not isinstance(value, kind):
                raise TypeError(
                    f"{type(self).__name__}.{name} must be a {kind.__name__}, got {value!r}. Set it in the "
                    f"constructor, such as self.{name} = {example}."
                )

    @property
    def _row_size(self) -> int:
        return max(1, torch.Size(self.shape[1:]).numel())

    def _blocks(self) -> Iterator[torch.Tensor]:
        """Yields all rows, a few megabytes at a time."""
        yield from self.split(max(1, _BLOCK_BYTES // (8 * self._row_size)))

    def _flat_blocks(self) -> Iterator[torch.Tensor]:
        """Yields all rows as matrices of numbers, shape (b, d)."""
        for block in self._blocks():
            flat = block.detach().reshape(len(block), -1)
            yield flat.to(torch.uint8) if flat.dtype == torch.bool else flat

    def _wide(self, values: torch.Tensor) -> torch.Tensor:
        return values.to(torch.int64 if self.dtype == torch.int64 else torch.float64)

    def _numbers(self, rows: Any) -> torch.Tensor:
        """Returns the indices of rows that are selected in any way that tensors support."""
        if isinstance(rows, slice):
            return torch.arange(len(self), device=self.device)[rows]
        index = torch.as_tensor(rows, device=self.device)
        n = len(self)
        if index.dtype == torch.bool:
            if index.shape != (n,):
                shape = tuple(index.shape)
                raise IndexError(f"a mask of rows must have shape ({n},), got {shape}. Compute it of these rows.")
            return index.nonzero().squeeze(1)
        if index.numel() == 0:
            return index.to(torch.int64)
        if index.is_floating_point() or index.is_complex():
            raise IndexError(f"indices of rows must be integers, got {index.dtype}. Round them, or pass a mask.")
        index = index.to(torch.int64)  # bytes have no room for the number of rows
        low, high = (int(bound) for bound in index.aminmax())
        if low < -n or high >= n:
            raise IndexError(
                f"indices of rows must lie in [{-n}, {n - 1}], got {low if low < -n else high}. "
                f"There are {n} rows."
            )
        return torch.where(index < 0, index + n, index)
