"""What the dense layouts share: one tensor as storage, seen as NumPy array or as tensor."""

from __future__ import annotations

from typing import Any, Self

import torch

from paradime.relationdata.base import RelationData
from paradime.types import AnyArray, TensorLike
from paradime.utils.convert import as_numpy, as_tensor

__all__ = ["ArrayView", "DenseRelationData", "TensorView", "as_indices", "as_values"]


def as_indices(indices: torch.Tensor | AnyArray | list[int], device: torch.device) -> torch.Tensor:
    """Returns indices as int64 tensor on a device."""
    return as_tensor(indices).to(device=device, dtype=torch.int64)


def as_values(relations: Any) -> torch.Tensor:
    """Returns relations as floating-point tensor: normalising and calibrating make fractions of whole numbers.

    Raises:
        ValueError: If they are complex.
    """
    tensor = as_tensor(relations)
    if tensor.is_complex():
        raise ValueError(f"relations must be real numbers, got {tensor.dtype}. Take their absolute values.")
    return tensor if tensor.is_floating_point() else tensor.to(torch.get_default_dtype())


class DenseRelationData(RelationData):
    """Relations whose storage is one tensor."""

    _tensor: torch.Tensor

    def __init__(self, relations: TensorLike) -> None:
        self._bind(relations)

    def _bind(self, relations: Any) -> None:
        """Replaces the storage by relations of the same layout."""
        self._tensor = self._checked(as_values(relations))

    @classmethod
    def _checked(cls, tensor: torch.Tensor) -> torch.Tensor:
        """Returns the tensor if it has the layout's shape; raises ValueError otherwise."""
        raise NotImplementedError

    @classmethod
    def _of(cls, tensor: torch.Tensor) -> Self:
        """Makes a container without checks and without copying."""
        made = cls.__new__(cls)
        made._tensor = tensor
        return made

    @property
    def values(self) -> torch.Tensor:
        return self._tensor

    def with_values(self, values: torch.Tensor) -> RelationData:
        return self._of(values)

    def _copy_storage(self) -> None:
        self._tensor = self._tensor.clone()


class ArrayView(DenseRelationData):
    """Shows the storage as NumPy array."""

    @property
    def data(self) -> AnyArray:
        """The relations as NumPy array; memory is shared."""
        self._take_storage()
        return as_numpy(self._tensor)

    @data.setter
    def data(self, data: Any) -> None:
        self._bind(data)


class TensorView(DenseRelationData):
    """Shows the storage as torch tensor."""

    @property
    def data(self) -> torch.Tensor:
        """The relations as tensor; memory is shared."""
        self._take_storage()
        return self._tensor

    @data.setter
    def data(self, data: Any) -> None:
        self._bind(data)
