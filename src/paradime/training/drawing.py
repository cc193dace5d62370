"""Figures of a training that goes on: its losses, and the embedding."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from paradime.types import AnyArray
from paradime.utils._drawing import draw_as_written
from paradime.utils.optional import require

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["draw_embedding", "draw_losses", "new_figure"]

_UNLABELED = -1


def new_figure(n_axes: int = 1) -> Figure:
    """Returns a figure that belongs to nobody else: no state of pyplot is touched.

    Raises:
        ImportError: If matplotlib is not installed.
    """
    module = require("matplotlib.figure", "A figure", extra="plot")
    figure: Figure = module.Figure(figsize=(5 * n_axes, 4), layout="constrained")
    figure.subplots(1, n_axes)
    return figure


def draw_losses(ax: Axes, records: Sequence[Mapping[str, Any]]) -> None:
    """Draws the loss of each epoch, and that of held-out rows, dashed, where it was measured.

    Args:
        ax: Where to draw; what is there is removed.
        records: The records of a :class:`~paradime.training.History`.
    """
    ax.clear()
    for name, style in (("loss", "-"), ("validation_loss", "--")):
        values = np.array([np.nan if r[name] is None else r[name] for r in records], dtype=float)
        known = np.flatnonzero(np.isfinite(values))
        if len(known):
            ax.plot(known + 1, values[known], style, label=name.replace("_", " "), marker="." * (len(known) == 1))
    shown = [line.get_ydata() for line in ax.get_lines()]
    if shown:
        values = np.concatenate([np.asarray(part, dtype=float) for part in shown])
        # phases differ in scale, which a linear axis would hide
        if values.min() > 0 and values.max() > 20 * values.min():
            ax.set_yscale("log")
        draw_as_written(*ax.legend(frameon=False).get_texts())
    for place in range(1, len(records)):
        if records[place]["phase"] != records[place - 1]["phase"]:
            ax.axvline(place + 0.5, color="0.8", linewidth=1)
    ax.set(xlabel="epoch", ylabel="loss", title=str(records[-1]["phase"]) if records else "")
    draw_as_written(ax.title)


def draw_embedding(ax: Axes, embedded: AnyArray, labels: AnyArray | None) -> None:
    """Draws the first two dimensions of an embedding.

    Args:
        ax: Where to draw; what is there is removed.
        embedded: Shape (n, out_dim).
        labels: Classes or numbers, shape (n,), or ``None``; unlabelled points are grey.
    """
    ax.clear()
    x, y = embedded[:, 0], embedded[:, 1] if embedded.shape[1] > 1 else np.zeros(len(embedded))
    size = float(np.clip(20_000 / max(len(x), 1), 2, 20))
    if labels is None:
        ax.scatter(x, y, s=size, linewidths=0)
    else:
        classes = not np.issubdtype(labels.dtype, np.floating)
        known = labels != _UNLABELED if classes else np.isfinite(labels)
        ax.scatter(x[~known], y[~known], s=size, c="0.75", linewidths=0)
        few = classes and int(labels.max(initial=0)) < 10
        limits: dict[str, Any] = {"vmin": 0, "vmax": 9} if few else {}
        ax.scatter(
            x[known], y[known], s=size, c=labels[known], cmap="tab10" if few else "viridis", linewidths=0, **limits
        )
    ax.set(xticks=[], yticks=[], title="embedding")
    ax.set_aspect("equal", adjustable="datalim")
