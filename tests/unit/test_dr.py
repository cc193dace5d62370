import copy
import logging

import numpy as np
import pytest
import torch
from sklearn.base import clone
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from paradime import ParametricTSNE
from paradime.dr import Dataset, DerivedData, ParametricDR, TrainingPhase
from paradime.exceptions import (
    LossNotDeterminedError,
    NoDatasetRegisteredError,
    NotTrainedError,
    RelationsNotComputedError,
    UnsupportedConfigurationError,
)
from paradime.loss import Loss, PositionLoss, RelationLoss, kullback_leibler_div
from paradime.models import ModelRecipe
from paradime.relations import DifferentiablePDist, DistsFromTo, PDist, Precomputed, Relations
from paradime.utils.seed import seed_all

pytestmark = pytest.mark.usefixtures("few_first_steps")


class Squares(Loss):
    def forward(self, model, global_relations, batch_relations, batch, device):
        return model(batch["main"].to(device)).square().mean()


class CountedPDist(PDist):
    """Counts how often it is computed."""

    def __init__(self, **settings):
        super().__init__(**settings)
        self.calls = 0

    def compute_relations(self, X=None, **kwargs):
        self.calls += 1
        return super().compute_relations(X, **kwargs)


class Counted:
    """A function for derived data that counts its calls."""

    def __init__(self, function):
        self.function = function
        self.calls = 0

    def __call__(self, *arguments, **options):
        self.calls += 1
        return self.function(*arguments, **options)


@pytest.fixture
def X():
    return np.random.default_rng(0).normal(size=(40, 4))


def make_routine(**settings):
    routine = ParametricDR(**{"losses": Squares(), "random_state": 0, **settings})
    routine.add_training_phase(epochs=2, batch_size=10)
    return routine


class TestData:
    def test_entries_are_added_and_replaced(self, X):
        routine = make_routine()
        routine.add_data({"main": X})
        routine.add_data({"labels": np.arange(40), "weights": X[:, :1]})
        assert set(routine.dataset) == {"main", "labels", "weights", "indices"}
        routine.add_data({"labels": np.zeros(40, int)})
        assert not routine.dataset["labels"].any()

    def test_indices_number_the_rows(self, X):
        routine = make_routine()
        routine.add_data({"main": X})
        assert routine.dataset["indices"].tolist() == list(range(40))

    def test_bare_array_is_main(self, X):
        routine = make_routine()
        routine.train(X)
        assert set(routine.dataset) == {"main", "indices"}

    def test_data_of_another_length_are_refused_and_leave_all_as_it_was(self, X):
        routine = make_routine()
        routine.add_data({"main": X})
        with pytest.raises(ValueError, match=r"'main': 40.*'labels': 39"):
            routine.add_data({"labels": np.arange(39)})
        assert set(routine.dataset) == {"main", "indices"}

    def test_training_without_data_says_what_to_do(self):
        for use in (ParametricDR.train, ParametricDR.compute_global_relations, ParametricDR.compute_derived_data):
            with pytest.raises(NoDatasetRegisteredError, match=r"train\(data\)"):
                use(make_routine(global_relations=PDist()))

    def test_train_starts_a_new_data_set(self, X):
        routine = make_routine()
        routine.train({"main": X, "labels": np.arange(40)})
        routine.train({"main": X[:30]})
        assert set(routine.dataset) == {"main", "indices"}
        assert len(routine.dataset) == 30

    def test_data_set_can_be_given_as_such(self, X):
        routine = make_routine()
        expected = make_routine()
        routine.train(Dataset(X))
        expected.train(X)
        torch.testing.assert_close(routine.apply(X), expected.apply(X), rtol=0, atol=0)


