"""Some rows that callbacks look at again and again."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch

from paradime.data.validation import checked_rows, rows_for_model
from paradime.training.inference import embed_rows, evaluating
from paradime.training.state import TrainingState
from paradime.types import AnyArray

__all__ = ["ProbeSample", "n_epochs"]


class ProbeSample:
    """The same rows, embedded by a model whenever somebody asks.

    Args:
        state: Where training stands, at its beginning.
        rows: The rows, shape (m, …), or how many of the training rows to draw at most.
        seed: The seed of that draw; torch's generators stay as they are.

    Attributes:
        indices: The numbers of the training rows, shape (m,), ascending; ``None`` if rows were given.
        labels: Their entry ``"labels"``, shape (m,), or ``None``.
    """

    def __init__(self, state: TrainingState, rows: Any, *, seed: int = 0) -> None:
        self.indices: AnyArray | None = None
        self.labels: AnyArray | None = None
        if not isinstance(rows, (int, np.integer)):
            self._rows = rows_for_model("rows", checked_rows("rows", rows), state.model)
            return
        assert state.dataset is not None
        n = len(state.dataset)
        drawn = np.random.default_rng(seed).permutation(n)[:rows]
        self.indices = np.sort(drawn)
        entries = state.dataset.rows(torch.from_numpy(self.indices))
        self._rows = entries[state.data_key]
        if "labels" in entries and entries["labels"].ndim == 1:
            self.labels = entries["labels"].cpu().numpy()

    def embed(self, model: torch.nn.Module) -> AnyArray:
        """Returns the embedding of the rows, shape (m, out_dim)."""
        weights = next(iter((*model.parameters(), *model.buffers())), torch.empty(0))
        with evaluating(model, weights.device):
            embedded: AnyArray = embed_rows(model, self._rows, weights.device).numpy()
        return embedded


def n_epochs(state: TrainingState) -> int:
    """Returns how many epochs the training has if no phase ends early."""
    return sum(phase.budget(state.n_rows).epochs for phase in state.phases)
