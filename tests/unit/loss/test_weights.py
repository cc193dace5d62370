"""Weights that keep each loss's share of the gradient."""

import copy

import numpy as np
import pytest
import sklearn.datasets
import torch
from torch.utils._python_dispatch import TorchDispatchMode

from paradime.data import Batch, Dataset
from paradime.exceptions import TrainingDivergedError
from paradime.loss import CompoundLoss, Loss, PositionLoss, ReconstructionLoss
from paradime.loss.weights import BalancedWeights, shared_gradient_norms
from paradime.models import FullyConnectedEmbeddingModel, Model
from paradime.training import Callback, Trainer, TrainingPhase

CPU = torch.device("cpu")


class Of(Loss):
    """A function of the model and the rows."""

    def __init__(self, function, name=None):
        super().__init__(name)
        self.function = function

    def forward(self, model, global_relations, batch_relations, batch, device):
        return self.function(model, batch["main"])


class Autoencoder(Model):
    def __init__(self, n_columns):
        super().__init__()
        self.encoder = FullyConnectedEmbeddingModel(n_columns, 2, [30])
        self.decoder = FullyConnectedEmbeddingModel(2, n_columns, [30])

    def embed(self, X):
        return self.encoder(X)

    def decode(self, X):
        return self.decoder(X)


def size(factor=1.0, name=None):
    return Of(lambda model, X: factor * model(X).square().mean(), name)


def rows(seed=0, n=20):
    return torch.randn(n, 3, generator=torch.Generator().manual_seed(seed))


def linear():
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        return torch.nn.Linear(3, 2)


def step(loss, model, seed=0):
    value = loss(model, {}, {}, Batch({"main": rows(seed)}), CPU)
    if value.requires_grad:
        value.backward()
    return value.detach()


def gradient_norms(losses, model, X, parameters):
    """By a backward pass each, in a model of their own."""
    norms = []
    for loss in losses:
        model.zero_grad()
        loss.forward(model, {}, {}, Batch({"main": X}), CPU).backward()
        norms.append(gradient_norm(parameters(model)))
    return np.array(norms)


def gradient_norm(parameters):
    return torch.cat([p.grad.reshape(-1) for p in parameters if p.grad is not None]).norm().item()


# -- norms --------------------------------------------------------------------------------------------


def test_norms_are_those_of_the_parameters_that_several_losses_reach():
    x = torch.tensor([3.0, 4.0], requires_grad=True)
    only_first, unused = torch.ones(2, requires_grad=True), torch.ones(2, requires_grad=True)
    losses = [(x * x).sum() / 2 + 100 * only_first.sum(), 2 * x[0]]
    torch.testing.assert_close(shared_gradient_norms(losses, [x, only_first, unused]), torch.tensor([5.0, 2.0]))


def test_a_loss_that_shares_no_parameter_has_the_norm_of_its_own():
    x, y = torch.ones(4, requires_grad=True), torch.ones(9, requires_grad=True)
    found = shared_gradient_norms([x.sum(), 2 * x.sum(), y.sum(), torch.tensor(7.0)], [x, y])
    torch.testing.assert_close(found, torch.tensor([2.0, 4.0, 3.0, 0.0]))
    assert shared_gradient_norms([x.sum()], []).tolist() == [0.0]


def test_graphs_are_kept_for_the_step():
    x = torch.tensor([3.0, 4.0], requires_grad=True)
    losses = [(x * x).sum(), x.prod().exp()]
    expected = torch.autograd.grad(sum(losses), x, retain_graph=True)[0]
    norms = shared_gradient_norms(losses, [x])
    assert not norms.requires_grad
    sum(losses).backward()
    torch.testing.assert_close(x.grad, expected)


# -- weights of a step --------------------------------------------------------------------------------