class TestDerivedData:
    def test_recipes_can_be_added(self, X):
        routine = make_routine()
        routine.add_data({"main": X, "twice": DerivedData(lambda x: 2 * x)})
        assert "twice" not in routine.dataset
        routine.compute_derived_data()
        np.testing.assert_allclose(routine.dataset["twice"], 2 * X, rtol=1e-6)

    def test_only_some_are_computed(self, X):
        functions = {key: Counted(lambda x: x) for key in "abc"}
        routine = make_routine(derived_data={key: DerivedData(function) for key, function in functions.items()})
        routine.add_data({"main": X})
        routine.compute_derived_data("a")
        routine.compute_derived_data(only=["b"])
        assert [function.calls for function in functions.values()] == [1, 1, 0]
        assert {"a", "b"} <= set(routine.dataset)
        assert "c" not in routine.dataset

    def test_what_is_there_is_not_computed_again_unless_asked_for(self, X):
        function = Counted(lambda x: x)
        routine = make_routine(derived_data={"a": DerivedData(function)})
        routine.add_data({"main": X})
        routine.compute_derived_data()
        routine.compute_derived_data()
        assert function.calls == 1
        routine.compute_derived_data(only="a")
        assert function.calls == 2

    def test_training_computes_them_once(self, X):
        function = Counted(lambda x: x)
        routine = make_routine(derived_data={"a": DerivedData(function)})
        routine.train(X)
        routine.train()
        assert function.calls == 1

    def test_unknown_one_is_named(self, X):
        routine = make_routine(derived_data={"start": DerivedData(len)})
        routine.add_data({"main": X})
        with pytest.raises(UnsupportedConfigurationError, match=r"'strat'.*Did you mean 'start'"):
            routine.compute_derived_data("strat")

    def test_sources_are_computed_first_whatever_the_order(self, X):
        routine = make_routine(
            derived_data={
                "last": DerivedData(
                    lambda rels, x: rels.to_square_array().data[:, :1] + x.numpy()[:, :1],
                    [("rels", "of twice"), ("data", "twice")],
                ),
                "twice": DerivedData(lambda x: 2 * x),
            },
            global_relations={"of twice": PDist(data_key="twice")},
        )
        routine.add_data({"main": X})
        routine.compute_derived_data("last")
        expected = 2 * np.linalg.norm(X - X[0], axis=1) + 2 * X[:, 0]
        np.testing.assert_allclose(routine.dataset["last"][:, 0], expected, rtol=1e-5, atol=1e-5)

    def test_circle_is_an_error(self, X):
        routine = make_routine(
            derived_data={"a": DerivedData(len, [("data", "b")]), "b": DerivedData(len, [("data", "a")])}
        )
        with pytest.raises(UnsupportedConfigurationError, match=r"depend on each other.*'a'"):
            routine.train(X)

    def test_result_of_another_length_is_refused(self, X):
        routine = make_routine(derived_data={"short": DerivedData(lambda x: x[:5])})
        with pytest.raises(ValueError, match=r"'short': 5"):
            routine.train(X)

    def test_options_are_passed_on(self, X):
        routine = make_routine(derived_data={"a": DerivedData(lambda x, by, plus: by * x + plus, by=3, plus=1)})
        routine.train(X)
        np.testing.assert_allclose(routine.dataset["a"], 3 * X + 1, rtol=1e-5, atol=1e-6)

    def test_exception_of_a_recipe_is_passed_on(self, X):
        def fail(x):
            raise ZeroDivisionError("in the recipe")

        with pytest.raises(ZeroDivisionError, match="in the recipe"):
            make_routine(derived_data={"a": DerivedData(fail)}).train(X)


