"""Held-out rows are measured by their neighbours and ranks among the training rows."""

import numpy as np
import pytest
from scipy.spatial.distance import cdist
from sklearn.datasets import load_digits
from sklearn.decomposition import PCA

from paradime.metrics import (
    centroid_correlation,
    continuity,
    coranking_curve,
    knn_recall,
    sammon_stress,
    shepard_correlation,
    silhouette,
    stress,
    trustworthiness,
)


@pytest.fixture(scope="module")
def split():
    X, y = load_digits(return_X_y=True)
    # a little noise: points at equal distance have no order
    rng = np.random.default_rng(0)
    drawn = rng.permutation(len(X))[:500]
    X, y = X[drawn] + 1e-3 * rng.normal(size=(500, 64)), y[drawn]
    map_ = PCA(n_components=2).fit(X[:400]).transform(X)
    return X[:400], map_[:400], X[400:], map_[400:], y[:400], y[400:]


def distances(split):
    X, embedding, test_X, test_embedding, _, _ = split
    return cdist(test_X, X), cdist(test_embedding, embedding)


def held_out(split):
    X, embedding, test_X, test_embedding, _, _ = split
    return (X, embedding), {"test_X": test_X, "test_embedding": test_embedding}


def test_trustworthiness_and_continuity_rank_held_out_rows_among_training_rows(split):
    near, shown = distances(split)
    k, n = 5, near.shape[1]
    rows, settings = held_out(split)
    for metric, (a, b) in ((trustworthiness, (near, shown)), (continuity, (shown, near))):
        ranks = a.argsort(1).argsort(1) + 1
        of_neighbors = np.take_along_axis(ranks, b.argsort(1)[:, :k], 1)
        excess = np.maximum(of_neighbors - k, 0).sum(1)
        # as if each row was added to the training rows: n + 1 points
        expected = 1 - (2 * excess / (k * (2 * (n + 1) - 3 * k - 1))).mean()
        assert metric(*rows, n_neighbors=k, **settings) == pytest.approx(expected, abs=1e-12)


def test_knn_recall_and_curve_count_training_rows(split):
    near, shown = (part.argsort(1) for part in distances(split))
    rows, settings = held_out(split)
    expected = [
        np.mean([len(set(a[:k]) & set(b[:k])) / k for a, b in zip(near, shown, strict=True)]) for k in (5, 50)
    ]
    preserved = knn_recall(*rows, n_neighbors=(5, 50), **settings)
    curve = coranking_curve(*rows, **settings)
    assert list(preserved.values()) == pytest.approx(expected, abs=1e-12)
    assert curve.preserved[[4, 49]] == pytest.approx(expected, abs=1e-12)
    assert len(curve.k) == near.shape[1] - 1


def test_stresses_and_shepard_measure_from_held_out_to_training_rows(split):
    near, shown = distances(split)
    rows, settings = held_out(split)
    assert stress(*rows, **settings) == pytest.approx(
        np.sqrt(((near - shown) ** 2).sum() / (near**2).sum()), rel=1e-12
    )
    assert sammon_stress(*rows, **settings) == pytest.approx(
        ((near - shown) ** 2 / near).sum() / near.sum(), rel=1e-12
    )
    assert shepard_correlation(*rows, kind="pearson", **settings) == pytest.approx(
        np.corrcoef(near.ravel(), shown.ravel())[0, 1], rel=1e-12
    )


def test_silhouette_compares_held_out_rows_with_training_classes(split):
    _, shown = distances(split)
    _, embedding, _, test_embedding, y, test_y = split
    means = np.stack([shown[:, y == c].mean(1) for c in range(10)], axis=1)
    within = means[np.arange(100), test_y]
    means[np.arange(100), test_y] = np.inf
    expected = ((means.min(1) - within) / np.maximum(means.min(1), within)).mean()
    result = silhouette(embedding, y, test_embedding=test_embedding, test_labels=test_y)
    assert result == pytest.approx(expected, abs=1e-12)


def test_centres_of_held_out_classes_are_compared_with_other_training_classes(split):
    X, embedding, test_X, test_embedding, y, test_y = split
    settings = {"test_X": test_X, "test_embedding": test_embedding, "test_labels": test_y}
    tables = []
    for train, test in ((X, test_X), (embedding, test_embedding)):
        centers, new = (
            np.stack([rows[labels == c].mean(0) for c in range(10)])
            for rows, labels in ((train, y), (test, test_y))
        )
        tables.append(cdist(new, centers)[~np.eye(10, dtype=bool)])
    expected = np.corrcoef(*tables)[0, 1]
    assert centroid_correlation(X, embedding, y, **settings) == pytest.approx(expected, rel=1e-12)


def test_rows_placed_where_they_belong_score_as_training_rows_and_misplaced_ones_do_not(split):
    X, embedding, test_X, test_embedding, _, _ = split
    wrong = np.random.default_rng(0).permutation(test_embedding)
    right = trustworthiness(X, embedding, test_X=test_X, test_embedding=test_embedding)
    assert right == pytest.approx(trustworthiness(X, embedding), abs=0.05)
    assert trustworthiness(X, embedding, test_X=test_X, test_embedding=wrong) < right - 0.2


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"test_embedding": None}, "must be given together, got no test_embedding"),
        ({"test_X": np.zeros((3, 64))}, "got 3 and 100. Pass the embedding of the same rows"),
        ({"test_X": np.zeros((100, 5))}, "X and test_X must have the same number of columns, got 64 and 5"),
        ({"test_embedding": np.zeros((100, 3))}, "embedding and test_embedding must have the same number of col"),
        ({"test_X": np.full((100, 64), np.nan)}, "test_X must be finite.* in 100 of 100 rows"),
        ({"n_neighbors": 201}, r"\[1, 200\] for 400 training rows"),
    ],
)
def test_rows_that_do_not_fit_say_which(split, change, message):
    rows, settings = held_out(split)
    with pytest.raises(ValueError, match=message):
        trustworthiness(*rows, **{**settings, **change})
