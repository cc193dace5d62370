import numpy as np
import pytest
import torch

from paradime.dr import ParametricDR
from paradime.loss import Loss
from paradime.training import TrainingPhase


def test_settings_are_those_the_phase_was_made_with():
    phase = TrainingPhase("main", 3, loss_keys=["a", "b"], loss_weights=[1, 2], betas=(0.5, 0.9))
    settings = phase.settings()
    assert settings["name"] == "main"
    assert settings["epochs"] == 3
    assert settings["betas"] == (0.5, 0.9)
    assert TrainingPhase(**settings).settings() == settings


def test_replace_changes_some_settings_and_leaves_the_phase_as_it_is():
    phase = TrainingPhase(epochs=3, batch_size=20, betas=(0.5, 0.9))
    other = phase.replace(epochs=9, name="other")
    assert (other.epochs, other.batch_size, other.name) == (9, 20, "other")
    assert other.optimizer_kwargs == {"betas": (0.5, 0.9)}
    assert (phase.epochs, phase.name) == (3, None)


def test_replace_checks_settings():
    with pytest.raises(ValueError, match=r"epochs.*-1"):
        TrainingPhase().replace(epochs=-1)


def test_replace_drops_settings_of_the_optimizer_along_with_it():
    phase = TrainingPhase(betas=(0.5, 0.9)).replace(optimizer=torch.optim.SGD, momentum=0.9)
    assert phase.optimizer_kwargs == {"momentum": 0.9}


def test_replace_forgets_the_loss_that_was_trained():
    phase = TrainingPhase()
    phase.loss = Loss()
    assert phase.replace(epochs=2).loss is None


@pytest.mark.parametrize("given", [["a", "b"], ("a", "b")])
def test_lists_are_the_phases_own(given):
    phase = TrainingPhase(loss_keys=given, loss_weights=[1, 2])
    phase.loss_keys.append("c")
    assert list(given) == ["a", "b"]


def test_defaults_are_not_shared():
    first, second = TrainingPhase(), TrainingPhase()
    first.loss_keys.append("more")
    first.optimizer_kwargs["momentum"] = 1
    assert second.loss_keys == ["loss"]
    assert second.optimizer_kwargs == {}
    assert TrainingPhase().loss_keys == ["loss"]


def test_defaults_of_routines_are_not_shared():
    first, second = ParametricDR(), ParametricDR()
    first.training_defaults.loss_keys.append("more")
    first.set_training_defaults(epochs=50)
    first.add_training_phase()
    assert second.training_defaults.loss_keys == ["loss"]
    assert second.training_phases == []
    second.add_training_phase()
    assert second.training_phases[0].epochs == 5


def test_one_loss_may_be_named_without_a_list():
    assert TrainingPhase(loss_keys="embedding").loss_keys == ["embedding"]


def test_optimizer_gets_its_settings():
    parameter = torch.nn.Parameter(torch.zeros(2))
    optimizer = TrainingPhase(learning_rate=0.5, optimizer=torch.optim.SGD, momentum=0.9).make_optimizer(
        [parameter]
    )
    assert isinstance(optimizer, torch.optim.SGD)
    assert (optimizer.defaults["lr"], optimizer.defaults["momentum"]) == (0.5, 0.9)


def test_optimizer_may_be_a_function():
    def make(parameters, lr, **settings):
        return torch.optim.SGD(parameters, lr=10 * lr)

    optimizer = TrainingPhase(optimizer=make, learning_rate=0.5).make_optimizer(
        [torch.nn.Parameter(torch.zeros(2))]
    )
    assert optimizer.defaults["lr"] == 5


@pytest.mark.parametrize("optimizer", ["adam", 3, None])
def test_optimizer_that_is_no_class_is_refused(optimizer):
    with pytest.raises(
        ValueError, match=rf"optimizer must be a class of torch\.optim.*, got {optimizer!r}\. Pass a"
    ):
        TrainingPhase(optimizer=optimizer)


def test_setting_that_the_optimizer_does_not_know_is_named():
    phase = TrainingPhase(name="main", epoch=3)
    with pytest.raises(ValueError, match=r"'main'.*epoch.*passed to the optimizer"):
        phase.make_optimizer([torch.nn.Parameter(torch.zeros(2))])


def test_settings_may_be_numpy_integers():
    assert TrainingPhase(epochs=np.int64(3), batch_size=np.int32(7)).epochs == 3


@pytest.mark.parametrize("value", ["5", 5.0, None])
def test_epochs_that_are_no_integer_are_refused(value):
    with pytest.raises(ValueError, match="epochs"):
        TrainingPhase(epochs=value)


def test_phase_is_shown_with_its_settings():
    assert "epochs=7" in repr(TrainingPhase(epochs=7))
