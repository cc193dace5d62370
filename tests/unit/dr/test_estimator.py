import copy
import gc
import pickle
import weakref

import numpy as np
import pandas as pd
import pytest
import torch
from sklearn.base import clone
from sklearn.datasets import load_iris
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from paradime import ParametricAutoencoder, ParametricMDS, ParametricTSNE, load
from paradime.dr import ParametricDR, TrainingPhase
from paradime.exceptions import InconsistentVersionWarning, NotTrainedError, UnsupportedConfigurationError
from paradime.loss import CorrelationLoss, GlobalStructureLoss, RelationLoss, SmoothnessLoss
from paradime.models import FullyConnectedEmbeddingModel, ModelRecipe
from paradime.relations import DifferentiablePDist, PDist
from paradime.training import Callback

pytestmark = pytest.mark.usefixtures("few_first_steps")

X, y = load_iris(return_X_y=True)
NAMES = np.array(["setosa", "versicolor", "virginica"])[y]


def mds(**settings):
    return ParametricMDS(**{"epochs": 20, "random_state": 0, **settings})


def test_pipeline_embeds_and_predicts(outcome):
    def measure(seed):
        routine = mds(classifier=True, batch_size=25, epochs=25, random_state=seed)
        pipeline = make_pipeline(StandardScaler(), routine).fit(X, NAMES)
        assert pipeline.transform(X).shape == (150, 2)
        assert pipeline[-1].classes_.tolist() == ["setosa", "versicolor", "virginica"]
        return {"accuracy": (pipeline.predict(X) == NAMES).mean()}

    outcome(measure, seeds=2, at_least={"accuracy": 0.8})


def test_frames_are_data():
    frame, names = pd.DataFrame(X), pd.Series(NAMES, dtype="category")
    expected = mds(classifier=True).fit(X, NAMES)
    got = mds(classifier=True).fit(frame, names)
    np.testing.assert_allclose(got.transform(frame), expected.transform(X))
    assert got.predict(frame).tolist() == expected.predict(X).tolist()


@pytest.mark.parametrize("duplicate", [copy.deepcopy, lambda r: pickle.loads(pickle.dumps(r))])
def test_copies_are_trained_as_the_original(duplicate):
    routine = mds(decoder=True, classifier=True, epochs=2).fit(X, NAMES)
    other = duplicate(routine)
    np.testing.assert_array_equal(other.transform(X), routine.transform(X))
    np.testing.assert_array_equal(other.predict(X), routine.predict(X))
    np.testing.assert_array_equal(other.inverse_transform([[0.0, 1.0]]), routine.inverse_transform([[0.0, 1.0]]))


def test_clone_is_not_trained():
    made = clone(mds(decoder=True).fit(X))
    assert made.decoder is True
    with pytest.raises(NotTrainedError):
        made.inverse_transform(np.zeros((1, 2)))


def test_rows_become_the_entry_that_is_embedded():
    named = mds(data_key="spectra", epochs=2)
    np.testing.assert_array_equal(named.fit(X).transform(X), named.fit({"spectra": X}).transform(X))


def test_a_method_that_was_put_into_a_model_is_one_of_its_parts():
    model = torch.nn.Linear(3, 2)
    assert not hasattr(ParametricDR(model), "predict")
    model.classify = model.forward
    assert hasattr(ParametricDR(model), "predict")


def test_a_data_set_that_was_set_must_have_the_entry_of_a_preset():
    routine = mds()
    routine.dataset = {"other": torch.ones(20, 3)}
    with pytest.raises(KeyError, match="no entry 'main'"):
        routine.train()


def test_places_of_another_dimension_are_refused():
    routine = mds(decoder=True, epochs=1).fit(X)
    with pytest.raises(ValueError, match=r"as transform returns them, shape \(m, 2\), got shape \(3, 5\)"):
        routine.inverse_transform(np.zeros((3, 5)))


@pytest.mark.parametrize("preset", [ParametricTSNE, ParametricAutoencoder])
def test_missing_classifier_names_the_parameter(preset):
    routine = preset(epochs=1, init_epochs=1).fit(X)
    with pytest.raises((NotImplementedError, UnsupportedConfigurationError), match=r"\(classifier=True\)"):
        routine.predict(X)


def test_missing_decoder_names_the_parameter():
    with pytest.raises(NotImplementedError, match=r"Fit ParametricMDS\(decoder=True\)"):
        mds(epochs=1).fit(X).inverse_transform(np.zeros((1, 2)))


def test_missing_decoder_of_a_routine_without_that_parameter_names_the_recipe():
    routine = ParametricDR(losses=GlobalStructureLoss())
    routine.add_training_phase(epochs=1)
    with pytest.raises(NotImplementedError, match=r"Fit ParametricDR\(ModelRecipe\(decoder=True\)"):
        routine.fit(X).inverse_transform(np.zeros((1, 2)))


