"""Networks that are written out do what the models do."""

import numpy as np
import pytest
import torch
from sklearn.datasets import load_iris
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import MinMaxScaler, Normalizer, StandardScaler

from paradime import ParametricUMAP
from paradime.exceptions import UnsupportedConfigurationError
from paradime.explorer.features import feature_importance
from paradime.explorer.network import run_layers, write_layers
from paradime.models import (
    ACTIVATIONS,
    CenterModel,
    ConvolutionalModel,
    EmbeddingModel,
    FullyConnectedEmbeddingModel,
)


def difference(model, rows):
    """How far the written network places rows from where the model does."""
    model.eval()
    with torch.no_grad():
        return (run_layers(write_layers(model), rows) - model(rows)).abs().max().item()


@pytest.mark.parametrize("activation", sorted(ACTIVATIONS))
def test_every_activation_of_the_grammar_can_be_written(activation):
    torch.manual_seed(0)
    model = FullyConnectedEmbeddingModel(6, 2, [20, 20], activation=activation)
    assert difference(model, 3 * torch.randn(50, 6)) < 1e-5


@pytest.mark.parametrize("normalization", [None, "layer", "batch"])
@pytest.mark.parametrize("residual", [False, True])
def test_normalisation_shortcuts_and_dropout_are_as_in_use(normalization, residual):
    torch.manual_seed(0)
    options = {"normalization": normalization, "residual": residual, "dropout": 0.3}
    model = FullyConnectedEmbeddingModel(6, 2, [20, 20, 10], **options)
    for parameter in model.parameters():
        parameter.data += 0.1 * torch.randn_like(parameter)
    model(5 + torch.randn(200, 6))  # batch normalisation has seen something
    assert difference(model, 5 + torch.randn(50, 6)) < 1e-5


@pytest.mark.parametrize("n_centers", [0, 20])
def test_center_model_is_written_with_its_scaling_far_from_the_origin_and_beyond_the_data(n_centers):
    generator = torch.Generator().manual_seed(0)
    rows = 1e4 + torch.randn(500, 8, generator=generator) * torch.logspace(-1, 3, 8)
    model = CenterModel(8, n_rows=500, n_centers=n_centers, n_components=5)
    model.prepare(rows, generator)
    outliers = 1e4 + 100 * (rows[:20] - 1e4)
    assert difference(model, torch.cat([rows, outliers])) < 1e-3  # of float32 numbers about 1e5


def test_sequential_models_and_encoders_are_written():
    torch.manual_seed(0)
    encoder = torch.nn.Sequential(
        torch.nn.Flatten(),
        torch.nn.Linear(6, 9, bias=False),
        torch.nn.GELU(),
        torch.nn.Dropout(),
        torch.nn.Linear(9, 2),
    )
    assert difference(EmbeddingModel(encoder, torch.nn.Linear(2, 6)), torch.randn(30, 6)) < 1e-5


class Twice(torch.nn.Module):
    def forward(self, X):
        return 2 * X


class Odd(FullyConnectedEmbeddingModel):
    def forward(self, X):
        return -super().forward(X)


@pytest.mark.parametrize(
    ("model", "named"),
    [
        (torch.nn.Sequential(torch.nn.Linear(6, 2), Twice()), "Twice"),
        (Odd(6, 2), "Odd"),
        (ConvolutionalModel((8, 8), 2), "ConvolutionalModel"),
        (torch.nn.Sequential(torch.nn.Linear(6, 2), torch.nn.LayerNorm((3, 2))), "several axes"),
        (torch.nn.BatchNorm1d(6, track_running_stats=False), "depends on other rows"),
        (make_pipeline(Normalizer(), torch.nn.Linear(6, 2)), "Normalizer"),
    ],
)
def test_what_cannot_be_written_is_named(model, named):
    with pytest.raises(UnsupportedConfigurationError, match=named):
        write_layers(model)


def test_modules_with_hooks_are_refused_for_a_hook_may_do_anything():
    model = torch.nn.Linear(6, 2)
    model.register_forward_hook(lambda module, rows, result: result + 1)
    with pytest.raises(UnsupportedConfigurationError, match="hooks"):
        write_layers(model)


def test_an_activation_of_ones_own_is_refused(monkeypatch):
    monkeypatch.setitem(ACTIVATIONS, "cube", lambda X: X**3)
    with pytest.raises(UnsupportedConfigurationError, match="'cube'"):
        write_layers(FullyConnectedEmbeddingModel(6, 2, activation="cube"))


@pytest.mark.parametrize("scaler", [StandardScaler(), StandardScaler(with_mean=False), MinMaxScaler()])
def test_pipelines_that_standardise_are_written_as_a_whole(scaler):
    X = load_iris().data
    pipeline = make_pipeline(scaler, "passthrough", ParametricUMAP(epochs=1, batch_size=50, random_state=0)).fit(X)
    placed = run_layers(write_layers(pipeline), torch.from_numpy(X)).detach().numpy()
    assert np.abs(placed - pipeline.transform(X)).max() < 1e-4


def test_importance_of_a_linear_map_is_the_length_of_its_column_times_the_deviation():
    torch.manual_seed(0)
    layer, rows = torch.nn.Linear(4, 2), torch.randn(300, 4) * torch.tensor([1.0, 5.0, 0.1, 0.0])
    expected = layer.weight.norm(dim=0).detach().numpy() * rows.std(dim=0, correction=0).numpy()
    assert np.allclose(feature_importance(write_layers(layer), rows), expected, rtol=1e-5)
