"""Models that are fitted to the rows before they are trained."""

import numpy as np
import pytest
import torch
from sklearn.datasets import load_digits
from sklearn.neighbors import KNeighborsClassifier

from paradime.dr import ParametricDR
from paradime.dr.network import Network
from paradime.loss import RelationLoss
from paradime.models import CenterModel, EmbeddingModel, ModelRecipe
from paradime.relations import DifferentiablePDist, PDist

X = load_digits().data[:300].astype(np.float32)
ROWS = torch.from_numpy(X)
CENTERS = ModelRecipe("centers", options={"hidden_dims": [10]})


def mds(model, random_state=0, **settings):
    routine = ParametricDR(
        model=model,
        global_relations=PDist(),
        batch_relations=DifferentiablePDist(),
        losses=RelationLoss(torch.nn.MSELoss(), normalize_sub=False),
        random_state=random_state,
        **settings,
    )
    routine.add_training_phase(epochs=1, batch_size=100)
    return routine


def required(network, rows, n_classes=None):
    model = network.require(rows, "main", n_classes)
    network.prepare(rows)
    return model


class Counting(torch.nn.Linear):
    def __init__(self, *args):
        super().__init__(*args)
        self.calls = []

    @property
    def prepared(self):
        return bool(self.calls)

    def prepare(self, rows, generator=None):
        self.calls.append((rows, generator))


def test_model_of_a_recipe_is_made_and_prepared_for_the_rows():
    model = required(Network(None, CENTERS), ROWS)
    assert model.prepared
    assert model.assignments.n_centers == 16
    assert model.n_rows == 300
    assert model.scaling(ROWS).square().mean().sqrt() == pytest.approx(0.9, abs=0.2)


def test_encoder_with_a_decoder_is_prepared():
    recipe = ModelRecipe("centers", options={"hidden_dims": [10]}, decoder=True)
    model = required(Network(None, recipe, seed=0), ROWS)
    assert model.encoder.prepared
    alone = required(Network(None, CENTERS, seed=0), ROWS)
    assert torch.equal(model(ROWS), alone(ROWS))


def test_model_that_was_made_early_is_prepared_when_there_are_rows():
    recipe = ModelRecipe("centers", options={"hidden_dims": [10], "n_rows": 300})
    network = Network(None, recipe, in_dim=64, seed=0)
    assert not network.model.prepared
    assert required(network, ROWS) is network.model
    assert network.model.prepared


def test_model_whose_size_follows_from_the_rows_waits_for_them():
    network = Network(None, CENTERS, in_dim=64, seed=0)
    assert network.model is None
    expected = required(Network(None, CENTERS, seed=0), ROWS)
    assert torch.equal(required(network, ROWS)(ROWS), expected(ROWS))


@pytest.mark.parametrize("recipe", [CENTERS, ModelRecipe(), ModelRecipe(classifier=True)])
def test_rows_of_another_width_than_was_said_are_refused_before_and_after_the_model_is_made(recipe):
    network = Network(None, recipe, in_dim=64, owner="it")
    for remedy in (r"Set in_dim=63", r"Call fit\(X\), which starts afresh"):
        with pytest.raises(ValueError, match=rf"X has 63 features, but it is expecting 64\. {remedy}"):
            required(network, ROWS[:, 1:], 3)
        required(network, ROWS, 3)


@pytest.mark.parametrize("wrapped", [False, True])
def test_given_model_is_prepared_once(wrapped):
    encoder = Counting(64, 2)
    network = Network(EmbeddingModel(encoder) if wrapped else encoder, ModelRecipe(), seed=3)
    required(network, ROWS)
    required(network, ROWS[:100])
    ((rows, generator),) = encoder.calls
    assert rows is ROWS
    assert generator.initial_seed() == 3


def test_given_model_that_is_prepared_stays_as_it_is():
    model = CenterModel(64, hidden_dims=[10], n_centers=16)
    model.prepare(ROWS[:200])
    before = model(ROWS)
    assert torch.equal(required(Network(model, ModelRecipe()), ROWS)(ROWS), before)


def test_method_of_the_same_name_alone_is_left_alone():
    class Unrelated(torch.nn.Linear):
        def prepare(self):
            raise AssertionError

    assert required(Network(Unrelated(64, 2), ModelRecipe()), ROWS)(ROWS).shape == (300, 2)


def test_seed_decides_and_without_one_the_global_generator_does():
    def centers(seed):
        return required(Network(None, CENTERS, seed=seed), ROWS).assignments.centers

    state = torch.get_rng_state()
    first, again, other = centers(1), centers(1), centers(2)
    assert torch.equal(torch.get_rng_state(), state)
    assert torch.equal(first, again)
    assert not torch.equal(first, other)
    torch.manual_seed(5)
    first = centers(None)
    torch.manual_seed(5)
    assert torch.equal(centers(None), first)
    assert not torch.equal(centers(None), first)


def test_same_random_state_gives_the_same_embedding():
    assert np.array_equal(mds(CENTERS).fit_transform(X), mds(CENTERS).fit_transform(X))


@pytest.mark.filterwarnings("ignore:.*columns of X are constant:UserWarning")
@pytest.mark.parametrize("model", [CENTERS, CenterModel(64, hidden_dims=[10], n_centers=16)])
def test_fit_prepares_anew_and_train_goes_on(model):
    routine = mds(model)
    expected = mds(model).fit_transform(X)
    routine.fit(100 * X[:150] + 7)
    center = routine.model.scaling.center.clone()
    routine.train()
    assert torch.equal(routine.model.scaling.center, center)
    if isinstance(model, ModelRecipe):
        assert np.array_equal(routine.fit_transform(X), expected)
    else:
        routine.fit(X)
        assert not torch.equal(routine.model.scaling.center, center)


def test_text_of_a_routine_with_centers_means_the_same_routine():
    routine = mds(CENTERS)
    text = routine.to_spec()
    assert "centers" in text
    again = ParametricDR.from_spec(text, random_state=0)
    assert again.to_spec() == text
    assert np.array_equal(again.fit_transform(X), routine.fit_transform(X))
    trained = mds(routine.model)
    assert "n_rows: 300" in trained.to_spec()


def test_features_of_data_far_from_the_origin_tell_classes_also_with_an_outlier(outcome):
    y = load_digits().target[:300]
    data = 1e3 * ROWS + 5e4
    data[5, 20] = 1e9

    def measure(seed):
        model = Network(None, ModelRecipe("centers"), seed=seed).require(data, "main", None)
        features = model.features(data).numpy()
        return {"accuracy": KNeighborsClassifier(5).fit(features[:200], y[:200]).score(features[200:], y[200:])}

    outcome(measure, at_least={"accuracy": 0.8})