@pytest.mark.parametrize("shares", [None, [0.8, 0.2], [2, 6], [0.01, 0.99]])
def test_gradients_of_the_first_step_have_exactly_their_shares(shares):
    losses, model = [size(), Of(lambda m, X: 1e3 * m(X).sum())], linear()
    loss = CompoundLoss(losses, "balanced", shares=shares)
    step(loss, model)
    weighted = np.array(loss.weights) * gradient_norms(losses, model, rows(), lambda m: m.parameters())
    np.testing.assert_allclose(
        weighted / weighted.sum(), np.array(shares or [1, 1]) / sum(shares or [1, 1]), rtol=1e-5
    )
    assert max(shares or [1, 1]) != (shares or [1, 1])[0] or loss.weights[0] == 1
    assert 1.0 in loss.weights


def test_one_odd_step_does_not_move_the_weights():
    factors = iter([1.0] * 8 + [1e6] + [1.0] * 20)
    loss = CompoundLoss([size(), Of(lambda m, X: next(factors) * m(X).square().mean())], "balanced")
    model = linear()
    for _ in range(15):
        step(loss, model)
    assert loss.weights == pytest.approx([1, 1], rel=1e-4)


def test_weights_follow_a_gradient_that_changes_for_good():
    factors = iter([1.0] * 50 + [8.0] * 150)
    loss = CompoundLoss([size(), Of(lambda m, X: next(factors) * m(X).square().mean())], "balanced")
    model = linear()
    for _ in range(200):
        step(loss, model)
    assert loss.weights == pytest.approx([1, 1 / 8], rel=1e-4)


def test_a_vanishing_gradient_gets_no_exploding_weight():
    factors = iter([1.0] * 20 + [1e-9] * 200)
    loss = CompoundLoss([size(), Of(lambda m, X: next(factors) * m(X).square().mean())], "balanced")
    model = linear()
    for _ in range(220):
        step(loss, model)
    assert loss.weights == pytest.approx([1, 100], rel=1e-4)


def test_a_gradient_that_is_mostly_zero_is_weighed_by_its_mean():
    factors = iter([3.0, 0.0, 0.0] * 3)
    loss = CompoundLoss([size(), Of(lambda m, X: next(factors) * m(X).square().mean())], "balanced")
    model = linear()
    for _ in range(9):
        step(loss, model)
    # the first steps are measured at 0, 1, …, 6, 7.2 and 8.64
    assert 0.3 < loss.weights[1] < 3


@pytest.mark.parametrize(
    "idle",
    [
        Of(lambda m, X: torch.tensor(5.0), "constant"),
        Of(lambda m, X: 0 * m(X).sum() + 5, "zero gradient"),
        Of(lambda m, X: X.sum() * torch.zeros((), requires_grad=True) + 5, "other leaves"),
    ],
    ids=lambda loss: loss.name,
)
@pytest.mark.parametrize("shares", [(0.6, 0.2, 0.2), (0.2, 0.2, 0.6)])
def test_a_component_without_a_gradient_disturbs_no_other(idle, shares):
    loss, model = CompoundLoss([size(), size(100.0), idle], "balanced", shares=shares), linear()
    assert step(loss, model).isfinite()
    first, second, third = loss.weights
    assert second == pytest.approx(first / 100 * shares[1] / shares[0])
    assert third == pytest.approx(shares[2] / max(shares))
    assert all(p.grad.isfinite().all() for p in model.parameters())


def test_no_component_with_a_gradient_is_a_plain_sum():
    loss = CompoundLoss([Of(lambda m, X: torch.tensor(5.0)), Of(lambda m, X: torch.tensor(2.0))], "balanced")
    assert step(loss, linear()) == 7
    assert loss.weights == [1, 1]


def test_without_gradients_nothing_is_measured_and_the_present_weights_are_used():
    loss, model = CompoundLoss([size(), size(1e3)], "balanced"), linear()
    with torch.no_grad():
        plain = step(loss, model)
        unweighted = size().forward(model, {}, {}, {"main": rows()}, CPU)
    assert plain == pytest.approx(1001 * float(unweighted))
    assert loss.weights == [1, 1]
    step(loss, model)
    with torch.no_grad():
        weighed = step(loss, model)
    assert weighed == pytest.approx(2 / 1001 * plain)


