"""Ctrl-C, kill -9, a full disk, and divergence while training: rows 43 to 47 of the fault matrix."""

import _thread
import errno
import multiprocessing
import os
import signal
import threading

import numpy as np
import pytest
import torch

from paradime import ParametricTSNE, ParametricUMAP
from paradime.dr import ParametricDR
from paradime.exceptions import NotTrainedError, TrainingDivergedError
from paradime.loss import Loss
from paradime.training import Callback, Checkpoints, find_checkpoint, read_checkpoint


class Squares(Loss):
    def forward(self, model, global_relations, batch_relations, batch, device):
        return (model(batch["main"].to(device)).square().sum(dim=1) - 1).square().mean()


class At(Callback):
    """Does something at the nth call of an event, and keeps the weights of the step thereafter."""

    def __init__(self, event, n, act):
        self.n, self.act, self.steps = n, act, 0
        setattr(self, f"on_{event}", self.count)

    def count(self, state):
        self.n -= 1
        if self.n == 0:
            self.act()

    def on_interrupt(self, state):
        self.steps = state.n_steps
        self.training = state.model.training


ACTS = {
    "signal": lambda: signal.raise_signal(signal.SIGINT),
    "kill": lambda: os.kill(os.getpid(), signal.SIGINT),
    "interrupt_main": _thread.interrupt_main,
}


def make_routine(**settings):
    routine = ParametricDR(in_dim=5, losses=Squares(), random_state=0, **settings)
    routine.add_training_phase(name="only", epochs=4, batch_size=30)
    return routine


@pytest.mark.row(44)
@pytest.mark.parametrize("act", ACTS)
@pytest.mark.parametrize("event", ["batch_begin", "batch_end"])
def test_ctrl_c_ends_the_training_within_a_step(act, event, X):
    stop = At(event, 5, ACTS[act])
    routine = make_routine()
    with pytest.raises(KeyboardInterrupt):
        routine.fit(X, callbacks=[stop])
    assert stop.steps == 5  # the step that had begun was ended
    assert routine.trained
    assert not routine.model.training
    assert np.isfinite(routine.transform(X)).all()
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


@pytest.mark.row(44)
def test_weights_are_those_of_the_last_step(X):
    class Weights(Callback):
        def on_batch_end(self, state):
            self.last = [p.detach().clone() for p in state.model.parameters()]

    routine, weights = make_routine(), Weights()
    with pytest.raises(KeyboardInterrupt):
        routine.fit(X, callbacks=[weights, At("batch_end", 7, ACTS["signal"])])
    assert all(torch.equal(p, kept) for p, kept in zip(routine.model.parameters(), weights.last, strict=True))


@pytest.mark.row(44)
def test_torch_generators_are_restored(X):
    torch.manual_seed(1)
    expected = torch.rand(2)
    torch.manual_seed(1)
    with pytest.raises(KeyboardInterrupt):
        make_routine().fit(X, callbacks=[At("batch_end", 7, ACTS["signal"])])
    assert torch.equal(torch.rand(2), expected)


@pytest.mark.row(44)
@pytest.mark.parametrize("event", ["train_begin", "phase_begin", "epoch_begin"])
def test_interrupted_before_the_first_step_nothing_is_trained(event, X):
    def act():
        raise KeyboardInterrupt

    routine = make_routine(on_interrupt="keep")
    with pytest.raises(KeyboardInterrupt):
        routine.fit(X, callbacks=[At(event, 1, act)])
    with pytest.raises(NotTrainedError):
        routine.transform(X)


@pytest.mark.parametrize("preset", [ParametricTSNE, ParametricUMAP])
def test_keep_returns_what_was_learned_and_says_where_it_stopped(preset, X):
    settings = {"perplexity": 5} if preset is ParametricTSNE else {"negative_sampling_rate": 2, "n_neighbors": 5}
    routine = preset(epochs=3, batch_size=15, init_epochs=1, random_state=0, on_interrupt="keep", **settings)
    with pytest.warns(UserWarning, match=r"interrupted in phase 'embedding', epoch \d of 3, after step \d of"):
        assert routine.fit(X, callbacks=[At("batch_end", 33, ACTS["signal"])]) is routine
    assert routine.transform(X).shape == (90, 2)
    assert not np.allclose(routine.transform(X).std(axis=0), 0)


def test_keep_by_train(X):
    routine = make_routine(on_interrupt="keep")
    with pytest.warns(UserWarning, match="epoch 2 of 4"):
        routine.train(X, callbacks=[At("epoch_end", 1, ACTS["signal"])])
    assert len(routine.history_) == 1


def test_unknown_on_interrupt_is_refused(X):
    with pytest.raises(ValueError, match="on_interrupt must be 'raise' or 'keep', got 'stop'"):
        make_routine(on_interrupt="stop").fit(X)


