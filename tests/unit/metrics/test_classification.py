import numpy as np
import pandas as pd
import pytest
import torch
from sklearn.datasets import make_blobs
from sklearn.model_selection import LeaveOneOut, cross_val_score
from sklearn.neighbors import KNeighborsClassifier

from paradime.metrics import knn_accuracy, silhouette


def make_classes(n=120, seed=0):
    return make_blobs(n, centers=4, n_features=2, cluster_std=1.5, random_state=seed)


@pytest.mark.parametrize("n_neighbors", [1, 2, 5, 10])
def test_leave_one_out_is_that_of_scikit_learn(n_neighbors):
    embedding, labels = make_classes()
    scores = cross_val_score(KNeighborsClassifier(n_neighbors), embedding, labels, cv=LeaveOneOut())
    assert 0.5 < scores.mean() < 1
    assert knn_accuracy(embedding, labels, n_neighbors=n_neighbors) == pytest.approx(scores.mean(), abs=1e-12)


@pytest.mark.parametrize("n_neighbors", [1, 2, 4, 10, 80])
def test_held_out_accuracy_is_that_of_scikit_learn(n_neighbors):
    embedding, labels = make_classes()
    train, test = slice(0, 80), slice(80, None)
    classifier = KNeighborsClassifier(n_neighbors).fit(embedding[train], labels[train])
    accuracy = knn_accuracy(
        embedding[train],
        labels[train],
        n_neighbors=n_neighbors,
        test_embedding=embedding[test],
        test_labels=labels[test],
    )
    assert accuracy == pytest.approx(classifier.score(embedding[test], labels[test]), abs=1e-12)


def test_ten_neighbours_are_the_default():
    embedding, labels = make_classes()
    assert knn_accuracy(embedding, labels) == knn_accuracy(embedding, labels, n_neighbors=10)


def test_duplicates_do_not_vote_for_themselves():
    # pairs of equal points of different classes: left out by position, a point could stay its own neighbour
    embedding = np.repeat(np.arange(20.0)[:, None] * 10, 2, axis=0)
    labels = np.tile([0, 1], 20)
    assert knn_accuracy(embedding, labels, n_neighbors=1) == 0


def test_lowest_class_wins_a_tied_vote():
    embedding, query = [[0.0], [1.0], [10.0]], {"test_embedding": [[0.5]], "n_neighbors": 2}
    for labels in (["b", "a", "b"], ["a", "b", "b"]):
        assert knn_accuracy(embedding, labels, test_labels=["a"], **query) == 1


@pytest.mark.parametrize(
    "convert",
    [
        lambda y: torch.from_numpy(y),
        lambda y: y.tolist(),
        lambda y: y.astype(float),
        lambda y: y.astype(np.uint8),
        lambda y: np.array(list("wxyz"))[y],
        lambda y: np.array(list("wxyz"), dtype=object)[y],
        lambda y: y - 9,
    ],
    ids=["tensor", "list", "float", "uint8", "text", "object", "negative"],
)
def test_labels_may_be_of_any_kind(convert):
    embedding, labels = make_classes()
    assert knn_accuracy(embedding, convert(labels)) == knn_accuracy(embedding, labels)


def test_unknown_test_classes_count_as_errors():
    embedding, labels = make_classes()
    test_labels = labels.copy()
    test_labels[:60] = 99
    accuracy = knn_accuracy(embedding, labels, n_neighbors=1, test_embedding=embedding, test_labels=test_labels)
    assert accuracy == 0.5


def test_separate_classes_are_told_apart_and_shuffled_ones_are_not():
    rng = np.random.default_rng(0)
    labels = np.arange(400) % 4
    embedding = np.eye(4)[labels] * 20 + rng.normal(size=(400, 4))
    assert knn_accuracy(embedding, labels) == 1
    assert knn_accuracy(embedding, rng.permutation(labels)) == pytest.approx(0.25, abs=0.13)


@pytest.mark.parametrize("missing", [-1, None, "pd.NA"])
def test_points_without_a_class_are_left_out(missing):
    embedding, labels = make_classes()
    value = pd.NA if missing == "pd.NA" else missing
    known = np.arange(len(labels)) % 5 != 0
    partly = [label if is_known else value for label, is_known in zip(labels.tolist(), known, strict=True)]
    assert knn_accuracy(embedding, partly) == knn_accuracy(embedding[known], labels[known])
    accuracy = knn_accuracy(embedding, labels, test_embedding=embedding, test_labels=partly)
    assert accuracy == knn_accuracy(embedding, labels, test_embedding=embedding[known], test_labels=labels[known])
    assert silhouette(embedding, partly) == silhouette(embedding[known], labels[known])


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"labels": np.zeros(119)}, r"labels must have shape \(120,\).* got \(119,\)"),
        ({"labels": np.zeros((120, 4))}, r"got \(120, 4\)"),
        ({"labels": np.full(120, np.nan)}, "got 120 missing values"),
        ({"n_neighbors": 120}, r"\[1, 119\] for 120 points, got 120"),
        ({"n_neighbors": 0}, r"\[1, 119\] for 120 points, got 0"),
        ({"test_embedding": np.zeros((5, 2))}, "got no test_labels"),
        ({"test_labels": np.zeros(5)}, "got no test_embedding"),
        ({"test_embedding": np.zeros((5, 2)), "test_labels": [0] * 4}, r"test_labels must have shape \(5,\)"),
        ({"test_embedding": np.zeros((5, 3)), "test_labels": [0] * 5}, "columns, got 2 and 3"),
        ({"test_embedding": np.full((5, 2), np.inf), "test_labels": [0] * 5}, "in 5 of 5 rows"),
        (
            {"n_neighbors": 121, "test_embedding": np.zeros((5, 2)), "test_labels": [0] * 5},
            r"\[1, 120\] for 120 points, got 121",
        ),
    ],
)
def test_wrong_options_say_what_was_given(options, message):
    embedding, labels = make_classes()
    with pytest.raises(ValueError, match=message):
        knn_accuracy(embedding, **({"labels": labels} | options))
