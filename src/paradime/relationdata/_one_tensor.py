"""Base classes of layouts that store one tensor and show it as NumPy array or tensor."""

from __future__ import annotations

from abc import abstractmethod
from typing import Any, Self

import torch

from paradime.relationdata.base import RelationData
from paradime.types import AnyArray, TensorLike
from paradime.utils.convert import as_numpy, as_tensor

__all__ = ["ArrayView", "DenseRelationData", "TensorView", "as_indices", "as_values"]


def as_indices(indices: torch.Tensor | AnyArray | list[int], device: torch.device) -> torch.Tensor:
    """Converts indices to an int64 tensor on a device."""
    return as_tensor(indices).to(device=device, dtype=torch.int64)


def as_values(relations: Any) -> torch.Tensor:
    """Converts relations to a floating-point tensor, because normalisation and calibration return fractions.

    Raises:
        ValueError: If they are complex.
    """
    tensor = as_tensor(relations)
    if tensor.is_complex():
        raise ValueError(f"relations must be real numbers, got {tensor.dtype}. Take their absolute values.")
    return tensor if tensor.is_floating_point() else tensor.to(torch.get_default_dtype())


class DenseRelationData(RelationData):
    """Relations stored in one tensor."""

    _tensor: torch.Tensor

    def __init__(self, relations: TensorLike) -> None:
        self._bind(relations)

    def _bind(self, relations: Any) -> None:
        """Replaces the stored relations by others of the same layout."""
        self._tensor = self._checked(as_values(relations))

    @classmethod
    @abstractmethod
    def _checked(cls, tensor: torch.Tensor) -> torch.Tensor:
        """Returns the tensor if it has the layout's shape, else raises a ValueError."""

    @classmethod
    def _of(cls, tensor: torch.Tensor) -> Self:
        """Makes a container of a tensor, without checks and without a copy."""
        relations = cls.__new__(cls)
        relations._tensor = tensor
        return relations

    @property
    def values(self) -> torch.Tensor:
        return self._tensor

    def with_values(self, values: torch.Tensor) -> RelationData:
        return self._of(values)

    def _copy_storage(self) -> None:
        self._tensor = self._tensor.clone()


class ArrayView(DenseRelationData):
    """Dense relations whose ``data`` are a NumPy array."""

    @property
    def data(self) -> AnyArray:
        """The relations as NumPy array, which shares memory with the container."""
        self._take_storage()
        return as_numpy(self._tensor)

    @data.setter
    def data(self, data: Any) -> None:
        self._bind(data)


class TensorView(DenseRelationData):
    """Dense relations whose ``data`` are a torch tensor."""

    @property
    def data(self) -> torch.Tensor:
        """The relations as tensor, which shares memory with the container."""
        self._take_storage()
        return self._tensor

    @data.setter
    def data(self, data: Any) -> None:
        self._bind(data)
