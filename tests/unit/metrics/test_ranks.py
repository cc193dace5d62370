import numpy as np
import pytest
import sklearn.manifold
from hypothesis import given, settings
from hypothesis import strategies as st

from paradime.metrics import continuity, trustworthiness


def make_pair(n, dim=5, seed=0):
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(n, dim))
    return X, X[:, :2] + rng.normal(size=(n, 2))


# scikit-learn sorts where we count; both arrive at whole ranks, so that only the last digit may differ
@pytest.mark.parametrize(("n", "dim", "n_neighbors"), [(50, 5, 1), (101, 3, 5), (300, 40, 20), (40, 2, 19)])
def test_equal_to_scikit_learn(n, dim, n_neighbors):
    X, embedding = make_pair(n, dim)
    options = {"n_neighbors": n_neighbors}
    assert trustworthiness(X, embedding, **options) == pytest.approx(
        sklearn.manifold.trustworthiness(X, embedding, **options), abs=1e-12
    )
    assert continuity(X, embedding, **options) == pytest.approx(
        sklearn.manifold.trustworthiness(embedding, X, **options), abs=1e-12
    )


def test_single_precision_far_from_the_origin_loses_nothing():
    X, embedding = make_pair(200)
    X = (X + 1e3).astype(np.float32)
    expected = sklearn.manifold.trustworthiness(X.astype(np.float64) - 1e3, embedding)
    assert trustworthiness(X, embedding) == pytest.approx(expected, abs=1e-12)


def test_tiny_cluster_beside_a_far_point_keeps_its_order():
    # the matrix product would round distances of 1e-6 beside 1e6 to zero
    line = np.arange(50.0)[:, None] ** 1.5
    X = np.concatenate([1e-6 * line, [[1e6]]])
    embedding = np.concatenate([line, [[1e3]]])
    assert trustworthiness(X, embedding) == continuity(X, embedding) == 1


def test_folding_lowers_trustworthiness_and_tearing_lowers_continuity():
    # a ring pressed flat shows points of both halves as neighbours; a ring cut open loses some of them
    angles = 2 * np.pi * (np.arange(300) + 0.3 * np.sin(np.arange(300))) / 300  # no two distances are equal
    ring = np.stack([np.cos(angles), np.sin(angles)], axis=1)
    pressed, cut = ring[:, :1], angles[:, None]
    assert trustworthiness(ring, pressed) < 0.8
    assert continuity(ring, pressed) > 0.95
    assert trustworthiness(ring, cut) > 0.999
    assert continuity(ring, cut) < 0.996


def test_rotation_reflection_and_shift_change_nothing():
    X, embedding = make_pair(150)
    rotation = np.linalg.qr(np.random.default_rng(1).normal(size=(2, 2)))[0]
    moved = 7 - embedding @ rotation
    assert trustworthiness(X, moved) == pytest.approx(trustworthiness(X, embedding), abs=1e-12)
    assert trustworthiness(X, X) == continuity(X, X) == 1


def test_duplicates_do_not_push_a_point_into_its_own_neighbourhood():
    rng = np.random.default_rng(0)
    X = np.repeat(rng.normal(size=(30, 4)), 4, axis=0)
    # each point has three duplicates, its nearest neighbours in both spaces
    assert trustworthiness(X, X[:, :2], n_neighbors=3) == 1
    assert continuity(X, X[:, :2], n_neighbors=3) == 1


def test_ties_get_the_lowest_rank():
    # the corners of a simplex are all nearest to each other, so no neighbour is a false one
    embedding = np.random.default_rng(0).normal(size=(16, 2))
    assert trustworthiness(np.eye(16), embedding) == 1


@settings(max_examples=40, deadline=None)
@given(
    seed=st.integers(0, 2**32 - 1),
    n=st.integers(12, 60),
    n_neighbors=st.integers(1, 5),
    exponents=st.tuples(st.integers(-6, 6), st.integers(-6, 6)),
)
def test_scores_lie_in_range_and_do_not_depend_on_scale(seed, n, n_neighbors, exponents):
    X, embedding = make_pair(n, seed=seed)
    scaled = X * 10.0 ** exponents[0], embedding * 10.0 ** exponents[1]
    for metric in (trustworthiness, continuity):
        score = metric(X, embedding, n_neighbors=n_neighbors)
        assert 0 <= score <= 1
        assert metric(*scaled, n_neighbors=n_neighbors) == pytest.approx(score, abs=1e-12)


@settings(max_examples=40, deadline=None)
@given(st.data())
def test_scores_lie_in_range_for_any_ties(data):
    n = data.draw(st.integers(3, 15))
    columns = st.lists(st.integers(-2, 2), min_size=n, max_size=n)
    X, embedding = (np.array(data.draw(columns), dtype=float)[:, None] for _ in range(2))
    n_neighbors = data.draw(st.integers(1, (n - 1) // 2))
    assert 0 <= trustworthiness(X, embedding, n_neighbors=n_neighbors) <= 1
    assert 0 <= continuity(X, embedding, n_neighbors=n_neighbors) <= 1


@pytest.mark.parametrize("metric", [trustworthiness, continuity])
@pytest.mark.parametrize(("n", "n_neighbors", "limit"), [(10, 5, 4), (11, 6, 5), (10, 0, 4), (10, -3, 4)])
def test_n_neighbors_from_half_of_the_points_on_names_the_limit(metric, n, n_neighbors, limit):
    message = rf"\[1, {limit}\] for {n} points \(less than n / 2\), got {n_neighbors}"
    with pytest.raises(ValueError, match=message):
        metric(*make_pair(n), n_neighbors=n_neighbors)


@pytest.mark.parametrize(("n", "n_neighbors"), [(10, 4), (11, 5)])
def test_largest_n_neighbors_below_half_is_accepted(n, n_neighbors):
    X, embedding = make_pair(n)
    expected = sklearn.manifold.trustworthiness(X, embedding, n_neighbors=n_neighbors)
    assert trustworthiness(X, embedding, n_neighbors=n_neighbors) == pytest.approx(expected, abs=1e-12)
