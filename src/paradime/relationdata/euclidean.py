"""Euclidean distances within a batch, and kernels of them, computed on access in the requested layout.

Kernels such as Student's t are functions of squared distances. Most losses need their total and the values of
single pairs, which are computed in the circular layout with each pair once. The square matrix is computed and
differentiated by a few matrix operations.
"""

from __future__ import annotations

import functools
from abc import abstractmethod
from collections.abc import Callable
from typing import Any

import torch

from paradime.functional import (
    circular_index,
    circular_squared_distances,
    circular_total,
    condensed_distances,
    paired_distances,
    square_to_condensed,
    squared_distances,
)
from paradime.relationdata._one_tensor import TensorView
from paradime.relationdata.base import RelationData
from paradime.relationdata.dense import FlatRelationTensor, SquareRelationTensor, TriangularRelationTensor

__all__ = ["EuclideanPairsTensor", "EuclideanRelationTensor", "KernelRelationTensor"]

_FEW_DIMENSIONS = 8  # up to so many dimensions, differences per column are faster than a matrix product


class _Lazy(TensorView):
    """Relations that are computed from a source on first access.

    The source is dropped when ``data`` are assigned, or returned by borrowed relations and may be changed.
    """

    _source: Any

    @abstractmethod
    def _make(self) -> torch.Tensor:
        """Computes the relations from the source, in the layout's shape."""

    @functools.cached_property
    def _tensor(self) -> torch.Tensor:  # type: ignore[override]
        return self._make()

    def _bind(self, relations: Any) -> None:
        super()._bind(relations)
        self._forget_source()

    def _copy_storage(self) -> None:
        super()._copy_storage()
        self._forget_source()

    def _forget_source(self) -> None:
        self._source = None


class _LazyTriangle(_Lazy, TriangularRelationTensor):
    _source: torch.Tensor | None

    def __init__(self, source: torch.Tensor) -> None:
        self._source = source

    @property
    def n_points(self) -> int:
        return super().n_points if self._source is None else len(self._source)

    def with_values(self, values: torch.Tensor) -> RelationData:
        return TriangularRelationTensor._of(values)


class KernelRelationTensor(_LazyTriangle):
    """A kernel of squared Euclidean distances between points, computed on access.

    It is a triangular container, whose ``data`` have each pair once. The square matrix, single pairs and the total
    are computed directly from distances in the most efficient layout.

    Args:
        points: Shape (n, d); gradients flow through.
        kernel: An elementwise function of squared distances.
        normalize: Whether to rescale the relations to a total of 1.

    Example:
        >>> KernelRelationTensor(torch.tensor([[0.0], [2.0]]), lambda sq_dists: 1 / (1 + sq_dists)).to_square()
        tensor([[0.0000, 0.2000],
                [0.2000, 0.0000]])
    """

    def __init__(
        self, points: torch.Tensor, kernel: Callable[[torch.Tensor], torch.Tensor], *, normalize: bool = False
    ) -> None:
        super().__init__(points)
        self._kernel = kernel
        self._normalize = normalize
        self._made_square: torch.Tensor | None = None

    def _make(self) -> torch.Tensor:
        return square_to_condensed(self._square)

    @property
    def _square(self) -> torch.Tensor:
        if self._made_square is None:
            assert self._source is not None
            hollow = self._kernel(squared_distances(self._source)).clone().fill_diagonal_(0)
            # the diagonal is set to 0 before summation, because subtracting the trace would cancel small kernels
            self._made_square = hollow / _divisor(hollow.sum()) if self._normalize else hollow
        return self._made_square

    @functools.cached_property
    def _circular(self) -> torch.Tensor:
        """The kernel in the circular layout, not normalised."""
        assert self._source is not None
        return self._kernel(circular_squared_distances(self._source))

    def _has_square(self) -> bool:
        # with many dimensions, distances are computed by a matrix product, whose result is square
        assert self._source is not None
        return self._made_square is not None or self._source.shape[1] > _FEW_DIMENSIONS

    def total(self) -> torch.Tensor:
        if self._source is None:
            return super().total()
        if self._has_square():
            return self._square.sum()
        total = circular_total(self._circular)
        return total / _divisor(total) if self._normalize else total

    def at(self, rows: torch.Tensor, cols: torch.Tensor) -> torch.Tensor:
        if self._source is None or self._has_square():
            return super().at(rows, cols)
        positions = circular_index(rows, cols, self.n_points)
        selected = self._circular.view(-1).index_select(0, positions)
        return selected / _divisor(circular_total(self._circular)) if self._normalize else selected

    def normalized(self) -> RelationData:
        if self._source is None:
            return super().normalized()
        return KernelRelationTensor(self._source, self._kernel, normalize=True)

    def to_square(self) -> torch.Tensor:
        return super().to_square() if self._source is None else self._square

    def to_square_tensor(self) -> RelationData:
        return super().to_square_tensor() if self._source is None else _KernelSquare(self)


class _KernelSquare(_Lazy, SquareRelationTensor):
    """Square relations that are computed on access; single pairs are computed without the full matrix."""

    known_symmetric = True
    _source: KernelRelationTensor | None

    def __init__(self, source: KernelRelationTensor) -> None:
        self._source = source

    @classmethod
    def _of(cls, tensor: torch.Tensor) -> Any:
        return SquareRelationTensor._of(tensor)

    def _make(self) -> torch.Tensor:
        assert self._source is not None
        return self._source.to_square()

    def _forget_source(self) -> None:
        self._source, self.known_symmetric = None, False

    @property
    def n_points(self) -> int:
        return super().n_points if self._source is None else self._source.n_points

    def at(self, rows: torch.Tensor, cols: torch.Tensor) -> torch.Tensor:
        return super().at(rows, cols) if self._source is None else self._source.at(rows, cols)


def _divisor(total: torch.Tensor) -> torch.Tensor:
    return torch.where(total == 0, 1, total)


class EuclideanRelationTensor(_LazyTriangle):
    """Euclidean distances between points, computed on access, or squared if a kernel is applied.

    Args:
        points: Shape (n, d); gradients flow through.

    Example:
        >>> EuclideanRelationTensor(torch.tensor([[0.0], [2.0]])).data
        tensor([2.])
    """

    def __init__(self, points: torch.Tensor) -> None:
        super().__init__(points)

    def _make(self) -> torch.Tensor:
        assert self._source is not None
        return condensed_distances(self._source)

    def map_squares(self, function: Callable[[torch.Tensor], torch.Tensor]) -> RelationData:
        if self._source is None:
            return super().map_squares(function)
        return KernelRelationTensor(self._source, function)


class EuclideanPairsTensor(_Lazy, FlatRelationTensor):
    """Euclidean distances of pairs of points, computed on access, or squared if a kernel is applied.

    Args:
        ends: Both points of each pair, shape (2, m, d); gradients flow through.

    Example:
        >>> EuclideanPairsTensor(torch.tensor([[[0.0]], [[2.0]]])).data
        tensor([2.])
    """

    _source: torch.Tensor | None

    def __init__(self, ends: torch.Tensor) -> None:
        self._source = ends

    @classmethod
    def _of(cls, tensor: torch.Tensor) -> Any:
        return FlatRelationTensor._of(tensor)

    def _make(self) -> torch.Tensor:
        assert self._source is not None
        return paired_distances(self._source[0], self._source[1])

    def map_squares(self, function: Callable[[torch.Tensor], torch.Tensor]) -> RelationData:
        if self._source is None:
            return super().map_squares(function)
        squares = paired_distances(self._source[0], self._source[1], metric="sqeuclidean")
        return FlatRelationTensor._of(function(squares))
