"""Values of guiding losses against plain formulas."""

import numpy as np
import pytest
import torch
from scipy.spatial.distance import pdist
from scipy.stats import pearsonr, spearmanr
from sklearn.metrics import log_loss

from paradime.data import Batch, Dataset
from paradime.loss import (
    AnchorLoss,
    ClassificationLoss,
    CorrelationLoss,
    GlobalStructureLoss,
    IndependenceLoss,
    RegressionLoss,
    SmoothnessLoss,
    StressLoss,
    SupervisedContrastiveLoss,
    Trial,
)
from paradime.relationdata import relation_factory

CPU = torch.device("cpu")
SAME = torch.nn.Identity()
N = 40
RNG = np.random.default_rng(0)
X = RNG.normal(size=(N, 3)).astype(np.float32)


def value(loss, relations=None, model=SAME, **entries):
    batch = Batch(Dataset({"main": X, **entries}).rows(np.arange(N)))
    return loss(model, relations or {}, {}, batch, CPU).item()


R = pearsonr(X[:, 1], X[:, 0] + X[:, 1])[0]


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        ({}, 1 - R**2),
        ({"sign": "positive"}, 1 - R),
        ({"sign": "negative"}, 1 + R),
        ({"target": R / 2}, 0),
        ({"target": 1.0}, (1 - R) ** 2),
        ({"target": R / 2, "sign": "positive"}, 0),
        ({"target": 0.5, "sign": "negative"}, (0.5 + R) ** 2),
    ],
)
def test_correlation_loss_is_what_the_correlation_lacks(settings, expected):
    found = value(CorrelationLoss("sum", axis=1, **settings), sum=X[:, 0] + X[:, 1])
    assert found == pytest.approx(expected, abs=1e-6)


def test_correlation_with_an_attribute_far_from_zero_is_that_near_zero():
    rows = torch.from_numpy(X).double()
    for attribute in (rows[:, 1], rows[:, 1] + 1.7e9):
        batch = {"main": rows.float(), "time": attribute}
        assert CorrelationLoss("time", axis=1)(SAME, {}, {}, batch, CPU).item() == pytest.approx(0, abs=1e-5)


def test_correlation_of_ranks_is_that_of_spearman():
    attribute = np.exp(3 * X[:, 1]) + RNG.normal(size=N)
    found = value(CorrelationLoss("y", 1, "rank", "positive", temperature=1e-3), y=attribute)
    assert 1 - found == pytest.approx(spearmanr(attribute, X[:, 1])[0], abs=0.01)


def test_linear_independence_is_the_mean_squared_correlation_with_each_category():
    group = np.arange(N) % 3 * 10
    expected = np.mean([pearsonr(X[:, i], group == g)[0] ** 2 for i in range(3) for g in (0, 10, 20)])
    assert value(IndependenceLoss("group", "correlation"), group=group) == pytest.approx(expected, rel=1e-5)


def test_categories_that_a_batch_lacks_count_as_uncorrelated():
    dataset = Dataset({"main": X, "group": np.arange(N) % 4})
    loss = IndependenceLoss("group", "correlation")
    loss.check_setup(Trial(SAME, {}, {}, Batch(dataset.rows([0, 1])), CPU, dataset))
    rows = np.flatnonzero(np.arange(N) % 4 < 2)
    found = loss(SAME, {}, {}, Batch(dataset.rows(rows)), CPU).item()
    expected = np.sum([2 * pearsonr(X[rows, i], rows % 4 == 0)[0] ** 2 for i in range(3)]) / 12
    assert found == pytest.approx(expected, rel=1e-5)


def test_independence_is_low_for_what_is_independent_and_high_for_what_is_not():
    x = np.linspace(-1, 1, N)

    def of_group(group):
        batch = Batch(Dataset({"main": x[:, None], "group": group}).rows(np.arange(N)))
        return IndependenceLoss("group")(SAME, {}, {}, batch, CPU).item()

    far = np.abs(x) > 0.5  # which no linear rule tells
    for group in (far.astype(int), far, far.astype(np.float32)):
        assert of_group(group) > 0.2
    assert of_group(np.arange(N) % 2) < 0.01


def test_relations_stand_in_for_the_distances_of_the_data():
    delta = pdist(X, "cityblock")
    full = np.zeros((N, N))
    full[np.triu_indices(N, 1)] = delta
    relations = {"far": relation_factory(full + full.T)}
    expected = ((pdist(X) - delta) ** 2 / delta).sum() / delta.sum()
    assert value(StressLoss(weighting="sammon", relation_key="far"), relations) == pytest.approx(
        expected, rel=1e-4
    )
    assert value(StressLoss("manhattan", "sammon")) == pytest.approx(expected, rel=1e-4)


