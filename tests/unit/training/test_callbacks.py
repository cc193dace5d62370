import io
import logging

import pytest
import torch

from paradime.dr import ParametricDR, TrainingPhase
from paradime.loss import Loss
from paradime.training import Callback, ProgressBar, ReportLoss, TrainingState

EVENTS = [f"{part}_{end}" for part in ("train", "phase", "epoch", "batch") for end in ("begin", "end")]


class Squares(Loss):
    def forward(self, model, global_relations, batch_relations, batch, device):
        return model(batch["main"].to(device)).square().mean()


class Record(Callback):
    """Writes down what is called when."""

    def __init__(self, fail_at=None):
        self.calls = []
        self.states = []
        self.fail_at = fail_at

    def _record(self, event, state):
        self.calls.append((event, state.phase.name, state.epoch))
        self.states.append(state)
        if event == self.fail_at:
            raise RuntimeError(f"failed at {event}")


for _event in EVENTS:
    setattr(Record, f"on_{_event}", lambda self, state, event=_event: self._record(event, state))


@pytest.fixture
def routine():
    routine = ParametricDR(in_dim=3, losses=Squares(), random_state=0)
    routine.add_training_phase(name="first", epochs=2, batch_size=5)
    routine.add_training_phase(name="second", epochs=1, batch_size=10)
    return routine


@pytest.fixture
def X():
    return torch.randn(10, 3, generator=torch.Generator().manual_seed(0))


def test_order_of_events(routine, X):
    record = Record()
    routine.train(X, callbacks=[record])
    batch = ["batch_begin", "batch_end"]
    first = ["phase_begin", *(2 * ["epoch_begin", *batch, *batch, "epoch_end"]), "phase_end"]
    second = ["phase_begin", "epoch_begin", *batch, "epoch_end", "phase_end"]
    assert [event for event, *_ in record.calls] == ["train_begin", *first, *second, "train_end"]


def test_state_tells_phase_and_epoch(routine, X):
    record = Record()
    routine.train(X, callbacks=[record])
    epochs = [(name, epoch) for event, name, epoch in record.calls if event == "epoch_end"]
    assert epochs == [("first", 0), ("first", 1), ("second", 0)]
    begins = [(name, epoch) for event, name, epoch in record.calls if event == "phase_begin"]
    assert begins == [("first", 0), ("second", 0)]


def test_state_tells_batch_and_loss(routine, X):
    class Look(Callback):
        def __init__(self):
            self.sums, self.rows, self.losses, self.counts = [], [], [], []

        def on_epoch_begin(self, state):
            self.sums.append(0.0)
            self.counts.append(state.n_batches)

        def on_batch_begin(self, state):
            self.rows.append(len(state.batch["main"]))

        def on_batch_end(self, state):
            assert not state.loss.requires_grad
            self.sums[-1] += float(state.loss)

        def on_epoch_end(self, state):
            self.losses.append(state.epoch_loss)

    look = Look()
    routine.train(X, callbacks=[look])
    assert look.rows == [5, 5, 5, 5, 10]
    assert look.counts == [2, 2, 1]
    assert look.losses == pytest.approx(look.sums)
    assert look.losses == [record["loss"] for record in routine.history_]


def test_callbacks_of_the_routine_come_before_those_of_the_call(X):
    order = []

    class Note(Callback):
        def __init__(self, name):
            self.name = name

        def on_epoch_end(self, state):
            order.append(self.name)

    routine = ParametricDR(in_dim=3, losses=Squares(), callbacks=[Note("own")])
    routine.add_training_phase(epochs=1)
    routine.train(X, callbacks=[Note("call")])
    assert order == ["own", "call"]


def test_callbacks_of_a_call_are_heard_in_that_call_only(routine, X):
    record = Record()
    routine.train(X, callbacks=[record])
    heard = len(record.calls)
    routine.train(X)
    assert len(record.calls) == heard


def test_single_phase_is_heard_too(routine, X):
    record = Record()
    routine.add_data({"main": X})
    routine.run_training_phase(TrainingPhase(name="alone", epochs=1), callbacks=[record])
    assert record.calls[0] == ("train_begin", "alone", 0)
    assert record.calls[-1][0] == "train_end"


@pytest.mark.parametrize("event", EVENTS)
def test_exception_ends_the_training_with_train_end(event, routine, X):
    record, later = Record(fail_at=event), Record()
    with pytest.raises(RuntimeError, match=f"failed at {event}"):
        routine.train(X, callbacks=[record, later])
    assert record.calls[-1][0] == "train_end"
    assert [call for call, *_ in record.calls].count("train_end") == 1
    # a model that no phase has reached yet is in the mode in which it was made
    assert event == "train_begin" or not routine.model.training


def test_exception_of_one_callback_lets_the_others_clean_up(routine, X):
    later = Record()
    with pytest.raises(RuntimeError, match="epoch_end"):
        routine.train(X, callbacks=[Record(fail_at="epoch_end"), later])
    assert later.calls[-1][0] == "train_end"


def test_progress_bar_counts_all_epochs(routine, X):
    file = io.StringIO()
    routine.train(X, callbacks=[ProgressBar("Embedding", file=file, mininterval=0, ncols=100)])
    shown = file.getvalue()
    assert "Embedding" in shown
    assert "3/3" in shown
    assert "100%" in shown
    assert "phase=second" in shown
    assert "loss=" in shown
    assert shown.endswith("\n")


def test_progress_bar_writes_to_standard_error_by_default(routine, X, capsys):
    routine.train(X, callbacks=[ProgressBar()])
    output = capsys.readouterr()
    assert "3/3" in output.err
    assert output.out == ""


def test_progress_bar_is_closed_when_training_fails(routine, X):
    file = io.StringIO()
    bar = ProgressBar(file=file, ncols=100)
    with pytest.raises(RuntimeError, match="batch_end"):
        routine.train(X, callbacks=[bar, Record(fail_at="batch_end")])
    assert file.getvalue().endswith("\n")
    # and can be used again
    routine.train(X, callbacks=[bar])
    assert "3/3" in file.getvalue()


def test_progress_bar_shows_the_last_loss(routine, X):
    file = io.StringIO()
    routine.train(X, callbacks=[ProgressBar(file=file, mininterval=0, ncols=120)])
    assert f"loss={routine.training_phases[-1].loss.history[-1]:.4g}" in file.getvalue()


def test_loss_is_reported_at_the_interval(X, caplog):
    routine = ParametricDR(in_dim=3, losses=Squares(), random_state=0)
    routine.add_training_phase(name="main", epochs=7, report_interval=3)
    with caplog.at_level(logging.DEBUG, logger="paradime"):
        routine.train(X)
    messages = [record.getMessage() for record in caplog.records]
    assert "Beginning training phase 'main'." in messages
    shown = [message for message in messages if message.startswith("Loss after epoch")]
    assert [message.split(":")[0] for message in shown] == [f"Loss after epoch {i}" for i in (0, 3, 6)]


def test_callback_need_not_answer_every_event():
    phase = TrainingPhase()
    state = TrainingState(torch.nn.Linear(1, 1), [phase], phase)
    for event in EVENTS:
        getattr(Callback(), f"on_{event}")(state)
    assert issubclass(ReportLoss, Callback)
