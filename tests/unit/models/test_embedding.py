import numpy as np
import pytest
import torch
from sklearn.datasets import load_digits
from sklearn.decomposition import PCA
from torch.utils._python_dispatch import TorchDispatchMode

from paradime.dr import ParametricDR
from paradime.exceptions import UnsupportedConfigurationError
from paradime.loss import ClassificationLoss, ReconstructionLoss
from paradime.models import (
    EmbeddingModel,
    FullyConnected,
    FullyConnectedDecoder,
    FullyConnectedEmbeddingModel,
    Model,
    ModelRecipe,
    SharedEncodings,
)
from paradime.transforms import StudentTTransform
from paradime.utils.seed import seeded

X = torch.linspace(-2, 2, 40).reshape(8, 5)


@pytest.fixture(scope="module")
def digits():
    data, labels = load_digits(return_X_y=True)
    return torch.as_tensor(data / 16, dtype=torch.float32), torch.as_tensor(labels)


@pytest.fixture
def model():
    return EmbeddingModel(FullyConnectedEmbeddingModel(5), FullyConnectedDecoder(2, (5,)), FullyConnected(2, 3))


def fit(model, loss_of, n_rows, steps, lr):
    optimizer = torch.optim.Adam(model.parameters(), lr)
    for step in range(steps):
        rows = torch.arange(step * 256, (step + 1) * 256) % n_rows
        optimizer.zero_grad()
        loss_of(rows).backward()
        optimizer.step()
    model.eval()


def test_embedding_is_that_of_the_encoder_by_every_name(model):
    embedded = model.encoder(X)
    for method in (model, model.embed, model.encode, model.forward):
        assert torch.equal(method(X), embedded)
    assert torch.equal(model.decode(embedded), model.decoder(embedded))
    assert torch.equal(model.classify(X), model.classifier(embedded))


def test_alpha_and_layers_are_those_of_the_encoder(model):
    assert model.alpha is model.encoder.alpha
    assert model.layers[0].weight is model.encoder.layers[0].weight
    assert StudentTTransform(alpha=model.alpha).alpha is model.encoder.alpha
    assert sum(parameter is model.alpha for parameter in model.parameters()) == 1


def test_encoder_without_alpha_has_none():
    assert not hasattr(EmbeddingModel(torch.nn.Linear(5, 2)), "alpha")
    assert not hasattr(EmbeddingModel(torch.nn.Linear(5, 2)), "layers")


def test_any_module_is_an_encoder_by_its_method_embed_or_by_being_called():
    class Other(torch.nn.Linear):
        def embed(self, X):
            return 2 * self(X)

    linear, other = torch.nn.Linear(5, 2), Other(5, 2)
    assert torch.equal(EmbeddingModel(linear)(X), linear(X))
    assert torch.equal(EmbeddingModel(other)(X), 2 * other(X))
    assert torch.equal(EmbeddingModel(linear).encode(X), linear(X))


class Own(Model):
    def embed(self, X):
        return X[:, :2]

    def encode(self, X):
        return X + 1

    def decode(self, X):
        return X - 1

    def classify(self, X):
        return X[:, :3]


def test_own_methods_of_the_encoder_serve_where_no_part_is_given():
    model = EmbeddingModel(Own(), classifier=torch.nn.Linear(2, 4))
    torch.testing.assert_close(model.decode(model.encode(X)), X)
    assert model.classify(X).shape == (8, 4)
    assert torch.equal(EmbeddingModel(Own(), torch.nn.Linear(2, 5)).classify(X), X[:, :3])


def test_decoder_that_is_given_starts_from_the_embedding():
    model = EmbeddingModel(Own(), torch.nn.Linear(2, 5))
    assert torch.equal(model.encode(X), X[:, :2])
    assert model.decode(model.encode(X)).shape == X.shape


@pytest.mark.parametrize(("method", "part"), [("decode", "decoder"), ("classify", "classifier")])
@pytest.mark.parametrize("encoder", [torch.nn.Linear(5, 2), FullyConnectedEmbeddingModel(5)])
def test_part_that_is_missing_is_named_with_what_to_do(method, part, encoder):
    with pytest.raises(UnsupportedConfigurationError, match=rf"has no {part}, so it cannot {method}.*{part}=…"):
        getattr(EmbeddingModel(encoder), method)(X)


@pytest.mark.parametrize(
    "parts", [(None,), (torch.relu,), (torch.nn.Identity(), "mlp"), (torch.nn.Identity(), None, 3)]
)
def test_parts_that_are_no_modules_are_refused(parts):
    with pytest.raises(TypeError, match=r"must be a torch.nn.Module, got"):
        EmbeddingModel(*parts)


class NoWaiting(TorchDispatchMode):
    """Raises an error for operations that would synchronise with a GPU."""

    def __torch_dispatch__(self, function, types, args=(), kwargs=None):
        assert not any(waiting in str(function) for waiting in ("_local_scalar_dense", "nonzero", "masked_select"))
        return function(*args, **(kwargs or {}))


