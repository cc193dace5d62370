"""The embedding at several times of the training, for animations."""

from __future__ import annotations

from typing import ClassVar

import numpy as np

from paradime._registry import CALLBACKS
from paradime.training.callbacks import Callback
from paradime.training.pictures import ProbeSample, n_epochs
from paradime.training.state import TrainingState
from paradime.types import AnyArray, FloatArray, TensorLike
from paradime.utils.arguments import check_integer

__all__ = ["Snapshots", "frame_epochs"]


@CALLBACKS.register("snapshots")
class Snapshots(Callback):
    """Keeps the embedding of some rows as it was before, during and after the training.

    The training goes on as if nobody had looked: weights are bit-identical with and without this callback.

    Args:
        rows: The rows, shape (n, …), or how many of the training rows to draw at most.
        n_frames: How many frames, at least 2: at epochs in geometric progression, since most happens early. There
            are fewer if there are fewer epochs.
        every: Epochs between frames, in place of ``n_frames``.
        random_state: The seed of the draw of the rows.

    Attributes:
        frames: The embedding at each time, shape (frames, n, out_dim).
        epochs: How many epochs of all phases were done by then; the first is 0, before the training.
        indices: The numbers of the training rows, shape (n,), or ``None`` if rows were given.

    Raises:
        ValueError: If a setting is out of range.

    Example:
        >>> import torch
        >>> from paradime import ParametricMDS
        >>> snapshots = Snapshots(20, every=2)
        >>> X = torch.randn(50, 3, generator=torch.Generator().manual_seed(0))
        >>> _ = ParametricMDS(epochs=4, batch_size=25, initialization=None, callbacks=[snapshots]).fit(X)
        >>> snapshots.frames.shape, snapshots.epochs
        ((3, 20, 2), [0, 2, 4])
    """

    state_attributes: ClassVar[tuple[str, ...]] = ("epochs", "_frames", "_done")

    def __init__(
        self,
        rows: int | TensorLike = 2_000,
        *,
        n_frames: int = 50,
        every: int | None = None,
        random_state: int = 0,
    ) -> None:
        if isinstance(rows, (int, np.integer)):
            check_integer("rows", rows)
        check_integer("n_frames", n_frames, 2)
        if every is not None:
            check_integer("every", every)
        self.rows = rows
        self.n_frames = n_frames
        self.every = every
        self.random_state = random_state
        self.epochs: list[int] = []
        self.indices: AnyArray | None = None
        self._frames: list[FloatArray] = []
        self._probe: ProbeSample | None = None
        self._wanted: frozenset[int] = frozenset()
        self._done = 0

    @property
    def frames(self) -> FloatArray:
        """The embedding at each time, shape (frames, n, out_dim)."""
        return np.stack(self._frames) if self._frames else np.empty((0, 0, 0), dtype=np.float32)

    def on_train_begin(self, state: TrainingState) -> None:
        self._probe = ProbeSample(state, self.rows, seed=self.random_state)
        self.indices = self._probe.indices
        self._wanted = frozenset(frame_epochs(n_epochs(state), n_frames=self.n_frames, every=self.every))
        self._done, self.epochs, self._frames = 0, [], []
        self._take(state)

    def on_epoch_end(self, state: TrainingState) -> None:
        self._done += 1
        if self._done in self._wanted:
            self._take(state)

    def on_train_end(self, state: TrainingState) -> None:
        if self._probe is None:
            return  # the training failed before it began
        if self.epochs and self.epochs[-1] == self._done > 0:
            # the phase may have restored its best weights after the last frame
            self.epochs.pop()
            self._frames.pop()
        if self._done:
            self._take(state)
        self._probe = None

    def _take(self, state: TrainingState) -> None:
        assert self._probe is not None
        self._frames.append(self._probe.embed(state.model))
        self.epochs.append(self._done)


def frame_epochs(n_epochs: int, *, n_frames: int = 50, every: int | None = None) -> list[int]:
    """Returns after how many epochs there is a frame, ascending; the first is 0, before the training.

    Example:
        >>> frame_epochs(100, n_frames=5), frame_epochs(10, every=4)
        ([0, 1, 5, 22, 100], [0, 4, 8, 10])
    """
    if every is not None:
        return [*range(0, n_epochs, every), n_epochs]
    if n_epochs < n_frames:
        return list(range(n_epochs + 1))
    # a single later frame is the last one
    later = np.geomspace(n_epochs, 1, n_frames - 1).round().astype(int)
    return [0, *sorted(set(later.tolist()))]
