"""The losses of phases, as scripts of version 1 read them: before training, after it, and in another routine."""

import numpy as np
import pytest
import torch

import paradime.loss
import paradime.relations
import paradime.routines
import paradime.utils
from paradime.dr import ParametricDR, TrainingPhase

X = np.random.default_rng(0).normal(size=(60, 4))
both = pytest.mark.parametrize("preset", [paradime.routines.ParametricTSNE, paradime.routines.ParametricUMAP])


class Size(paradime.loss.Loss):
    """The number of rows in a batch, so that its sum over an epoch is known."""

    def forward(self, model, global_relations, batch_relations, batch, device):
        return model.embed(batch["main"].to(device)).sum() * 0 + len(batch["main"])


@both
def test_losses_of_a_presets_phases_are_there_before_training(preset):
    init, main = preset(in_dim=4).training_phases
    assert isinstance(init.loss, paradime.loss.PositionLoss)
    assert isinstance(main.loss, paradime.loss.RelationLoss)


def test_loss_of_a_phase_is_the_routines_own():
    tsne = paradime.routines.ParametricTSNE(in_dim=4)
    assert tsne.training_phases[1].loss is tsne.losses["embedding"]


def test_loss_of_a_presets_phase_trains_in_another_routine():
    paradime.utils.seed.seed_all(0)
    tsne = paradime.routines.ParametricTSNE(in_dim=4, perplexity=10)
    _, main = tsne.training_phases
    hybrid = ParametricDR(
        in_dim=4,
        global_relations=tsne.global_relations,
        batch_relations=tsne.batch_relations,
        losses={"tsne": main.loss, "size": Size()},
    )
    hybrid.add_training_phase(epochs=3, batch_size=30, loss_keys=["tsne", "size"], loss_weights=[100, 1])
    hybrid.train(X)
    embedding, size = hybrid.training_phases[0].loss.detailed_history()
    assert embedding.isfinite().all()
    assert (embedding > 0).all()
    assert size.tolist() == [60, 60, 60]
    assert not tsne.trained


@pytest.mark.parametrize("when", ["as a parameter", "by a method"])
def test_phase_that_is_added_knows_its_loss(when):
    loss, phase = Size(), TrainingPhase(epochs=2, batch_size=20)
    given = {"training_phases": [phase]} if when == "as a parameter" else {}
    routine = ParametricDR(in_dim=4, losses=loss, **given)
    if when == "by a method":
        routine.add_training_phase(phase)
        assert phase.loss is loss
    assert routine.training_phases[0].loss is loss
    routine.train(X)
    assert phase.loss is loss
    assert loss.history == [60, 60]


def test_phase_of_several_losses_has_their_sum():
    routine = ParametricDR(in_dim=4, losses={"a": Size(), "b": Size()})
    routine.add_training_phase(epochs=2, batch_size=20, loss_keys=["a", "b"], loss_weights=[2, 3])
    assert isinstance(routine.training_phases[0].loss, paradime.loss.CompoundLoss)
    routine.train(X)
    history = routine.training_phases[0].loss.detailed_history()
    assert isinstance(history, torch.Tensor)
    assert history.tolist() == [[120, 120], [180, 180]]
    assert routine.training_phases[0].loss.history == [300, 300]


def test_sum_that_is_given_as_the_loss_is_that_loss():
    given = paradime.loss.CompoundLoss([Size(), Size()], [1, 2])
    routine = ParametricDR(in_dim=4, losses=given)
    routine.add_training_phase(epochs=3, batch_size=20)
    routine.train(X)
    loss = routine.training_phases[0].loss
    assert loss is given
    assert loss.detailed_history().tolist() == [[60, 60, 60], [120, 120, 120]]
    assert loss.history == [180, 180, 180]


def test_single_loss_has_a_detailed_history_of_one_row():
    routine = ParametricDR(in_dim=4, losses=Size())
    routine.add_training_phase(epochs=2, batch_size=20)
    routine.train(X)
    assert routine.training_phases[0].loss.detailed_history().tolist() == [[60, 60]]
    assert routine.training_phases[0].loss.weight_history().tolist() == [[1, 1]]


def test_weight_of_a_single_loss_counts():
    routine = ParametricDR(in_dim=4, losses=Size())
    routine.add_training_phase(epochs=2, batch_size=20, loss_weights=[5])
    routine.train(X)
    assert routine.training_phases[0].loss.history == [300, 300]


def test_phase_of_a_loss_that_is_missing_has_none():
    routine = ParametricDR(in_dim=4, losses=Size())
    routine.add_training_phase(loss_keys=["other"])
    assert routine.training_phases[0].loss is None
