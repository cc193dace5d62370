"""Euclidean distances within a batch, kept in the form that kernels need.

Kernels such as Student's t are functions of squared distances. Square matrices of these are made and
differentiated by a few whole-matrix operations, much faster than condensed distances are, although they are twice
as large.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import torch

from paradime.functional import condensed_distances, square_to_condensed, squared_distances
from paradime.relationdata.base import RelationData
from paradime.relationdata.triangular import TriangularRelationTensor

__all__ = ["EuclideanRelationTensor", "HollowRelationTensor"]


class _LazyTriangle(TriangularRelationTensor):
    """Triangular relations that are made of something else when they are asked for.

    Once somebody may change them, by assigning ``data`` or in borrowed ones, they are all that counts.
    """

    _source: torch.Tensor | None

    def __init__(self, source: torch.Tensor) -> None:
        self._source = source

    def _condense(self, source: torch.Tensor) -> torch.Tensor:
        """Makes each pair once, shape (n(n − 1)/2,)."""
        raise NotImplementedError

    @functools.cached_property
    def _tensor(self) -> torch.Tensor:  # type: ignore[override]
        assert self._source is not None
        return self._condense(self._source)

    @property
    def data(self) -> torch.Tensor:
        """Each pair once, shape (n(n − 1)/2,)."""
        self._take_storage()
        return self._tensor

    @data.setter
    def data(self, data: Any) -> None:
        self._tensor = TriangularRelationTensor(data).data
        self._source = None

    def _copy_storage(self) -> None:
        super()._copy_storage()
        self._source = None

    @property
    def n_points(self) -> int:
        return super().n_points if self._source is None else len(self._source)

    def with_values(self, values: torch.Tensor) -> RelationData:
        return TriangularRelationTensor._of(values)


class HollowRelationTensor(_LazyTriangle):
    """Symmetric relations with zero diagonal, stored as a square matrix whose diagonal is not looked at.

    It is a triangular container in every respect: ``data`` shows each pair once.

    Args:
        square: Symmetric, shape (n, n); gradients flow through.

    Example:
        >>> HollowRelationTensor(torch.tensor([[9.0, 1.0], [1.0, 9.0]])).total()
        tensor(2.)
    """

    def __init__(self, square: torch.Tensor) -> None:
        super().__init__(square)

    def _condense(self, source: torch.Tensor) -> torch.Tensor:
        return square_to_condensed(source)

    @functools.cached_property
    def _hollow(self) -> torch.Tensor:
        """The matrix with its diagonal set to zero."""
        assert self._source is not None
        return self._source.clone().fill_diagonal_(0)

    def total(self) -> torch.Tensor:
        # not the sum minus the trace: kernels of points that lie far apart vanish beside their diagonal of ones
        return super().total() if self._source is None else self._hollow.sum()

    def normalized(self) -> RelationData:
        if self._source is None:
            return super().normalized()
        total = self.total()
        scaled = self._hollow / torch.where(total == 0, 1, total)
        made = HollowRelationTensor(scaled)
        made._hollow = scaled  # its diagonal is zero already
        return made

    def to_square(self) -> torch.Tensor:
        return super().to_square() if self._source is None else self._hollow


class EuclideanRelationTensor(_LazyTriangle):
    """Euclidean distances between points, made when they are asked for: as such, or squared for a kernel.

    Args:
        points: Shape (n, d); gradients flow through.

    Example:
        >>> EuclideanRelationTensor(torch.tensor([[0.0], [2.0]])).data
        tensor([2.])
    """

    def __init__(self, points: torch.Tensor) -> None:
        super().__init__(points)

    def _condense(self, source: torch.Tensor) -> torch.Tensor:
        return condensed_distances(source)

    def map_squares(self, function: Callable[[torch.Tensor], torch.Tensor]) -> RelationData:
        if self._source is None:
            return super().map_squares(function)
        return HollowRelationTensor(function(squared_distances(self._source)))
