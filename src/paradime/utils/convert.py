"""Conversions between NumPy arrays and torch tensors."""

from __future__ import annotations

import warnings
from collections.abc import Container
from typing import Any

import numpy as np
import torch

from paradime.types import AnyArray

__all__ = ["as_numpy", "as_tensor", "to_numpy", "to_torch"]


def to_numpy(X: Any) -> AnyArray:
    """Converts numbers to a NumPy array of the same precision.

    Args:
        X: A NumPy array, a torch tensor (on any device, with or without gradient), or nested lists.

    Returns:
        An array of the same shape. Memory is shared with ``X`` where that is possible.

    Example:
        >>> to_numpy(torch.ones(2, requires_grad=True))
        array([1., 1.], dtype=float32)
    """
    if isinstance(X, torch.Tensor):
        return as_numpy(X)
    return np.asarray(X)


def to_torch(X: Any) -> torch.Tensor:
    """Converts numbers to a tensor of single precision: float to float32, int to int32.

    Args:
        X: A NumPy array, a torch tensor, or nested lists.

    Returns:
        A tensor of the same shape on the same device; of dtype float32 for floating-point input, int32 for
        integers (int64 where a value does not fit into int32), bool for booleans.

    Raises:
        TypeError: If ``X`` is not numeric.

    Example:
        >>> to_torch(np.arange(3.0))
        tensor([0., 1., 2.])
        >>> to_torch([1, 2]).dtype
        torch.int32
    """
    tensor = as_tensor(X)
    if tensor.is_complex():
        raise TypeError("complex numbers are not supported. Pass real and imaginary parts as columns.")
    if tensor.is_floating_point():
        return tensor.to(torch.float32)
    if tensor.dtype == torch.bool:
        return tensor
    if tensor.dtype == torch.int64 and tensor.numel() and not _fits_int32(tensor):
        return tensor
    return tensor.to(torch.int32)


def _fits_int32(tensor: torch.Tensor) -> bool:
    low, high = torch.aminmax(tensor)
    limits = torch.iinfo(torch.int32)
    return limits.min <= int(low) and int(high) <= limits.max


def as_numpy(tensor: torch.Tensor) -> AnyArray:
    """Returns a tensor as a NumPy array, sharing memory where it lies on the CPU."""
    return tensor.detach().cpu().resolve_conj().numpy()


def as_tensor(X: Any) -> torch.Tensor:
    """Returns numbers as a tensor of the same precision, sharing memory where possible.

    Byte order, negative strides and unsigned types wider than a byte, which torch does not know, are
    copied into what it knows.

    Raises:
        TypeError: If ``X`` is not numeric.
        ValueError: If rows differ in length, or if there is text among numbers.
    """
    if isinstance(X, torch.Tensor):
        return X
    try:
        array = np.asarray(X)
    except ValueError as error:  # ragged nested lists
        raise ValueError(f"expected rows of equal length, got a ragged sequence ({error}).") from None
    if array.dtype == object:
        array = _cast_objects(array)
    if array.dtype.kind not in "biufc":
        raise TypeError(f"expected numbers, got values of dtype {array.dtype}. Encode them as numbers first.")
    if array.dtype.kind == "u" and array.dtype.itemsize > 1:
        wide = array.dtype.itemsize == 8 and array.size and array.max() > np.iinfo(np.int64).max
        array = array.astype(np.float64 if wide else np.int64)
    elif array.dtype == np.longdouble and array.dtype.itemsize > 8:
        array = array.astype(np.float64)
    array = array.astype(array.dtype.newbyteorder("="), copy=False)
    if any(stride < 0 for stride in array.strides):
        array = np.ascontiguousarray(array)
    with warnings.catch_warnings():
        # torch warns that it cannot honour the read-only flag; nothing here writes to what it was given
        warnings.filterwarnings("ignore", message="The given NumPy array is not writable")
        return torch.from_numpy(array)


def _cast_objects(array: AnyArray) -> AnyArray:
    try:
        return array.astype(np.float64)
    except (TypeError, ValueError):
        places = np.ndindex(array.shape)
        place = next((p for p in places if not isinstance(array[p], (int, float, np.number))), None)
    column = f" in column {place[1]}" if place is not None and len(place) > 1 else ""
    found = repr(array[place]) if place is not None else "mixed objects"
    if place is not None and isinstance(array[place], Container) and not isinstance(array[place], str):
        # in Python's own words for float(…) of what is neither
        raise TypeError(
            f"argument must be a string or a number, got {found}{column}. Encode it as a number first."
        )
    raise ValueError(f"expected numbers, got {found}{column}. Encode it as a number first.")
