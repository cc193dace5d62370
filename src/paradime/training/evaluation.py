"""Looking at a model while it is trained, without a trace."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Any

import torch

from paradime.training.inference import apply_to_rows, in_evaluation_mode
from paradime.utils.seed import seeded

__all__ = ["embed_rows", "evaluating"]


@contextlib.contextmanager
def evaluating(model: torch.nn.Module, device: torch.device | None = None) -> Iterator[None]:
    """Within the block, the model is in evaluation mode, no gradients are computed, and torch's seed is 0.

    Afterwards each part is in the mode in which it was, and torch's generators are where they were, so that
    training goes on as if nobody had looked.

    Args:
        model: The model.
        device: A device whose generator is meant beside that of the CPU.

    Example:
        >>> model = torch.nn.Dropout()
        >>> with evaluating(model):
        ...     model(torch.ones(3))
        tensor([1., 1., 1.])
        >>> model.training
        True
    """
    with in_evaluation_mode(model), torch.no_grad(), seeded(0, device):
        yield


def embed_rows(model: torch.nn.Module, rows: Any, device: torch.device) -> torch.Tensor:
    """Embeds rows in chunks; call it within :func:`evaluating`.

    Args:
        model: The model.
        rows: A tensor of shape (m, …), or sparse rows.
        device: Where to compute.

    Returns:
        The embedding on the CPU, shape (m, out_dim).
    """
    return apply_to_rows(model, rows, "embed", device).to(torch.float32)
