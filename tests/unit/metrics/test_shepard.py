import numpy as np
import pytest
import scipy.stats
from scipy.spatial.distance import pdist
from sklearn.datasets import load_iris

from paradime.metrics import shepard_correlation, shepard_pairs


@pytest.fixture(scope="module")
def iris():
    X = load_iris().data
    return X, X[:, [0, 2]] ** 2


def test_all_pairs_are_those_of_scipy(iris):
    X, embedding = iris
    near, shown = shepard_pairs(X, embedding)
    np.testing.assert_allclose(near, pdist(X), atol=1e-12)
    np.testing.assert_allclose(shown, pdist(embedding), atol=1e-12)
    assert len(near) == 150 * 149 // 2


def test_correlations_are_those_of_scipy_ties_included(iris):
    X, embedding = iris
    X, embedding = np.round(X), np.round(embedding)  # many pairs are equally far apart
    near, shown = pdist(X), pdist(embedding)
    assert shepard_correlation(X, embedding) == pytest.approx(
        scipy.stats.spearmanr(near, shown).statistic, rel=1e-9
    )
    assert shepard_correlation(X, embedding, kind="pearson") == pytest.approx(
        scipy.stats.pearsonr(near, shown).statistic, rel=1e-9
    )


def test_drawn_pairs_are_pairs_of_different_points(iris):
    X = np.random.default_rng(0).normal(size=(20, 3))
    near, shown = shepard_pairs(X, 2 * X, n_pairs=150)
    assert len(near) == 150
    assert near.min() > 0
    np.testing.assert_allclose(shown, 2 * near)


def test_monotone_change_of_distances_leaves_the_rank_correlation():
    X = np.random.default_rng(0).normal(size=(100, 1)).cumsum(axis=0)
    ranked = shepard_correlation(X, 5 * X)
    assert ranked == pytest.approx(1, abs=1e-12)
    assert ranked.standard_error == 0


@pytest.mark.parametrize("kind", ["pearson", "spearman"])
def test_map_of_one_place_correlates_with_nothing(iris, kind):
    assert shepard_correlation(iris[0], np.ones((150, 2)), kind=kind) == 0


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"kind": "kendall"}, "kind must be 'pearson' or 'spearman', got 'kendall'"),
        ({"n_pairs": 1}, "n_pairs must be an integer of at least 2, got 1"),
        ({"n_pairs": 10.0}, "n_pairs must be an integer of at least 2, got 10.0"),
    ],
)
def test_wrong_settings_are_told(iris, settings, message):
    with pytest.raises(ValueError, match=message):
        shepard_correlation(*iris, **settings)


def test_one_point_has_no_pairs():
    with pytest.raises(ValueError, match="pairs need at least 2 points, got 1"):
        shepard_pairs([[1.0]], [[2.0]])
