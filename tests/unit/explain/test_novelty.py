import numpy as np
import pytest
import torch
from scipy.stats import kstest
from sklearn.datasets import load_breast_cancer, load_digits
from sklearn.decomposition import PCA
from sklearn.model_selection import train_test_split
from sklearn.neighbors import NearestNeighbors

from paradime import ParametricMDS, ParametricUMAP
from paradime.exceptions import NotTrainedError
from paradime.explain import NoveltyDetector, novelty
from paradime.utils.seed import seeded

pytestmark = pytest.mark.usefixtures("few_first_steps")


@pytest.fixture(scope="module")
def digits():
    X, y = load_digits(return_X_y=True)
    return train_test_split(X, y, random_state=0)


@pytest.fixture(scope="module")
def routine(digits):
    return ParametricMDS(epochs=1, random_state=0).fit(digits[0])


def embedding(n_features, seed=0):
    with seeded(seed):
        return torch.nn.Linear(n_features, 2)


def unevenness(ranks):
    """The largest difference between the shares of ranks below a number and that number."""
    return kstest(ranks, "uniform").statistic


@pytest.mark.parametrize("scale", ["std", "none"])
def test_held_out_rows_are_spread_evenly(scale, outcome):
    def measure(seed):
        X, X_new = train_test_split(load_digits().data, random_state=seed)
        found = novelty(embedding(64, seed), X_new, X, scale=scale)
        return {"novelty": unevenness(found.novelty), "misplaced": unevenness(found.misplaced)}

    outcome(measure, at_most={"novelty": 0.09, "misplaced": 0.095})


def test_rows_like_none_of_the_training_are_novel(digits):
    X, X_new, _, _ = digits
    rng = np.random.default_rng(0)
    strange = np.concatenate([rng.uniform(0, 16, size=(20, 64)), 5 * X_new[:20], rng.permuted(X_new[:20], axis=1)])
    assert novelty(embedding(64), strange, X).novelty.min() > 0.99


def test_a_class_that_was_left_out_is_more_novel_than_the_others(digits):
    X, X_new, y, y_new = digits
    found = novelty(embedding(64), X_new, X[y != 4]).novelty
    assert np.median(found[y_new == 4]) > 0.9
    assert np.median(found[y_new != 4]) < 0.6


def test_few_rows_tell_a_far_one(digits):
    X = load_breast_cancer().data[:80]
    found = novelty(embedding(30), [X.mean(0) + 30 * X.std(0), X.mean(0)], X)
    assert found.novelty[0] > 0.99
    assert found.novelty[1] < 0.9


def test_neighbours_are_the_nearest_rows_of_the_training(digits):
    X, X_new, _, _ = digits
    found = NoveltyDetector(embedding(64), scale="none", n_neighbors=4).fit(X).score(X_new[:30])
    expected = NearestNeighbors(n_neighbors=4).fit(X).kneighbors(X_new[:30])
    # digits are whole numbers: several may be equally far
    dists = np.linalg.norm(X_new[:30, None] - X[found.neighbors], axis=2)
    np.testing.assert_allclose(dists, expected[0], rtol=1e-6)
    own = NearestNeighbors(n_neighbors=4).fit(X).kneighbors()[0].mean(1)
    np.testing.assert_allclose(found.ratio, dists.mean(1) / own[found.neighbors].mean(1), rtol=1e-6)


def test_row_that_the_map_shows_elsewhere_is_misplaced(digits):
    X, X_new, _, _ = digits
    axes = torch.tensor(PCA(2, svd_solver="full").fit(X).components_.T, dtype=torch.float32)

    class Astray(torch.nn.Module):
        """Principal components, except for bright images, which it puts to the far right."""

        def forward(self, rows):
            places = rows @ axes
            return torch.where((rows.sum(dim=1) > 360)[:, None], places + 100, places)

    model = Astray()
    bright = X_new.sum(axis=1) > 360
    assert 3 < bright.sum() < 100
    found = NoveltyDetector(model).fit(X[X.sum(axis=1) <= 360]).score(X_new)
    assert found.misplaced[bright].min() > 0.99
    assert np.median(found.misplaced[~bright]) < 0.75


def test_detector_keeps_only_as_many_rows_as_it_may(digits, routine):
    X, X_new, _, _ = digits
    detector = NoveltyDetector(routine, n_reference=300).fit(X)
    assert detector.reference_.shape == (300, 64)
    found = detector.score(X_new)
    # 450 rows among 300: a difference of 0.15 has a chance of one in ten thousand
    assert unevenness(found.novelty) < 0.15
    assert set(found.neighbors.ravel()) <= set(detector.reference_rows_)
    np.testing.assert_array_equal(
        found.novelty, NoveltyDetector(routine, n_reference=300).fit(X).score(X_new).novelty
    )


def test_single_rows_score_as_in_a_batch(digits, routine):
    X, X_new, _, _ = digits
    detector = NoveltyDetector(routine).fit(X)
    together = detector.score(X_new[:10]).novelty
    alone = [detector.score(row[None]).novelty[0] for row in X_new[:10]]
    np.testing.assert_allclose(together, alone, atol=1e-6)


def test_pixel_that_is_always_dark_counts_at_a_typical_scale(digits):
    X = np.random.default_rng(0).normal(size=(400, 6))
    X[:, 5] = 2.0
    near, far = X[:1].copy(), X[:1].copy()
    near[0, 5] += 0.1
    far[0, 5] += 30
    found = novelty(embedding(6), np.concatenate([near, far]), X).novelty
    assert found[0] < 0.9
    assert found[1] > 0.99


def test_rows_that_are_all_the_same_are_finite():
    found = novelty(embedding(4), [[0.0] * 4, [1.0] * 4], np.zeros((40, 4)))
    assert all(
        np.isfinite(part).all() for part in (found.novelty, found.ratio, found.displacement, found.misplaced)
    )
    assert found.novelty[1] > found.novelty[0]


def test_images_are_scored_as_flat_rows(digits):
    X, X_new, _, _ = digits
    model = torch.nn.Sequential(torch.nn.Flatten(), embedding(64))
    pictures = novelty(model, X_new[:50].reshape(-1, 8, 8), X.reshape(-1, 8, 8))
    np.testing.assert_allclose(pictures.novelty, novelty(model, X_new[:50], X).novelty)


def test_what_does_not_fit_is_told(digits, routine):
    X = digits[0]
    with pytest.raises(ValueError, match=r"Call fit\(X_train\) first"):
        NoveltyDetector(routine).score(X)
    with pytest.raises(ValueError, match=r"\[1, 6\] for 8 reference rows, got 10"):
        NoveltyDetector(routine).fit(X[:8])
    with pytest.raises(ValueError, match=r"rows of shape \(64,\), as the training data, got \(5,\)"):
        NoveltyDetector(routine).fit(X).score(X[:, :5])
    with pytest.raises(ValueError, match="contains NaN"):
        NoveltyDetector(routine).fit(X * np.nan)
    with pytest.raises(NotTrainedError):
        novelty(ParametricUMAP(), X, X)
