"""How scripts of version 1 compose, train and use a routine."""

import copy

import numpy as np
import pytest
import torch

import paradime.dr
import paradime.loss
import paradime.models
import paradime.relations
import paradime.routines
import paradime.utils
from paradime.dr import DerivedData, ParametricDR, TrainingPhase
from paradime.exceptions import NotTrainedError, UnsupportedConfigurationError
from paradime.relationdata import relation_factory

X = np.random.default_rng(0).normal(size=(60, 4))


class Centred(paradime.loss.Loss):
    """The simplest loss: points should lie at the origin."""

    def forward(self, model, global_relations, batch_relations, batch, device):
        return model.embed(batch["main"].to(device)).square().mean()


def composed(**settings):
    paradime.utils.seed.seed_all(0)
    return ParametricDR(**{"in_dim": 4, "losses": Centred(), **settings})


@pytest.fixture(scope="module")
def trained():
    routine = composed()
    routine.add_training_phase(epochs=1, batch_size=20)
    routine.train(X)
    return routine


class TestPhases:
    def test_phase_is_passed_by_its_name(self):
        routine = composed()
        routine.add_training_phase(training_phase=TrainingPhase(epochs=2))
        assert [phase.epochs for phase in routine.training_phases] == [2]
        routine.add_data({"main": X})
        routine.run_training_phase(training_phase=TrainingPhase(epochs=1))
        assert routine.trained

    def test_settings_are_passed_by_their_places(self):
        routine = composed(losses={"b": Centred(), "a": Centred()})
        routine.add_training_phase(
            None, "a", 3, 20, 7, "negative_edge", "graph", 4, ["a"], [2], torch.optim.SGD, 0.1, 9
        )
        (phase,) = routine.training_phases
        assert (phase.name, phase.epochs, phase.batch_size, phase.batches_per_epoch) == ("a", 3, 20, 7)
        assert (phase.sampling, phase.edge_rel_key, phase.neg_sampling_rate) == ("negative_edge", "graph", 4)
        assert (phase.loss_keys, phase.loss_weights) == (["a"], [2])
        assert (phase.optimizer, phase.learning_rate, phase.report_interval) == (torch.optim.SGD, 0.1, 9)

    def test_none_means_the_default(self):
        routine = composed()
        routine.set_training_defaults(
            None, 4, loss_keys=None, batch_size=30, momentum=0.5, optimizer=torch.optim.SGD
        )
        routine.add_training_phase(name=None, epochs=None, batch_size=None, loss_keys=None, optimizer=None)
        (phase,) = routine.training_phases
        assert (phase.epochs, phase.batch_size, phase.loss_keys) == (4, 30, ["loss"])
        assert (phase.optimizer, phase.kwargs) == (torch.optim.SGD, {"momentum": 0.5})

    def test_settings_change_a_phase_that_is_passed(self):
        routine = composed()
        given = TrainingPhase("given", 7, batch_size=9)
        routine.add_training_phase(given, epochs=3, loss_keys=None)
        (phase,) = routine.training_phases
        assert (phase.name, phase.epochs, phase.batch_size) == ("given", 3, 9)
        assert given.epochs == 7

    def test_further_settings_go_to_the_optimizer(self):
        routine = composed()
        routine.add_training_phase(optimizer=torch.optim.SGD, momentum=0.9)
        assert routine.training_phases[0].kwargs == {"momentum": 0.9}

    def test_phase_of_no_epochs_is_skipped(self):
        seen = []

        class Never(Centred):
            def forward(self, *args):
                seen.append(args)
                return super().forward(*args)

        routine = composed(losses={"never": Never(), "loss": Centred()})
        routine.add_training_phase(epochs=0, loss_keys=["never"])
        routine.add_training_phase(epochs=2, batch_size=20)
        routine.train(X)
        assert seen == []
        assert [phase.loss.history for phase in routine.training_phases] == [[], routine.losses["loss"].history]
        assert len(routine.losses["loss"].history) == 2

    def test_routine_of_skipped_phases_alone_stays_untrained(self):
        routine = composed()
        routine.add_training_phase(epochs=0)
        routine.train(X)
        assert not routine.trained
        with pytest.raises(ValueError, match="epochs=0"):
            routine.fit(X)

    @pytest.mark.parametrize("preset", [paradime.routines.ParametricTSNE, paradime.routines.ParametricUMAP])
    def test_preset_is_trained_without_initial_positions(self, preset):
        small = {"perplexity": 5} if preset is paradime.routines.ParametricTSNE else {"n_neighbors": 5}
        routine = preset(in_dim=4, init_epochs=0, epochs=1, batch_size=20, **small)
        routine.train(X)
        init, main = routine.training_phases
        assert (init.loss.history, len(main.loss.history)) == ([], 1)


