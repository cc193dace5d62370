import numpy as np
import pytest
import torch

from paradime.exceptions import UnsupportedConfigurationError
from paradime.models import FullyConnectedEmbeddingModel, Model, resolve_method

X = torch.arange(6.0).reshape(3, 2)


class ByForward(Model):
    def forward(self, X):
        return X + 1


class ByEmbed(Model):
    def embed(self, X):
        return X + 1


class ByEncode(Model):
    def encode(self, X):
        return X + 1


@pytest.mark.parametrize("kind", [ByForward, ByEmbed, ByEncode])
@pytest.mark.parametrize("method", ["forward", "embed", "encode", None])
def test_one_method_written_gives_the_others(kind, method):
    assert torch.equal(resolve_method(kind(), method)(X), X + 1)


def test_methods_that_are_written_keep_their_own_meaning():
    class Autoencoder(Model):
        def encode(self, X):
            return X + 1

        def embed(self, X):
            return X + 2

        def decode(self, X):
            return X + 3

    model = Autoencoder()
    assert torch.equal(model.encode(X), X + 1)
    assert torch.equal(model.embed(X), X + 2)
    assert torch.equal(model(X), X + 2)
    assert torch.equal(model.decode(X), X + 3)


@pytest.mark.parametrize("method", ["forward", "embed", "encode", "decode", "classify"])
def test_method_that_nobody_wrote_is_named_with_the_model(method):
    with pytest.raises(NotImplementedError, match=r"model Model has no method '(forward|embed|decode|classify)'"):
        getattr(Model(), method)(X)


def test_hooks_of_the_module_run_when_it_embeds_through_forward():
    seen, model = [], ByForward()
    model.register_forward_hook(lambda *_: seen.append(1))
    model.embed(X)
    model.encode(X)
    assert seen == [1, 1]


def test_any_module_embeds_by_being_called():
    linear = torch.nn.Linear(2, 1)
    for method in ("embed", "forward", None):
        assert torch.equal(resolve_method(linear, method)(X), linear(X))


def test_own_embed_of_any_module_is_used():
    class Other(torch.nn.Linear):
        def embed(self, X):
            return 2 * X

    assert torch.equal(resolve_method(Other(2, 1), "embed")(X), 2 * X)


def test_method_that_a_module_does_not_have_gets_a_suggestion():
    class Other(torch.nn.Linear):
        def classify_rows(self, X):
            return X

    with pytest.raises(
        UnsupportedConfigurationError, match=r"Other has no method 'classify'\. Did you mean 'classify_rows'"
    ):
        resolve_method(Other(2, 1), "classify")


def by_hand(model, X):
    """The same map in NumPy."""
    *hidden, last = [(layer.weight.detach().numpy(), layer.bias.detach().numpy()) for layer in model.layers]
    for weight, bias in hidden:
        X = np.log1p(np.exp(X @ weight.T + bias))
    return X @ last[0].T + last[1]


@pytest.mark.parametrize("hidden_dims", [[], [7], [100, 50], (5, 4, 3)])
@pytest.mark.parametrize("out_dim", [1, 2, 3])
def test_fully_connected_model_is_linear_layers_with_softplus_between(hidden_dims, out_dim):
    model = FullyConnectedEmbeddingModel(2, out_dim, hidden_dims)
    assert isinstance(model.layers, torch.nn.ModuleList)
    assert [layer.out_features for layer in model.layers] == [*hidden_dims, out_dim]
    np.testing.assert_allclose(model(X).detach(), by_hand(model, X.numpy()), rtol=1e-4, atol=1e-5)
    assert torch.equal(model.embed(X), model(X))


def test_alpha_is_a_parameter_that_starts_at_one():
    model = FullyConnectedEmbeddingModel(4)
    assert isinstance(model.alpha, torch.nn.Parameter)
    assert model.alpha.shape == ()
    assert model.alpha.item() == 1
    assert any(parameter is model.alpha for parameter in model.parameters())
    assert [layer.out_features for layer in model.layers] == [100, 50, 2]


@pytest.mark.parametrize("widths", [(0, 2, [5]), (3, 0, [5]), (3, 2, [5, 0]), (-1, 2, [])])
def test_widths_that_are_not_positive_are_refused(widths):
    with pytest.raises(ValueError, match="must be positive, got"):
        FullyConnectedEmbeddingModel(*widths)
