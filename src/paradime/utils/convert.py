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
    return np.asarray(without_mask(X))


def without_mask(X: Any) -> Any:
    """Returns masked arrays, and lists of these, as arrays in which masked entries are missing; all else as it is.

    Args:
        X: Anything.

    Returns:
        Of numbers an array with NaN in place of masked entries, in double precision if they were integers; of
        anything else one of objects, with ``None``. Where nothing is masked, the data of the array.

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


def rowcol_to_triu_index(i: int, j: int, dim: int) -> int:
    """Returns where an entry of a symmetric matrix stands in the list of the entries above its diagonal.

    The list goes row by row, as that of ``scipy.spatial.distance.squareform`` and ``numpy.triu_indices(dim, 1)``.

    Args:
        i: The row, in [0, dim).
        j: The column, in [0, dim); which of both is larger does not matter.
        dim: The number of rows of the matrix.

    Raises:
        ValueError: If the entry lies on the diagonal, or outside the matrix.

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
        ValueError: If no matrix has as many.

    Example:
        >>> triu_to_square_dim(6)
        4
    """
    # the larger solution of n (n - 1) / 2 = len_triu, rounded to an integer
    dim = (1 + math.isqrt(1 + 8 * int(len_triu))) // 2 if len_triu > 0 else 0
    if dim * (dim - 1) // 2 != len_triu:
        raise ValueError(
            f"len_triu must be n (n - 1) / 2 for a whole number n, as 1, 3, 6 and 10, got {len_triu}. "
            "Pass the entries above the diagonal, without it."
        )
    return dim


def as_numpy(tensor: torch.Tensor) -> AnyArray:
    """Returns a tensor as a NumPy array, sharing memory where it lies on the CPU."""
    return tensor.detach().cpu().resolve_conj().numpy()


def as_tensor(X: Any) -> torch.Tensor:
    """Returns numbers as a tensor of the same precision, sharing memory where possible.

    Byte order, negative strides, strides of no whole number of entries, and unsigned types wider than a byte,
    with which torch does not compute, are copied into what it knows.

    Raises:
        TypeError: If ``X`` is not numeric.
        ValueError: If rows differ in length, or if there is text among numbers.
    """
    if isinstance(X, torch.Tensor):
        return _signed(X)
    try:
        array = np.asarray(without_mask(X))
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
    # axes of one entry may have any stride: a copy has those of its shape, where ascontiguousarray keeps them
    if any(stride < 0 or stride % array.itemsize for stride in array.strides):
        array = array.copy(order="C")
    with warnings.catch_warnings():
        # torch warns that it cannot honour the read-only flag; nothing here writes to what it was given
        warnings.filterwarnings("ignore", message="The given NumPy array is not writable")
        return torch.from_numpy(array)


def _signed(tensor: torch.Tensor) -> torch.Tensor:
    """Returns unsigned integers wider than a byte as int64, or as float64 where one does not fit."""
    if tensor.dtype in (torch.uint16, torch.uint32):
        return tensor.to(torch.int64)
    if tensor.dtype != torch.uint64:
        return tensor
    is_wide = tensor.numel() > 0 and int(tensor.contiguous().view(torch.int64).min()) < 0
    return tensor.to(torch.float64 if is_wide else torch.int64)


def row_major(tensor: torch.Tensor) -> torch.Tensor:
    """Returns a tensor that lies in row-major order with the strides that follow from its shape, if it does.

    Torch counts rows of one column, and columns of one row, as row-major whatever the strides of the axes of one
    entry are, and then refuses to read them in another type. Other tensors are returned as they are.

    Example:
        >>> column = torch.ones(1, 5).T
        >>> column.is_contiguous(), column.stride(), row_major(column).stride()
        (True, (1, 5), (1, 1))
    """
    if tensor.layout != torch.strided or not tensor.is_contiguous():
        return tensor
    usual: list[int] = []
    size = 1
    for length in reversed(tensor.shape):
        usual.insert(0, size)
        size *= max(1, length)
    return tensor if list(tensor.stride()) == usual else tensor.as_strided(tensor.shape, usual)


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


def joined_rows(parts: Iterable[torch.Tensor], n_rows: int) -> torch.Tensor:
    """Puts parts into one tensor as they come, where keeping them until the end would cost memory.

    Small results that are kept between large blocks which come and go split the free memory, so that each large
    block takes new memory.

    Args:
        parts: At least one tensor, shape (b, …) each, without gradients.
        n_rows: How many rows they have together.

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