class TestUse:
    def test_embedding_is_differentiable(self, trained):
        points = torch.tensor(X, dtype=torch.float32, requires_grad=True)
        for use in (trained, trained.embed):
            embedded = use(points)
            (gradient,) = torch.autograd.grad(embedded.sum(), points)
            assert (gradient.abs().sum(dim=1) > 0).all()
            weight = trained.model.layers[0].weight
            (gradient,) = torch.autograd.grad(use(X)[:, 0].sum(), weight)
            assert gradient.abs().sum() > 0

    def test_classification_is_differentiable(self):
        class Classifier(torch.nn.Linear):
            def classify(self, rows):
                return self(rows)

        routine = composed(model=Classifier(4, 3))
        routine.trained = True
        assert routine.classify(X).requires_grad

    def test_applying_is_not_differentiable(self, trained):
        points = torch.tensor(X, dtype=torch.float32, requires_grad=True)
        for method in (None, "embed"):
            applied = trained.apply(points, method)
            assert not applied.requires_grad
            torch.testing.assert_close(applied, trained.embed(X).detach())
        assert isinstance(trained.transform(X), np.ndarray)

    def test_model_is_in_evaluation_mode_while_it_embeds(self):
        model = torch.nn.Sequential(torch.nn.Linear(4, 50), torch.nn.Dropout(0.5), torch.nn.Linear(50, 2))
        routine = composed(model=model)
        routine.trained = True
        model.train()
        torch.testing.assert_close(routine.embed(X), routine(X))
        assert model.training

    def test_single_row_has_a_single_place(self, trained):
        expected = trained.apply(X)[3]
        for found in (
            trained.apply(X[3]),
            trained.apply(torch.tensor(X[3]), "embed"),
            trained(X[3]),
            trained.embed(X[3]),
        ):
            assert found.shape == (2,)
            torch.testing.assert_close(found.detach(), expected)

    def test_single_image_has_a_single_place(self):
        model = torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(16, 2))
        images = np.random.default_rng(0).normal(size=(30, 4, 4))
        routine = composed(model=model, losses=paradime.loss.PositionLoss(), in_dim=None)
        routine.add_training_phase(epochs=1, batch_size=20)
        routine.train({"main": images, "pos": np.zeros((30, 2))})
        assert routine.apply(images[0]).shape == (2,)
        torch.testing.assert_close(routine.apply(images[0]), routine.apply(images)[0])

    def test_row_of_another_length_is_refused(self, trained):
        with pytest.raises(ValueError, match="Reshape your data"):
            trained.apply(X[0, :3])

    def test_transform_takes_no_single_row(self, trained):
        # as scikit-learn wants it
        with pytest.raises(ValueError, match="Reshape your data"):
            trained.transform(X[0])

    def test_model_embeds_by_the_name_x(self, trained):
        rows = torch.tensor(X, dtype=torch.float32)
        torch.testing.assert_close(trained.model.embed(x=rows), trained.model.forward(x=rows))


class TestTrained:
    def test_weights_that_are_loaded_by_hand_are_used(self, trained):
        routine = composed()
        with pytest.raises(NotTrainedError):
            routine.apply(X)
        routine.model.load_state_dict(copy.deepcopy(trained.model.state_dict()))
        routine.trained = True
        assert routine.trained
        torch.testing.assert_close(routine.apply(X), trained.apply(X))
        with pytest.raises(ValueError, match=r"3 features.*4"):
            routine.apply(X[:, :3])

    def test_routine_that_is_called_untrained_is(self, trained):
        routine = copy.deepcopy(trained)
        routine.trained = False
        with pytest.raises(NotTrainedError):
            routine.apply(X)

    def test_routine_with_loaded_weights_can_be_saved(self, trained, tmp_path):
        routine = ParametricDR(in_dim=4, losses=paradime.loss.PositionLoss())
        routine.model.load_state_dict(trained.model.state_dict())
        routine.trained = True
        routine.save(tmp_path / "routine", training=False)
        torch.testing.assert_close(paradime.load(tmp_path / "routine").apply(X), trained.apply(X))

    def test_saving_asks_for_the_number_of_columns(self, tmp_path):
        routine = ParametricDR(model=torch.nn.Linear(4, 2), losses=paradime.loss.PositionLoss())
        routine.trained = True
        assert routine.apply(X).shape == (60, 2)
        with pytest.raises(UnsupportedConfigurationError, match="in_dim"):
            routine.save(tmp_path / "routine")


class TestDerivedData:
    @pytest.fixture
    def routine(self):
        routine = composed(
            global_relations=paradime.relations.PDist(),
            derived_data={
                "first": DerivedData(lambda rows: rows[:, :2]),
                "far": DerivedData(lambda rels: rels.to_square_array().data.max(axis=0), [("rels", "rel")]),
            },
        )
        routine.add_data({"main": X})
        return routine

    def test_what_needs_relations_is_told(self, routine):
        assert {key: entry.requires_relations for key, entry in routine.derived_data.items()} == {
            "first": False,
            "far": True,
        }

    def test_other_data_are_computed_without_relations(self, routine):
        routine.compute_derived_data(only="other")
        assert "first" in routine.dataset
        assert "far" not in routine.dataset
        assert routine.global_relation_data == {}

    def test_data_based_on_relations_are_computed_alone(self, routine):
        routine.compute_derived_data(only="rel_based")
        assert "far" in routine.dataset
        assert "first" not in routine.dataset

    def test_entry_of_such_a_name_comes_first(self, routine):
        routine.add_data({"other": DerivedData(lambda rows: rows[:, :1])})
        routine.compute_derived_data(only="other")
        assert "other" in routine.dataset
        assert "first" not in routine.dataset


class TestNames:
    def test_number_of_items(self):
        assert paradime.dr.Dataset(X).num_items == 60

    def test_weights_of_edges(self):
        graph = relation_factory(np.array([[0.0, 0.5, 0.0], [0.5, 0.0, 2.0], [0.0, 2.0, 0.0]]))
        edges = paradime.dr.NegSampledEdgeDataset(paradime.dr.Dataset(X[:3]), graph)
        np.testing.assert_array_equal(edges.weights, [0.5, 0.5, 2, 2])
        assert edges.weights.shape == (len(edges),)

    def test_type_of_data(self):
        assert paradime.dr.Data == paradime.types.Data
