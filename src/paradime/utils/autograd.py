"""What enters ParaDime, kept apart from the caller's autograd graph and from the caller's inference mode."""

from __future__ import annotations

import torch

__all__ = ["recording_gradients", "without_graph"]


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
