"""The course of the training for TensorBoard."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from paradime._registry import CALLBACKS
from paradime.training.callbacks import Callback
from paradime.training.history import History
from paradime.training.pictures import ProbeSample, draw_embedding, new_figure
from paradime.training.state import TrainingState
from paradime.utils.arguments import check_integer
from paradime.utils.optional import require

__all__ = ["TensorBoard"]


@CALLBACKS.register("tensorboard")
class TensorBoard(Callback):
    """Writes losses, weights, learning rate and what is measured on held-out rows for TensorBoard.

    Steps are epochs of all phases. The scalars are ``loss/total`` and ``loss/<component>``,
    ``weight/<component>``, ``learning_rate``, ``seconds``, ``validation_loss/total`` and
    ``validation_loss/<component>``, and ``validation_quality``. Needs tensorboard.

    Args:
        log_dir: The folder to write to; a new one in ``runs`` if ``None``.
        embedding_every: Epochs between images of the embedding, at least 1; none if ``None``.
        n_points: How many of the training rows these show at most.

    Raises:
        ValueError: If a setting is out of range.
    """

    on_all_ranks = False

    def __init__(
        self, log_dir: str | None = None, *, embedding_every: int | None = None, n_points: int = 2_000
    ) -> None:
        if embedding_every is not None:
            check_integer("embedding_every", embedding_every)
        check_integer("n_points", n_points)
        self.log_dir = log_dir
        self.embedding_every = embedding_every
        self.n_points = n_points
        self._history = History()
        self._probe: ProbeSample | None = None
        self._writer: Any = None

    def state_dict(self) -> dict[str, Any]:
        return self._history.state_dict()

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        self._history.load_state_dict(state)

    def on_train_begin(self, state: TrainingState) -> None:
        require("tensorboard", "TensorBoard", extra="tensorboard")
        from torch.utils.tensorboard import SummaryWriter

        self._history = History()
        self._probe = ProbeSample(state, self.n_points) if self.embedding_every is not None else None
        self._writer = SummaryWriter(self.log_dir)

    def on_epoch_end(self, state: TrainingState) -> None:
        self._history.on_epoch_end(state)
        step = len(self._history.records)
        for tag, value in _scalars(self._history.records[-1]).items():
            self._writer.add_scalar(tag, value, step)
        if self.embedding_every is not None and (step - 1) % self.embedding_every == 0:
            self._add_image(state, step)

    def on_train_end(self, state: TrainingState) -> None:
        if self._writer is not None:
            self._writer.close()
        self._writer = self._probe = None

    def _add_image(self, state: TrainingState, step: int) -> None:
        assert self._probe is not None
        figure = new_figure()
        from matplotlib.backends.backend_agg import FigureCanvasAgg

        FigureCanvasAgg(figure)
        draw_embedding(figure.axes[0], self._probe.embed(state.model), self._probe.labels)
        self._writer.add_figure("embedding", figure, step, close=False)


def _scalars(record: dict[str, Any]) -> dict[str, float]:
    made: dict[str, float | None] = {"loss/total": record["loss"]}
    for name, parts in (("loss", "losses"), ("weight", "weights"), ("validation_loss", "validation_losses")):
        made.update({f"{name}/{key}": value for key, value in record[parts].items()})
    made["validation_loss/total"] = record["validation_loss"]
    made.update({name: record[name] for name in ("validation_quality", "learning_rate", "seconds")})
    return {tag: value for tag, value in made.items() if value is not None}
