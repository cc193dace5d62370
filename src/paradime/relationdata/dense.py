"""The dense layouts: square, triangular and flat."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable
from typing import NoReturn

import torch

from paradime.exceptions import UnsupportedConfigurationError
from paradime.functional import condensed_index, condensed_to_square, points_of_condensed
from paradime.relationdata._one_tensor import ArrayView, DenseRelationData, TensorView, as_indices
from paradime.relationdata.base import RelationData, container, register_container
from paradime.types import AnyArray

__all__ = [
    "FlatRelationArray",
    "FlatRelationTensor",
    "SquareRelationArray",
    "SquareRelationTensor",
    "TriangularRelationArray",
    "TriangularRelationTensor",
]


class _SquareRelations(DenseRelationData):
    layout = "square"

    @classmethod
    def _checked(cls, tensor: torch.Tensor) -> torch.Tensor:
        if tensor.ndim != 2 or tensor.shape[0] != tensor.shape[1]:
            raise ValueError(
                f"square relations must have shape (n, n), got {tuple(tensor.shape)}. Pass a square matrix."
            )
        return tensor

    @classmethod
    def _from(cls, relations: RelationData) -> RelationData:
        return cls._of(relations.to_square())

    @property
    def n_points(self) -> int:
        return len(self._tensor)

    def total(self) -> torch.Tensor:
        return self._tensor.sum()

    def row_normalized(self) -> RelationData:
        sums = self._tensor.sum(dim=1, keepdim=True)
        return self._of(self._tensor / torch.where(sums == 0, 1, sums))

    def symmetrized(self, *, subtract_product: bool = False) -> RelationData:
        matrix, transposed = self._tensor, self._tensor.T
        if subtract_product:
            return self._of(matrix + transposed - matrix * transposed)
        return self._of(0.5 * (matrix + transposed))

    def map_rows(self, function: Callable[[torch.Tensor], torch.Tensor]) -> RelationData:
        n, device = self.n_points, self._tensor.device
        others = ~torch.eye(n, dtype=torch.bool, device=device)
        indices = torch.arange(n, device=device).expand(n, n)[others].view(n, n - 1)
        mapped: RelationData = container("neighbor tuple")._of(
            indices, function(self._tensor[others].view(n, n - 1))
        )
        return mapped

    def without_diagonal(self) -> RelationData:
        own = torch.eye(self.n_points, dtype=torch.bool, device=self._tensor.device)
        return self._of(self._tensor.masked_fill(own, 0))

    def to_square(self) -> torch.Tensor:
        return self._tensor

    def sub(self, indices: torch.Tensor | AnyArray | list[int]) -> torch.Tensor:
        chosen = as_indices(indices, self._tensor.device)
        return self._tensor[chosen[:, None], chosen]

    def edges(self) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        rows, cols = self._tensor.nonzero(as_tuple=True)
        return rows, cols, self._tensor[rows, cols]


@register_container("square array")
class SquareRelationArray(ArrayView, _SquareRelations):
    """Relations between all pairs of points as NumPy array.

    Args:
        relations: Shape (n, n).

    Raises:
        ValueError: If the relations have another shape.

    Example:
        >>> import numpy as np
        >>> SquareRelationArray(np.eye(3)).without_diagonal().data.sum()
        np.float64(0.0)
    """


@register_container("square tensor")
class SquareRelationTensor(TensorView, _SquareRelations):
    """Relations between all pairs of points as tensor; gradients flow through.

    Args:
        relations: Shape (n, n).

    Raises:
        ValueError: If the relations have another shape.

    Example:
        >>> SquareRelationTensor(torch.eye(3)).sub([0, 2])
        tensor([[1., 0.],
                [0., 1.]])
    """


class _TriangularRelations(DenseRelationData):
    layout = "triangular"
    known_symmetric = True

    @classmethod
    def _checked(cls, tensor: torch.Tensor) -> torch.Tensor:
        if tensor.ndim != 1 or points_of_condensed(len(tensor)) is None:
            raise ValueError(
                f"triangular relations must have shape (n(n - 1)/2,), with n >= 2, got {tuple(tensor.shape)}. "
                "Use a flat layout for other numbers of values."
            )
        return tensor

    @classmethod
    def _from(cls, relations: RelationData) -> RelationData:
        return cls._of(relations._condensed())

    @property
    def n_points(self) -> int:
        # the shape was checked, except for a batch of one point, which has no pairs
        return points_of_condensed(len(self._tensor)) or 1

    def total(self) -> torch.Tensor:
        # each pair is stored once, but is twice in the full matrix
        return 2 * self._tensor.sum()

    def row_normalized(self) -> RelationData:
        # row sums differ, so that the result is not symmetric
        return self._square_kind().row_normalized()

    def symmetrized(self, *, subtract_product: bool = False) -> RelationData:
        if subtract_product:
            return self.with_values(2 * self._tensor - self._tensor.square())
        return self

    def map_rows(self, function: Callable[[torch.Tensor], torch.Tensor]) -> RelationData:
        return self._square_kind().map_rows(function)

    def without_diagonal(self) -> RelationData:
        return self

    def to_square(self) -> torch.Tensor:
        return condensed_to_square(self._tensor, self.n_points)

    def _condensed(self) -> torch.Tensor:
        return self._tensor

    def sub(self, indices: torch.Tensor | AnyArray | list[int]) -> torch.Tensor:
        chosen = as_indices(indices, self._tensor.device)
        b = len(chosen)
        rows, cols = torch.triu_indices(b, b, 1, device=chosen.device)
        return condensed_to_square(self._tensor[condensed_index(chosen[rows], chosen[cols], self.n_points)], b)

    def at(self, rows: torch.Tensor, cols: torch.Tensor) -> torch.Tensor:
        return self._tensor[condensed_index(rows, cols, self.n_points)]

    def edges(self) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        n = self.n_points
        rows, cols = torch.triu_indices(n, n, 1, device=self._tensor.device)
        stored = self._tensor.nonzero().squeeze(1)
        rows, cols, values = rows[stored], cols[stored], self._tensor[stored]
        return torch.cat((rows, cols)), torch.cat((cols, rows)), values.repeat(2)

    @abstractmethod
    def _square_kind(self) -> RelationData:
        """Returns the same relations as a square, of the same kind."""


@register_container("triangular array")
class TriangularRelationArray(ArrayView, _TriangularRelations):
    """Symmetric relations with zero diagonal as NumPy array, in the order of SciPy's ``pdist``.

    Args:
        relations: Shape (n(n − 1)/2,).

    Raises:
        ValueError: If no number of points has this number of pairs.

    Example:
        >>> TriangularRelationArray([1.0, 2.0, 3.0]).to_square_array().data
        array([[0., 1., 2.],
               [1., 0., 3.],
               [2., 3., 0.]])
    """

    def _square_kind(self) -> RelationData:
        return self.to_square_array()


@register_container("triangular tensor")
class TriangularRelationTensor(TensorView, _TriangularRelations):
    """Symmetric relations with zero diagonal as tensor; gradients flow through.

    Args:
        relations: Shape (n(n − 1)/2,).

    Raises:
        ValueError: If no number of points has this number of pairs.

    Example:
        >>> TriangularRelationTensor(torch.ones(3)).total()
        tensor(6.)
    """

    def _square_kind(self) -> RelationData:
        return self.to_square_tensor()


class _FlatRelations(DenseRelationData):
    layout = "flat"

    @classmethod
    def _checked(cls, tensor: torch.Tensor) -> torch.Tensor:
        if tensor.ndim != 1:
            raise ValueError(f"flat relations must have shape (m,), got {tuple(tensor.shape)}. Flatten them.")
        return tensor

    @classmethod
    def _from(cls, relations: RelationData) -> RelationData:
        return cls._of(relations.values.reshape(-1))

    @property
    def n_points(self) -> int:
        return self._no_matrix("no number of points")

    def total(self) -> torch.Tensor:
        return self._tensor.sum()

    def row_normalized(self) -> RelationData:
        return self._no_matrix("no rows")

    def symmetrized(self, *, subtract_product: bool = False) -> RelationData:
        return self._no_matrix("no transpose")

    def map_rows(self, function: Callable[[torch.Tensor], torch.Tensor]) -> RelationData:
        return self._no_matrix("no rows")

    def without_diagonal(self) -> RelationData:
        return self._no_matrix("no diagonal")

    def to_square(self) -> torch.Tensor:
        return self._no_matrix("no square form")

    def sub(self, indices: torch.Tensor | AnyArray | list[int]) -> torch.Tensor:
        return self._no_matrix("no rows and columns")

    def edges(self) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        return self._no_matrix("no rows and columns")

    def _no_matrix(self, missing: str) -> NoReturn:
        raise UnsupportedConfigurationError(
            f"flat relations are a plain list of values: they have {missing}. "
            "Use a square, triangular, neighbor or sparse layout for this."
        )

    def __repr__(self) -> str:
        return f"{type(self).__name__}(stored={len(self._tensor)})"


@register_container("flat array")
class FlatRelationArray(ArrayView, _FlatRelations):
    """A plain list of relation values as NumPy array.

    Args:
        relations: Shape (m,).

    Raises:
        ValueError: If the relations have another shape.
    """


@register_container("flat tensor")
class FlatRelationTensor(TensorView, _FlatRelations):
    """A plain list of relation values as tensor, such as one per pair of a batch; gradients flow through.

    Args:
        relations: Shape (m,).

    Raises:
        ValueError: If the relations have another shape.
    """