class TestGlobalRelations:
    def test_they_are_computed_once_unless_forced(self, X):
        relations = CountedPDist()
        routine = make_routine(global_relations=relations)
        routine.add_data({"main": X})
        routine.compute_global_relations()
        routine.compute_global_relations()
        routine.train()
        assert relations.calls == 1
        routine.compute_global_relations(force=True)
        assert relations.calls == 2

    def test_new_data_are_related_anew(self, X):
        relations = CountedPDist()
        routine = make_routine(global_relations=relations)
        routine.train(X)
        routine.train(3 * X)
        assert relations.calls == 2
        expected = 3 * np.linalg.norm(X[0] - X[1])
        assert float(routine.global_relation_data["rel"].sub([0, 1])[0, 1]) == pytest.approx(expected, rel=1e-5)

    def test_new_data_are_derived_anew(self, X):
        function = Counted(lambda x: 2 * x)
        routine = make_routine(derived_data={"twice": DerivedData(function)})
        routine.train(X)
        routine.train(3 * X)
        assert function.calls == 2
        np.testing.assert_allclose(routine.dataset["twice"], 6 * X, rtol=1e-5, atol=1e-6)

    def test_entry_that_is_replaced_is_related_anew(self, X):
        relations = CountedPDist()
        other = CountedPDist(data_key="other")
        routine = make_routine(global_relations={"rel": relations, "other": other})
        routine.train({"main": X, "other": X})
        routine.add_data({"main": 3 * X})
        routine.train()
        assert (relations.calls, other.calls) == (2, 1)
        expected = 3 * np.linalg.norm(X[0] - X[1])
        assert float(routine.global_relation_data["rel"].sub([0, 1])[0, 1]) == pytest.approx(expected, rel=1e-5)

    def test_entry_that_is_replaced_is_derived_anew(self, X):
        routine = make_routine(derived_data={"twice": DerivedData(lambda x: 2 * x)})
        routine.train(X)
        routine.add_data({"main": 3 * X})
        routine.train()
        np.testing.assert_allclose(routine.dataset["twice"], 6 * X, rtol=1e-5, atol=1e-6)

    def test_recipe_that_is_replaced_is_computed_and_related_anew(self, X):
        routine = make_routine(derived_data={"a": DerivedData(lambda x: x)}, global_relations=PDist(data_key="a"))
        routine.train(X)
        routine.add_data({"a": DerivedData(lambda x: 5 * x)})
        routine.train()
        np.testing.assert_allclose(routine.dataset["a"], 5 * X, rtol=1e-5, atol=1e-6)
        expected = 5 * np.linalg.norm(X[0] - X[1])
        assert float(routine.global_relation_data["rel"].sub([0, 1])[0, 1]) == pytest.approx(expected, rel=1e-5)

    def test_array_in_place_of_a_recipe_is_kept(self, X):
        routine = make_routine(derived_data={"a": DerivedData(lambda x: x)})
        routine.add_data({"main": X, "a": 7 * X})
        routine.train()
        np.testing.assert_allclose(routine.dataset["a"], 7 * X, rtol=1e-5, atol=1e-6)

    def test_they_are_given_the_entry_that_they_name(self, X):
        routine = make_routine(global_relations=PDist(data_key="other"))
        routine.train({"main": X, "other": 10 * X})
        expected = 10 * np.linalg.norm(X[0] - X[1])
        assert float(routine.global_relation_data["rel"].sub([0, 1])[0, 1]) == pytest.approx(expected, rel=1e-5)

    def test_entry_that_does_not_exist_is_named(self, X):
        with pytest.raises(UnsupportedConfigurationError, match=r"'rel'.*'pixels'"):
            make_routine(global_relations=PDist(data_key="pixels")).train(X)

    def test_relations_of_other_points_are_refused(self, X):
        with pytest.raises(ValueError, match=r"'rel'.*\b3\b.*\b40\b"):
            make_routine(global_relations=Precomputed(np.ones((3, 3)))).train(X)

    def test_relations_may_be_data_that_a_factory_takes(self, X):
        class Plain(Relations):
            def compute_relations(self, X=None, **kwargs):
                return np.ones((len(X), len(X)))

        routine = make_routine(global_relations=Plain())
        routine.train(X)
        assert routine.global_relation_data["rel"].sub([0, 1]).tolist() == [[1, 1], [1, 1]]

    def test_relations_without_data_key_of_their_own_are_computed_of_main(self, X):
        class Bare(Relations):
            # as in scripts that do not call the constructor of the base class
            def __init__(self):
                pass

            def compute_relations(self, X=None, **kwargs):
                return X @ X.T

        routine = make_routine(global_relations=Bare())
        routine.train(X)
        assert routine.global_relation_data["rel"].n_points == 40


