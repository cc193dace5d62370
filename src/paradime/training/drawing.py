"""Plots of a training in progress: its losses, and the embedding.

``paradime.plot`` is imported when something is drawn, since most trainings draw nothing.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from paradime.types import AnyArray
from paradime.utils.optional import require

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["draw_embedding", "draw_losses", "new_figure"]


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
