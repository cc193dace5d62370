"""Models of all kinds are made anew from what is saved, or the reason is said before anything is written."""

import copy

import numpy as np
import pytest
import torch

import paradime
from paradime import ParametricMDS
from paradime.dr import ParametricDR
from paradime.exceptions import ModelFileError, UnsupportedConfigurationError
from paradime.loss import ReconstructionLoss
from paradime.models import (
    CenterModel,
    ConvolutionalModel,
    EmbeddingModel,
    FullyConnected,
    FullyConnectedDecoder,
    FullyConnectedEmbeddingModel,
    ModelRecipe,
)


def trained(model, X, **settings):
    return ParametricMDS(model=model, epochs=1, batch_size=50, random_state=0, **settings).fit(X)


MODELS = {
    "linear": lambda: torch.nn.Linear(4, 2),
    "no bias": lambda: torch.nn.Linear(4, 2, bias=False),
    "layers": lambda: torch.nn.Sequential(
        torch.nn.Linear(4, 6),
        torch.nn.BatchNorm1d(6),
        torch.nn.LeakyReLU(0.2),
        torch.nn.Dropout(0.3),
        torch.nn.Sequential(torch.nn.LayerNorm(6), torch.nn.Linear(6, 2)),
    ),
    "convolutions": lambda: torch.nn.Sequential(
        torch.nn.Unflatten(1, (1, 2, 2)), torch.nn.Conv2d(1, 3, 2), torch.nn.Flatten(), torch.nn.Linear(3, 2)
    ),
    "mlp": lambda: FullyConnectedEmbeddingModel(4, 2, [9, 7]),
    "residual": lambda: FullyConnected(4, 2, [6, 6], residual=True, normalization="batch"),
    "centers": lambda: CenterModel(4, n_centers=5, hidden_dims=[8]),
    "parts": lambda: EmbeddingModel(torch.nn.Linear(4, 2), FullyConnectedDecoder(2, (4,), [5])),
    "recipe": lambda: ModelRecipe("mlp", options={"hidden_dims": [5], "dropout": 0.1}, decoder=True),
    "double": lambda: FullyConnectedEmbeddingModel(4, 2, [9]),
}


@pytest.mark.parametrize("name", MODELS)
def test_model_is_made_anew(name, iris, tmp_path):
    routine = trained(MODELS[name](), iris)
    routine.save(tmp_path)
    again = paradime.load(tmp_path)
    assert type(again.model) is type(routine.model)
    assert np.array_equal(again.transform(iris), routine.transform(iris))
    assert [p.requires_grad for p in again.model.parameters()] == [
        p.requires_grad for p in routine.model.parameters()
    ]
    again.train(iris)


def test_images_and_their_decoder_come_back(digits, tmp_path):
    images = digits[0].reshape(-1, 8, 8)
    recipe = ModelRecipe("conv", options={"channels": [4, 4], "hidden_dims": [10]}, decoder=True)
    routine = ParametricDR(model=recipe, losses=ReconstructionLoss(), random_state=0)
    routine.add_training_phase(epochs=1, batch_size=50)
    routine.train(images)
    routine.save(tmp_path)
    again = paradime.load(tmp_path)
    assert isinstance(again.model.encoder, ConvolutionalModel)
    embedded = routine.transform(images)
    assert np.array_equal(again.transform(images), embedded)
    assert np.array_equal(again.inverse_transform(embedded), routine.inverse_transform(embedded))


def test_class_of_a_user_is_made_if_it_is_allowed(mine, iris, tmp_path):
    routine = trained(mine.Net(4, width=5), iris)
    with pytest.raises(ValueError, match=r"allow_imports=\['users_module'\].*model=False"):
        routine.save(tmp_path)
    routine.save(tmp_path, allow_imports=["users_module"])
    again = paradime.load(tmp_path, allow_imports=["users_module"])
    assert again.model.width == 5
    assert np.array_equal(again.transform(iris), routine.transform(iris))
    with pytest.raises(ValueError, match=r"importing 'users_module:Net' is not allowed.*allow_imports"):
        paradime.load(tmp_path)


def test_recipe_of_a_users_class_comes_back(mine, iris, tmp_path):
    routine = trained(ModelRecipe(mine.Net, options={"width": 6}, decoder=True), iris)
    routine.save(tmp_path, allow_imports=["users_module"])
    again = paradime.load(tmp_path, allow_imports=["users_module"])
    assert np.array_equal(again.transform(iris), routine.transform(iris))
    assert again.get_params()["model"] == routine.get_params()["model"]


