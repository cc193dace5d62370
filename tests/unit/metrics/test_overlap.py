import numpy as np
import pytest
from sklearn.neighbors import NearestNeighbors

from paradime.metrics import knn_recall


def make_pair(n, dim=5, seed=0):
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(n, dim))
    return X, X[:, :2] + 0.3 * rng.normal(size=(n, 2))


def preserved_by_scikit_learn(X, embedding, n_neighbors):
    # without argument, kneighbors leaves every point out of its own neighbourhood
    near, shown = (
        NearestNeighbors(n_neighbors=n_neighbors).fit(points).kneighbors(return_distance=False)
        for points in (X, embedding)
    )
    return np.mean([len({*a} & {*b}) / n_neighbors for a, b in zip(near, shown, strict=True)])


@pytest.mark.parametrize(("n", "dim", "n_neighbors"), [(60, 4, 1), (200, 5, 30), (150, 40, 10), (20, 3, 18)])
def test_equal_to_sets_of_scikit_learns_neighbours(n, dim, n_neighbors):
    X, embedding = make_pair(n, dim)
    expected = preserved_by_scikit_learn(X, embedding, n_neighbors)
    assert knn_recall(X, embedding, n_neighbors=n_neighbors) == pytest.approx(expected, abs=1e-12)


def test_thirty_neighbours_are_the_default():
    X, embedding = make_pair(200)
    assert knn_recall(X, embedding) == knn_recall(X, embedding, n_neighbors=30)


def test_scale_and_rotation_keep_all_neighbours():
    X, _ = make_pair(100)
    rotation = np.linalg.qr(np.random.default_rng(1).normal(size=(5, 5)))[0]
    assert knn_recall(X, 1e-3 * X @ rotation + 5) == 1


def test_random_embedding_keeps_a_share_by_chance():
    X, _ = make_pair(1000)
    embedding = np.random.default_rng(7).normal(size=(1000, 2))
    assert knn_recall(X, embedding) == pytest.approx(30 / 999, abs=0.005)


def test_all_other_points_as_neighbours_are_always_kept():
    X, embedding = make_pair(20)
    assert knn_recall(X, embedding, n_neighbors=19) == 1


@pytest.mark.parametrize("n_neighbors", [0, 20, 30])
def test_n_neighbors_beyond_the_other_points_names_the_limit(n_neighbors):
    with pytest.raises(ValueError, match=rf"\[1, 19\] for 20 points, got {n_neighbors}"):
        knn_recall(*make_pair(20), n_neighbors=n_neighbors)


def test_several_sizes_are_those_one_by_one():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(90, 5))
    result = knn_recall(X, X[:, :2], n_neighbors=(15, 5, 89))
    assert list(result) == [15, 5, 89]
    assert all(result[k] == knn_recall(X, X[:, :2], n_neighbors=k) for k in result)
    assert result[89] == 1


@pytest.mark.parametrize(("sizes", "message"), [((5, 90), r"\[1, 89\] .* got 90"), ((), "got none")])
def test_sizes_that_do_not_fit_are_told(sizes, message):
    X = np.random.default_rng(0).normal(size=(90, 5))
    with pytest.raises(ValueError, match=message):
        knn_recall(X, X, n_neighbors=sizes)
