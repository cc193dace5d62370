"""The triangular layout: each unordered pair of symmetric relations with zero diagonal once."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable

import torch

from paradime.functional import condensed_index, condensed_to_square, points_of_condensed
from paradime.relationdata._dense import ArrayView, DenseRelationData, TensorView, as_indices
from paradime.relationdata.base import RelationData, register_container
from paradime.types import AnyArray

__all__ = ["TriangularRelationArray", "TriangularRelationTensor"]


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