def test_a_handler_of_the_users_own_stays(X):
    seen = []
    previous = signal.signal(signal.SIGINT, lambda *_: seen.append(1))
    try:
        make_routine().fit(X, callbacks=[At("batch_end", 2, ACTS["signal"])])
    finally:
        signal.signal(signal.SIGINT, previous)
    assert seen == [1]


def test_training_in_a_thread_needs_no_signals(X):
    routine, errors = make_routine(), []

    def work():
        try:
            routine.fit(X)
        except BaseException as error:
            errors.append(error)

    thread = threading.Thread(target=work)
    thread.start()
    thread.join(timeout=600)
    assert not errors
    assert routine.trained


@pytest.mark.row(43)
def test_divergence_in_a_later_epoch_leaves_a_usable_routine(X):
    class Failing(Squares):
        steps = 0

        def forward(self, *args):
            self.steps += 1
            return super().forward(*args) * (float("nan") if self.steps > 7 else 1)

    class Weights(Callback):
        def on_epoch_end(self, state):
            self.last = [p.detach().clone() for p in state.model.parameters()]

    routine, weights = ParametricDR(in_dim=5, losses=Failing(), random_state=0), Weights()
    routine.add_training_phase(epochs=5, batch_size=30)
    with pytest.raises(TrainingDivergedError):
        routine.fit(X, callbacks=[weights])
    assert routine.trained
    assert np.isfinite(routine.transform(X)).all()
    assert all(torch.equal(p, kept) for p, kept in zip(routine.model.parameters(), weights.last, strict=True))


@pytest.mark.row(43)
def test_divergence_in_the_first_epoch_trains_nothing(X):
    class Failing(Squares):
        def forward(self, *args):
            return super().forward(*args) * float("nan")

    routine = ParametricDR(in_dim=5, losses=Failing(), random_state=0)
    routine.add_training_phase(epochs=5, batch_size=30)
    with pytest.raises(TrainingDivergedError):
        routine.fit(X)
    assert not routine.trained


@pytest.mark.row(47)
def test_a_full_disk_names_the_file_and_keeps_what_was_learned(X, tmp_path, monkeypatch):
    from paradime.utils import files

    real, calls = os.replace, []

    def fail_later(*args):
        calls.append(args)
        if len(calls) > 2:
            raise OSError(errno.ENOSPC, "No space left on device")
        real(*args)

    monkeypatch.setattr(files.os, "replace", fail_later)
    routine = make_routine()
    with pytest.raises(OSError, match=r"No space left.*checkpoint-"):
        routine.fit(X, callbacks=[Checkpoints(tmp_path)])
    assert np.isfinite(routine.transform(X)).all()
    assert len(list(tmp_path.iterdir())) == 2
    assert read_checkpoint(find_checkpoint(tmp_path))["state"]["n_epochs_done"] == 2


# -- processes that are ended from outside ------------------------------------------------------------

SETTINGS = {"perplexity": 5, "epochs": 4, "init_epochs": 1, "batch_size": 30, "random_state": 0}
STEP = 34  # in the second phase, whose last step is the 42nd
SCRIPT = """
import os, select, signal, sys
from paradime import ParametricTSNE
from paradime.training import Callback, Checkpoints

arrived, told = os.pipe()
os.set_blocking(told, False)
signal.set_wakeup_fd(told)

class Waiting(Callback):
    def on_batch_end(self, state):
        if state.n_steps == step:
            ready.send(True)
            select.select([arrived], [], [])  # for the signal

try:
    routine = ParametricTSNE(refine=False, **settings)
    routine.fit(X, callbacks=[Waiting(), Checkpoints(folder, every_seconds=0, keep=3)])
except KeyboardInterrupt:
    sys.exit(130)
"""


@pytest.mark.row(44, 45)
@pytest.mark.parametrize(("number", "code"), [(signal.SIGKILL, -signal.SIGKILL), (signal.SIGINT, 130)])
def test_an_ended_process_loses_one_interval_at_most_and_goes_on_to_the_same_bits(
    number, code, X, tmp_path, forked
):
    folder = tmp_path / "run"
    receiver, sender = multiprocessing.Pipe(duplex=False)
    process = forked(SCRIPT, X=X, folder=str(folder), settings=SETTINGS, step=STEP, ready=sender)
    sender.close()
    assert receiver.recv()
    os.kill(process.pid, number)
    process.join()
    assert process.exitcode == code
    for path in folder.glob("checkpoint-*"):
        assert read_checkpoint(path)["state"]["n_steps"] == int(path.stem.split("-")[1])
    assert STEP - 1 <= read_checkpoint(find_checkpoint(folder))["state"]["n_steps"] <= STEP
    again, whole = (
        ParametricTSNE(refine=False, **SETTINGS).fit(X, resume_from=folder),
        ParametricTSNE(refine=False, **SETTINGS).fit(X),
    )
    np.testing.assert_array_equal(again.transform(X), whole.transform(X))
