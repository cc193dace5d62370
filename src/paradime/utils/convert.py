"""Conversions between NumPy arrays and torch tensors."""

from __future__ import annotations

import math
import warnings
from collections.abc import Container, Iterable
from typing import Any

import numpy as np
import torch

from paradime.types import AnyArray

__all__ = [
    "as_numpy",
    "as_tensor",
    "joined_rows",
    "row_major",
    "rowcol_to_triu_index",
    "to_numpy",
    "to_torch",
    "triu_to_square_dim",
]


def to_numpy(X: Any) -> AnyArray:
    """Converts numbers to a NumPy array without a change of precision.

    Args:
        X: A NumPy array, a torch tensor (on any device, with or without gradient), or nested lists.

    Returns:
        An array of the same shape. Memory is shared with ``X`` if possible.

    Example:
        >>> to_numpy(torch.ones(2, requires_grad=True))
        array([1., 1.], dtype=float32)
    """
    if isinstance(X, torch.Tensor):
        return as_numpy(X)
    return np.asarray(without_mask(X))


def without_mask(X: Any) -> Any:
    """Replaces masked entries of an array, or of a list of arrays, by missing values.

    Args:
        X: Any value; values other than masked arrays are returned unchanged.

    Returns:
        For numbers, an array with NaN for masked entries, in double precision if they are integers; for other
        types, an array of objects with ``None``. Without masked entries, the data of the array.

    Example:
        >>> without_mask(np.ma.masked_array([1, 2], mask=[False, True]))
        array([ 1., nan])
    """
    if isinstance(X, (list, tuple)) and any(isinstance(part, np.ma.MaskedArray) for part in X):
        X = np.ma.array(X)
    if not isinstance(X, np.ma.MaskedArray):
        return X
    mask = np.ma.getmaskarray(X)
    if not mask.any():
        return X.data
    if X.dtype.kind == "M":
        return np.where(mask, np.datetime64("NaT"), X.data)
    is_number = X.dtype.kind in "biufc"
    values = X.data.astype(object if not is_number else np.float64 if X.dtype.kind in "biu" else X.dtype)
    values[mask] = np.nan if is_number else None
    return values


