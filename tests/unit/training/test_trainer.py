"""The trainer owns where a training stands; phases are settings that it leaves as they are."""

import copy
import dataclasses

import numpy as np
import pytest
import torch

from paradime.data import Dataset
from paradime.dr import ParametricDR
from paradime.exceptions import LossNotDeterminedError, ModelFileError
from paradime.loss import CompoundLoss, Loss, PositionLoss
from paradime.training import Callback, Trainer, TrainingPhase

CPU = torch.device("cpu")


def data():
    rows = torch.randn(20, 3, generator=torch.Generator().manual_seed(0))
    return Dataset({"main": rows, "pos": rows[:, :2]})


def line(seed=0):
    torch.manual_seed(seed)
    return torch.nn.Linear(3, 2)


def two_losses():
    return {"a": PositionLoss(), "b": PositionLoss()}


def two_phases():
    first = TrainingPhase("first", epochs=2, batch_size=5, loss_keys=["a"])
    second = TrainingPhase("second", epochs=3, batch_size=5, loss_keys=["a", "b"], loss_weights=[1, (1, 0)])
    return [first, second]


def trained(model, losses, callbacks=(), resume=None, **settings):
    trainer = Trainer(model, losses, data(), CPU, seed=3, callbacks=callbacks, **settings)
    trainer.run(two_phases(), resume)
    return trainer


class Capture(Callback):
    """Keeps what can be captured after a step."""

    def __init__(self, step):
        self.step, self.captured = step, None

    def attach(self, training):
        self._training = training

    def on_batch_end(self, state):
        assert self._training.can_be_captured
        if state.n_steps == self.step:
            self.captured = copy.deepcopy(self._training.capture())


@pytest.mark.parametrize("step", [1, 8, 10, 12, 20])
def test_what_was_captured_goes_on_to_the_same_weights(step):
    whole, capture = line(), Capture(step)
    trained(whole, two_losses(), [capture])
    again, losses = line(seed=1), two_losses()
    trainer = trained(again, losses, [Capture(0)], capture.captured)
    assert torch.equal(again.weight, whole.weight)
    assert trainer.state.n_steps == 20
    assert len(losses["a"].history) == 5
    assert trainer.state.objective.detailed_history().shape == (2, 3)


def test_what_was_captured_of_something_else_is_refused():
    capture = Capture(3)
    trained(line(), two_losses(), [capture])
    with pytest.raises(ModelFileError, match="does not fit the routine"):
        trained(torch.nn.Linear(3, 2, bias=False), two_losses(), resume=capture.captured)


def test_state_tells_callbacks_where_the_training_stands():
    seen = []

    class Look(Callback):
        def on_batch_end(self, state):
            counts = state.n_phases_done, state.n_epochs_done, state.n_batches_done, state.n_steps
            seen.append((*counts, round(state.progress, 3)))
            assert isinstance(state.objective, CompoundLoss)

    trainer = trained(line(), two_losses(), [Look()])
    assert seen[:5] == [
        (0, 0, 1, 1, 0.0),
        (0, 0, 2, 2, 0.125),
        (0, 0, 3, 3, 0.25),
        (0, 0, 4, 4, 0.375),
        (0, 1, 1, 5, 0.5),
    ]
    assert seen[8] == (1, 0, 1, 9, 0.0)
    assert trainer.state.n_phases_done == 2


def test_phases_know_the_losses_that_were_trained():
    losses, phases = two_losses(), two_phases()
    Trainer(line(), losses, data(), CPU, seed=3).run(phases)
    assert phases[0].loss is losses["a"]
    assert list(phases[1].loss.losses) == list(losses.values())
    assert len(phases[1].loss.history) == 3


def test_without_epochs_nothing_is_called():
    class Fail(Callback):
        def on_train_begin(self, state):
            pytest.fail("there is nothing to train")

    trainer = Trainer(line(), two_losses(), data(), CPU, callbacks=[Fail()])
    trainer.run([phase.replace(epochs=0) for phase in two_phases()])
    assert trainer.state is None


def test_a_missing_loss_is_named_before_the_first_step():
    model = line()
    before = model.weight.detach().clone()
    with pytest.raises(LossNotDeterminedError, match="'second' asks for loss 'b'"):
        trained(model, {"a": PositionLoss()})
    assert torch.equal(model.weight, before)


# -- settings -----------------------------------------------------------------------------------------


def routine(**settings):
    made = ParametricDR(in_dim=3, losses=PositionLoss(), random_state=0, **settings)
    made.add_training_phase(name="only", epochs=3, batch_size=10)
    return made


def entries():
    return {key: rows for key, rows in data().items() if key != "indices"}


def test_settings_cannot_be_changed_through_the_state():
    class Prolong(Callback):
        def on_epoch_end(self, state):
            state.phase.epochs = 50

    with pytest.raises(dataclasses.FrozenInstanceError, match=r"phase 'only' stay as they are.*epochs=50"):
        routine().train(entries(), callbacks=[Prolong()])


def test_settings_that_change_meanwhile_count_for_the_next_training():
    made = routine()
    (phase,) = made.training_phases

    class Change(Callback):
        def on_epoch_end(self, state):
            phase.epochs = 1

    made.train(entries(), callbacks=[Change()])
    assert len(made.history_) == 3
    made.train()
    assert len(made.history_) == 4


def test_training_leaves_phases_as_they_were_but_for_their_loss():
    made = routine()
    (phase,) = made.training_phases
    before = phase.settings()
    made.train(entries())
    assert phase.settings() == before
    assert made.training_phases == [phase]
    assert phase.loss is made.losses["loss"]


def test_a_frozen_phase_has_the_settings_of_the_original():
    phase = TrainingPhase("main", epochs=7, loss_keys=["a", "b"], betas=(0.5, 0.9))
    assert phase.frozen().settings() == phase.settings()
    phase.epochs = 9
    assert phase.frozen().replace(epochs=2).epochs == 2


def test_losses_are_tried_once_a_phase():
    class Tried(Loss):
        times = 0

        def check_setup(self, trial):
            type(self).times += 1

        def forward(self, model, global_relations, batch_relations, batch, device):
            return model(batch["main"].to(device)).square().mean()

    made = ParametricDR(in_dim=3, losses={"tried": Tried()}, random_state=0)
    for _ in range(2):
        made.add_training_phase(epochs=1, loss_keys=["tried"])
    made.fit(np.eye(6, 3))
    assert Tried.times == 2


def test_a_notebook_shows_the_epochs_of_each_phase():
    made = routine()
    made.add_training_phase(epochs=2)
    made.add_training_phase(epochs=1)
    made.train(entries())
    made.train()
    shown = made._repr_html_()
    for text in ("phase only: 3 epochs", "phase without a name: 2 epochs", "phase without a name: 1 epochs"):
        assert text in shown