def test_a_single_component_is_plain():
    loss = CompoundLoss([size(5.0)], "balanced", shares=[0.3])
    step(loss, linear())
    assert loss.weights == [1.0]


def test_balanced_losses_nest():
    inner = CompoundLoss([size(), size(10.0)], "balanced", name="inner")
    outer = CompoundLoss([inner, size(1e5)], "balanced", shares=[0.75, 0.25])
    model = linear()
    step(outer, model)
    outer.checkpoint()
    assert inner.weights == pytest.approx([1, 0.1])
    assert outer.weights == pytest.approx([1, 2e-5 / 3])
    np.testing.assert_allclose(outer.detailed_history()[:, 0], [inner.history[0], inner.history[0] / 3], rtol=1e-5)


def test_weight_history_has_the_weights_at_the_end_of_each_epoch():
    loss, model = CompoundLoss([size(), size(4.0)], "balanced"), linear()
    for epoch in range(3):
        step(loss, model, seed=epoch)
        loss.checkpoint()
    np.testing.assert_allclose(loss.weight_history(), [[1, 1, 1], [0.25, 0.25, 0.25]], rtol=1e-5)
    np.testing.assert_allclose(*loss.detailed_history(), rtol=1e-5)
    plain = CompoundLoss([size(), size()], [2, 3])
    plain.checkpoint()
    assert plain.weight_history().tolist() == [[2], [3]]


def test_parameters_of_losses_count():
    class Scaled(Loss):
        def __init__(self, factor):
            super().__init__()
            self.factor = factor

        def forward(self, model, global_relations, batch_relations, batch, device):
            return self.factor * shared.square().sum()

    shared = torch.nn.Parameter(torch.ones(3))
    first, second = Scaled(1.0), Scaled(50.0)
    first.own = second.own = shared
    loss = CompoundLoss([first, second], "balanced")
    step(loss, torch.nn.Identity())
    assert loss.weights == pytest.approx([1, 1 / 50])


def test_a_step_waits_for_nothing():
    class NoWaiting(TorchDispatchMode):
        def __torch_dispatch__(self, function, types, args=(), kwargs=None):
            name = str(function)
            indices = args[1] if "aten.index" in name and len(args) > 1 and isinstance(args[1], list) else ()
            assert not any(part is not None and part.dtype == torch.bool for part in indices), name
            assert not any(word in name for word in ("_local_scalar_dense", "nonzero", "equal.default")), name
            return function(*args, **(kwargs or {}))

    loss, model = CompoundLoss([size(), size(9.0), Of(lambda m, X: X.sum())], "balanced"), linear()
    batch = Batch({"main": rows()})
    with NoWaiting():
        for _ in range(12):
            loss(model, {}, {}, batch, CPU).backward()
    with pytest.raises(AssertionError, match="_local_scalar_dense"), NoWaiting():
        _ = torch.ones(1).item()


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"weights": "balance"}, r"unknown weights 'balance'\. Did you mean 'balanced'\?"),
        ({"weights": "balanced", "shares": [1]}, r"shares must be one number per loss, got \[1\] for 2 losses"),
        ({"weights": "balanced", "shares": [1, 0]}, "positive number"),
        ({"weights": "balanced", "shares": [1, float("nan")]}, "positive number"),
        ({"weights": [1, 2], "shares": [1, 1]}, "weights must not be combined with shares"),
        ({"weights": [1, 2], "shares": [None, 1]}, "sum to less than 1"),
        ({"weights": [1, 2], "shares": [None, -0.5]}, "must be positive"),
    ],
)
def test_weights_and_shares_that_do_not_fit_are_refused(settings, words):
    with pytest.raises(ValueError, match=words):
        CompoundLoss([size(), size()], **settings)


# -- in training --------------------------------------------------------------------------------------


