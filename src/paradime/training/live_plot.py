"""A figure that follows the training."""

from __future__ import annotations

import importlib
import os
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from paradime._registry import CALLBACKS
from paradime.training.callbacks import Callback
from paradime.training.history import History
from paradime.training.pictures import ProbeSample, draw_embedding, draw_losses, new_figure
from paradime.training.state import TrainingState
from paradime.utils.arguments import check_integer
from paradime.utils.optional import require

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["LivePlot"]


@CALLBACKS.register("live plot")
class LivePlot(Callback):
    """Draws the losses and the embedding anew every few epochs.

    In a Jupyter notebook the figure stays in its place and changes; elsewhere it is an image file, which a viewer
    may show, or a window. Needs matplotlib.

    Args:
        path: An image file to write, such as ``"training.png"``; each version replaces the one before as a whole.
            In a notebook the figure is shown if ``None``, elsewhere in a window.
        every: Epochs between drawings, at least 1; the end is drawn, too.
        n_points: How many of the training rows to draw at most, coloured by the entry ``"labels"`` if there is
            one.

    Attributes:
        figure: The figure, once training has begun.

    Raises:
        ValueError: If a setting is out of range.
    """

    on_all_ranks = False

    def __init__(self, path: str | None = None, *, every: int = 1, n_points: int = 2_000) -> None:
        check_integer("every", every)
        check_integer("n_points", n_points)
        self.path = path
        self.every = every
        self.n_points = n_points
        self.figure: Figure | None = None
        self._history = History()
        self._probe: ProbeSample | None = None
        self._handle: Any = None

    def state_dict(self) -> dict[str, Any]:
        return self._history.state_dict()

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        self._history.load_state_dict(state)

    def on_train_begin(self, state: TrainingState) -> None:
        self._history, self._handle = History(), None
        self.figure = _window() if self.path is None and not _in_notebook() else new_figure(2)
        self._probe = ProbeSample(state, self.n_points)

    def on_epoch_end(self, state: TrainingState) -> None:
        self._history.on_epoch_end(state)
        if (len(self._history.records) - 1) % self.every == 0:
            self._draw(state)

    def on_train_end(self, state: TrainingState) -> None:
        if self._probe is not None and self._history.records:
            self._draw(state)
        self._probe = None

    def _draw(self, state: TrainingState) -> None:
        assert self.figure is not None
        assert self._probe is not None
        left, right = self.figure.axes
        draw_losses(left, self._history.records)
        draw_embedding(right, self._probe.embed(state.model), self._probe.labels)
        self._show(self.figure)

    def _show(self, figure: Figure) -> None:
        if self.path is not None:
            _replace_image(figure, Path(self.path))
        elif _in_notebook():
            display = importlib.import_module("IPython.display").display
            if self._handle is None:
                self._handle = display(figure, display_id=True)
            else:
                self._handle.update(figure)
        else:
            figure.canvas.draw_idle()
            figure.canvas.flush_events()


def _replace_image(figure: Figure, path: Path) -> None:
    """Writes an image, so that a viewer never sees half of one."""
    # the suffix decides the format, and has to stay at the end of the name
    unfinished = path.with_name(f".{path.stem}-{os.getpid()}{path.suffix or '.png'}")
    try:
        figure.savefig(unfinished)
        os.replace(unfinished, path)
    finally:
        unfinished.unlink(missing_ok=True)


def _window() -> Figure:
    plt = require("matplotlib.pyplot", "LivePlot", extra="plot")
    figure: Figure = plt.subplots(1, 2, figsize=(10, 4), layout="constrained")[0]
    if plt.get_backend().lower() != "agg":
        figure.show()
    return figure


def _in_notebook() -> bool:
    # IPython is used only where it is imported already
    module = sys.modules.get("IPython")
    shell = None if module is None else module.get_ipython()
    return shell is not None and hasattr(shell, "kernel")
