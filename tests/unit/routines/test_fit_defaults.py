"""``train`` keeps the defaults of ParaDime 1.x; ``fit`` takes its own for what nobody has said."""

import copy
import pickle

import numpy as np
import pytest
import torch
from sklearn.base import clone

from paradime.dr import ParametricDR
from paradime.loss import ContrastiveLoss, RelationLoss
from paradime.models import FullyConnectedEmbeddingModel, LandmarkModel
from paradime.routines import ParametricContrastive, ParametricTSNE, ParametricUMAP
from paradime.routines.tsne import tsne_spec
from paradime.routines.umap import umap_spec

ROUTINES = [ParametricTSNE, ParametricUMAP]
SPECS = {ParametricTSNE: tsne_spec, ParametricUMAP: umap_spec}
# epochs, batch size and learning rate of the two phases of ParaDime 1.x
VERSION_1 = {
    ParametricTSNE: [(10, 500, 0.01), (30, 500, 0.01)],
    ParametricUMAP: [(5, 100, 0.05), (30, 10, 0.005)],
}
both = pytest.mark.parametrize("routine", ROUTINES)


@pytest.fixture(autouse=True)
def few_steps(monkeypatch):
    """Phases by rule take few steps, so that tests are quick."""
    monkeypatch.setattr("paradime.training.extent.steps_for", lambda n_rows: 20)
    for module in ("tsne", "umap"):
        monkeypatch.setattr(f"paradime.routines.{module}.INIT_BATCHES", 1)


@pytest.fixture
def X():
    return np.random.default_rng(0).normal(size=(80, 4)).astype(np.float32)


def short(routine, **settings):
    """What is not given is left to the defaults."""
    return routine(**{"random_state": 0, **settings})


def phases(made):
    return [(phase.epochs, phase.batch_size, phase.learning_rate) for phase in made.training_phases]


def weights(made):
    return torch.cat([p.detach().flatten() for p in made.model.parameters()])


def same(first, second):
    return torch.equal(weights(first), weights(second))


def trained_as_1_x(made):
    return isinstance(made.model, FullyConnectedEmbeddingModel) and phases(made) == VERSION_1[type(made)]


# -- train ----------------------------------------------------------------------------------------------


@both
def test_phases_before_training_are_those_of_version_1(routine):
    assert phases(routine()) == VERSION_1[routine]


@both
def test_train_keeps_phases_and_network_of_version_1(routine, X):
    made = short(routine, initialization="pca")
    made.train(X)
    assert trained_as_1_x(made)
    assert [layer.out_features for layer in made.model.layers] == [100, 50, 2]
    expected = ParametricDR.from_spec(SPECS[routine](initialization="pca"), random_state=0)
    expected.train(X)
    assert same(made, expected)


@both
def test_defaults_of_the_signature_equal_plain_numbers(routine, X):
    made = short(routine)
    plain = {name: getattr(made, name) for name in routine.fit_defaults} | {"epochs": 1, "init_epochs": 1}
    plain |= {"hidden_dims": [100, 50], "initialization": "pca"}
    said = short(routine, **plain)
    made = short(routine, initialization="pca", epochs=1, init_epochs=1)
    made.train(X)
    said.train(X)
    assert same(made, said)


# -- fit ------------------------------------------------------------------------------------------------


@both
def test_fit_takes_its_own_defaults(routine, X):
    made = short(routine).fit(X)
    defaults = routine.fit_defaults
    assert isinstance(made.model, LandmarkModel)
    assert defaults["network"] == "landmarks"
    expected = tuple(defaults[name] for name in ("epochs", "batch_size", "learning_rate"))
    assert phases(made)[-1] == expected
    assert made.model.activation == defaults["activation"]
    for name in defaults:
        assert getattr(made, name) == getattr(routine(), name), "parameters stay as they were passed"


@both
def test_fit_says_what_it_takes_as_if_a_user_had_said_it(routine, X):
    assert same(short(routine).fit(X), short(routine, **routine.fit_defaults).fit(X))


# -- what is said ---------------------------------------------------------------------------------------

WAYS = {
    "itself": lambda made: made,
    "clone": clone,
    "clone of a clone": lambda made: clone(clone(made)),
    "pickle": lambda made: pickle.loads(pickle.dumps(made)),
    "deepcopy": copy.deepcopy,
    "get_params": lambda made: type(made)(**made.get_params()),
    "set_params": lambda made: type(made)().set_params(**made.get_params()),
}
ways = pytest.mark.parametrize("way", WAYS)


@both
@ways
def test_number_that_is_said_is_kept_also_if_it_is_that_of_version_1(routine, way, X):
    (*_, (epochs, batch_size, learning_rate)) = VERSION_1[routine]
    batch_size, learning_rate = batch_size + 20, learning_rate * 2
    said = short(routine, epochs=epochs, batch_size=batch_size, learning_rate=learning_rate, activation="softplus")
    assert epochs == routine().epochs
    made = WAYS[way](said).fit(X)
    assert phases(made)[-1] == (epochs, batch_size, learning_rate)
    assert made.model.activation == "softplus"
    assert isinstance(made.model, LandmarkModel)  # which nobody has said


@both
@ways
def test_what_is_not_said_stays_so(routine, way, X):
    made = WAYS[way](short(routine))
    for name in routine.fit_defaults:
        assert type(getattr(made, name)) is type(getattr(routine(), name))
    assert same(made.fit(X), short(routine).fit(X))


