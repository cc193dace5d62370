"""What data must be like, checked before anything is computed."""

from __future__ import annotations

from typing import Any

import numpy as np
import scipy.sparse
import torch

from paradime.utils.convert import as_tensor, to_torch

__all__ = ["checked_rows", "column_names", "single_precision"]


def checked_rows(name: str, values: Any) -> torch.Tensor:
    """Returns numbers with one row a data point, in the precision they came in.

    Args:
        name: What to call the data in messages.
        values: An array, tensor, data frame, or nested lists.

    Returns:
        A tensor of shape (n, …) that shares memory with ``values`` where possible.

    Raises:
        TypeError: If it is no array of numbers.
        ValueError: If it has no rows or columns, is complex or ragged, or contains NaN or infinity.
    """
    if values is None or isinstance(values, (str, bytes, int, float)):
        raise TypeError(f"data {name!r} must be an array with one row a data point, got {type(values).__name__}.")
    if scipy.sparse.issparse(values):
        raise TypeError(f"data {name!r} is a sparse matrix, which is not supported here. Pass .toarray().")
    try:
        tensor = as_tensor(values)
    except TypeError as error:
        raise TypeError(f"data {name!r}: {error}") from None
    except ValueError as error:
        raise ValueError(f"data {name!r}: {error}") from None
    if tensor.is_complex():
        raise ValueError(
            f"data {name!r} has complex numbers, which are not supported. "
            "Pass real and imaginary parts as columns."
        )
    if tensor.ndim == 0 or len(tensor) == 0:
        raise ValueError(f"data {name!r} has 0 sample(s), at least 1 is needed.")
    if tensor.numel() == 0:
        raise ValueError(f"data {name!r} has 0 feature(s), shape {tuple(tensor.shape)}; at least 1 is needed.")
    if tensor.is_floating_point():
        _refuse_non_finite(name, tensor)
    return tensor


def single_precision(name: str, tensor: torch.Tensor) -> torch.Tensor:
    """Returns the numbers as float32 or int32, see :func:`~paradime.utils.convert.to_torch`.

    Raises:
        ValueError: If a finite number does not fit into single precision.
    """
    # in row-major order, so that results do not depend on how the data lie in memory
    converted = to_torch(tensor).contiguous()
    if tensor.dtype == torch.float64 and not bool(converted.isfinite().all()):
        place, value = _first(~converted.isfinite(), tensor)
        raise ValueError(
            f"data {name!r} has a value beyond single precision, {value:g} at {place}. Rescale the column."
        )
    return converted


def column_names(values: Any) -> list[str] | None:
    """Returns the names of the columns of a data frame, as texts, or ``None`` for what has none.

    Args:
        values: Anything; a data frame is what has ``columns`` that can be listed.
    """
    columns = getattr(values, "columns", None)
    if columns is None or isinstance(columns, str):
        return None
    try:
        return [str(name) for name in columns]
    except TypeError:
        return None


def _refuse_non_finite(name: str, tensor: torch.Tensor) -> None:
    # the sum is finite for nearly all finite data: one pass without a temporary
    if bool(tensor.sum(dtype=torch.float64).isfinite()):
        return
    for found, what, remedy in (
        (tensor.isnan(), "NaN", "Impute such values or drop the rows"),
        (tensor.isinf(), "infinity", "Clip or drop such values"),
    ):
        if bool(found.any()):
            place, _ = _first(found, tensor)
            raise ValueError(f"data {name!r} contains {what}, first at {place}. {remedy}.")


def _first(found: torch.Tensor, tensor: torch.Tensor) -> tuple[str, float]:
    place = tuple(int(i) for i in found.nonzero()[0])
    words = f"row {place[0]}" + (f", column {place[1]}" if len(place) > 1 else "")
    return words, float(np.asarray(tensor[place].cpu()))