class Shares(Callback):
    """Measures shares of the gradient on batches that training does not see."""

    def __init__(self, losses, dataset, parameters):
        self.losses, self.dataset, self.parameters = losses, dataset, parameters
        self.generator = torch.Generator().manual_seed(7)
        self.seen = []

    def on_epoch_end(self, state):
        model, weights = copy.deepcopy(state.model), np.array(state.phase.loss.weights)
        for _ in range(3):
            indices = torch.randperm(len(self.dataset), generator=self.generator)[:64]
            norms = []
            for loss in self.losses:
                model.zero_grad()
                loss.forward(model, {}, {}, Batch(self.dataset.rows(indices)), CPU).backward()
                norms.append(gradient_norm(self.parameters(model)))
            weighted = weights * norms
            self.seen.append(weighted / weighted.sum())


def guiding(column, factor=1.0):
    def one_minus_squared_correlation(model, X):
        axis, attribute = model.embed(X)[:, 0], X[:, column]
        axis, attribute = axis - axis.mean(), attribute - attribute.mean()
        return factor * (1 - (axis @ attribute) ** 2 / (axis @ axis) / (attribute @ attribute))

    return Of(one_minus_squared_correlation, "guiding")


def spread(model, X):
    """An embedding loss: distances as in the data."""
    return (torch.pdist(model.embed(X)) - torch.pdist(X)).square().mean()


def train(losses, shares=(0.8, 0.2), epochs=12, model=None, parameters=lambda m: m.parameters(), seed=0):
    """Returns the mean shares, the correlation of the first axis with column 9, and the history of the loss."""
    cancer = sklearn.datasets.load_breast_cancer().data
    X = torch.as_tensor((cancer - cancer.mean(0)) / cancer.std(0), dtype=torch.float32)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        model = FullyConnectedEmbeddingModel(30, 2, [30]) if model is None else model()
    dataset = Dataset({"main": X, "pos": X[:, :2]})
    measured = Shares(losses, dataset, parameters)
    keys = [str(i) for i in range(len(losses))]
    phase = TrainingPhase(
        "main",
        epochs=epochs,
        batch_size=64,
        loss_keys=keys,
        loss_weights="balanced",
        loss_shares=dict(zip(keys, shares, strict=True)),
    )
    by_key = dict(zip(keys, losses, strict=True))
    Trainer(model, by_key, dataset, CPU, seed=seed, callbacks=[measured]).run([phase])
    with torch.no_grad():
        axis = model.embed(X)[:, 0]
    correlation = abs(float(torch.corrcoef(torch.stack((axis, X[:, 9])))[0, 1]))
    return np.mean(measured.seen, axis=0), correlation, phase.loss.history


# on single batches the smaller share lies above the one asked for on average: its gradient varies more
@pytest.mark.parametrize(("share", "low", "high"), [(0.1, 0.05, 0.26), (0.3, 0.24, 0.46), (0.6, 0.46, 0.7)])
def test_shares_measured_on_other_batches_are_about_those_asked_for(share, low, high, outcome):
    def measure(seed):
        found, _, _ = train([Of(spread), guiding(9)], (1 - share, share), seed=seed)
        return {"share": found[1]}

    outcome(measure, at_least={"share": low}, at_most={"share": high})


def test_shares_hold_where_losses_have_parameters_of_their_own(outcome):
    def measure(seed):
        found, _, _ = train(
            [Of(spread), ReconstructionLoss()],
            model=lambda: Autoencoder(30),
            parameters=lambda m: m.encoder.parameters(),
            seed=seed,
        )
        return {"share": found[1]}

    outcome(measure, at_least={"share": 0.14}, at_most={"share": 0.26})


def test_shares_of_three_losses_are_about_those_asked_for_whatever_their_scale(outcome):
    def measure(seed):
        losses = [Of(spread), guiding(9, 1e3), PositionLoss()]
        return dict(zip("abc", train(losses, (0.5, 0.3, 0.2), seed=seed)[0], strict=True))

    outcome(measure, at_least={"a": 0.36, "b": 0.2, "c": 0.12}, at_most={"a": 0.6, "b": 0.4, "c": 0.33})


