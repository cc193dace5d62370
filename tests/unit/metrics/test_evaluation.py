"""Several scores at once are those of the single functions, with one computation of the distances."""

import numpy as np
import pytest
import torch

from paradime.metrics import _comparison as comparison
from paradime.metrics import continuity, evaluate, knn_recall, trustworthiness

X = np.random.default_rng(0).normal(size=(120, 6))
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


def test_neighbourhoods_must_be_smaller_than_half_of_the_points():
    with pytest.raises(ValueError, match="n_neighbors"):
        evaluate(X, X[:, :2], n_neighbors=60)


def test_tensors_are_measured():
    assert evaluate(torch.from_numpy(X), torch.from_numpy(X[:, :2])) == evaluate(X, X[:, :2])
