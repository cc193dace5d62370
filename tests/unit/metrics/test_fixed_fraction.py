"""True neighbours within a fixed fraction of the map are those of full sorted distances."""

import numpy as np
import pytest
from scipy.spatial.distance import cdist

from paradime.metrics import fixed_fraction_recall, knn_recall

rng = np.random.default_rng(0)
X = rng.normal(size=(400, 5))
Y = X[:, :2] + 0.2 * rng.normal(size=(400, 2))


def recall_of_sorted_rows(near, shown, k, n_searched):
    orders = zip(near.argsort(1), shown.argsort(1), strict=True)
    return np.mean([len(np.intersect1d(a[:k], b[:n_searched])) / k for a, b in orders])


def without_self(distances):
    np.fill_diagonal(distances, np.inf)
    return distances


@pytest.mark.parametrize(
    ("k", "fraction", "n_searched"),
    [(10, 0.001, 10), (10, 0.1, 40), (3, 0.0101, 5), (7, 0.07, 28), (10, 1.0, 399)],
)
def test_neighbours_in_the_nearest_rows_are_counted(k, fraction, n_searched):
    expected = recall_of_sorted_rows(without_self(cdist(X, X)), without_self(cdist(Y, Y)), k, n_searched)
    recall = fixed_fraction_recall(X, Y, n_neighbors=k, fraction=fraction)
    assert recall == pytest.approx(expected, abs=1e-12)
    assert recall.standard_error == 0


def test_held_out_rows_are_searched_among_training_rows():
    expected = recall_of_sorted_rows(cdist(X[300:], X[:300]), cdist(Y[300:], Y[:300]), 10, 30)
    recall = fixed_fraction_recall(X[:300], Y[:300], test_X=X[300:], test_embedding=Y[300:], fraction=0.1)
    assert recall == pytest.approx(expected, abs=1e-12)
    assert recall.standard_error > 0


def test_a_sample_and_small_blocks_give_the_same_rows():
    whole = fixed_fraction_recall(X, Y, fraction=0.05)
    assert fixed_fraction_recall(X, Y, fraction=0.05, chunk_size=7) == whole
    sample = fixed_fraction_recall(X, Y, fraction=0.05, n_samples=200)
    assert abs(sample - whole) < 4 * sample.standard_error
    assert sample.n_sampled == 200


def test_a_map_of_one_place_is_no_better_than_chance():
    assert fixed_fraction_recall(X, np.ones((400, 2)), fraction=0.05) < 0.1
    assert fixed_fraction_recall(X, X, fraction=0.05) == 1


def test_few_rows_give_the_neighbours_preserved():
    assert fixed_fraction_recall(X, Y) == knn_recall(X, Y, n_neighbors=10)


@pytest.mark.parametrize(
    ("settings", "error", "message"),
    [
        ({"fraction": 0}, ValueError, r"fraction must lie in \(0, 1\], got 0"),
        ({"fraction": 1.5}, ValueError, r"fraction must lie in \(0, 1\], got 1.5"),
        ({"fraction": float("nan")}, ValueError, r"fraction must lie in \(0, 1\], got nan"),
        ({"fraction": True}, ValueError, r"fraction must lie in \(0, 1\], got True"),
        ({"fraction": "0.1"}, ValueError, r"fraction must lie in \(0, 1\], got '0.1'"),
        ({"n_neighbors": 400}, ValueError, r"n_neighbors must lie in \[1, 399\] for 400 points, got 400"),
        ({"n_neighbors": 2.0}, TypeError, r"n_neighbors must be an integer, got 2.0"),
        ({"embedding": Y[:-1]}, ValueError, "same number of rows, got 400 and 399"),
    ],
)
def test_wrong_input_is_refused(settings, error, message):
    with pytest.raises(error, match=message):
        fixed_fraction_recall(**{"X": X, "embedding": Y, **settings})