@pytest.mark.parametrize("factor", [2.0**13, 2.0**-13])  # powers of two change no digit
def test_the_scale_of_a_loss_does_not_matter(factor):
    expected, _, plain = train([Of(spread), guiding(9)], epochs=6)
    found, _, scaled = train([Of(spread), guiding(9, factor)], epochs=6)
    np.testing.assert_array_equal(found, expected)
    assert scaled == plain


def test_the_larger_the_share_the_stronger_the_guiding(outcome):
    def measure(seed):
        weak, even, strong = (
            np.log(1 - train([Of(spread), guiding(9)], (1 - share, share), seed=seed)[1])
            for share in (0.02, 0.5, 0.98)
        )
        return {"even over weak": weak - even, "strong over even": even - strong}

    outcome(measure, at_least={"even over weak": 1.0, "strong over even": 0.3})


def test_divergence_names_the_component_at_fault():
    def failing(model, X):
        calls.append(1)
        return model.embed(X).mean() * (float("nan") if len(calls) > 9 else 1)

    calls = []
    broken = Of(failing, "broken")
    with pytest.raises(TrainingDivergedError, match=r"epoch 1, batch 0.*component 'broken'\)"):
        train([Of(spread, "spread"), broken])


def test_median_of_weights_needs_no_finite_gradient():
    weighting = BalancedWeights([1, 1])
    x = torch.tensor(2.0, requires_grad=True)
    weighting.weigh([3 * x, x * float("inf")], lambda: [x])
    assert weighting.numbers() == [1, 1]
    weighting.weigh([3 * x, x], lambda: [x])
    assert weighting.numbers() == [1, 3]


def test_shares_beside_weights_hold_for_the_sum_of_the_others():
    model = linear()
    losses = [size(), size(9.0), Of(lambda m, X: 1e4 * m(X).sum())]
    loss = CompoundLoss(losses, [2, (1, 0.5), 1], shares=[None, None, 0.2])
    loss.at(1.0)
    batch = Batch({"main": rows()})
    for _ in range(3):
        loss(model, {}, {}, batch, CPU)
    weights = loss.weights
    assert weights[:2] == [2.0, 0.5]
    values = [part(model, {}, {}, batch, CPU) for part in losses]
    base, held = (
        float(torch.nn.utils.get_total_norm(torch.autograd.grad(value, list(model.parameters()))))
        for value in (weights[0] * values[0] + weights[1] * values[1], weights[2] * values[2])
    )
    assert held / (base + held) == pytest.approx(0.2, rel=1e-4)


def test_shares_of_all_losses_alone_are_balanced_weights():
    model, batch = linear(), Batch({"main": rows()})
    found = []
    for settings in ({"weights": "balanced"}, {}):
        loss = CompoundLoss([size(), size(9.0)], **settings, shares=[0.7, 0.3])
        loss(model, {}, {}, batch, CPU)
        found.append(loss.weights)
    assert found[0] == found[1] != [1.0, 1.0]


def test_parameters_of_one_loss_alone_do_not_count_beside_weights_either():
    model = Autoencoder(3)
    losses = [Of(lambda m, X: m.embed(X).square().mean()), ReconstructionLoss()]
    loss = CompoundLoss(losses, [1, 1], shares=[None, 0.3])
    batch = Batch({"main": rows()})
    loss(model, {}, {}, batch, CPU)
    shared = list(model.encoder.layers.parameters())
    base, held = (
        float(torch.nn.utils.get_total_norm(torch.autograd.grad(weight * part(model, {}, {}, batch, CPU), shared)))
        for weight, part in zip(loss.weights, losses, strict=True)
    )
    assert held / (base + held) == pytest.approx(0.3, rel=1e-4)