def test_recipe_brings_its_own_decoder():
    routine = mds(model=ModelRecipe(options={"hidden_dims": [20]}, decoder=True)).fit(X)
    assert routine.inverse_transform(np.zeros((2, 2))).shape == (2, 4)


def test_predictions_have_the_type_and_order_of_the_classes(tmp_path):
    X = np.random.default_rng(0).normal(size=(40, 3))
    y = np.array([2, 10, 1, -1] * 10, dtype=object)
    mds = ParametricMDS(classifier=True, epochs=2, init_epochs=1, random_state=0).fit(X, y)
    assert mds.classes_.tolist() == [1, 2, 10]
    assert np.issubdtype(mds.predict(X).dtype, np.integer)
    mixed = ParametricMDS(classifier=True, epochs=2, init_epochs=1, random_state=0).fit(X, [1, "a", None, 2] * 10)
    mixed.save(tmp_path / "mixed")
    assert load(tmp_path / "mixed").classes_.tolist() == mixed.classes_.tolist() == [1, 2, "a"]


def test_numbers_have_no_probabilities():
    routine = mds(classifier=True, epochs=1).fit(X, X[:, 0])
    with pytest.raises(UnsupportedConfigurationError, match=r"Call predict\(X\)"):
        routine.predict_proba(X)
    with pytest.raises(AttributeError, match="not fitted with classes"):
        _ = routine.classes_


def test_classifier_asks_for_targets():
    with pytest.raises(ValueError, match=r"learns to predict y\. Pass it: fit\(X, y\)"):
        mds(classifier=True).fit(X)


def test_refused_targets_leave_what_was_learned():
    routine = mds(epochs=2).fit(X)
    before = routine.transform(X)
    for wrong in (y[:20], np.full(150, -1)):
        with pytest.raises(ValueError, match=r"one per row|no labelled row"):
            routine.fit(X, wrong)
    np.testing.assert_array_equal(routine.transform(X), before)


@pytest.mark.parametrize(
    ("warm_start", "wrong", "rows", "message"),
    [
        (False, {}, X[:1], "at least 2"),
        (True, {}, X[:1], "at least 2"),
        (False, {"n_components": 0}, X, "n_components"),
        (True, {"n_components": 0}, X, "n_components"),
        (False, {"epochs": 0, "init_epochs": 0}, X, "nothing"),
    ],
)
def test_refused_fit_leaves_what_was_learned(warm_start, wrong, rows, message):
    names = list("abcd")
    frame = pd.DataFrame(X, columns=names)
    routine = mds(epochs=2, initialization="pca", init_epochs=1, warm_start=warm_start).fit(frame)
    before = routine.embedding_
    with pytest.raises(ValueError, match=message):
        routine.set_params(**wrong).fit(pd.DataFrame(rows, columns=names if warm_start else list("efgh")))
    assert routine.feature_names_in_.tolist() == names
    np.testing.assert_array_equal(routine.transform(frame), before)
    np.testing.assert_array_equal(routine.embedding_, before)


@pytest.mark.parametrize(("rows", "message"), [(X[:, :3], "3 features"), (X[:1], "at least 2")])
def test_refused_train_leaves_what_was_learned(rows, message):
    frame = pd.DataFrame(X, columns=list("abcd"))
    routine = mds(epochs=2).fit(frame)
    before, graph = routine.embedding_, list(routine.global_relation_data)
    with pytest.raises(ValueError, match=message):
        routine.train(pd.DataFrame(rows, columns=list("efgh")[: rows.shape[1]]))
    assert routine.feature_names_in_.tolist() == list("abcd")
    assert list(routine.global_relation_data) == graph
    np.testing.assert_array_equal(routine.transform(frame), before)
    np.testing.assert_array_equal(routine.embedding_, before)


def test_refused_fit_leaves_a_model_that_was_given():
    model = FullyConnectedEmbeddingModel(4, 2)
    routine = mds(model=model, epochs=2).fit(X)
    before = routine.transform(X)
    with pytest.raises(ValueError, match="at least 2"):
        routine.fit(X[:1])
    np.testing.assert_array_equal(routine.transform(X), before)


def test_targets_of_an_earlier_fit_are_forgotten():
    routine = mds(epochs=2).fit(X, y)
    expected = mds(epochs=2).fit_transform(X)
    np.testing.assert_array_equal(routine.fit(X).transform(X), expected)
    assert "labels" not in routine.losses


def test_repr_shows_what_was_changed():
    routine = mds(hidden_dims=[100, 50], decoder=True)
    assert repr(routine) == "ParametricMDS(decoder=True, epochs=20, random_state=0, trained=False)"
    assert "trained=True" in repr(routine.fit(X))


