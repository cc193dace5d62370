"""Callbacks: what happens at the beginnings and ends of training, phases, epochs and batches."""

from __future__ import annotations

import logging
import sys
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any, ClassVar, Protocol, TextIO

from paradime._registry import CALLBACKS, with_article
from paradime.training.state import TrainingState
from paradime.utils.arguments import shown
from paradime.utils.logging import report
from paradime.utils.ranks import current_ranks

if TYPE_CHECKING:
    from tqdm import tqdm

__all__ = ["Callback", "Capturable", "ProgressBar", "ReportLoss", "TrainingState", "checked_callbacks", "notify"]

log = logging.getLogger(__name__)


class Capturable(Protocol):
    """A training of which a checkpoint can be made."""

    @property
    def description(self) -> Mapping[str, Any]:
        """What the training is made of; a training that goes on must be made of the same."""

    @property
    def can_be_captured(self) -> bool:
        """Whether it stands where it can go on from: between steps, and without a seed between epochs."""

    @property
    def goes_on_within_epochs(self) -> bool:
        """Whether it can go on from within an epoch; else from the end of one."""

    def capture(self) -> dict[str, Any]:
        """Returns all that is needed to go on, without copies."""


class Callback:
    """Does something during training; override what you need.

    A callback of a routine hears of all its phases. One of a phase hears of that phase alone, as if it were the
    whole training. To end a phase early, set ``state.stop``. An exception that a callback raises ends the
    training; the weights stay as they are then. What a checkpoint is to store of it, it says: by the names of
    attributes, :attr:`state_attributes`, or by methods of its own, :meth:`state_dict` and :meth:`load_state_dict`.

    Example:
        >>> class Total(Callback):
        ...     state_attributes = ("total",)
        ...
        ...     def __init__(self):
        ...         self.total = 0.0
        ...
        ...     def on_epoch_end(self, state):
        ...         self.total += state.epoch_loss
        >>> Total().state_dict()
        {'total': 0.0}
    """

    state_attributes: ClassVar[tuple[str, ...]] = ()
    """The names of attributes that change during training: numbers, texts, tensors, arrays, and lists, tuples and
    dicts of such. A training that goes on from a checkpoint gives them back their values."""

    is_last: ClassVar[bool] = False
    """Whether it is called after the others, whose work it looks at."""

    on_all_ranks: ClassVar[bool] = True
    """Whether each of several processes that train together calls it; only the first calls those that write."""

    def attach(self, training: Capturable) -> None:
        """Called before :meth:`on_train_begin` with the training, of which a checkpoint can be made."""

    def on_train_begin(self, state: TrainingState) -> None:
        """Called once before the first phase."""

    def on_train_end(self, state: TrainingState) -> None:
        """Called once after the last phase, and when training ends early by an exception."""

    def on_phase_begin(self, state: TrainingState) -> None:
        """Called before the first epoch of a phase."""

    def on_phase_end(self, state: TrainingState) -> None:
        """Called after the last epoch of a phase."""

    def on_epoch_begin(self, state: TrainingState) -> None:
        """Called before the first batch of an epoch."""

    def on_epoch_end(self, state: TrainingState) -> None:
        """Called after the last batch of an epoch; ``state.epoch_loss`` is known."""

    def on_batch_begin(self, state: TrainingState) -> None:
        """Called before a step; ``state.batch`` is known."""

    def on_batch_end(self, state: TrainingState) -> None:
        """Called after a step; ``state.loss`` is known."""

    def on_interrupt(self, state: TrainingState) -> None:
        """Called when Ctrl-C has ended the training, before :meth:`on_train_end`."""

    def state_dict(self) -> dict[str, Any]:
        """Returns what a checkpoint is to store: the attributes that :attr:`state_attributes` names."""
        return {name: getattr(self, name) for name in self.state_attributes}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Takes what :meth:`state_dict` returned, when a training goes on; called after :meth:`on_phase_begin`."""
        for name in self.state_attributes:
            setattr(self, name, state[name])


def checked_callbacks(callbacks: Any) -> tuple[Callback, ...]:
    """Returns callbacks, if they are some.

    Args:
        callbacks: A list of callbacks, or ``None`` for none.

    Raises:
        TypeError: If it is no list, or holds something else.

    Example:
        >>> checked_callbacks([print])
        Traceback (most recent call last):
        ...
        TypeError: callbacks must be a list of callbacks, got a builtin_function_or_method among them. Subclass ...
    """
    if callbacks is None:
        return ()
    rule = "callbacks must be a list of callbacks, got"
    if isinstance(callbacks, Callback):
        raise TypeError(f"{rule} a single {type(callbacks).__name__}. Put it into a list: callbacks=[…].")
    if not isinstance(callbacks, (list, tuple)):
        raise TypeError(f"{rule} {shown(callbacks)}. Pass a list of instances, such as callbacks=[ProgressBar()].")
    for entry in callbacks:
        if isinstance(entry, type) and issubclass(entry, Callback):
            raise TypeError(f"{rule} the class {entry.__name__} among them. Pass an instance: {entry.__name__}().")
        if not isinstance(entry, Callback):
            raise TypeError(
                f"{rule} {with_article(type(entry).__name__)} among them. Subclass paradime.training.Callback, "
                "and write what is to happen as on_epoch_end(self, state)."
            )
    return tuple(callbacks)


def notify(callbacks: Iterable[Callback], event: str, state: TrainingState) -> None:
    """Calls the method of an event, ``on_<event>``, of all callbacks that are called in this process."""
    is_first = current_ranks().is_first
    for callback in callbacks:
        if is_first or callback.on_all_ranks:
            getattr(callback, f"on_{event}")(state)


@CALLBACKS.register("report loss")
class ReportLoss(Callback):
    """Logs the beginning of each phase, and the loss every ``report_interval`` epochs."""

    def on_phase_begin(self, state: TrainingState) -> None:
        report(log, f"Beginning training phase {state.phase.name!r}.")

    def on_epoch_end(self, state: TrainingState) -> None:
        if state.epoch % state.phase.report_interval == 0:
            report(log, f"Loss after epoch {state.epoch}: {state.epoch_loss}")


@CALLBACKS.register("progress bar")
class ProgressBar(Callback):
    """Shows a progress bar over all epochs of all phases, with the phase and the last loss.

    Args:
        description: What to write before the bar.
        file: Where to write; standard error if ``None``.
        **tqdm_kwargs: Passed to ``tqdm``.
    """

    on_all_ranks = False

    def __init__(self, description: str = "Training", *, file: TextIO | None = None, **tqdm_kwargs: Any) -> None:
        self.description = description
        self.file = file
        self.tqdm_kwargs = tqdm_kwargs
        self._bar: tqdm[Any] | None = None

    def on_train_begin(self, state: TrainingState) -> None:
        from tqdm import tqdm

        total = sum(phase.budget(state.n_rows).epochs for phase in state.phases)
        settings = {"unit": "epoch", "desc": self.description, "dynamic_ncols": True, **self.tqdm_kwargs}
        self._bar = tqdm(total=total, file=self.file or sys.stderr, **settings)

    def on_epoch_end(self, state: TrainingState) -> None:
        if self._bar is not None and state.epoch_loss is not None:
            shown = f"{state.epoch_loss:.4g}"
            self._bar.set_postfix(phase=state.phase.name, loss=shown, refresh=False)
            self._bar.update()

    def on_phase_end(self, state: TrainingState) -> None:
        if self._bar is not None and self._bar.total is not None:
            # epochs that a phase leaves out, because it ends early, do not count
            self._bar.total -= state.phase.budget(state.n_rows).epochs - (state.epoch + 1)
            self._bar.refresh()

    def on_train_end(self, state: TrainingState) -> None:
        if self._bar is not None:
            self._bar.close()
            self._bar = None
