"""Phases that end early: by their stopping, or by a callback."""

import io
import logging
import math

import pytest
import torch

from paradime._registry import CALLBACKS
from paradime.data import Dataset
from paradime.loss import Loss, PositionLoss
from paradime.training import (
    Callback,
    EarlyStopping,
    ProgressBar,
    ReportLoss,
    Trainer,
    TrainingPhase,
)


class Following(Loss):
    """Has the values that it is told to, one a step."""

    def __init__(self, values):
        super().__init__()
        self.values = iter(values)

    def forward(self, model, global_relations, batch_relations, batch, device):
        return next(self.values) + 0 * model(batch["main"]).sum()


def run(phase, values, callbacks=(), others=()):
    """Trains phases, the last of which has these values."""
    losses = {"loss": Following(values), "other": PositionLoss()}
    rows = torch.arange(8.0).reshape(4, 2)
    data = Dataset({"main": rows, "pos": rows[:, :1]})
    trainer = Trainer(torch.nn.Linear(2, 1), losses, data, torch.device("cpu"), callbacks=callbacks)
    trainer.run([*others, phase])
    return phase.loss.history, trainer.state


def train(values, epochs=10, callbacks=(), **settings):
    return run(TrainingPhase("main", epochs=epochs, **settings), values, callbacks)


@pytest.mark.parametrize(
    ("early_stopping", "values", "n"),
    [
        (EarlyStopping(2), [5, 4, 4, 4, 3, 2], 4),
        (EarlyStopping(3), [5, 4, 4, 4, 3, 2], 6),
        (EarlyStopping(2, min_delta=0.1), [100, 95, 91, 80], 3),  # 91 is not 10 % below 100
        (EarlyStopping(2, min_delta=0.1), [100, 95, 89, 88, 87, 86], 5),
        (EarlyStopping(1), [-5, -6, -6.001], 3),
        (EarlyStopping(1, warmup_epochs=3), [1, 2, 3, 2.5, 2.6], 5),
        (EarlyStopping(2, min_delta=0), [0, 0, 0, 0], 3),
    ],
)
def test_phase_ends_when_the_loss_has_not_improved(early_stopping, values, n):
    history, state = train(
        [float(v) for v in values] + [0.0] * 9, epochs=len(values), early_stopping=early_stopping
    )
    assert history == pytest.approx(values[:n])
    assert state.epoch == n - 1


def test_phase_without_stopping_goes_on():
    history, state = train([1.0] * 10)
    assert len(history) == 10
    assert not state.stop


def test_early_end_is_reported_with_its_reason(caplog):
    with caplog.at_level(logging.DEBUG, logger="paradime"):
        train([1.0] * 10, early_stopping=EarlyStopping(3, min_delta=0.01))
    message = (
        "Training phase 'main' ends after epoch 3: the loss has not improved by 0.01 of its size for 3 epochs."
    )
    assert message in [record.getMessage() for record in caplog.records]


def test_a_callback_may_end_the_phase_after_the_epoch():
    class Enough(Callback):
        def on_batch_end(self, state):
            state.stop = state.epoch == 2

    history, _ = train([3.0, 2.0, 1.0, 0.5], callbacks=[Enough()])
    assert history == [3, 2, 1]
    # the next phase starts afresh
    first, second = TrainingPhase(epochs=5), TrainingPhase(epochs=2)
    run(second, [3.0, 2.0, 1.0, 0.5, 0.5], callbacks=[Enough()], others=[first])
    assert second.loss.history == [3, 2, 1, 0.5, 0.5]


@pytest.mark.parametrize(
    "settings",
    [{"patience": 0}, {"patience": 1.5}, {"min_delta": -1}, {"min_delta": math.nan}, {"warmup_epochs": -1}],
)
def test_settings_out_of_range_are_refused(settings):
    name, value = next(iter(settings.items()))
    with pytest.raises(ValueError, match=f"{name}.*{value}"):
        EarlyStopping(**settings)


def test_phase_refuses_a_number_for_its_stopping():
    with pytest.raises(ValueError, match=r"early_stopping must be an EarlyStopping or None, got 5\. Pass Ear"):
        TrainingPhase(early_stopping=5)


# -- callbacks of the phase itself --------------------------------------------------------------------


class Note(Callback):
    def __init__(self, name, notes):
        self.name, self.notes = name, notes

    def __getattribute__(self, name):
        if name.startswith("on_"):
            return lambda state: self.notes.append((self.name, name[3:], len(state.phases)))
        return super().__getattribute__(name)


def test_callbacks_of_the_phase_are_called_after_the_others_and_hear_of_it_as_of_the_whole_training():
    notes = []
    phase = TrainingPhase("main", epochs=1, callbacks=[Note("own", notes)])
    before = TrainingPhase(loss_keys=["other"], epochs=1)
    _, state = run(phase, [1.0], [Note("outer", notes)], others=[before])
    events = ["phase_begin", "epoch_begin", "batch_begin", "batch_end", "epoch_end", "phase_end"]
    both = [(name, event, 2) for event in events for name in ("outer", "own")]
    of_other = [("outer", event, 2) for event in ("train_begin", *events)]
    own = [("own", "train_begin", 1), *both, ("own", "train_end", 1)]
    assert notes == [*of_other, *own, ("outer", "train_end", 2)]
    assert len(state.phases) == 2


def test_callbacks_of_the_phase_can_clean_up_after_an_error():
    class Fail(Callback):
        def on_epoch_end(self, state):
            self.model = state.model
            raise RuntimeError("failed")

    fail, notes = Fail(), []
    with pytest.raises(RuntimeError, match="failed"):
        train([1.0], epochs=1, callbacks=[fail])
    assert not fail.model.training
    with pytest.raises(RuntimeError, match="failed"):
        run(TrainingPhase(epochs=1, callbacks=[fail, Note("later", notes)]), [1.0])
    assert notes[-1] == ("later", "train_end", 1)


def test_progress_bar_of_a_phase_counts_its_epochs_and_is_full_after_an_early_end():
    file = io.StringIO()
    bar = ProgressBar(file=file, mininterval=0, ncols=100)
    phase = TrainingPhase("main", epochs=9, callbacks=[bar], early_stopping=EarlyStopping(2))
    run(phase, [1.0] * 9, others=[TrainingPhase(loss_keys=["other"], epochs=20)])
    assert "/9" in file.getvalue()
    assert "3/3" in file.getvalue()
    assert file.getvalue().endswith("\n")


def test_phase_refuses_callbacks_that_are_none():
    with pytest.raises(TypeError, match=r"callbacks must be a list of callbacks.*Subclass"):
        TrainingPhase(callbacks=[print])
    with pytest.raises(TypeError, match="callbacks must be a list"):
        TrainingPhase(callbacks=ProgressBar())


def test_names_of_callbacks_in_the_grammar():
    assert CALLBACKS["progress bar"] is ProgressBar
    assert CALLBACKS["report loss"] is ReportLoss
