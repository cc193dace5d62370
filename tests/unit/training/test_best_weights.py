"""EarlyStopping by held-out figures, and going back to the best weights."""

import logging
import math

import numpy as np
import pytest
import torch
from sklearn.base import clone
from sklearn.datasets import load_digits

from paradime import ParametricAutoencoder, ParametricMDS, ParametricPaCMAP, ParametricUMAP
from paradime.dr import ParametricDR
from paradime.training import Callback, Cosine, EarlyStopping

pytestmark = pytest.mark.usefixtures("few_first_steps")


@pytest.fixture(scope="module")
def digits():
    X, y = load_digits(return_X_y=True)
    X = (X[:, X.std(axis=0) > 0] / 16).astype(np.float32)
    return X[:240], y[:240]


def overfitting(**settings):
    """Sixty rows, which a wide network soon knows by heart."""
    plain = {"schedule": "constant", "learning_rate": 0.01, "initialization": None, "network": "mlp"}
    return ParametricAutoencoder(
        **{"hidden_dims": [200, 200], "batch_size": 60, "random_state": 0, **plain, **settings}
    )


def error_of(routine, X):
    """The mean squared error of what is decoded, in units of the columns."""
    decoded, scale = routine.inverse_transform(routine.transform(X)), routine.model.decoder.scaling.scale.numpy()
    return np.mean(((decoded - X) / np.where(scale > 0, scale, np.inf)) ** 2)


class Spoil(Callback):
    """Makes the weights ten times as large in the eleventh epoch, which a few steps of Adam do not make good."""

    @torch.no_grad()
    def on_epoch_begin(self, state):
        if state.epoch == 10:
            for parameter in state.model.parameters():
                parameter.mul_(10)


def test_the_best_weights_are_those_of_a_training_that_ends_with_the_best_epoch(digits):
    X, _ = digits
    best = EarlyStopping(patience=1000, monitor="validation_loss", restore_best=True)
    routine = overfitting(epochs=12, early_stopping=best)
    routine.fit(X[:60], validation_data=X[60:], callbacks=[Spoil()])
    losses = [record["validation_loss"] for record in routine.history_]
    epoch = int(np.argmin(losses))
    assert len(losses) == 12  # it went on to the end
    assert epoch < 10
    shorter = overfitting(epochs=epoch + 1).fit(X[:60])
    assert np.array_equal(routine.transform(X), shorter.transform(X))
    error = error_of(routine, X[60:])
    assert error == pytest.approx(min(losses), rel=1e-5)


def test_early_stopping_spares_epochs_and_keeps_the_best_weights(digits, outcome):
    X, _ = digits

    def measure(seed):
        routine = overfitting(epochs=400, early_stopping=True, validation_fraction=0.5, random_state=seed)
        routine.fit(X[:120])
        losses = [record["validation_loss"] for record in routine.history_]
        held_out = X[routine.validation_indices_]
        error = error_of(routine, held_out)
        assert error == pytest.approx(min(losses), rel=1e-5)
        return {"epochs": len(losses)}

    outcome(measure, seeds=2, at_most={"epochs": 200})


def test_quality_improves_upwards():
    stopping = EarlyStopping(patience=2, monitor="validation_quality")
    assert not stopping.ends([0.1, 0.2, 0.3, 0.4])
    assert stopping.ends([0.4, 0.3, 0.2])
    assert not EarlyStopping(patience=2, min_delta=0.1, monitor="validation_quality").ends([0.4, 0.41, 0.45])
    assert EarlyStopping(patience=2, min_delta=0.1, monitor="validation_quality").ends([0.4, 0.41, 0.42])


def test_epochs_without_a_measurement_count_but_end_nothing():
    stopping = EarlyStopping(patience=3, monitor="validation_loss")
    assert not stopping.ends([1.0, None, None, None])
    assert stopping.ends([1.0, None, None, None, 1.0])
    assert not stopping.ends([1.0, None, None, None, 0.5])


def test_a_loss_that_is_no_number_is_no_improvement():
    assert EarlyStopping(patience=2).ends([math.nan, math.nan])
    assert not EarlyStopping(patience=2).ends([math.nan, 3.0, math.nan])


def test_an_unknown_monitor_is_refused():
    with pytest.raises(ValueError, match=r"unknown monitor 'validation_los'\. Did you mean 'validation_loss'"):
        EarlyStopping(monitor="validation_los")