class TestTraining:
    def test_phases_run_in_order(self, X):
        seen = []

        class Note(Squares):
            def forward(self, *arguments):
                seen.append(self.name)
                return super().forward(*arguments)

        routine = ParametricDR(losses={"a": Note("a"), "b": Note("b")})
        routine.add_training_phase(loss_keys=["a"], epochs=1)
        routine.add_training_phase(loss_keys=["b"], epochs=1)
        routine.train(X)
        assert seen == ["a", "b"]

    def test_phase_may_be_changed_as_it_is_added(self):
        phase = TrainingPhase(epochs=3, batch_size=7)
        routine = ParametricDR()
        routine.add_training_phase(phase, epochs=9)
        assert (routine.training_phases[0].epochs, routine.training_phases[0].batch_size) == (9, 7)
        assert phase.epochs == 3

    def test_phase_of_the_wrong_kind_is_refused(self):
        with pytest.raises(TypeError, match=r"TrainingPhase, got str.*by name"):
            ParametricDR().add_training_phase("embedding")

    def test_defaults_serve_the_phases_added_afterwards(self):
        routine = ParametricDR(training_defaults=TrainingPhase(epochs=3))
        routine.add_training_phase()
        routine.set_training_defaults(batch_size=7, learning_rate=0.5)
        routine.add_training_phase(learning_rate=0.1)
        routine.set_training_defaults(TrainingPhase(epochs=11))
        routine.add_training_phase()
        first, second, third = routine.training_phases
        assert (first.epochs, first.batch_size) == (3, 50)
        assert (second.epochs, second.batch_size, second.learning_rate) == (3, 7, 0.1)
        assert (third.epochs, third.batch_size) == (11, 50)

    def test_no_phase_is_an_error(self, X):
        with pytest.raises(UnsupportedConfigurationError, match="add_training_phase"):
            ParametricDR(losses=Squares()).train(X)

    def test_loss_that_does_not_exist_is_named(self, X):
        routine = ParametricDR(losses={"embedding": Squares()})
        routine.add_training_phase()
        with pytest.raises(LossNotDeterminedError, match=r"'loss'.*'embedding'"):
            routine.train(X)

    def test_relations_that_a_loss_lacks_are_named(self, X):
        loss = RelationLoss(kullback_leibler_div, global_relation_key="near", batch_relation_key="student")
        with pytest.raises(UnsupportedConfigurationError, match="'student'"):
            make_routine(losses=loss).train(X)
        with pytest.raises(RelationsNotComputedError, match="'near'"):
            make_routine(losses=loss, batch_relations={"student": DifferentiablePDist()}).train(X)

    def test_loss_of_pairs_wants_edges(self, X):
        routine = make_routine(
            global_relations=PDist(), batch_relations=DistsFromTo(), losses=RelationLoss(kullback_leibler_div)
        )
        with pytest.raises(UnsupportedConfigurationError, match=r"pairs.*items.*negative_edge"):
            routine.train(X)

    def test_edges_of_relations_that_do_not_exist_are_named(self, X):
        routine = ParametricDR(losses=Squares(), global_relations={"near": PDist()})
        routine.add_training_phase(sampling="negative_edge", edge_rel_key="neer")
        with pytest.raises(RelationsNotComputedError, match=r"'neer'.*Did you mean 'near'"):
            routine.train(X)

    def test_frozen_model_is_an_error(self, X):
        model = torch.nn.Linear(4, 2).requires_grad_(False)
        with pytest.raises(UnsupportedConfigurationError, match="no parameters that can be trained"):
            make_routine(model=model).train(X)

    def test_model_is_made_for_the_data(self, X):
        routine = make_routine(out_dim=3, hidden_dims=[7])
        assert routine.model is None
        routine.train(X)
        assert [tuple(layer.weight.shape) for layer in routine.model.layers] == [(7, 4), (3, 7)]

    def test_training_goes_on_from_where_it_was(self, X, outcome):
        def measure(seed):
            routine = make_routine(random_state=seed)
            routine.train(X)
            first = routine.training_phases[0].loss.history[-1]
            routine.train()
            (phase,) = routine.training_phases
            # a loss remembers all its epochs
            assert len(phase.loss.history) == 4
            return {"loss": phase.loss.history[-1] / first}

        # what starts afresh has the same loss again
        outcome(measure, at_most={"loss": 0.95})

    def test_settings_may_change_after_the_blocks_were_read(self, X):
        routine = make_routine()
        assert routine.training_phases
        routine.losses = PositionLoss(position_key="goal")
        routine.train({"main": X, "goal": X[:, :2]})
        assert list(routine.losses) == ["loss"]
        assert len(routine.training_phases) == 1

    def test_verbose_routine_speaks_and_quiet_one_does_not(self, X, caplog):
        with caplog.at_level(logging.INFO, logger="paradime"):
            make_routine().train(X)
            assert not caplog.records
        routine = make_routine(verbose=True)
        with caplog.at_level(logging.INFO, logger="paradime"):
            routine.train(X)
        assert "Initializing training dataset." in [record.getMessage() for record in caplog.records]


