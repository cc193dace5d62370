"""Several scores at once are those of the single functions, with one computation of the distances."""

import numpy as np
import pytest
import torch

from paradime.metrics import _comparison as comparison
from paradime.metrics import (
    centroid_correlation,
    class_mean_neighbors,
    continuity,
    evaluate,
    fixed_fraction_recall,
    knn_accuracy,
    knn_recall,
    random_triplet_accuracy,
    shepard_correlation,
    trustworthiness,
)

X = np.random.default_rng(0).normal(size=(120, 6))
y = np.arange(120) % 5
SINGLE = {"knn_recall": knn_recall, "trustworthiness": trustworthiness, "continuity": continuity}


@pytest.mark.parametrize(
    "settings",
    [
        {},
        {"n_neighbors": 4, "chunk_size": 7},
        {"n_samples": 30, "random_state": 3},
        {"test_X": X[:20] + 0.1, "test_embedding": X[:20, :2] + 0.1},
    ],
    ids=["defaults", "small blocks", "sample", "held out"],
)
def test_scores_are_those_of_the_single_functions(settings):
    scores = evaluate(X, X[:, :2], **settings)
    assert list(scores) == list(SINGLE)
    for name, function in SINGLE.items():
        alone = function(X, X[:, :2], **{"n_neighbors": 15, **settings})
        assert scores[name] == alone
        assert scores[name].standard_error == alone.standard_error


def test_distances_are_computed_once(monkeypatch):
    n_blocks = []
    blocks = comparison.distance_blocks
    monkeypatch.setattr(
        comparison, "distance_blocks", lambda *args, **kwargs: n_blocks.append(1) or blocks(*args, **kwargs)
    )
    evaluate(X, X[:, :2])
    assert len(n_blocks) == 2


def test_metrics_are_chosen_by_name():
    assert list(evaluate(X, X[:, :2], metrics=["continuity"])) == ["continuity"]
    with pytest.raises(ValueError, match=r"unknown metric 'trust'.*trustworthiness"):
        evaluate(X, X[:, :2], metrics=["trust"])
    with pytest.raises(TypeError, match=r"metrics must be names of metrics, or 'all', got 3\."):
        evaluate(X, X[:, :2], metrics=3)


@pytest.mark.parametrize(
    "metric",
    [
        lambda state: knn_recall(X, X[:, :2], n_samples=10, random_state=state),
        lambda state: trustworthiness(X, X[:, :2], n_samples=10, random_state=state),
        lambda state: shepard_correlation(X, X[:, :2], n_pairs=50, random_state=state),
        lambda state: random_triplet_accuracy(X, X[:, :2], n_triplets=50, random_state=state),
    ],
    ids=["knn_recall", "trustworthiness", "shepard_correlation", "random_triplet_accuracy"],
)
def test_draws_take_the_seeds_and_generators_that_routines_take(metric):
    def torchs():
        return torch.Generator().manual_seed(3)

    assert float(metric(torchs())) == float(metric(torchs()))
    assert float(metric(3)) == float(metric(np.random.default_rng(3)))
    with pytest.raises(
        TypeError, match=r"random_state must be an integer, a generator .* got str\. Pass a number"
    ):
        metric("a")
    with pytest.raises(ValueError, match=r"random_state must be an integer of at least 0, got -1\."):
        metric(-1)


@pytest.mark.parametrize("held_out", [False, True])
def test_all_metrics_are_those_of_the_single_functions(held_out):
    Y = X[:, :2]
    new = {"test_X": X[:20] + 0.1, "test_embedding": Y[:20] + 0.1} if held_out else {}
    of_new = {**new, "test_labels": y[:20]} if held_out else {}
    scores = evaluate(X, Y, labels=y, metrics="all", n_neighbors=6, **of_new)
    tested = {"test_embedding": Y[:20] + 0.1, "test_labels": y[:20]} if held_out else {}
    expected = {name: function(X, Y, n_neighbors=6, **new) for name, function in SINGLE.items()}
    expected["fixed_fraction_recall"] = fixed_fraction_recall(X, Y, n_neighbors=6, **new)
    expected["random_triplet_accuracy"] = random_triplet_accuracy(X, Y, **new)
    expected["shepard_correlation"] = shepard_correlation(X, Y, **new)
    expected["knn_accuracy"] = knn_accuracy(Y, y, n_neighbors=6, **tested)
    expected["centroid_correlation"] = centroid_correlation(X, Y, y, **of_new)
    expected["class_mean_neighbors"] = class_mean_neighbors(X, Y, y, **of_new)
    assert scores == expected
    assert list(scores) == list(expected)


def test_metrics_of_classes_need_labels():
    assert "knn_accuracy" not in evaluate(X, X[:, :2], metrics="all")
    with pytest.raises(ValueError, match="knn_accuracy needs the classes of the points, got no labels"):
        evaluate(X, X[:, :2], metrics=["continuity", "knn_accuracy"])


def test_metrics_of_drawn_triplets_compute_no_distances_of_all_pairs(monkeypatch):
    monkeypatch.setattr(comparison, "distance_blocks", None)
    assert list(evaluate(X, X[:, :2], metrics="random_triplet_accuracy")) == ["random_triplet_accuracy"]


def test_three_points_have_triplets_but_no_neighbourhoods():
    names = ["random_triplet_accuracy", "shepard_correlation"]
    assert list(evaluate(X[:3], X[:3, :2], metrics=names)) == names
    with pytest.raises(ValueError, match=r"n_neighbors must lie in \[1, 1\]"):
        evaluate(X[:3], X[:3, :2], metrics=[*names, "continuity"])


def test_neighbourhoods_must_be_smaller_than_half_of_the_points():
    with pytest.raises(ValueError, match="n_neighbors"):
        evaluate(X, X[:, :2], n_neighbors=60)


def test_tensors_are_measured():
    assert evaluate(torch.from_numpy(X), torch.from_numpy(X[:, :2])) == evaluate(X, X[:, :2])
