import copy
import io
from itertools import pairwise

import numpy as np
import pytest
import torch

from paradime._registry import MODELS
from paradime.models import (
    ACTIVATIONS,
    CenterModel,
    ConvolutionalDecoder,
    ConvolutionalModel,
    FullyConnected,
    FullyConnectedDecoder,
    FullyConnectedEmbeddingModel,
)

X = torch.linspace(-2, 2, 40).reshape(8, 5)


def plain_v1_layers(widths, seed):
    """Linear layers in the order in which 1.x creates them."""
    torch.manual_seed(seed)
    return [torch.nn.Linear(a, b) for a, b in pairwise(widths)]


def equal_weights(model, layers):
    return all(
        torch.equal(ours.weight, theirs.weight) and torch.equal(ours.bias, theirs.bias)
        for ours, theirs in zip(model.layers, layers, strict=True)
    )


@pytest.mark.parametrize(
    "options", [{}, {"normalization": "batch"}, {"normalization": "layer", "residual": True}, {"dropout": 0.3}]
)
def test_same_seed_gives_the_weights_of_plain_linear_layers_whatever_the_options(options):
    torch.manual_seed(3)
    model = FullyConnectedEmbeddingModel(5, 2, (7, 7), **options)
    assert equal_weights(model, plain_v1_layers([5, 7, 7, 2], seed=3))


def test_plain_model_has_the_state_of_v1_and_nothing_else():
    assert list(FullyConnectedEmbeddingModel(5, 2, [4]).state_dict()) == [
        "alpha",
        "layers.0.weight",
        "layers.0.bias",
        "layers.1.weight",
        "layers.1.bias",
    ]


def test_grammar_knows_the_model_by_two_names():
    assert MODELS["mlp"] is MODELS["fully connected"] is FullyConnectedEmbeddingModel


def test_arguments_are_stored_unchanged():
    given = {
        "in_dim": 5,
        "out_dim": 3,
        "hidden_dims": [7, 6],
        "activation": "relu",
        "normalization": "layer",
        "dropout": 0.25,
        "residual": True,
    }
    model = FullyConnectedEmbeddingModel(**given)
    assert {name: getattr(model, name) for name in given} == given
    assert model.hidden_dims is given["hidden_dims"]


def test_rows_of_several_axes_are_flattened():
    model = FullyConnectedEmbeddingModel(6, 2, [4])
    images = torch.randn(3, 2, 3)
    assert torch.equal(model(images), model(images.reshape(3, 6)))
    assert torch.equal(model(images.reshape(3, 1, 6)), model(images.reshape(3, 6)))


def test_rows_that_have_the_width_along_the_last_axis_only_are_mapped_along_it():
    model = FullyConnectedEmbeddingModel(6, 2, [4])
    stacked = torch.randn(3, 2, 6)
    torch.testing.assert_close(model(stacked)[:, 1], model(stacked[:, 1]))


NUMPY = {
    "elu": lambda x: np.where(x > 0, x, np.expm1(np.minimum(x, 0))),
    "identity": lambda x: x,
    "leaky relu": lambda x: np.where(x > 0, x, 0.01 * x),
    "relu": lambda x: np.maximum(x, 0),
    "sigmoid": lambda x: 1 / (1 + np.exp(-x)),
    "silu": lambda x: x / (1 + np.exp(-x)),
    "softplus": lambda x: np.log1p(np.exp(x)),
    "tanh": np.tanh,
}


