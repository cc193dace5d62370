"""Use of a trained model."""

from __future__ import annotations

import contextlib
from typing import Any

import torch

from paradime.data.validation import checked_rows, rows_for_model
from paradime.models import resolve_method

__all__ = ["apply_in_chunks"]

_ON_DATA = (None, "forward", "embed", "encode", "classify")  # other methods, such as decode, take other rows
_CHUNK_ELEMENTS = 1 << 22  # of input; bounds the memory of hidden layers


def apply_in_chunks(
    model: torch.nn.Module,
    X: Any,
    *,
    method: str | None,
    device: torch.device,
    row_shape: tuple[int, ...] | None,
    owner: str,
    single: bool = False,
    gradients: bool = False,
) -> torch.Tensor:
    """Applies a method of a model to points, in evaluation mode.

    Args:
        model: The model; its mode is restored afterwards.
        X: Points, shape (m, …).
        method: The name of the method; the model itself is called if ``None``.
        device: Where to compute.
        row_shape: The shape that each row must have, or ``None`` if it is not known.
        owner: The name of the routine, for messages.
        single: Whether ``X`` may also be a single point, shape (…).
        gradients: Whether the result is differentiable.

    Returns:
        What the method makes of the points, on the CPU, shape (m, …); shape (…) of a single point.

    Raises:
        TypeError: If ``X`` is no array of numbers.
        ValueError: If ``X`` is not finite, or its rows have another shape.
    """
    rows = rows_for_model("X", checked_rows("X", X), model)
    is_single = single and _is_single(rows, row_shape if method in _ON_DATA else None)
    if is_single:
        rows = rows[None]
    if method in _ON_DATA and row_shape is not None and tuple(rows.shape[1:]) != row_shape:
        if len(row_shape) == 1 and rows.ndim == 2:
            raise ValueError(
                f"X has {rows.shape[1]} features, but {owner} is expecting {row_shape[0]} features as input."
            )
        if len(row_shape) == 1:
            raise ValueError(
                f"Expected 2D array, got shape {tuple(rows.shape)}. "
                "Reshape your data: .reshape(1, -1) for a single sample."
            )
        raise ValueError(f"X has rows of shape {tuple(rows.shape[1:])}, but {owner} is expecting {row_shape}.")
    function = resolve_method(model, method)
    step = max(1, _CHUNK_ELEMENTS // max(1, rows[0].numel()))
    was_training = model.training
    model.eval()
    try:
        with contextlib.nullcontext() if gradients else torch.inference_mode():
            parts = [function(chunk.to(device)).cpu() for chunk in rows.split(step)]
    finally:
        model.train(was_training)
    # an inference tensor cannot take part in autograd later; a copy made outside can
    made = parts[0].clone() if len(parts) == 1 else torch.cat(parts)
    return made[0] if is_single else made


def _is_single(rows: Any, row_shape: tuple[int, ...] | None) -> bool:
    """Whether these are the numbers of one point."""
    return rows.ndim == 1 if row_shape is None else tuple(rows.shape) == row_shape
