"""Nearest class means are those of means and sorted distances in NumPy."""

import numpy as np
import pytest
from scipy.spatial.distance import cdist
from sklearn.datasets import load_digits
from sklearn.decomposition import PCA

from paradime.metrics import class_mean_neighbors


@pytest.fixture(scope="module")
def digits():
    X, y = load_digits(return_X_y=True)
    X, y = X[:500], y[:500]
    return X, PCA(2).fit_transform(X), y


def preserved(starts, ends, k):
    """Returns the share of k nearest means preserved; row i's own class is not a neighbour."""
    (near, own), (shown, _) = ((cdist(*pair), np.arange(len(pair[0]))) for pair in zip(starts, ends, strict=True))
    near[own, own] = shown[own, own] = np.inf
    orders = zip(near.argsort(1), shown.argsort(1), strict=True)
    return np.mean([len(np.intersect1d(a[:k], b[:k])) / k for a, b in orders])


def means(rows, y, n_classes=10):
    return np.stack([rows[y == c].mean(0) for c in range(n_classes)])


@pytest.mark.parametrize(("n_neighbors", "k"), [("auto", 4), (1, 1), (8, 8)])
def test_nearest_means_are_counted(digits, n_neighbors, k):
    X, Y, y = digits
    of_classes = [means(X, y), means(Y, y)]
    expected = preserved(of_classes, of_classes, k)
    assert class_mean_neighbors(X, Y, y, n_neighbors=n_neighbors) == pytest.approx(expected, abs=1e-12)
    assert 0 < expected < 1


def test_many_classes_have_ten_neighbours_and_three_have_one():
    rng = np.random.default_rng(0)
    X, y = rng.normal(size=(200, 4)), np.repeat(np.arange(40), 5)
    for n_classes, k in ((40, 10), (21, 10), (20, 9), (3, 1)):
        chosen = y < n_classes
        rows = X[chosen], X[chosen, :2], y[chosen]
        assert class_mean_neighbors(*rows) == class_mean_neighbors(*rows, n_neighbors=k)


def test_held_out_means_have_their_neighbours_among_training_means(digits):
    X, Y, y = digits
    starts = [means(X[300:], y[300:]), means(Y[300:], y[300:])]
    ends = [means(X[:300], y[:300]), means(Y[:300], y[:300])]
    new = {"test_X": X[300:], "test_embedding": Y[300:], "test_labels": y[300:]}
    assert class_mean_neighbors(X[:300], Y[:300], y[:300], **new) == pytest.approx(
        preserved(starts, ends, 4), abs=1e-12
    )


def test_held_out_classes_may_be_few_and_points_without_a_class_are_left_out(digits):
    X, Y, y = digits
    few = np.flatnonzero((y == 7) | (y == 2))
    new = {"test_X": X[few], "test_embedding": Y[few], "test_labels": y[few]}
    near, shown = (cdist(means(rows[few], y[few] == 7, 2), means(rows, y)) for rows in (X, Y))
    for table in (near, shown):
        table[0, 2] = table[1, 7] = np.inf
    pairs = zip(near.argsort(1)[:, :4], shown.argsort(1)[:, :4], strict=True)
    expected = np.mean([len(np.intersect1d(a, b)) / 4 for a, b in pairs])
    assert class_mean_neighbors(X, Y, y, **new) == pytest.approx(expected, abs=1e-12)
    unknown = np.where(np.arange(500) % 2, y, -1)
    assert class_mean_neighbors(X, Y, unknown) == class_mean_neighbors(X[1::2], Y[1::2], y[1::2])


def test_names_of_classes_do_not_matter(digits):
    X, Y, y = digits
    names = np.array(list("qwertyuiop"))[y]
    assert class_mean_neighbors(X, Y, names) == class_mean_neighbors(X, Y, y)
    assert class_mean_neighbors(X, X + 1_000, y) == 1


@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        ({"labels": np.arange(500) % 2}, ValueError, "at least 3 classes to compare neighbours.*got 2"),
        ({"labels": np.zeros(500, dtype=int)}, ValueError, "at least 2 classes, got 1"),
        ({"labels": np.arange(499) % 3}, ValueError, "499"),
        ({"n_neighbors": 9}, ValueError, r"in \[1, 8\] for 10 classes, got 9. Lower it, or pass more classes"),
        ({"n_neighbors": 0}, ValueError, r"n_neighbors must lie in \[1, 8\] for 10 classes, got 0"),
        ({"n_neighbors": 2.5}, TypeError, "n_neighbors must be an integer, got 2.5"),
        ({"n_neighbors": "all"}, TypeError, "n_neighbors must be an integer, got 'all'"),
        ({"X": np.full((500, 3), np.inf)}, ValueError, "X must be finite"),
        ({"test_X": np.zeros((2, 64))}, ValueError, "must be given together"),
    ],
)
def test_wrong_input_is_refused(digits, change, error, message):
    X, Y, y = digits
    with pytest.raises(error, match=message):
        class_mean_neighbors(**{"X": X, "embedding": Y, "labels": y, **change})
