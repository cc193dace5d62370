"""What a step does besides following the gradient: clipping, weights that change."""

import numpy as np
import pytest
import torch

from paradime.data import Dataset
from paradime.loss import CompoundLoss, Loss
from paradime.training import Callback, Trainer, TrainingPhase

CPU = torch.device("cpu")


class Sum(Loss):
    """The sum of the weights, times a factor: a gradient that is known."""

    def __init__(self, factor=1.0, name=None):
        super().__init__(name)
        self.factor = factor

    def forward(self, model, global_relations, batch_relations, batch, device):
        return self.factor * model.weight.sum()


def rows():
    return Dataset({"main": torch.arange(40.0).reshape(10, 4)})


def train(losses, model=None, callbacks=(), **settings):
    settings = {"optimizer": torch.optim.SGD, "learning_rate": 1.0, "batch_size": 5, "epochs": 2, **settings}
    phase = TrainingPhase("main", loss_keys=list(losses), **settings)
    model = model or torch.nn.Linear(4, 1, bias=False)
    with torch.no_grad():
        model.weight.zero_()
    Trainer(model, losses, rows(), CPU, callbacks=callbacks).run([phase])
    return phase, model.weight.detach()


@pytest.mark.parametrize(("clip_norm", "size"), [(None, 1000.0), (3.0, 1.5), (1e6, 1000.0)])
def test_gradients_longer_than_clip_norm_are_shortened_to_it(clip_norm, size):
    # four entries of 1000 each: norm 2000
    _, weights = train({"loss": Sum(1000.0)}, epochs=1, batch_size=10, clip_norm=clip_norm)
    torch.testing.assert_close(weights, torch.full((1, 4), -size))


def test_clipping_counts_the_parameters_of_losses_too():
    class Own(Sum):
        def __init__(self):
            super().__init__()
            self.extra = torch.nn.Parameter(torch.zeros(12))

        def forward(self, model, global_relations, batch_relations, batch, device):
            return model.weight.sum() + self.extra.sum()

    loss = Own()
    _, weights = train({"loss": loss}, epochs=1, batch_size=10, clip_norm=1.0)
    torch.testing.assert_close(weights, torch.full((1, 4), -0.25))
    torch.testing.assert_close(loss.extra.detach(), torch.full((12,), -0.25))


@pytest.mark.parametrize("clip_norm", [0, -1.0, float("nan"), float("inf")])
def test_clip_norm_must_be_positive(clip_norm):
    with pytest.raises(ValueError, match="clip_norm must be a positive number or None"):
        TrainingPhase(clip_norm=clip_norm)


# -- weights that change ------------------------------------------------------------------------------


class Weights(Callback):
    def __init__(self):
        self.seen = []

    def on_batch_end(self, state):
        self.seen.append(list(state.phase.loss.weights))


@pytest.mark.parametrize("pair", [(1000, 3), [1000, 3]])
def test_a_pair_of_weights_changes_linearly_over_the_steps_of_the_phase(pair):
    seen = Weights()
    phase, weights = train({"a": Sum(), "b": Sum()}, epochs=2, loss_weights=[pair, 2], callbacks=[seen])
    # the weights of Wang et al., "PaCMAP", for their first 100 steps, here 4
    expected = [(1 - i / 4) * 1000 + i / 4 * 3 for i in range(4)]
    np.testing.assert_allclose(seen.seen, [[w, 2] for w in expected])
    torch.testing.assert_close(weights, torch.full((1, 4), -(sum(expected) + 8)))
    np.testing.assert_allclose(phase.loss.weight_history(), [[expected[1], expected[3]], [2, 2]])


def test_nested_losses_hear_of_the_progress():
    inner = CompoundLoss([Sum()], [(0, 1)], name="inner")
    train({"a": inner, "b": Sum()}, epochs=5)
    assert inner.weights == [0.9]


def test_a_phase_starts_its_weights_anew():
    phase, _ = train({"a": Sum()}, loss_weights=[(8, 0)])
    assert phase.loss.weights == [2.0]
    assert phase.loss_weights == [(8, 0)]
    again = phase.replace(epochs=1, batch_size=10)
    Trainer(torch.nn.Linear(4, 1), {"a": Sum()}, rows(), CPU).run([again])
    assert again.loss.weights == [8.0]


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"loss_weights": "balance"}, "unknown loss_weights 'balance'.*'balanced'"),
        ({"loss_weights": [1, 2], "loss_shares": {"a": 1, "b": 2}}, "have no meaning beside loss_shares of all"),
        ({"loss_weights": [1, 2], "loss_shares": {"a": 1}}, "must sum to less than 1"),
        ({"loss_shares": {"a": -0.5}}, "must be a positive number"),
        (
            {"loss_weights": "balanced", "loss_shares": {"a": 1}},
            r"each of the losses \['a', 'b'\], got \{'a': 1\}",
        ),
        ({"loss_weights": "balanced", "loss_shares": {"a": 1, "c": 1}}, r"unknown loss 'c'.*'a', 'b'"),
        ({"loss_weights": "balanced", "loss_shares": {"a": 1, "b": 0}}, "must be a positive number.*'b': 0"),
        ({"loss_weights": "balanced", "loss_shares": {"a": 1, "b": float("nan")}}, "positive number.*nan"),
    ],
)
def test_phase_refuses_weights_and_shares_that_do_not_fit(settings, words):
    with pytest.raises(ValueError, match=words):
        TrainingPhase(loss_keys=["a", "b"], **settings)


@pytest.mark.parametrize("weight", [(1, 2, 3), (), "high", (1, float("nan")), None])
def test_weights_that_are_neither_numbers_nor_pairs_are_refused(weight):
    with pytest.raises(ValueError, match=r"one finite number per loss, got .* for 1 losses \['Sum'\]"):
        CompoundLoss([Sum()], [weight])


def test_shares_reach_the_loss_in_the_order_of_its_keys():
    shares = {"b": 3.0, "a": 1.0}
    phase, _ = train({"a": Sum(10.0), "b": Sum(0.1)}, loss_weights="balanced", loss_shares=shares)
    assert phase.loss.shares == [1.0, 3.0]
    # 1 : 3 in the gradient
    assert phase.loss.weights == pytest.approx([1 / 300, 1])


def test_new_settings_are_kept_by_replace():
    settings = {
        "schedule": "cosine",
        "clip_norm": 2.0,
        "loss_weights": "balanced",
        "loss_shares": {"loss": 1.0},
        "callbacks": (Weights(),),
    }
    phase = TrainingPhase(**settings).replace(epochs=9)
    assert {name: getattr(phase, name) for name in settings} == settings
    assert phase.settings()["early_stopping"] is None


def test_negatives_may_be_drawn_by_degree():
    assert TrainingPhase(sampling="negative_edge", negatives="degree").plan().negatives == "degree"
