"""What callbacks show of a training: some rows, embedded again and again, and plots of losses and embedding."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from paradime.data.validation import checked_rows, rows_for_model
from paradime.training.inference import embed_rows, evaluating
from paradime.training.state import TrainingState
from paradime.types import AnyArray
from paradime.utils.optional import require

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["ProbeSample", "draw_embedding", "draw_losses", "n_epochs", "new_figure"]


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


def new_figure(n_axes: int = 1) -> Figure:
    """Returns a figure that is not registered with pyplot, whose state does not change.

    Raises:
        ImportError: If matplotlib is not installed.
    """
    module = require("matplotlib.figure", "A figure", extra="plot")
    figure: Figure = module.Figure(figsize=(5 * n_axes, 4), layout="constrained")
    figure.subplots(1, n_axes)
    return figure


def draw_losses(ax: Axes, records: Sequence[Mapping[str, Any]]) -> None:
    """Draws the loss per epoch, and the loss of held-out rows, dashed, where it was measured.

    Args:
        ax: Axes to draw into; their former content is removed.
        records: The records of a :class:`~paradime.training.History`.
    """
    from paradime.plot import losses

    ax.clear()
    if records:
        losses(records, components=False, title=str(records[-1]["phase"]), ax=ax)


def draw_embedding(ax: Axes, embedded: AnyArray, labels: AnyArray | None) -> None:
    """Draws the first two dimensions of an embedding.

    Args:
        ax: Axes to draw into; their former content is removed.
        embedded: Shape (n, out_dim).
        labels: Classes or numbers, shape (n,), or ``None``; unlabelled points are grey.
    """
    from paradime.plot._labels import read_coloring
    from paradime.plot._points import Look, draw_points
    from paradime.plot._theme import hide_scales, matching_theme

    ax.clear()
    hide_scales(ax)
    y = embedded[:, 1] if embedded.shape[1] > 1 else np.zeros(len(embedded))
    coloring = read_coloring(labels, None, None, len(embedded), (2, 98))
    draw_points(ax, np.column_stack((embedded[:, 0], y)), coloring, Look(matching_theme(ax)))
    ax.set_title("embedding")
