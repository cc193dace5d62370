"""Whether a model still does the same after it was saved, or taken elsewhere."""

from __future__ import annotations

import contextlib
from typing import Any

import torch

from paradime.dr.storing import ranges_of
from paradime.exceptions import UnsupportedConfigurationError
from paradime.persistence.probes import probe_rows
from paradime.training import apply_in_chunks
from paradime.utils.seed import seeded

__all__ = ["agree", "embedded", "probes"]


def probes(routine: Any, n: int) -> torch.Tensor:
    """Returns rows within the usual ranges of the columns of the training, shape (n, …)."""
    return probe_rows(ranges_of(routine), n)


def embedded(model: torch.nn.Module, rows: torch.Tensor) -> torch.Tensor | None:
    """Returns what a model makes of rows; ``None`` if it does not embed. A model that draws, draws the same."""
    device = next((tensor.device for tensor in model.state_dict().values()), torch.device("cpu"))
    with seeded(0, device), contextlib.suppress(UnsupportedConfigurationError, NotImplementedError):
        return apply_in_chunks(model, rows, method="embed", device=device, row_shape=None, owner="the model")
    return None


def agree(first: torch.Tensor | None, second: torch.Tensor | None, *, exactly: bool) -> bool:
    """Returns whether two embeddings are equal; or, of different devices, equal but for rounding."""
    if first is None or second is None:
        return first is second
    if exactly:
        return torch.equal(first, second)
    return first.shape == second.shape and torch.allclose(first, second, rtol=1e-3, atol=1e-3)