def test_global_structure_is_what_the_correlation_of_distances_lacks():
    expected = 1 - pearsonr(pdist(X), pdist(X, "cosine"))[0]
    assert value(GlobalStructureLoss("cosine")) == pytest.approx(expected, abs=1e-5)


def test_times_of_many_digits_are_told_apart():
    first = 1_700_000_000
    expected = value(SmoothnessLoss("t", scale=2.0), t=np.arange(N))
    assert value(SmoothnessLoss("t", scale=2.0), t=first + np.arange(N)) == pytest.approx(expected, rel=1e-6)


def test_smoothness_on_a_graph_reads_the_block_of_the_batch():
    W = RNG.random((N, N))
    relations = {"rel": relation_factory(W), "scaled": relation_factory(7 * W)}
    rows = np.array([3, 1, 8, 20])
    batch = Batch(Dataset(X).rows(rows))
    off = ~np.eye(4, dtype=bool)
    sq_dists = ((X[rows][:, None] - X[rows]) ** 2).sum(-1)[off]
    w = W[np.ix_(rows, rows)][off]
    for key in relations:
        found = SmoothnessLoss(relation_key=key)(SAME, relations, {}, batch, CPU).item()
        assert found == pytest.approx((w * sq_dists).sum() / (w.sum() * sq_dists.mean()), rel=1e-4)


def test_floating_point_labels_are_targets_and_integers_are_classes():
    labels = (X[:, 0] > 0).astype(int)
    classes = value(SupervisedContrastiveLoss(), labels=labels)
    assert value(SupervisedContrastiveLoss(bandwidth=0.01), labels=labels + 0.0) == pytest.approx(
        classes, rel=1e-5
    )
    assert value(SupervisedContrastiveLoss(bandwidth=10), labels=labels + 0.0) != pytest.approx(classes, rel=0.01)


def test_rows_without_a_class_change_nothing():
    labels = np.where(np.arange(N) < 20, np.arange(N) % 3, -1)
    batch = Batch({"main": torch.tensor(X[:20]), "labels": torch.tensor(labels[:20])})
    expected = SupervisedContrastiveLoss()(SAME, {}, {}, batch, CPU).item()
    assert value(SupervisedContrastiveLoss(), labels=labels) == pytest.approx(expected, rel=1e-6)


def test_anchors_take_turns_until_all_were_used():
    loss = AnchorLoss(np.eye(5), np.zeros((5, 5)), max_rows=2)
    seen = []

    class Look(torch.nn.Module):
        def forward(self, X):
            seen.append(X.argmax(dim=1).tolist())
            return 3 * X

    found = [loss(Look(), {}, {}, {}, CPU).item() for _ in range(5)]
    assert seen == [[0, 1], [2, 3], [4, 0], [1, 2], [3, 4]]
    assert found == [9.0] * 5


@pytest.mark.parametrize(("moved", "loss_value"), [(1e-6, 0.0), (1e-2, 1e-4)])
def test_anchors_that_rounding_has_moved_count_as_being_in_place(moved, loss_value):
    rows = torch.tensor(X, requires_grad=True)
    found = AnchorLoss(X, X + np.array([moved, 0.0, 0.0]))(lambda _: rows, {}, {}, {}, CPU)
    found.backward()
    assert found.item() == pytest.approx(loss_value, rel=1e-2)
    assert bool(rows.grad.any()) == (loss_value > 0)


@pytest.mark.parametrize("loss_function", [None, torch.nn.functional.l1_loss])
def test_regression_compares_a_column_with_the_targets(loss_function):
    power = 2 if loss_function is None else 1
    loss = RegressionLoss(loss_function, target_key="y", regression_method="forward")
    found = value(loss, model=lambda X: X[:, :1], y=X[:, 1:2])
    assert found == pytest.approx(np.mean(np.abs(X[:, 0] - X[:, 1]) ** power), rel=1e-5)


# -- labels that are missing --------------------------------------------------------------------------


