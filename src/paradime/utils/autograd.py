"""Separation of the library's computations from the caller's autograd graph and inference mode."""

from __future__ import annotations

from typing import Any

import torch

__all__ = ["copyable", "recording_gradients", "without_graph"]


def copyable(value: Any) -> Any:
    """Detaches tensors, also in lists and tuples, from their autograd graph, so that deep copies are possible.

    Values that can be copied are returned unchanged, including tensors that are leaves of a graph.

    Example:
        >>> row = torch.ones(2, requires_grad=True)
        >>> copyable(row) is row, copyable((2 * row, 3))[0].requires_grad
        (True, False)
    """
    if isinstance(value, torch.Tensor):
        return value if value.is_leaf else without_graph(value)
    if isinstance(value, (list, tuple)) and any(copyable(part) is not part for part in value):
        return type(value)(map(copyable, value))
    return value


def recording_gradients() -> torch.inference_mode:
    """Returns a context manager and decorator that records gradients, whatever mode the caller has set.

    Leaving torch's inference mode also ends the effect of ``torch.no_grad()``. The caller's mode is restored
    afterwards.

    Example:
        >>> with torch.no_grad(), recording_gradients():
        ...     torch.is_grad_enabled()
        True
    """
    return torch.inference_mode(False)


def without_graph(tensor: torch.Tensor) -> torch.Tensor:
    """Returns a tensor without its autograd graph; memory is shared if possible.

    Gradients of later computations do not reach the given tensor. A tensor from torch's inference mode is copied,
    since autograd cannot use it.

    Example:
        >>> row = torch.ones(2, requires_grad=True)
        >>> without_graph(2 * row).requires_grad
        False
    """
    if not tensor.is_inference():
        return tensor.detach()
    with recording_gradients():
        return tensor.clone()