@pytest.mark.parametrize("kind", ["mlp", "conv"])
def test_training_reads_nothing_from_the_device(kind):
    options = {"normalization": "batch", "dropout": 0.5}
    model = ModelRecipe(kind, options=options, decoder=True, classifier=True).make((6, 6), n_classes=3)
    rows = torch.randn(8, 6, 6)
    with NoWaiting():
        loss = (model.decode(model.encode(rows)) - rows).square().mean() + model.classify(rows).logsumexp(1).mean()
        loss.backward()
    assert all(p.grad is not None for name, p in model.named_parameters() if name != "encoder.alpha")


def test_losses_of_a_step_share_one_encoding(model):
    calls = []
    model.encoder.register_forward_hook(lambda *_: calls.append(1))
    with SharedEncodings(model) as shared:
        for method in (shared.model.embed, shared.model.encode, shared.model.classify):
            shared.begin_loss()
            method(X)
    assert len(calls) == 1


MLP = {"hidden_dims": [100, 50], "activation": "relu"}


@pytest.mark.parametrize(
    ("kind", "options"),
    [
        ("mlp", MLP),
        ("mlp", MLP | {"normalization": "batch"}),
        ("mlp", {"hidden_dims": [100, 100], "activation": "silu", "residual": True}),
        ("conv", {"channels": [8, 16], "hidden_dims": [64], "activation": "silu"}),
    ],
)
def test_autoencoder_reconstructs_digits_better_than_as_many_principal_components(digits, kind, options, outcome):
    flat = digits[0].numpy()
    pca = PCA(2, svd_solver="full").fit(flat)
    linear = np.mean((pca.inverse_transform(pca.transform(flat)) - flat) ** 2)
    rows = digits[0] if kind == "mlp" else digits[0].reshape(-1, 8, 8)

    def measure(seed):
        with seeded(seed):
            model = ModelRecipe(kind, options=options, decoder=True).make(tuple(rows.shape[1:]))

        def error(some):
            return torch.nn.functional.mse_loss(model.decode(model.encode(some)), some)

        fit(model, lambda i: error(rows[i]), n_rows=len(rows), steps=200, lr=0.01)
        with torch.inference_mode():
            return {"error": error(rows).item() / linear}

    outcome(measure, seeds=4 if kind == "mlp" else 3, at_most={"error": 0.99})


def test_routine_trains_embedding_reconstruction_and_classes_together(digits, outcome):
    rows, labels = digits
    held_out = rows[1200:]

    def measure(seed):
        recipe = ModelRecipe("mlp", options={"activation": "relu"}, decoder=True, classifier=True)
        with seeded(seed):
            model = recipe.make((64,), n_classes=10)
        losses = {"reconstruction": ReconstructionLoss(), "classes": ClassificationLoss()}
        routine = ParametricDR(model, losses=losses, random_state=seed)
        routine.add_training_phase(
            epochs=10, batch_size=100, loss_keys=list(losses), loss_weights=[20, 1], learning_rate=0.005
        )
        routine.train({"main": rows[:1200], "labels": labels[:1200]})
        decoded = routine.apply(routine.apply(held_out, "encode"), "decode")
        return {
            "accuracy": (routine.classify(held_out).argmax(1) == labels[1200:]).double().mean().item(),
            "error": ((decoded - held_out).square().mean() / held_out.var(0).mean()).item(),
        }

    outcome(measure, at_least={"accuracy": 0.35}, at_most={"error": 0.85})


def test_classifier_on_an_embedding_of_eight_dimensions_tells_held_out_digits_apart(digits, outcome):
    rows, labels = digits

    def measure(seed):
        with seeded(seed):
            model = ModelRecipe("mlp", out_dim=8, classifier=True).make((64,), n_classes=10)
        fit(
            model,
            lambda i: torch.nn.functional.cross_entropy(model.classify(rows[i]), labels[i]),
            n_rows=1200,
            steps=150,
            lr=0.01,
        )
        correct = (model.classify(rows).argmax(1) == labels).double()
        return {"train": correct[:1200].mean().item(), "held out": correct[1200:].mean().item()}

    outcome(measure, at_least={"train": 0.92, "held out": 0.82})


def test_numeric_targets_are_predicted_by_a_single_output(outcome):
    rows = torch.randn(300, 4, generator=torch.Generator().manual_seed(0))
    target = rows[:, 0] - rows[:, 1].square()

    def measure(seed):
        with seeded(seed):
            model = ModelRecipe("mlp", classifier=True).make((4,), n_classes=1)
        assert model.classify(rows).shape == (300, 1)
        fit(
            model,
            lambda i: (model.classify(rows[i])[:, 0] - target[i]).square().mean(),
            n_rows=300,
            steps=200,
            lr=0.01,
        )
        error = (model.classify(rows)[:, 0] - target).square().mean() / target.var()
        return {"error": error.item()}

    outcome(measure, seeds=2, at_most={"error": 0.3})