@pytest.mark.parametrize(
    "loss_function",
    [
        None,
        torch.nn.functional.cross_entropy,
        torch.nn.CrossEntropyLoss(),
        torch.nn.CrossEntropyLoss(ignore_index=-1),
    ],
)
@pytest.mark.parametrize("labelled", [N, 7, 0])
def test_classification_is_the_mean_over_the_rows_that_have_a_label(loss_function, labelled):
    labels = np.where(np.arange(N) < labelled, np.arange(N) % 3, -1)
    dataset = Dataset({"main": X, "labels": labels})
    loss = ClassificationLoss(loss_function, classification_method="forward")
    loss.check_setup(Trial(SAME, {}, {}, Batch(dataset.rows([0, 1])), CPU, dataset))
    batch = Batch(dataset.rows(np.arange(N)))
    batch["main"].requires_grad_()
    found = loss(SAME, {}, {}, batch, CPU)
    found.backward()
    chances = torch.tensor(X[:labelled]).softmax(dim=1).double().numpy()
    if labelled == 0:
        assert found.item() == 0
        assert (batch["main"].grad == 0).all()
    else:
        expected = log_loss(labels[:labelled], chances / chances.sum(axis=1, keepdims=True), labels=[0, 1, 2])
        assert found.item() == pytest.approx(expected, rel=1e-5)


def test_label_that_torch_ignores_is_no_label_either():
    labels = np.where(np.arange(N) < 10, np.arange(N) % 3, -1)
    dataset = Dataset({"main": X, "labels": np.where((labels == -1) & (np.arange(N) % 2 == 0), -100, labels)})
    loss = ClassificationLoss(classification_method="forward")
    loss.check_setup(Trial(SAME, {}, {}, Batch(dataset.rows([0, 1])), CPU, dataset))
    assert value(loss, labels=dataset["labels"]) == pytest.approx(value(loss, labels=labels), rel=1e-6)


def test_label_to_ignore_of_a_loss_function_of_ones_own_is_left_to_it():
    labels = np.where(np.arange(N) < 10, np.arange(N) % 3, 9)
    dataset = Dataset({"main": X, "labels": labels})
    loss = ClassificationLoss(torch.nn.CrossEntropyLoss(ignore_index=9), classification_method="forward")
    loss.check_setup(Trial(SAME, {}, {}, Batch(dataset.rows([0, 1])), CPU, dataset))
    few = value(ClassificationLoss(classification_method="forward"), labels=np.where(labels == 9, -1, labels))
    assert value(loss, labels=labels) == pytest.approx(few, rel=1e-6)


def test_structure_of_some_points_is_that_of_points_spread_over_the_batch():
    generator = torch.Generator().manual_seed(0)
    rows, embedded = torch.randn(100, 5, generator=generator), torch.randn(100, 2, generator=generator)
    chosen = torch.tensor([i * 100 // 8 for i in range(8)])
    some = GlobalStructureLoss(n_points=8).of_embedding(embedded, {"main": rows}, {})
    assert float(some) == float(GlobalStructureLoss().of_embedding(embedded[chosen], {"main": rows[chosen]}, {}))
    whole = GlobalStructureLoss().of_embedding(embedded[:8], {"main": rows[:8]}, {})
    assert float(GlobalStructureLoss(n_points=8).of_embedding(embedded[:8], {"main": rows[:8]}, {})) == float(
        whole
    )
    with pytest.raises(ValueError, match="n_points must be an integer of at least 3"):
        GlobalStructureLoss(n_points=2)


@pytest.mark.parametrize(
    ("loss", "fewest"),
    [
        (RegressionLoss(regression_method="forward"), 1),
        (RegressionLoss(torch.nn.functional.l1_loss, regression_method="forward"), 1),
        (SupervisedContrastiveLoss(embedding_method="forward"), 2),
    ],
)
@pytest.mark.parametrize("n_missing", [0, 5, N - 1, N])
def test_losses_of_numbers_are_those_of_the_rows_that_have_one(loss, fewest, n_missing):
    numbers = np.where(np.arange(N) < n_missing, np.nan, X[:, 1])
    dataset = Dataset({"main": X[:, :1], "labels": numbers}, may_miss=["labels"])
    loss.check_setup(Trial(SAME, {}, {}, Batch(dataset.rows([0, 1])), CPU, dataset))
    rows = dataset["main"].clone().requires_grad_()
    found = loss(lambda _: rows, {}, {}, Batch(dict(dataset.data)), CPU)
    found.backward()
    alone = 0.0
    if N - n_missing >= fewest:
        present = Batch({"main": rows[n_missing:], "labels": torch.from_numpy(X[n_missing:, 1])})
        alone = loss(SAME, {}, {}, present, CPU).item()
    assert found.item() == pytest.approx(alone, rel=1e-5)
    assert rows.grad.isfinite().all()
    assert not rows.grad[:n_missing].any()


def test_an_entry_that_may_miss_numbers_holds_no_infinity():
    with pytest.raises(ValueError, match="'y' contains infinity, first at row 1"):
        Dataset({"main": X[:3], "y": [np.nan, np.inf, 1.0]}, may_miss=["y"])
    with pytest.raises(ValueError, match="'main' contains NaN"):
        Dataset({"main": [[np.nan]], "y": [np.nan]}, may_miss=["y"])