def test_the_end_is_reported_with_the_figure_and_the_epoch_kept(digits, caplog):
    X, _ = digits
    # a loss cannot fall by nine tenths of its size every twelfth epoch for long
    stopping = EarlyStopping(patience=12, min_delta=0.9, monitor="validation_loss", restore_best=True)
    with caplog.at_level(logging.DEBUG, logger="paradime"):
        routine = overfitting(epochs=400, early_stopping=stopping)
        routine.fit(X[:60], validation_data=X[60:], callbacks=[Spoil()])
    messages = [record.getMessage() for record in caplog.records]
    assert any("the held-out loss has not improved by 0.9 of its size for 12 epochs" in m for m in messages)
    assert any("keeps the weights of epoch" in m for m in messages)


def test_early_stopping_without_held_out_rows_looks_at_the_loss(digits):
    X, _ = digits
    stopping = EarlyStopping(patience=2, min_delta=0.5, monitor="auto", restore_best=True)
    routine = overfitting(epochs=100, early_stopping=stopping).fit(X)
    losses = [record["loss"] for record in routine.history_]
    assert len(losses) < 100
    assert stopping.ends(losses)
    assert not stopping.ends(losses[:-1])


def test_parameters_of_losses_go_back_along_with_the_model(digits):
    X, _ = digits
    from paradime.loss import Loss

    class Growing(Loss):
        def __init__(self):
            super().__init__()
            self.size = torch.nn.Parameter(torch.tensor(1.0))

        def forward(self, model, global_relations, batch_relations, batch, device):
            return 10 + self.size.square() * 0 - self.size + 0 * model(batch["main"]).sum() + self.steps()

        def steps(self):
            self.count = getattr(self, "count", 0) + 1
            return 5.0 * self.count  # rises faster than the parameter helps

    loss = Growing()
    routine = ParametricDR(losses=loss, random_state=0)
    routine.add_training_phase(epochs=4, batch_size=240, early_stopping=EarlyStopping(restore_best=True))
    routine.train(X)
    # that of the first epoch, after its only step of Adam
    assert loss.size.item() == pytest.approx(1.01)


# -- presets ----------------------------------------------------------------------------------------------


def test_settings_of_steps_reach_all_phases_but_that_of_positions():
    stopping = EarlyStopping(patience=3)
    preset = ParametricPaCMAP(early_stopping=stopping, clip_norm=2.0, schedule=Cosine(warmup=0.1))
    first, *others = preset.training_phases
    assert (first.early_stopping, first.clip_norm) == (None, None)
    assert len(others) == 3
    assert all(
        p.early_stopping == stopping and p.clip_norm == 2.0 and p.schedule == Cosine(warmup=0.1) for p in others
    )


def test_settings_of_steps_left_alone_change_nothing():
    phases = ParametricPaCMAP().training_phases
    assert [(p.early_stopping, p.clip_norm) for p in phases] == [(None, None)] * 4
    assert [p.schedule for p in phases[1:]] == ["constant", "constant", "cosine"]


@pytest.mark.parametrize("schedule", ["cosine", Cosine(end_factor=0.1)])
def test_umaps_own_schedule_takes_a_name_or_an_object(schedule, digits):
    umap = ParametricUMAP(schedule=schedule, epochs=2, batch_size=64, random_state=0)
    assert umap.training_phases[-1].schedule == schedule
    assert clone(umap).fit(digits[0]).training_phases[-1].schedule == schedule


def test_settings_of_steps_are_part_of_the_text():
    text = ParametricMDS(early_stopping=True, clip_norm=2.0, schedule="step").to_spec()
    routine = ParametricDR.from_spec(text)
    main = routine.training_phases[-1]
    assert main.early_stopping == EarlyStopping(monitor="auto", restore_best=True)
    assert (main.clip_norm, main.schedule) == (2.0, "step")


def test_clipping_changes_the_steps(digits):
    X, _ = digits
    free, clipped = (
        ParametricMDS(epochs=2, batch_size=60, random_state=0, clip_norm=norm).fit(X) for norm in (None, 1e-3)
    )
    assert not np.array_equal(free.transform(X), clipped.transform(X))


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"early_stopping": 5}, "early_stopping must be True, False or an EarlyStopping, got 5"),
        ({"clip_norm": -1.0}, "clip_norm must be a positive number or None, got -1.0"),
        ({"schedule": "cosin"}, "unknown schedule 'cosin'. Did you mean 'cosine'"),
    ],
)
def test_settings_of_steps_out_of_range_are_refused(settings, message, digits):
    with pytest.raises(ValueError, match=message):
        ParametricMDS(**settings).fit(digits[0])
