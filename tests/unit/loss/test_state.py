"""What losses remember is part of their state, and evaluation leaves it as it is."""

import copy

import numpy as np
import pytest
import torch

from paradime.loss import AnchorLoss, CompoundLoss, Loss, PositionLoss, trained_state

CPU = torch.device("cpu")
PLACE = {}, {}, {"main": torch.ones(3, 2)}, CPU


class Counting(Loss):
    """Counts its steps, keeps a mean as a buffer, and has a parameter."""

    state_attributes = ("steps",)

    def __init__(self):
        super().__init__()
        self.steps = 0
        self.scale = torch.nn.Parameter(torch.tensor(2.0))
        self.register_buffer("mean", torch.zeros(()))

    def forward(self, model, global_relations, batch_relations, batch, device):
        self.steps += 1
        self.mean = self.mean + 1
        self.last = float(self.mean)
        return self.scale * model(batch["main"]).mean() * self.steps


class Holding(Loss):
    """Computes another loss within its own."""

    def __init__(self, inner):
        super().__init__()
        self.inner = inner

    def forward(self, *args):
        return 2 * self.inner(*args)


def line():
    return torch.nn.Linear(2, 2)


def after_epochs(loss, n=2):
    model = line()
    for _ in range(n):
        loss(model, *PLACE).backward()
        loss(model, *PLACE).backward()
        loss.checkpoint()
    loss(model, *PLACE).backward()
    return loss


def test_state_has_history_attributes_parameters_and_buffers():
    one, other = after_epochs(Counting()), Counting()
    other.load_state_dict(one.state_dict())
    assert other.history == one.history
    assert (other.steps, float(other.mean)) == (5, 5)
    one.checkpoint()
    other.checkpoint()
    assert other.history == one.history  # the begun epoch is part of it


@pytest.mark.parametrize(
    "settings",
    [{"weights": [1, (3, 0)]}, {"weights": "balanced"}, {"weights": [2, 1], "shares": [None, 0.3]}],
)
def test_state_of_a_sum_has_its_rows_and_weights(settings):
    def make():
        return CompoundLoss([Counting(), Counting()], **settings)

    one, other = make(), make()
    one.at(0.5)
    after_epochs(one)
    other.load_state_dict(copy.deepcopy(one.state_dict()))
    assert other.weights == one.weights
    for loss in (one, other):
        loss.checkpoint()
    assert torch.equal(other.detailed_history(), one.detailed_history())
    assert torch.equal(other.weight_history(), one.weight_history())
    model = line()
    assert torch.equal(other(model, *PLACE), one(model, *PLACE))


def test_state_does_not_change_with_the_loss():
    loss = after_epochs(CompoundLoss([Counting()]))
    state = loss.state_dict()
    history = list(loss.history)
    loss.checkpoint()
    fresh = CompoundLoss([Counting()])
    fresh.load_state_dict(state)
    assert fresh.history == history


def test_weights_alone_may_be_loaded():
    one, other = after_epochs(CompoundLoss([Counting(), Holding(Counting())])), None
    weights = trained_state(one)
    assert list(weights) == ["losses.0.scale", "losses.0.mean", "losses.1.inner.scale", "losses.1.inner.mean"]
    other = CompoundLoss([Counting(), Holding(Counting())])
    other.load_state_dict(weights)
    assert (float(other.losses[0].mean), other.history) == (5, [])
    # what is missing otherwise is refused as ever
    del weights["losses.0.scale"]
    with pytest.raises(RuntimeError, match=r"Missing key.*losses\.0\.scale"):
        other.load_state_dict(weights)


def test_a_copy_without_history_shares_parameters_and_leaves_the_original():
    one = after_epochs(CompoundLoss([Counting(), Counting()], "balanced"))
    rows, weights = one.detailed_history(), one.weights
    other = one.without_history()
    assert other.history == []
    assert other.weights == [1, 1]
    assert list(map(id, other.parameters())) == list(map(id, one.parameters()))
    after_epochs(other)
    assert torch.equal(one.detailed_history(), rows)
    assert one.weights == weights


def everything_of(loss):
    return copy.deepcopy(loss.state_dict()), sorted(loss.__dict__)


def assert_same_state(one, other):
    (one, names), (other, other_names) = one, other
    assert names == other_names
    assert one.keys() == other.keys()
    for name, value in one.items():
        assert torch.equal(value, other[name]) if isinstance(value, torch.Tensor) else value == other[name]


@pytest.mark.parametrize("make", [Counting, lambda: Holding(Counting()), lambda: Holding(Holding(Counting()))])
def test_evaluation_leaves_no_trace(make):
    loss, model = make(), line()
    loss(model, *PLACE)
    before = everything_of(loss)
    first, second = (loss.evaluate(model, *PLACE) for _ in range(2))
    assert torch.equal(first, second)
    assert_same_state(everything_of(loss), before)
    assert torch.equal(loss(model, *PLACE), first)


def test_evaluation_of_a_sum_leaves_no_trace():
    anchors = AnchorLoss(np.eye(2), np.eye(2), max_rows=1)
    loss, model = CompoundLoss([anchors, CompoundLoss([Counting()])], [1, 2]), line()
    first, second = (loss.evaluate(model, *PLACE) for _ in range(2))
    assert torch.equal(first, second)
    assert anchors.state_dict() == AnchorLoss(np.eye(2), np.eye(2)).state_dict()
    loss(model, *PLACE).backward()
    loss.checkpoint()
    assert loss.detailed_history().shape == (2, 1)


def test_evaluation_that_fails_leaves_no_trace():
    class Failing(Counting):
        def forward(self, *args):
            super().forward(*args)
            raise RuntimeError("failed")

    loss = Failing()
    before = everything_of(loss)
    with pytest.raises(RuntimeError, match="failed"):
        loss.evaluate(line(), *PLACE)
    assert_same_state(everything_of(loss), before)
    loss.steps = 7
    assert loss.steps == 7


def test_turns_of_anchors_are_part_of_the_state():
    def make():
        return AnchorLoss(np.arange(10.0).reshape(5, 2), np.zeros((5, 2)), max_rows=2)

    one, other, model = make(), make(), torch.nn.Identity()
    one(model, *PLACE)
    other.load_state_dict(one.state_dict())
    value = one(model, *PLACE)
    assert torch.equal(other(model, *PLACE), value)
    assert not torch.equal(make()(model, *PLACE), value)


def test_states_are_plain_enough_to_be_saved_safely(tmp_path):
    torch.save(after_epochs(CompoundLoss([Counting(), PositionLossOfOnes()])).state_dict(), tmp_path / "loss.pt")
    loaded = torch.load(tmp_path / "loss.pt", weights_only=True)
    assert CompoundLoss([Counting(), PositionLossOfOnes()]).load_state_dict(loaded)


class PositionLossOfOnes(PositionLoss):
    def forward(self, model, global_relations, batch_relations, batch, device):
        return (model(batch["main"]) - 1).square().mean()
