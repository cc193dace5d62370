import pytest
import torch

from paradime.data import Dataset
from paradime.dr.network import Network, n_outputs
from paradime.loss import ClassificationLoss, GlobalStructureLoss, RegressionLoss
from paradime.models import ModelRecipe

ROWS = torch.zeros(5, 4)


def test_given_model_is_used_as_it_is():
    given = torch.nn.Linear(4, 2)
    network = Network(given, ModelRecipe())
    assert network.require(ROWS, "main", None) is given
    assert network.recipe is None


def test_recipe_is_made_once_for_the_rows():
    network = Network(None, ModelRecipe(options={"hidden_dims": [3]}))
    assert network.model is None
    model = network.require(ROWS, "X", None)
    assert model(ROWS).shape == (5, 2)
    assert network.require(ROWS, "main", None) is model


def test_known_number_of_columns_makes_the_model_at_once():
    assert Network(None, ModelRecipe(), in_dim=4).model is not None
    # but not where the number of classes is still to come
    assert Network(None, ModelRecipe(classifier=True), in_dim=4).model is None


def test_seed_decides_the_weights_and_leaves_the_global_generator_alone():
    state = torch.get_rng_state()
    weights = [
        torch.nn.utils.parameters_to_vector(Network(None, ModelRecipe(), in_dim=4, seed=seed).model.parameters())
        for seed in (1, 1, 2)
    ]
    assert torch.equal(weights[0], weights[1])
    assert not torch.equal(weights[0], weights[2])
    assert torch.equal(torch.get_rng_state(), state)


def test_other_number_of_columns_is_refused():
    network = Network(None, ModelRecipe(), in_dim=3, owner="Routine")
    with pytest.raises(ValueError, match=r"X has 4 features, but Routine is expecting 3\. Set in_dim=4"):
        network.require(ROWS, "X", None)


def test_default_model_asks_for_rows_of_features():
    with pytest.raises(ValueError, match=r"Expected 2D array for X, got shape \(5, 2, 2\)"):
        Network(None, ModelRecipe()).require(ROWS.reshape(5, 2, 2), "X", None)


def test_head_has_as_many_outputs_as_the_losses_need():
    classes = Dataset({"main": torch.eye(5), "labels": torch.tensor([0, 2, 1, -1, 2])})
    assert n_outputs([GlobalStructureLoss(), ClassificationLoss()], classes) == 3
    numbers = Dataset({"main": torch.eye(5), "labels": torch.linspace(0, 1, 5)})
    assert n_outputs([RegressionLoss()], numbers) == 1
    assert n_outputs([GlobalStructureLoss()], classes) is None
