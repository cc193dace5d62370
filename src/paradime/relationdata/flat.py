"""The flat layout: values without rows and columns, such as those of a list of pairs."""

from __future__ import annotations

from collections.abc import Callable
from typing import NoReturn

import torch

from paradime.exceptions import UnsupportedConfigurationError
from paradime.relationdata._dense import ArrayView, DenseRelationData, TensorView
from paradime.relationdata.base import RelationData, register_container
from paradime.types import AnyArray

__all__ = ["FlatRelationArray", "FlatRelationTensor"]


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
