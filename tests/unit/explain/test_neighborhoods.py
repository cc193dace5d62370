import numpy as np
import pytest
from sklearn.datasets import load_digits
from sklearn.decomposition import PCA

from paradime.explain import neighborhood_error
from paradime.metrics import continuity, knn_recall, trustworthiness


@pytest.fixture(scope="module")
def digits():
    X = load_digits().data[:400]
    return X, PCA(n_components=2).fit_transform(X)


def test_means_are_the_metrics(digits):
    found = neighborhood_error(*digits, n_neighbors=10)
    assert 1 - found.false.mean() == pytest.approx(trustworthiness(*digits, n_neighbors=10), abs=1e-12)
    assert 1 - found.missing.mean() == pytest.approx(continuity(*digits, n_neighbors=10), abs=1e-12)
    assert found.preserved.mean() == pytest.approx(knn_recall(*digits, n_neighbors=10), abs=1e-12)


def test_point_that_is_moved_away_is_the_one_with_false_neighbours():
    X = np.random.default_rng(0).normal(size=(200, 2))
    order = np.argsort(X[:, 0])
    embedding = X.copy()
    embedding[order[0]] = X[order[-1]] + 0.01
    found = neighborhood_error(X, embedding, n_neighbors=5)
    assert found.false.argmax() == found.missing.argmax() == order[0]
    assert found.preserved[order[0]] == 0
    assert np.median(found.false) == 0


def test_pressed_ring_has_false_neighbours_and_a_cut_one_misses_some_at_the_cut():
    angles = 2 * np.pi * (np.arange(300) + 0.3 * np.sin(np.arange(300))) / 300  # no two distances are equal
    ring = np.stack([np.cos(angles), np.sin(angles)], axis=1)
    pressed, cut = (neighborhood_error(ring, rows, n_neighbors=8) for rows in (ring[:, :1], angles[:, None]))
    assert pressed.false.mean() > 5 * pressed.missing.mean()
    assert min(cut.missing[0], cut.missing[-1]) > 0.3
    assert cut.missing[20:280].max() < 0.01


def test_images_and_held_out_rows_are_measured(digits):
    X, embedding = digits
    images = X.reshape(-1, 8, 8)
    found = neighborhood_error(images[:300], embedding[:300], test_X=images[300:], test_embedding=embedding[300:])
    expected = trustworthiness(
        X[:300], embedding[:300], test_X=X[300:], test_embedding=embedding[300:], n_neighbors=15
    )
    assert found.preserved.shape == (100,)
    assert 1 - found.false.mean() == pytest.approx(expected, abs=1e-12)


def test_too_many_neighbours_name_the_limit(digits):
    with pytest.raises(ValueError, match=r"\[1, 199\] for 400 points .*, got 200"):
        neighborhood_error(*digits, n_neighbors=200)