def test_repr_of_wrong_parameters_is_no_error():
    assert "epochs='many'" in repr(ParametricMDS(epochs="many"))
    assert "trained=False" in repr(ParametricMDS().set_params(metric="unknown"))


def test_unknown_parameter_is_corrected():
    with pytest.raises(TypeError, match=r"no parameter 'decodr'\. Did you mean 'decoder'"):
        ParametricMDS(decodr=True)


def test_shares_are_checked():
    for shares, message in (
        ({"reconstuction": 0.2}, "Did you mean 'reconstruction'"),
        ({"reconstruction": 1.0}, r"must lie in \(0, 1\), got 1\.0"),
        ({"reconstruction": 0.9}, "must sum to less than 1"),
    ):
        with pytest.raises(ValueError, match=message):
            mds(decoder=True, structure=True, loss_shares=shares).fit(X)


def test_what_is_learned_says_that_nothing_is_fitted():
    for name in ("embedding_", "graph_", "history_", "classes_", "validation_indices_"):
        with pytest.raises(NotTrainedError, match=f"has no {name} before it is fitted"):
            getattr(ParametricMDS(), name)
        assert not hasattr(ParametricMDS(), name)


def test_a_fit_knows_nothing_of_earlier_data(tmp_path):
    X = np.random.default_rng(0).normal(size=(60, 4))
    frame = pd.DataFrame(X, columns=list("abcd"))
    routine = ParametricMDS(epochs=1, random_state=0).fit(frame, np.arange(60) % 3)
    routine.update(frame, np.arange(60) % 3, epochs=1).save(tmp_path / "m.paradime", metadata={"table": "first"})
    routine = load(tmp_path / "m.paradime")
    routine._fitted = routine._fitted.replace(source={"genes": ("a", "b", "c", "d")})
    fresh = ParametricMDS(epochs=1, random_state=0).fit(X[:, :3])
    assert vars(routine.fit(X[:, :3])).keys() - vars(fresh).keys() == set()
    assert routine._fitted.targets is None
    np.testing.assert_array_equal(routine.embedding_, fresh.embedding_)


@pytest.mark.parametrize(
    ("version", "said"), [("1.9.0", "ParaDime 1.9.0"), (None, "an earlier version of ParaDime")]
)
def test_a_pickle_of_another_version_is_warned_of(version, said, monkeypatch):
    routine = ParametricMDS(epochs=1, random_state=0)
    state = routine.__getstate__()
    if version is None:
        del state["_paradime_version"]
    else:
        state["_paradime_version"] = version
    monkeypatch.setattr(ParametricMDS, "__getstate__", lambda self: state)
    written = pickle.dumps(routine)
    with pytest.warns(
        InconsistentVersionWarning, match=rf"pickled by {said}, .*routine\.save\(path\).*paradime\.load"
    ):
        read = pickle.loads(written)
    assert read.get_params() == routine.get_params()
    assert "_paradime_version" not in vars(read)


class TestNumbersOfWhichSomeAreMissing:
    numbers = X[:, 3]
    gaps = np.where(np.arange(150) % 3 == 0, np.nan, numbers)

    def test_rows_without_are_predicted_as_well_as_others(self, outcome):
        def measure(seed):
            routine = mds(classifier=True, batch_size=25, epochs=40, random_state=seed).fit(X[:, :3], self.gaps)
            error = routine.predict(X[:, :3]) - self.numbers
            return {
                "correlation": float(np.corrcoef(routine.predict(X[::3, :3]), self.numbers[::3])[0, 1]),
                "error": float(np.sqrt((error[::3] ** 2).mean())),
            }

        outcome(measure, seeds=2, at_least={"correlation": 0.8}, at_most={"error": 0.45})

    @pytest.mark.parametrize("classifier", [True, False])
    def test_every_way_of_training_takes_them(self, classifier):
        routine = mds(classifier=classifier, epochs=1, validation_fraction=0.2).fit(X, self.gaps)
        assert np.isfinite(routine.history_[-1]["validation_loss"])
        routine = mds(classifier=classifier, epochs=1)
        routine.fit(X, self.numbers, validation_data=(X[:20], self.gaps[:20]))
        assert np.isfinite(routine.history_[-1]["validation_loss"])
        for y in (self.gaps, None):
            routine.partial_fit(X[:60], None if y is None else y[:60])
            routine.update(X[:60], None if y is None else y[:60], epochs=1)
            assert np.isfinite(routine.transform(X)).all()

    def test_batches_without_any_are_trained_on(self):
        few = np.where(np.arange(150) < 4, self.numbers, np.nan)
        for classifier in (True, False):
            routine = mds(classifier=classifier, epochs=2, batch_size=10).fit(X, few)
            assert np.isfinite(routine.embedding_).all()

    def test_a_loss_that_needs_all_of_them_says_so(self):
        routine = mds(epochs=1).add_loss("guide", CorrelationLoss("labels"), share=0.2)
        with pytest.raises(
            UnsupportedConfigurationError, match=r"'labels' must have a value in each row, .* in 50 rows"
        ):
            routine.fit(X, self.gaps)
        routine = mds(epochs=1).add_loss("smooth", SmoothnessLoss(time_key="labels"), share=0.2)
        with pytest.raises(ValueError, match=r"'labels' must have a number in each row, got none in 50 rows"):
            routine.fit(X, self.gaps)