@pytest.mark.parametrize("name", NUMPY)
def test_activation_stands_between_the_layers(name):
    model = FullyConnectedEmbeddingModel(5, 2, [7], activation=name)
    first, last = model.layers
    hidden = NUMPY[name](X.numpy() @ first.weight.detach().numpy().T + first.bias.detach().numpy())
    expected = hidden @ last.weight.detach().numpy().T + last.bias.detach().numpy()
    np.testing.assert_allclose(model(X).detach(), expected, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("name", [*ACTIVATIONS, "leaky_relu"])
@pytest.mark.parametrize("scale", [1e-6, 1.0, 1e4])
def test_every_activation_gives_finite_gradients_that_are_not_all_zero(name, scale):
    torch.manual_seed(0)
    model = FullyConnectedEmbeddingModel(5, 2, [7, 6], activation=name)
    model(scale * X).square().sum().backward()
    gradients = [layer.weight.grad for layer in model.layers]
    assert all(bool(torch.isfinite(gradient).all()) for gradient in gradients)
    assert bool(gradients[-1].any())


@pytest.mark.parametrize("options", [{"normalization": "batch"}, {"normalization": "layer"}, {"residual": True}])
def test_gradients_agree_with_finite_differences(options):
    torch.manual_seed(0)
    model = FullyConnectedEmbeddingModel(3, 2, [4, 4], activation="tanh", **options).double()
    rows = torch.randn(6, 3, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(model, rows)


def test_batch_normalization_stands_before_the_activation_and_uses_the_batch():
    model = FullyConnected(5, 2, [7], activation="relu", normalization="batch")
    first, last = model.layers
    hidden = first(X)
    hidden = (hidden - hidden.mean(0)) / (hidden.var(0, unbiased=False) + 1e-5).sqrt()
    torch.testing.assert_close(model(X), last(hidden.relu()), rtol=1e-4, atol=1e-5)


def test_layer_normalization_makes_each_row_its_own():
    model = FullyConnected(5, 2, [7], activation="relu", normalization="layer")
    first, last = model.layers
    hidden = first(X)
    hidden = (hidden - hidden.mean(1, keepdim=True)) / (hidden.var(1, unbiased=False, keepdim=True) + 1e-5).sqrt()
    torch.testing.assert_close(model(X), last(hidden.relu()), rtol=1e-4, atol=1e-5)
    torch.testing.assert_close(model(X)[:3], model(X[:3]))


def test_rows_are_embedded_independently_in_evaluation_whatever_is_normalized_or_dropped():
    torch.manual_seed(0)
    model = FullyConnectedEmbeddingModel(5, 2, [7, 7], normalization="batch", dropout=0.5)
    before = model(X)
    assert not torch.allclose(before[:3], model(X[:3]))
    model.eval()
    torch.testing.assert_close(model(X)[:3], model(X[:3]))
    torch.testing.assert_close(model(X)[4:5], model(X[4:5]))


def test_dropout_drops_the_share_of_hidden_units_in_training_and_keeps_their_mean():
    torch.manual_seed(0)
    dropping = FullyConnected(3, 1, [4000], activation="sigmoid", dropout=0.25)
    rows = torch.zeros(1, 3)
    seen = []
    dropping.layers[-1].register_forward_pre_hook(lambda _, inputs: seen.append(inputs[0]))
    dropping(rows)
    share = (seen[0] == 0).double().mean().item()
    assert abs(share - 0.25) < 0.03
    dropping.eval()(rows)
    preserved = seen[0] != 0
    torch.testing.assert_close(seen[0][preserved], seen[1][preserved] / 0.75)


def test_residual_layers_add_their_input_where_widths_agree():
    model = FullyConnected(5, 2, [5, 7, 7], activation="tanh", residual=True)
    first, second, third, last = model.layers
    hidden = X + first(X).tanh()
    hidden = second(hidden).tanh()
    hidden = hidden + third(hidden).tanh()
    torch.testing.assert_close(model(X), last(hidden))


def test_gradients_reach_the_input_of_a_deep_stack_through_the_shortcuts():
    def size_of_gradient(residual):
        torch.manual_seed(0)
        model = FullyConnected(5, 2, [5] * 30, activation="tanh", residual=residual)
        rows = X.clone().requires_grad_()
        return torch.autograd.grad(model(rows).sum(), rows)[0].abs().mean().item()

    assert size_of_gradient(True) > 1e3 * size_of_gradient(False)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"activation": "rleu"}, r"unknown activation 'rleu'. Did you mean 'relu'\?"),
        ({"activation": None}, "unknown activation None"),
        ({"normalization": "bacth"}, r"unknown normalization 'bacth'. Did you mean 'batch'\?"),
        ({"dropout": 1.0}, r"dropout must lie in \[0, 1\), got 1.0"),
        ({"dropout": -0.1}, r"dropout must lie in \[0, 1\), got -0.1"),
    ],
)
def test_options_that_cannot_be_are_refused(options, message):
    with pytest.raises(ValueError, match=message):
        FullyConnectedEmbeddingModel(5, **options)


def test_copies_and_saved_models_embed_alike():
    model = FullyConnectedEmbeddingModel(5, normalization="batch", activation="gelu").eval()
    buffer = io.BytesIO()
    torch.save(model, buffer)
    buffer.seek(0)
    for other in (copy.deepcopy(model), torch.load(buffer, weights_only=False)):
        assert torch.equal(model(X), other(X))


def test_model_computes_in_the_precision_of_its_weights_and_under_autocast():
    model = FullyConnectedEmbeddingModel(5, normalization="layer", dropout=0.1, residual=True).eval()
    with torch.autocast("cpu", dtype=torch.bfloat16):
        lowered = model(X)
    torch.testing.assert_close(lowered.float(), model(X), rtol=0.1, atol=0.1)
    assert model.double()(X.double()).dtype == torch.float64


@pytest.mark.parametrize(
    ("make", "widths"),
    [
        (lambda: FullyConnected(3, 2, 20), [20, 2]),
        (lambda: FullyConnected(torch.tensor(3), 2, torch.tensor([20, 10])), [20, 10, 2]),
        (lambda: FullyConnectedEmbeddingModel(3, 2, range(20, 9, -10)), [20, 10, 2]),
        (lambda: CenterModel(3, 2, 20).network, [20, 2]),
        (lambda: FullyConnectedDecoder(2, 10, 20), [20, 10]),
        (lambda: ConvolutionalModel([8, 8], 2, 4, 20).head, [20, 2]),
        (lambda: ConvolutionalDecoder(2, [8, 8], 4, 20).head, [20, 64]),
    ],
)
def test_every_model_takes_one_width_or_any_sequence_of_them(make, widths):
    assert [layer.out_features for layer in make().layers] == widths


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (
            lambda: FullyConnected(3, 2, "20"),
            r"hidden_dims must be a list of integers, one per layer, .* got '20'\.",
        ),
        (
            lambda: FullyConnected(3, 2, [20.5]),
            r"hidden_dims must be .* got \[20\.5\]\. Pass, for example, hidden_dims=\[",
        ),
        (lambda: CenterModel(3, 2, 2.5), r"hidden_dims must be .* got 2\.5"),
        (lambda: CenterModel(3, 2, n_centers="many"), r"n_centers must be an integer, got 'many'"),
        (lambda: FullyConnected("3"), r"in_dim must be an integer, got '3'"),
        (
            lambda: FullyConnectedDecoder(2, 1.5),
            r"out_shape must be a list of integers, one per axis, .* got 1\.5",
        ),
        (lambda: ConvolutionalModel([8, 8], channels=None), r"channels must be a list of integers, .* got None"),
        (lambda: ConvolutionalModel([8, 8], kernel_size="3"), r"kernel_size must be an integer, got '3'"),
        (lambda: ConvolutionalModel(8), r"in_shape must be \(height, width\) .* got 8"),
    ],
)
def test_sizes_of_another_kind_are_refused_with_the_rule_and_the_value(make, message):
    with pytest.raises(ValueError, match=message):
        make()
