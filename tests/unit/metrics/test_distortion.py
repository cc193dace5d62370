import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import minimize_scalar
from scipy.spatial.distance import pdist

from paradime.metrics import sammon_stress, stress


def make_pair(seed=0, n=60, dim=5):
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(n, dim))
    return X, X[:, :2] + 0.3 * rng.normal(size=(n, 2))


def stress_by_scipy(X, embedding):
    near, shown = pdist(X), pdist(embedding)
    return np.sqrt(((near - shown) ** 2).sum() / (near**2).sum())


@pytest.mark.parametrize("dim", [3, 60])
def test_equal_to_the_formula_on_scipys_distances(dim):
    X, embedding = make_pair(dim=dim)
    # from 26 columns on distances come from the matrix product, which is good to about eight digits
    assert stress(X, embedding) == pytest.approx(stress_by_scipy(X, embedding), rel=1e-8)


def test_isometry_has_no_stress():
    X, _ = make_pair()
    rotation = np.linalg.qr(np.random.default_rng(1).normal(size=(5, 5)))[0]
    assert stress(X, 4 - X @ rotation) == pytest.approx(0, abs=1e-14)


def test_rescaling_finds_the_factor_of_least_stress():
    X, embedding = make_pair()
    best = minimize_scalar(lambda factor: stress_by_scipy(X, factor * embedding), bounds=(0.1, 10))
    assert stress(X, embedding, rescale=True) == pytest.approx(best.fun, rel=1e-8)
    assert stress(X, embedding, rescale=True) < stress(X, embedding)


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 2**32 - 1), st.integers(-6, 6), st.integers(-6, 6))
def test_rescaled_stress_does_not_depend_on_scale(seed, data_exponent, embedding_exponent):
    X, embedding = make_pair(seed, n=15)
    scaled = stress(X * 10.0**data_exponent, embedding * 10.0**embedding_exponent, rescale=True)
    assert scaled == pytest.approx(stress(X, embedding, rescale=True), rel=1e-9)
    assert 0 <= scaled <= 1


def test_embedding_at_one_place_has_stress_one():
    X, embedding = make_pair()
    at_one_place = np.full_like(embedding, 0.1)
    assert stress(X, at_one_place) == stress(X, at_one_place, rescale=True) == 1


def test_data_at_one_place_are_refused():
    X, embedding = make_pair()
    with pytest.raises(ValueError, match="got 60 points at one position"):
        stress(np.full_like(X, 0.1), embedding)


def test_largest_allowed_values_do_not_overflow():
    X, embedding = make_pair()
    assert stress(X * 1e139, embedding * 1e139) == pytest.approx(stress(X, embedding), rel=1e-9)


def test_sammon_stress_is_its_formula_and_its_scale_the_best():
    rng = np.random.default_rng(0)
    X, embedding = rng.normal(size=(60, 5)), rng.normal(size=(60, 2))
    rows, columns = np.triu_indices(60, 1)
    near, shown = (np.linalg.norm(part[rows] - part[columns], axis=1) for part in (X, embedding))
    assert sammon_stress(X, embedding) == pytest.approx(((near - shown) ** 2 / near).sum() / near.sum(), rel=1e-12)
    best = min(((near - f * shown) ** 2 / near).sum() / near.sum() for f in np.linspace(0.1, 3, 3000))
    assert sammon_stress(X, embedding, rescale=True) == pytest.approx(best, rel=1e-5)


def test_sammon_stress_leaves_duplicates_out():
    X = np.array([[0.0], [0.0], [2.0]])
    assert sammon_stress(X, X) == 0
    assert sammon_stress(X, np.zeros((3, 2))) == sammon_stress(X, np.zeros((3, 2)), rescale=True) == 1


def test_sammon_stress_of_points_at_one_place_is_refused():
    with pytest.raises(ValueError, match="got 4 points at one position"):
        sammon_stress(np.ones((4, 2)), np.eye(4))
