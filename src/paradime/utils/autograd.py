"""What enters ParaDime, kept apart from the caller's autograd graph and from the caller's inference mode."""

from __future__ import annotations

from typing import Any

import torch

__all__ = ["copyable", "recording_gradients", "without_graph"]


def copyable(value: Any) -> Any:
    """Returns a value, or a list or tuple of such, that has a deep copy: tensors leave their autograd graph.

    What has a copy as it is stays the same object, also a tensor that gradients are recorded of.

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
    """Returns a context, also a decorator, in which gradients are recorded whatever the caller has switched off.

    Leaving torch's inference mode also ends the effect of ``torch.no_grad()``; afterwards the caller's mode is
    back.

    Example:
        >>> with torch.no_grad(), recording_gradients():
        ...     torch.is_grad_enabled()
        True
    """
    return torch.inference_mode(False)


def without_graph(tensor: torch.Tensor) -> torch.Tensor:
    """Returns the numbers of a tensor as one that training can use, in memory that is shared where possible.

    Gradients of what is computed of it do not reach the tensor. A tensor that was made in torch's inference mode
    is copied, since autograd cannot take it.

    Example:
        >>> row = torch.ones(2, requires_grad=True)
        >>> without_graph(2 * row).requires_grad
        False
    """
    if not tensor.is_inference():
        return tensor.detach()
    with recording_gradients():
        return tensor.clone()
