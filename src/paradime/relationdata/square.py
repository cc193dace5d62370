"""The square layout: the full n × n matrix."""

from __future__ import annotations

from collections.abc import Callable

import torch

from paradime.relationdata._dense import ArrayView, DenseRelationData, TensorView, as_indices
from paradime.relationdata.base import RelationData, container, register_container
from paradime.types import AnyArray

__all__ = ["SquareRelationArray", "SquareRelationTensor"]


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
