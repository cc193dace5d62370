import numpy as np
import pytest
from sklearn.datasets import load_digits
from sklearn.decomposition import PCA

from paradime.metrics import coranking_curve, knn_recall


@pytest.fixture(scope="module")
def digits():
    X = load_digits().data[:300]
    # a little noise: points at equal distance have no order
    X = X + 1e-3 * np.random.default_rng(0).normal(size=X.shape)
    return X, PCA(n_components=2).fit_transform(X)


def coranking_matrix(X, embedding):
    """Counts pairs by both their ranks."""
    n = len(X)
    ranks = [
        np.linalg.norm(rows[:, None] - rows, axis=2).argsort(1, kind="stable").argsort(1)
        for rows in (X + 0.0, embedding)
    ]
    matrix = np.zeros((n, n), dtype=int)
    np.add.at(matrix, (ranks[0].ravel(), ranks[1].ravel()), 1)
    return matrix[1:, 1:]


def test_curve_is_that_of_the_coranking_matrix():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(60, 4))
    embedding = X[:, :2] + 0.3 * rng.normal(size=(60, 2))
    matrix, n = coranking_matrix(X, embedding), 60
    k = np.arange(1, n - 1)
    preserved = np.array([matrix[:i, :i].sum() / (i * n) for i in k])
    rescaled = ((n - 1) * preserved - k) / (n - 1 - k)
    curve = coranking_curve(X, embedding)
    np.testing.assert_array_equal(curve.k, k)
    np.testing.assert_allclose(curve.preserved, preserved, atol=1e-12)
    np.testing.assert_allclose(curve.rescaled, rescaled, atol=1e-12)
    assert curve.area == pytest.approx((rescaled / k).sum() / (1 / k).sum(), abs=1e-12)


def test_curve_agrees_with_knn_recall_at_every_size(digits):
    curve = coranking_curve(*digits)
    preserved = knn_recall(*digits, n_neighbors=(1, 5, 15, 50, 298))
    assert [curve.preserved[k - 1] for k in preserved] == pytest.approx(list(preserved.values()), abs=1e-9)


def test_perfect_map_has_area_one_and_a_random_one_about_zero(digits):
    X, embedding = digits
    assert coranking_curve(X, 3 * X + 1).area == pytest.approx(1, abs=1e-12)
    assert abs(coranking_curve(X, np.random.default_rng(0).permutation(embedding)).area) < 0.02
    assert 0.2 < coranking_curve(X, embedding).area < 0.6


def test_map_that_puts_all_in_one_place_keeps_nothing_though_rows_are_sorted(digits):
    X, _ = digits
    ordered = X[np.argsort(PCA(n_components=1).fit_transform(X)[:, 0])]
    assert abs(coranking_curve(ordered, np.zeros((300, 2))).area) < 0.03


def test_curve_of_a_sample_is_near_the_whole_one(digits):
    X, embedding = digits
    whole, sample = coranking_curve(X, embedding), coranking_curve(X, embedding, n_samples=150)
    assert np.abs(whole.preserved - sample.preserved)[20:].max() < 0.05
    assert sample.area == pytest.approx(whole.area, abs=6 * sample.area.standard_error)


def test_chunks_do_not_change_the_curve(digits):
    a, b = coranking_curve(*digits), coranking_curve(*digits, chunk_size=17)
    np.testing.assert_array_equal(a.preserved, b.preserved)
    assert a.area == pytest.approx(b.area, abs=1e-12)


def test_two_points_are_too_few():
    with pytest.raises(ValueError, match="at least 3 points, got 2"):
        coranking_curve([[0.0], [1.0]], [[0.0], [1.0]])