def test_any_module_is_saved_without_its_form_and_given_when_loaded(iris, tmp_path):
    class Odd(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.layer = torch.nn.Linear(4, 2)

        def forward(self, X):
            return self.layer(X) ** 3

    routine = trained(Odd(), iris)
    with pytest.raises(ValueError, match=r"Odd\. Save without it, save\(path, model=False\)"):
        routine.save(tmp_path / "m")
    assert not (tmp_path / "m").exists()
    routine.save(tmp_path / "m", model=False)
    again = paradime.load(tmp_path / "m", model=Odd())
    assert np.array_equal(again.transform(iris), routine.transform(iris))
    with pytest.raises(ValueError, match=r"Pass a module that takes the weights"):
        paradime.load(tmp_path / "m")
    with pytest.raises(ModelFileError, match=r"'weight' has shape none among the weights, and \(2, 4\) in"):
        paradime.load(tmp_path / "m", model=torch.nn.Linear(4, 2))


@pytest.fixture
def hiding(mine, iris):
    """A routine whose model computes with a tensor that is no buffer."""
    model = mine.Net(4)
    hidden = torch.tensor([5.0, -1.0])
    model.forward = lambda X: torch.nn.functional.linear(X, torch.ones(2, 4)) * hidden + 0 * model.last.bias
    return ParametricMDS(model=model, epochs=1, batch_size=50, random_state=0).fit(iris)


def test_verification_refuses_a_model_that_would_embed_differently_before_anything_is_written(hiding, tmp_path):
    words = r"nothing was written.*embed differently.*, by up to \d.* depends on more than its parameters"
    with pytest.raises(UnsupportedConfigurationError, match=words):
        hiding.save(tmp_path / "m", allow_imports=["users_module"], verify=True)
    assert not (tmp_path / "m").exists()
    hiding.save(tmp_path / "m", allow_imports=["users_module"])


def test_verification_names_what_would_be_loaded_differently(mds, tmp_path, monkeypatch):
    from paradime.dr import saving

    def restore(*args):
        again = copy.deepcopy(mds)
        with torch.no_grad():
            next(again.model.parameters()).add_(1)
        return again

    monkeypatch.setattr(saving, "restore", restore)
    name = next(name for name, _ in mds.model.named_parameters())
    with pytest.raises(UnsupportedConfigurationError, match=rf"other values of {name} of its model"):
        mds.save(tmp_path / "m", verify=True)
    assert not (tmp_path / "m").exists()


def test_only_a_verified_save_loads_what_it_writes(mds, tmp_path, monkeypatch):
    from paradime.dr import loading

    restored, calls = loading.restored, []
    monkeypatch.setattr(
        loading, "restored", lambda *args, **settings: calls.append(1) or restored(*args, **settings)
    )
    mds.save(tmp_path / "m.paradime")
    assert not calls
    mds.save(tmp_path / "m.paradime", verify=True)
    assert calls


def test_model_that_was_changed_after_it_was_made_is_refused(iris, tmp_path):
    model = FullyConnectedEmbeddingModel(4, 2, [9, 7])
    model.layers[1] = torch.nn.Sequential(torch.nn.Linear(9, 3), torch.nn.Linear(3, 7))
    routine = trained(model, iris)
    with pytest.raises(UnsupportedConfigurationError, match=r"was changed after it was made.*model=False"):
        routine.save(tmp_path / "m")
    assert not (tmp_path / "m").exists()
    routine.save(tmp_path / "m", model=False)
    again = paradime.load(tmp_path / "m", model=copy.deepcopy(model))
    assert np.array_equal(again.transform(iris), routine.transform(iris))


def test_frozen_and_tied_parameters_stay_so(iris, tmp_path):
    shared = torch.nn.Linear(4, 4)
    model = torch.nn.Sequential(shared, torch.nn.Tanh(), shared, torch.nn.Linear(4, 2))
    model[3].bias.requires_grad_(False)
    routine = trained(model, iris)
    routine.save(tmp_path)
    again = paradime.load(tmp_path)
    assert again.model[0].weight is again.model[2].weight
    assert not again.model[3].bias.requires_grad
    assert again.model[3].weight.requires_grad
    assert np.array_equal(again.transform(iris), routine.transform(iris))


def test_double_precision_stays_double(tmp_path):
    from paradime.persistence.architecture import describe_model
    from paradime.persistence.saved import pack_tensors, unpack_tensors
    from paradime.persistence.weights import restored_model
    from paradime.spec import Vocabulary

    model = FullyConnectedEmbeddingModel(4, 2, [9]).double()
    weights = unpack_tensors(pack_tensors(model.state_dict(), "m"), "m")
    again = restored_model(describe_model(model, (4,), Vocabulary()), weights, Vocabulary(), "m")
    rows = torch.rand(5, 4, dtype=torch.float64)
    assert torch.equal(again(rows), model(rows))


def test_weights_that_were_loaded_can_be_changed(mds, tmp_path):
    mds.save(tmp_path)
    model = paradime.load(tmp_path).model
    before = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    with torch.no_grad():
        for tensor in model.state_dict().values():
            tensor.add_(1)
    assert all(torch.equal(tensor, before[name] + 1) for name, tensor in model.state_dict().items())