def test_integer_classes_with_gaps_are_classes_in_parts_and_held_out_rows():
    gaps = np.where(np.arange(150) % 3 == 0, np.nan, y)
    routine = mds(epochs=1, classifier=True).fit(X, y, validation_data=(X, gaps)).partial_fit(X, gaps)
    routine.update(X, gaps, epochs=1)
    assert routine.classes_.tolist() == [0, 1, 2]


def test_completion_of_names_computes_nothing(monkeypatch):
    routine = ParametricMDS(epochs=1, random_state=0).fit(np.random.default_rng(0).normal(size=(60, 4)))
    monkeypatch.setattr("paradime.dr.routine.apply_model", None)
    names = dir(routine)
    assert {"fit", "embedding_", "drift_", "n_features_in_"} <= set(names)
    assert not {"predict", "inverse_transform"} & set(names)
    assert "predict" in dir(ParametricMDS(classifier=True))


class Composition(ParametricDR):
    """A method of a user's own, whose constructor composes it."""

    def __init__(self, epochs=2, random_state=None):
        super().__init__(
            global_relations=PDist(),
            batch_relations=DifferentiablePDist(),
            losses=RelationLoss(torch.nn.MSELoss(), normalize_sub=False),
            training_phases=[TrainingPhase(epochs=epochs, loss_keys=["loss"])],
            random_state=random_state,
        )
        self.epochs = epochs


@pytest.mark.parametrize("training", [True, False])
def test_a_subclass_that_composes_itself_is_saved(training, tmp_path):
    routine = Composition(random_state=0).fit(X)
    routine.save(tmp_path / "made.paradime", training=training)
    again = Composition.from_pretrained(tmp_path / "made.paradime")
    np.testing.assert_array_equal(again.transform(X), routine.transform(X))
    np.testing.assert_array_equal(again.fit(X).transform(X), routine.transform(X))


def test_a_subclass_that_composes_itself_is_not_saved_with_components_set_by_hand(tmp_path):
    routine = Composition(random_state=0)
    routine.training_phases = [TrainingPhase(epochs=1, loss_keys=["loss"])]
    with pytest.raises(UnsupportedConfigurationError, match="set by hand"):
        routine.fit(X).save(tmp_path / "made.paradime")


def test_refused_rows_of_a_trained_network_are_answered_with_fit():
    X = np.random.default_rng(0).normal(size=(60, 4))
    routine = ParametricMDS(epochs=1, init_epochs=1, random_state=0).fit(X)
    with pytest.raises(
        ValueError, match=r"X has 3 features, but .* expecting 4\. Call fit\(X\), which starts afresh"
    ):
        routine.train(X[:, :3])
    with pytest.raises(ValueError, match=r"expecting 3\. Set in_dim=4\."):
        ParametricMDS(in_dim=3).fit(X)


class Watches(Callback):
    """Notes at the first step whether earlier data are still in memory."""

    def __init__(self, *data):
        self.references, self.alive = [weakref.ref(one) for one in data], None

    def on_epoch_begin(self, state):
        gc.collect()
        if self.alive is None:
            self.alive = [reference() is not None for reference in self.references]


def test_a_second_fit_lets_the_data_of_the_first_go_before_it_trains():
    X = np.random.default_rng(0).normal(size=(60, 4))
    routine = ParametricTSNE(refine=False, epochs=1, init_epochs=1, perplexity=5, random_state=0).fit(X)
    watches = Watches(routine.dataset, routine.global_relation_data["rel"], routine.embedding_)
    routine.fit(X[:50] + 1, callbacks=[watches])
    assert watches.alive == [False, False, False]
    assert routine.embedding_.shape == (50, 2)


class Fails(Callback):
    def on_epoch_begin(self, state):
        raise RuntimeError("before the first step")


def test_a_fit_that_fails_before_its_first_step_leaves_what_was_learned_without_its_data():
    X = np.random.default_rng(0).normal(size=(60, 4))
    routine = ParametricMDS(epochs=1, init_epochs=1, random_state=0).fit(X)
    embedded = routine.transform(X)
    with pytest.raises(RuntimeError, match="before the first step"):
        routine.fit(X + 1, callbacks=[Fails()])
    np.testing.assert_array_equal(routine.transform(X), embedded)
    with pytest.raises(AttributeError, match="does not hold the data it was trained on"):
        _ = routine.embedding_
    routine.train(X)