class TestUse:
    def test_result_is_on_the_cpu_without_gradient_and_can_be_used_in_autograd(self, X):
        routine = make_routine()
        routine.train(X)
        embedding = routine.apply(X)
        assert not embedding.requires_grad
        weight = torch.ones(2, requires_grad=True)
        (embedding @ weight).sum().backward()
        torch.testing.assert_close(weight.grad, embedding.sum(dim=0))

    def test_model_keeps_its_mode(self, X):
        routine = make_routine()
        routine.train(X)
        routine.model.train()
        routine.apply(X)
        assert routine.model.training

    def test_method_is_called_by_its_name(self, X):
        class Two(torch.nn.Linear):
            def twice(self, rows):
                return 2 * self(rows)

        routine = make_routine(model=Two(4, 2))
        routine.train(X)
        torch.testing.assert_close(routine.apply(X, method="twice"), 2 * routine.apply(X))

    def test_method_that_does_not_exist_is_named(self, X):
        routine = make_routine()
        routine.train(X)
        with pytest.raises(UnsupportedConfigurationError, match=r"'embedd'.*Did you mean"):
            routine.apply(X, method="embedd")

    def test_method_may_take_what_is_no_row_of_the_data(self, X):
        class Decoder(torch.nn.Linear):
            def decode(self, code):
                return code @ self.weight

        routine = make_routine(model=Decoder(4, 2))
        routine.train(X)
        assert routine.apply(routine.apply(X), method="decode").shape == (40, 4)

    def test_untrained_routine_says_so(self, X):
        routine = make_routine(in_dim=4)
        for use in (routine, routine.apply, routine.embed, routine.classify, routine.transform):
            with pytest.raises(NotTrainedError, match=r"fit\(X\)"):
                use(X)


class TestRandomness:
    def test_random_state_does_not_depend_on_the_global_seed(self, X):
        results = []
        for seed in (1, 2):
            seed_all(seed)
            routine = make_routine()
            routine.train(X)
            results.append(routine.apply(X))
        assert torch.equal(*results)

    def test_random_state_leaves_the_global_generators_alone(self, X):
        seed_all(0)
        expected = torch.rand(3), np.random.rand(3)  # noqa: NPY002 - the global state is what is meant
        seed_all(0)
        ParametricTSNE(refine=False, perplexity=5, epochs=1, init_epochs=1, random_state=5).fit(X)
        torch.testing.assert_close(torch.rand(3), expected[0], rtol=0, atol=0)
        np.testing.assert_array_equal(np.random.rand(3), expected[1])  # noqa: NPY002

    def test_without_random_state_the_global_seed_governs(self, X):
        results = []
        for seed in (1, 1, 2):
            seed_all(seed)
            routine = make_routine(random_state=None)
            routine.train(X)
            results.append(routine.apply(X))
        assert torch.equal(results[0], results[1])
        assert not torch.equal(results[0], results[2])

    def test_other_random_states_differ(self, X):
        results = []
        for seed in (1, 2):
            routine = make_routine(random_state=seed)
            routine.train(X)
            results.append(routine.apply(X))
        assert not torch.equal(*results)


