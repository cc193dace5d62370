"""Looking at a model while it is trained, without a trace."""

from __future__ import annotations

import contextlib
import math
from collections.abc import Iterator
from typing import Any

import torch

from paradime.models import as_input, resolve_method
from paradime.utils.seed import seeded
from paradime.utils.sparse import SparseRows

__all__ = ["embed_rows", "evaluating"]

_CHUNK_ELEMENTS = 1 << 22  # of input; bounds the memory of hidden layers


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
    modes = {module: module.training for module in model.modules()}
    model.eval()
    try:
        with torch.no_grad(), seeded(0, device):
            yield
    finally:
        for module, was_training in modes.items():
            module.training = was_training


def embed_rows(model: torch.nn.Module, rows: Any, device: torch.device) -> torch.Tensor:
    """Embeds rows in chunks; call it within :func:`evaluating`.

    Args:
        model: The model.
        rows: A tensor of shape (m, …), or sparse rows.
        device: Where to compute.

    Returns:
        The embedding on the CPU, shape (m, out_dim).
    """
    function = resolve_method(model, "embed")
    step = max(1, _CHUNK_ELEMENTS // max(1, math.prod(rows.shape[1:])))
    chunks = rows.split(step) if isinstance(rows, SparseRows) else torch.split(rows, step)
    return torch.cat([function(as_input(model, chunk.to(device))).to("cpu", torch.float32) for chunk in chunks])