@both
@ways
def test_copies_of_a_fitted_routine_fit_as_it_did(routine, way, X):
    fitted = short(routine).fit(X)
    before = weights(fitted).clone()
    assert torch.equal(weights(WAYS[way](fitted).fit(X)), before)


@both
@pytest.mark.parametrize("way", ["pickle", "deepcopy"])
def test_copies_of_a_fitted_routine_embed_as_it_does(routine, way, X):
    fitted = short(routine).fit(X)
    np.testing.assert_array_equal(WAYS[way](fitted).transform(X), fitted.transform(X))


@both
def test_plain_network_can_be_had(routine, X):
    made = short(routine, network="mlp", hidden_dims=(100, 50), activation="softplus").fit(X)
    assert isinstance(made.model, FullyConnectedEmbeddingModel)
    assert made.model(torch.from_numpy(X)).shape == (80, 2)


@both
def test_widths_that_are_said_are_those_of_the_network_with_landmarks(routine, X):
    made = short(routine, hidden_dims=[9, 7], out_dim=3).fit(X)
    assert isinstance(made.model, LandmarkModel)
    assert [layer.out_features for layer in made.model.layers] == [9, 7, 3]
    as_in_1_x = short(routine, hidden_dims=(100, 50)).fit(X)
    assert [layer.out_features for layer in as_in_1_x.model.layers] == [100, 50, 2]


@both
def test_model_that_is_given_is_the_model(routine, X):
    model = torch.nn.Linear(4, 2)
    made = short(routine, model=model).fit(X)
    assert made.model is model
    made = short(routine)
    assert made.losses
    made.model = model
    assert made.fit(X).model is model


def test_model_can_be_set_and_taken_back_after_blocks_were_read(X):
    made = ParametricContrastive(epochs=1, random_state=0)
    assert made.losses
    made.model = torch.nn.Linear(4, 2)
    made.model = None
    made.train(X)
    assert isinstance(made.model, LandmarkModel)


@both
def test_representation_shows_what_was_said_only(routine):
    name = routine.__name__
    assert repr(routine()) == f"{name}(trained=False)"
    assert repr(clone(routine())) == f"{name}(trained=False)"
    assert repr(routine(epochs=30, hidden_dims=(100, 50))) == (
        f"{name}(epochs=30, hidden_dims=(100, 50), trained=False)"
    )
    assert repr(routine(network="landmarks")) == f"{name}(network='landmarks', trained=False)"


# -- one after the other --------------------------------------------------------------------------------


@both
def test_two_fits_in_a_row_are_equal(routine, X):
    made = short(routine).fit(X)
    before = weights(made).clone()
    assert torch.equal(weights(made.fit(X)), before)


@both
def test_width_that_is_known_beforehand_changes_nothing(routine, X):
    assert same(short(routine, in_dim=4).fit(X), short(routine).fit(X))


@both
def test_width_that_does_not_fit_is_refused(routine, X):
    with pytest.raises(ValueError, match=r"X has 4 features, but \w+ is expecting 5"):
        short(routine, in_dim=5).fit(X)


@both
def test_fit_after_reading_or_training_starts_afresh_with_its_own_defaults(routine, X):
    read, trained, fresh = short(routine, in_dim=4), short(routine, initialization=None), short(routine)
    assert isinstance(read.model, FullyConnectedEmbeddingModel)
    trained.train(X)
    trained.set_params(initialization=fresh.initialization)
    for made in (read, trained):
        assert same(made.fit(X), fresh.fit(X))


@both
def test_train_after_fit_goes_on(routine, X):
    made = short(routine).fit(X)
    model, before, length = made.model, weights(made).clone(), phases(made)
    made.train()
    assert made.model is model
    assert phases(made) == length
    assert not torch.equal(weights(made), before)


@both
def test_train_of_a_clone_of_what_was_fitted_is_that_of_version_1(routine, X):
    made = clone(short(routine, initialization="pca").fit(X))
    made.train(X)
    assert trained_as_1_x(made)


@both
@pytest.mark.parametrize("wrong", [np.full((80, 4), np.nan), "text"], ids=["nan", "text"])
def test_fit_that_was_refused_leaves_train_as_it_is(routine, wrong, X):
    made = short(routine, initialization="pca")
    with pytest.raises((ValueError, TypeError)):
        made.fit(wrong)
    made.train(X)
    assert trained_as_1_x(made)
    with pytest.raises((ValueError, TypeError)):
        made.fit(wrong)
    assert trained_as_1_x(made)


def test_fit_takes_the_objective_that_knows_the_kernel(X):
    made = short(ParametricTSNE, alpha=2.0, initialization="pca").fit(X)
    assert isinstance(made.losses["embedding"], RelationLoss)
    assert isinstance(short(ParametricTSNE).fit(X).losses["embedding"], ContrastiveLoss)


# -- texts ----------------------------------------------------------------------------------------------


@both
def test_text_is_that_of_fit_until_something_else_was_trained(routine, X):
    made = short(routine, initialization="pca")
    untrained = made.to_spec()
    assert phases(made) == VERSION_1[routine], "writing changes nothing"
    read = ParametricDR.from_spec(untrained, random_state=0).fit(X)
    assert same(read, short(routine, initialization="pca").fit(X))
    made.train(X)
    as_trained = made.to_spec()
    assert as_trained != untrained
    again = ParametricDR.from_spec(as_trained, random_state=0)
    again.train(X)
    assert same(again, made)
    made.fit(X)
    assert made.to_spec() == untrained
    made.train()
    assert made.to_spec() == untrained
