"""The neighbour layout: the relations of each point to its k neighbours."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Literal, Self

import numpy as np
import scipy.sparse
import torch

from paradime.relationdata._one_tensor import as_indices, as_values
from paradime.relationdata._rows import CSR, index_type
from paradime.relationdata.base import RelationData, container, register_container
from paradime.types import AnyArray, TensorLike
from paradime.utils.convert import as_numpy, as_tensor

__all__ = ["NeighborRelationTuple"]


@register_container("neighbor tuple")
class NeighborRelationTuple(RelationData):
    """Neighbour indices and the relations to these neighbours.

    A point itself at value 0 is not a neighbour: ``NeighborBasedPDist`` puts it at the beginning of each row, and
    rows with fewer neighbours than others are padded with it.

    Args:
        relations: The pair (indices, values), each of shape (n, k), indices in [0, n).
        sort: Order of each row by values: ``"ascending"``, ``"descending"``, or ``None`` for the given order.

    Raises:
        ValueError: If the shapes differ, an index lies outside [0, n), or ``sort`` is unknown.

    Example:
        >>> reldata = NeighborRelationTuple(([[1], [0], [0]], [[0.5], [0.5], [2.0]]))
        >>> reldata.to_square_array().data
        array([[0. , 0.5, 0. ],
               [0.5, 0. , 0. ],
               [2. , 0. , 0. ]])
    """

    layout = "neighbor"
    _indices: torch.Tensor
    _values: torch.Tensor

    def __init__(
        self, relations: Sequence[TensorLike], sort: Literal["ascending", "descending"] | None = None
    ) -> None:
        if sort not in (None, "ascending", "descending"):
            raise ValueError(
                f"sort must be 'ascending', 'descending' or None, got {sort!r}. None keeps the order."
            )
        self.data = relations
        if sort is not None:
            order = self._values.argsort(dim=1, descending=sort == "descending", stable=True)
            self._indices, self._values = self._indices.gather(1, order), self._values.gather(1, order)

    @classmethod
    def _of(cls, indices: torch.Tensor, values: torch.Tensor) -> Self:
        relations = cls.__new__(cls)
        relations._indices, relations._values = indices, values
        return relations

    @classmethod
    def _from_sparse(cls, matrix: CSR) -> Self:
        n, counts = matrix.shape[0], np.diff(matrix.indptr)
        k = int(counts.max(initial=0))
        indices = np.repeat(np.arange(n, dtype=np.int64)[:, None], k, axis=1)
        values = np.zeros((n, k), matrix.dtype)
        filled = np.arange(k) < counts[:, None]
        indices[filled], values[filled] = matrix.indices, matrix.data
        return cls._of(as_tensor(indices), as_tensor(values))

    @classmethod
    def _from(cls, relations: RelationData) -> Self:
        return cls._from_sparse(relations.to_sparse_array().data)

    @property
    def data(self) -> tuple[AnyArray, AnyArray]:
        """The pair (indices, values) as NumPy arrays of shape (n, k), which share memory with the container."""
        self._take_storage()
        return as_numpy(self._indices), as_numpy(self._values)

    @data.setter
    def data(self, data: Any) -> None:
        indices, values = data
        indices, values = as_tensor(indices), as_values(values)
        if indices.ndim != 2 or indices.shape != values.shape:
            raise ValueError(
                "neighbour indices and values must have the same shape (n, k), "
                f"got {tuple(indices.shape)} and {tuple(values.shape)}. Pass one value per index."
            )
        if indices.is_floating_point():
            raise ValueError(
                f"neighbour indices must be integers, got {indices.dtype}. Pass (indices, values), in this order."
            )
        outside = ((indices < 0) | (indices >= len(indices))).any(dim=1).nonzero()
        if len(outside):
            row = int(outside[0])
            raise ValueError(
                f"neighbour indices must lie in [0, {len(indices)}), got {indices[row].tolist()} in row {row}. "
                "Pass one row per point."
            )
        self._indices, self._values = indices.to(torch.int64), values

    def _copy_storage(self) -> None:
        self._indices, self._values = self._indices.clone(), self._values.clone()

    @property
    def indices(self) -> torch.Tensor:
        """Neighbour indices, shape (n, k), int64."""
        return self._indices

    @property
    def n_points(self) -> int:
        return len(self._indices)

    @property
    def values(self) -> torch.Tensor:
        return self._values

    def with_values(self, values: torch.Tensor) -> Self:
        return self._of(self._indices, values)

    def map(self, function: Callable[[torch.Tensor], torch.Tensor]) -> Self:
        is_neighbor = self._off_diagonal().logical_or_(self._values != 0)
        return self.with_values(torch.where(is_neighbor, function(self._values), 0))

    def total(self) -> torch.Tensor:
        return self._values.sum()

    def row_normalized(self) -> Self:
        sums = self._values.sum(dim=1, keepdim=True)
        return self.with_values(self._values / torch.where(sums == 0, 1, sums))

    def symmetrized(self, *, subtract_product: bool = False) -> RelationData:
        # the rows of the result have different numbers of neighbours, so that it is sparse
        return self.to_sparse_array().symmetrized(subtract_product=subtract_product)

    def map_rows(self, function: Callable[[torch.Tensor], torch.Tensor]) -> NeighborRelationTuple:
        rest = self.without_diagonal()
        others = rest._off_diagonal()
        if bool(others.all()):
            # without a mask, one copy less is needed
            return rest.with_values(function(rest._values.clone()))
        return rest.with_values(torch.where(others, function(torch.where(others, rest._values, torch.inf)), 0))

    def without_diagonal(self) -> NeighborRelationTuple:
        """Returns relations without those of points to themselves; if each row has one, with one column less."""
        others = self._off_diagonal()
        n, k = others.shape
        if k == 1 or not bool((others.sum(dim=1) == k - 1).all()):
            return self.with_values(torch.where(others, self._values, 0))
        if bool(others[:, 0].any()):
            return self._of(self._indices[others].view(n, k - 1), self._values[others].view(n, k - 1))
        # each row begins with the point itself; borrowed, because the result consists of views
        return self._of(self._indices[:, 1:], self._values[:, 1:]).borrowed()

    def _off_diagonal(self) -> torch.Tensor:
        return self._indices != torch.arange(self.n_points, device=self._indices.device)[:, None]

    def to_square(self) -> torch.Tensor:
        # not through SciPy, which would break the gradient
        return self.sub(torch.arange(self.n_points, device=self._indices.device))

    def to_neighbor_tuple(self) -> NeighborRelationTuple:
        return self

    def to_sparse_array(self) -> RelationData:
        n, k = self._indices.shape
        index = index_type(n, n * k)
        # copies, because SciPy drops zeros and sorts rows in place
        cols, starts = as_numpy(self._indices).astype(index).reshape(-1), np.arange(n + 1, dtype=index) * index(k)
        values = as_numpy(self._values).reshape(-1).copy()
        matrix = scipy.sparse.csr_array((values, cols, starts), shape=(n, n))
        matrix.eliminate_zeros()
        # SciPy adds and multiplies matrices faster if rows are sorted
        matrix.sum_duplicates()
        relations: RelationData = container("sparse array")._of(matrix)
        return relations

    def sub(self, indices: torch.Tensor | AnyArray | list[int]) -> torch.Tensor:
        chosen = as_indices(indices, self._indices.device)
        position = torch.full((self.n_points,), -1, dtype=torch.int64, device=chosen.device)
        position[chosen] = torch.arange(len(chosen), device=chosen.device)
        cols = position[self._indices[chosen]]
        rows = torch.arange(len(chosen), device=chosen.device)[:, None].expand_as(cols)
        inside = cols >= 0
        block = self._values.new_zeros(len(chosen), len(chosen))
        return block.index_put_((rows[inside], cols[inside]), self._values[chosen][inside], accumulate=True)

    def edges(self) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        rows, columns = self._values.nonzero(as_tuple=True)
        return rows, self._indices[rows, columns], self._values[rows, columns]