def to_torch(X: Any) -> torch.Tensor:
    """Converts numbers to a tensor of 32-bit type: float to float32, int to int32.

    Args:
        X: A NumPy array, a torch tensor, or nested lists.

    Returns:
        A tensor of the same shape on the same device: float32 for floating-point input, int32 for integers (int64
        if a value does not fit into int32), bool for booleans.

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


def rowcol_to_triu_index(i: int, j: int, dim: int) -> int:
    """Returns the index of an entry of a symmetric matrix in the list of the entries above its diagonal.

    The list is in row-major order, as in ``scipy.spatial.distance.squareform`` and ``numpy.triu_indices(dim, 1)``.

    Args:
        i: The row, in [0, dim).
        j: The column, in [0, dim), smaller or larger than ``i``.
        dim: The number of rows of the matrix.

    Raises:
        ValueError: If the entry is on the diagonal or outside the matrix.

    Example:
        >>> [rowcol_to_triu_index(i, j, 4) for i, j in ((0, 1), (0, 3), (1, 2), (3, 2))]
        [0, 2, 3, 5]
    """
    if i == j:
        raise ValueError(f"i and j must differ, got {i} twice. Entries on the diagonal are not in the list.")
    low, high = min(i, j), max(i, j)
    if low < 0 or high >= dim:
        raise ValueError(f"i and j must lie in [0, dim), got {i} and {j} for dim = {dim}.")
    return low * dim - low * (low + 1) // 2 + high - low - 1


def triu_to_square_dim(len_triu: int) -> int:
    """Returns the number of rows of a symmetric matrix, given the number of entries above its diagonal.

    Args:
        len_triu: The number of entries, n (n − 1) / 2.

    Raises:
        ValueError: If no matrix has this number of entries.

    Example:
        >>> triu_to_square_dim(6)
        4
    """
    # the larger solution of n (n - 1) / 2 = len_triu, rounded to an integer
    dim = (1 + math.isqrt(1 + 8 * int(len_triu))) // 2 if len_triu > 0 else 0
    if dim * (dim - 1) // 2 != len_triu:
        raise ValueError(
            f"len_triu must be n (n - 1) / 2 for a whole number n, such as 1, 3, 6 or 10, got {len_triu}. "
            "Pass the entries above the diagonal, without it."
        )
    return dim


def as_numpy(tensor: torch.Tensor) -> AnyArray:
    """Returns a tensor as a NumPy array, which shares memory with a tensor on the CPU."""
    return tensor.detach().cpu().resolve_conj().numpy()


def as_tensor(X: Any) -> torch.Tensor:
    """Converts numbers to a tensor without a change of precision; memory is shared if possible.

    Arrays that torch does not support are copied: those of another byte order, with negative strides or strides
    of a fraction of an entry, and of unsigned types wider than a byte.

    Raises:
        TypeError: If ``X`` is not numeric.
        ValueError: If rows differ in length, or if there are strings among numbers.
    """
    if isinstance(X, torch.Tensor):
        return _signed(X)
    try:
        array = np.asarray(without_mask(X))
    except ValueError:  # ragged nested lists
        raise ValueError(
            "expected rows of equal length, got a ragged sequence. Pass as many numbers in each row."
        ) from None
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
    # axes of length 1 may have any stride: copy() resets it, ascontiguousarray would keep it
    if any(stride < 0 or stride % array.itemsize for stride in array.strides):
        array = array.copy(order="C")
    with warnings.catch_warnings():
        # torch cannot honour the read-only flag, but the library never writes to its input
        warnings.filterwarnings("ignore", message="The given NumPy array is not writable")
        return torch.from_numpy(array)


def _signed(tensor: torch.Tensor) -> torch.Tensor:
    """Converts unsigned integers wider than a byte to int64, or to float64 if one does not fit."""
    if tensor.dtype in (torch.uint16, torch.uint32):
        return tensor.to(torch.int64)
    if tensor.dtype != torch.uint64:
        return tensor
    is_wide = tensor.numel() > 0 and int(tensor.contiguous().view(torch.int64).min()) < 0
    return tensor.to(torch.float64 if is_wide else torch.int64)


def row_major(tensor: torch.Tensor) -> torch.Tensor:
    """Resets the strides of a contiguous tensor to those of its shape.

    Torch treats tensors as contiguous whatever the strides of their axes of length 1, but then refuses to view
    them as another type. Tensors that are not contiguous are returned unchanged.

    Example:
        >>> column = torch.ones(1, 5).T
        >>> column.is_contiguous(), column.stride(), row_major(column).stride()
        (True, (1, 5), (1, 1))
    """
    if tensor.layout != torch.strided or not tensor.is_contiguous():
        return tensor
    strides: list[int] = []
    size = 1
    for length in reversed(tensor.shape):
        strides.insert(0, size)
        size *= max(1, length)
    return tensor if list(tensor.stride()) == strides else tensor.as_strided(tensor.shape, strides)


def _cast_objects(array: AnyArray) -> AnyArray:
    try:
        return array.astype(np.float64)
    except (TypeError, ValueError):
        indices = np.ndindex(array.shape)
        index = next((i for i in indices if not isinstance(array[i], (int, float, np.number))), None)
    column = f" in column {index[1]}" if index is not None and len(index) > 1 else ""
    value = repr(array[index]) if index is not None else "mixed objects"
    if index is not None and isinstance(array[index], Container) and not isinstance(array[index], str):
        # the words of Python's float(…), which scikit-learn's checks expect
        raise TypeError(
            f"argument must be a string or a number, got {value}{column}. Encode it as a number first."
        )
    raise ValueError(f"expected numbers, got {value}{column}. Encode it as a number first.")


def joined_rows(parts: Iterable[torch.Tensor], n_rows: int) -> torch.Tensor:
    """Concatenates tensors one by one, which takes less memory than collecting them first.

    Small tensors that are collected between large temporary ones fragment the memory, so that each large one takes
    new memory.

    Args:
        parts: At least one tensor, shape (b, …) each, without gradients.
        n_rows: Their total number of rows.

    Example:
        >>> joined_rows((torch.full((2, 1), float(i)) for i in range(2)), 4).flatten()
        tensor([0., 0., 1., 1.])
    """
    joined, start = None, 0
    for part in parts:
        if joined is None:
            joined = part.new_empty((n_rows, *part.shape[1:]))
        joined[start : start + len(part)] = part
        start += len(part)
    assert joined is not None
    return joined