def test_dropout_follows_the_random_state_and_leaves_the_global_generator_alone(X):
    def trained(seed):
        recipe = ModelRecipe("mlp", options={"hidden_dims": [8], "dropout": 0.5})
        routine = make_routine(model=recipe, random_state=seed)
        routine.train(X)
        return torch.cat([p.detach().reshape(-1) for p in routine.model.parameters()])

    torch.manual_seed(1)
    first = trained(0)
    after = torch.rand(1)
    torch.manual_seed(1)
    assert torch.equal(torch.rand(1), after)
    assert torch.equal(first, trained(0))


class TestEstimator:
    def test_parameters_are_what_was_passed(self):
        losses, relations = Squares(), PDist()
        routine = ParametricDR(losses=losses, global_relations=relations, out_dim=3, hidden_dims=[5])
        params = routine.get_params()
        assert params["losses"] is losses
        assert params["global_relations"] is relations
        assert params["hidden_dims"] == [5]
        assert params["model"] is None
        assert set(params) == {
            *("model", "in_dim", "out_dim", "hidden_dims", "derived_data", "global_relations", "batch_relations"),
            *("losses", "training_defaults", "training_phases", "use_cuda", "verbose", "device", "random_state"),
            *(
                "callbacks",
                "data_fields",
                "validation_fraction",
                "validation_every",
                "on_interrupt",
                "warm_start",
                "refine",
            ),
            "standardize",
        }

    def test_parameters_stay_what_was_passed_after_training(self, X):
        routine = make_routine()
        before = routine.get_params()
        routine.train(X)
        assert routine.get_params() == before

    def test_set_params_sets(self, X):
        routine = make_routine()
        routine.set_params(out_dim=3, hidden_dims=[6])
        routine.train(X)
        assert routine.apply(X).shape == (40, 3)

    def test_clone_has_the_parameters_and_nothing_else(self, X):
        routine = make_routine(out_dim=3)
        routine.train(X)
        cloned = clone(routine)
        assert cloned.out_dim == 3
        assert not cloned.trained
        assert cloned.model is None

    def test_fit_with_labels_gives_them_a_name(self, X):
        routine = make_routine()
        routine.fit(X, np.arange(40))
        assert routine.dataset["labels"].tolist() == list(range(40))

    def test_transform_returns_an_array(self, X):
        routine = make_routine().fit(X)
        embedding = routine.transform(X)
        assert isinstance(embedding, np.ndarray)
        np.testing.assert_array_equal(embedding, routine.embed(X).detach().numpy())

    def test_fitting_starts_from_the_beginning(self, X):
        # as scikit-learn wants it; train() goes on from where it was
        routine = make_routine()
        first = routine.fit(X).transform(X)
        np.testing.assert_array_equal(routine.fit(X).transform(X), first)

    def test_fitting_takes_data_of_another_width(self, X):
        routine = make_routine()
        routine.fit(X)
        assert routine.fit(X[:, :3]).transform(X[:, :3]).shape == (40, 2)

    def test_pipeline(self, X):
        pipeline = make_pipeline(StandardScaler(), make_routine())
        assert pipeline.fit(X).transform(X[:5]).shape == (5, 2)

    def test_deepcopy_goes_its_own_way(self, X):
        routine = make_routine()
        routine.train(X)
        before = routine.apply(X)
        copied = copy.deepcopy(routine)
        assert torch.equal(copied.apply(X), before)
        copied.train()
        assert torch.equal(routine.apply(X), before)
        assert not torch.equal(copied.apply(X), before)

    def test_repr_is_short(self, X):
        routine = make_routine()
        assert "trained=False" in repr(routine)
        routine.train(X)
        assert "trained=True" in repr(routine)
