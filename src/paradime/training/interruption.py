"""What ends a training early: Ctrl-C, and a loss that is not finite."""

from __future__ import annotations

import signal
import threading
import warnings
from collections.abc import Mapping, Sequence
from types import FrameType, TracebackType
from typing import Any, Self

import torch

from paradime.exceptions import TrainingDivergedError
from paradime.training.state import TrainingState

__all__ = ["Interruption", "refuse_divergence", "report_interruption"]


class Interruption:
    """While entered, Ctrl-C waits until the step that is being taken has ended.

    The first one is remembered, and :meth:`check` raises it; the second one is raised at once. Only Python's own
    handling of Ctrl-C is replaced, and only in the main thread: whoever has another one keeps it.

    Example:
        >>> try:
        ...     with Interruption() as interruption:
        ...         signal.raise_signal(signal.SIGINT)
        ...         print("the step ends")
        ...         interruption.check()
        ... except KeyboardInterrupt:
        ...     print("then the training")
        the step ends
        then the training
    """

    def __init__(self) -> None:
        self.requested = False
        self._previous: signal._HANDLER = None
        self._active = False

    def __enter__(self) -> Self:
        in_main = threading.current_thread() is threading.main_thread()
        if in_main and signal.getsignal(signal.SIGINT) is signal.default_int_handler:
            self._previous = signal.signal(signal.SIGINT, self._remember)
            self._active = True
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._active:
            signal.signal(signal.SIGINT, self._previous)
            self._active = False
        if kind is None:
            self.check()

    def check(self) -> None:
        """Raises KeyboardInterrupt if Ctrl-C was pressed."""
        if self.requested:
            self.requested = False
            raise KeyboardInterrupt

    def _remember(self, number: int, frame: FrameType | None) -> None:
        if self.requested:
            signal.default_int_handler(number, frame)
        self.requested = True


def refuse_divergence(
    state: TrainingState, parameters: Sequence[torch.nn.Parameter], last_good: Mapping[str, Any]
) -> None:
    """Raises TrainingDivergedError, with the weights from before the epoch, if loss or weights are not finite."""
    assert state.objective is not None
    failure = state.objective.first_failure()
    # a single number is read for all weights, because each reading waits for the device
    weights_sum = torch.stack([p.detach().sum() for p in parameters]).sum()
    if failure is None and bool(weights_sum.isfinite()):
        return
    state.model.load_state_dict(last_good)
    state.n_steps, state.n_batches_done = state.n_steps - state.n_batches_done, 0
    what = "the weights are not finite any more, though the loss is: a gradient is infinite or NaN"
    if failure is not None:
        batch, guilty = failure
        what = f"batch {batch}: the loss is not finite (component {', '.join(map(repr, guilty))})"
    raise TrainingDivergedError(
        f"training phase {state.phase.name!r}, epoch {state.epoch}, {what}. The weights from before this epoch "
        "were restored. Lower the learning rate, or check the loss and the scale of the data."
    )


def report_interruption(state: TrainingState) -> None:
    """Warns that Ctrl-C has ended the training, with the step that was the last."""
    epochs = state.phase.budget(state.n_rows).epochs
    place = f"epoch {min(state.n_epochs_done, epochs - 1) + 1} of {epochs}"
    if state.n_batches_done:
        place += f", after step {state.n_batches_done} of {state.n_batches}"
    warnings.warn(
        f"the training was interrupted in phase {state.phase.name!r}, {place}. What was learned until then is "
        "kept: on_interrupt='keep'.",
        stacklevel=3,
    )
