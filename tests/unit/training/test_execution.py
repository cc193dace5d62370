"""Precision and compilation of the model during a phase."""

import copy

import pytest
import torch

from paradime.data import Dataset
from paradime.dr import ParametricDR
from paradime.loss import PositionLoss
from paradime.models import FullyConnectedEmbeddingModel
from paradime.training import Trainer, TrainingPhase
from paradime.training.execution import executed_as


def trained(model=None, epochs=4, seed=0, **settings):
    torch.manual_seed(seed)
    X = torch.randn(200, 6)
    model = model or FullyConnectedEmbeddingModel(6, 2, [32])
    phase = TrainingPhase(epochs=epochs, batch_size=50, learning_rate=0.01, **settings)
    data = Dataset({"main": X, "pos": torch.stack((X[:, 0] * X[:, 1], X[:, 2].abs()), dim=1)})
    Trainer(model, {"loss": PositionLoss()}, data, torch.device("cpu"), seed=seed).run([phase])
    return model, phase.loss.history


def test_bfloat16_learns_as_single_precision_does_and_keeps_weights_and_losses_in_it(outcome):
    def measure(seed):
        model, history = trained(precision="bfloat16", epochs=15, seed=seed)
        _, expected = trained(epochs=15, seed=seed)
        assert {p.dtype for p in model.parameters()} == {torch.float32}
        assert history != expected  # the layers did compute in lower precision
        return {"decline": history[-1] / history[0], "beside single precision": history[-1] / expected[-1]}

    near = {"beside single precision": 0.95}, {"beside single precision": 1.05, "decline": 0.8}
    outcome(measure, at_least=near[0], at_most=near[1])


def test_layers_compute_in_bfloat16_and_losses_get_single_precision():
    seen = []

    class Watching(torch.nn.Linear):
        def forward(self, X):
            result = super().forward(X)
            seen.append(result.dtype)
            return result

    model = executed_as(Watching(3, 2), torch.device("cpu"), precision="bfloat16")
    assert model(torch.ones(2, 3)).dtype == torch.float32
    assert seen == [torch.bfloat16]


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_compiled_models_learn_the_same_and_are_as_before_afterwards():
    torch.manual_seed(1)
    first = FullyConnectedEmbeddingModel(6, 2, [8])
    second = copy.deepcopy(first)
    model, history = trained(first, compile="eager", epochs=2)
    _, expected = trained(second, epochs=2)
    assert history == pytest.approx(expected, rel=1e-5)
    assert not {"forward", "embed"} & set(vars(model))


def test_what_a_model_returns_besides_tensors_is_left_alone():
    class Pair(torch.nn.Module):
        def forward(self, X):
            return X, None

    model = executed_as(Pair(), torch.device("cpu"), precision="bfloat16")
    assert model(torch.ones(1))[1] is None


@pytest.mark.parametrize(
    ("setting", "message"),
    [
        ({"precision": "float16"}, "unknown precision 'float16'. Did you mean '(b?float(16|32))'"),
        ({"precision": "bf16"}, "unknown precision 'bf16'"),
        ({"negatives": "batches"}, "unknown negatives 'batches'. Did you mean 'batch'"),
    ],
)
def test_unknown_settings_are_refused_with_what_was_meant(setting, message):
    with pytest.raises(ValueError, match=message):
        TrainingPhase(**setting)


def test_phases_of_a_text_take_precision_and_compilation():
    text = {
        "losses": [{"name": "loss", "type": "reconstruction"}],
        "training phases": [{"loss": {"components": ["loss"]}, "precision": "bfloat16", "compile": "eager"}],
    }
    (phase,) = ParametricDR.from_spec(text).training_phases
    assert (phase.precision, phase.compile) == ("bfloat16", "eager")


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_methods_are_compiled_once_and_not_anew_each_step_or_epoch():
    torch._dynamo.reset()
    counters = torch._dynamo.utils.counters
    counters.clear()
    trained(compile="eager", epochs=4)
    assert 1 <= counters["stats"]["unique_graphs"] <= 3
