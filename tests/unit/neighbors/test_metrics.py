"""Exact neighbours in every metric, and messages about unsuitable rows."""

import sys

import numpy as np
import pytest
import scipy.sparse
import scipy.spatial.distance
import scipy.stats
import sklearn.metrics
import torch
from sklearn.datasets import load_digits, load_iris

from paradime import (
    ParametricContrastive,
    ParametricLargeVis,
    ParametricPaCMAP,
    ParametricTSNE,
    ParametricUMAP,
)
from paradime.neighbors import nearest_neighbors
from paradime.neighbors.choice import check_search, choose_backend
from paradime.neighbors.metrics import _COMPARISONS, _NEEDS_MORE, _SAME, canonical
from paradime.relations import NeighborBasedPDist, PDist
from paradime.utils.sparse import SparseRows

pytestmark = pytest.mark.usefixtures("few_first_steps")

K = 15
DIGITS = load_digits().data[:300]
RNG = np.random.default_rng(0)
PLACES = np.stack([RNG.uniform(-1.5, 1.5, 300), RNG.uniform(-3, 3, 300)], axis=1)
PRESENCE = {"jaccard", "dice", "yule", "rogerstanimoto", "russellrao", "sokalsneath", "matching"}


def shares(row):
    return row / row.sum()


def kl(p, q):
    p, q = (shares(part + np.finfo(np.float32).eps) for part in (p, q))
    return float((p * np.log(p / q)).sum())


def angle(a, b):
    return np.arccos(np.clip(a @ b / np.linalg.norm(a) / np.linalg.norm(b), -1, 1))


def circular(a, b):
    steps = np.cumsum(shares(a)) - np.cumsum(shares(b))
    return np.abs(steps - np.median(steps)).sum()


def kulsinski(a, b):
    a, b = a != 0, b != 0
    return ((a != b).sum() - (a & b).sum() + len(a)) / ((a != b).sum() + len(a))


def tsss(a, b):
    theta, lengths = angle(a, b) + np.radians(10), (np.linalg.norm(a), np.linalg.norm(b))
    sector = (np.linalg.norm(a - b) + abs(lengths[0] - lengths[1])) ** 2 * theta / 2
    return lengths[0] * lengths[1] * np.sin(theta) / 2 * sector


# the definition of each metric for a pair of rows
DEFINITIONS = {
    "manhattan": scipy.spatial.distance.cityblock,
    "matching": lambda a, b: ((a != 0) != (b != 0)).mean(),
    "haversine": lambda a, b: sklearn.metrics.pairwise.haversine_distances([a], [b])[0, 0],
    "true_angular": lambda a, b: angle(a, b) / np.pi,
    "hellinger": lambda a, b: np.sqrt(max(0, 1 - np.sqrt(shares(a) * shares(b)).sum())),
    "jensen-shannon": lambda a, b: scipy.spatial.distance.jensenshannon(a, b) ** 2,
    "symmetric-kl": lambda a, b: kl(a, b) + kl(b, a),
    "wasserstein-1d": lambda a, b: np.abs(np.cumsum(shares(a)) - np.cumsum(shares(b))).sum(),
    "circular-wasserstein": circular,
    "spearmanr": lambda a, b: 1 - scipy.stats.spearmanr(a, b).statistic,
    "kulsinski": kulsinski,
    "tsss": tsss,
    **{name: getattr(scipy.spatial.distance, name) for name in PRESENCE - {"matching"}},
}


def defined(metric, rows, asked):
    """Distances of query rows to all rows, by the definition."""
    name = canonical(metric)
    if name == "mahalanobis":
        return scipy.spatial.distance.cdist(rows[asked], rows, name, VI=np.linalg.inv(np.cov(rows.T)))
    if name == "seuclidean":
        return scipy.spatial.distance.cdist(rows[asked], rows, name, V=rows.var(axis=0, ddof=1))
    if name in DEFINITIONS:
        rows = (rows != 0) if name in PRESENCE else rows
        return np.array([[DEFINITIONS[name](rows[i], row) for row in rows] for i in asked])
    return scipy.spatial.distance.cdist(rows[asked], rows, name)


def rows_for(metric):
    if metric == "haversine":
        return PLACES
    # digits have constant and linearly dependent columns
    return DIGITS[:, [10, 20, 30, 45]] if canonical(metric) in ("mahalanobis", "seuclidean") else DIGITS


def by_user(a, b):
    return float(np.abs(a - b).max() + 0.1 * np.abs(a - b).sum())


@pytest.mark.parametrize("metric", [*sorted(_COMPARISONS), *sorted(_SAME)])
def test_neighbours_by_every_named_metric_are_exact_and_need_no_pynndescent(metric, monkeypatch):
    monkeypatch.setitem(sys.modules, "pynndescent", None)
    check_search(metric, "auto")
    rows, asked = rows_for(metric), np.arange(0, 300, 30)
    indices, dists = nearest_neighbors(torch.from_numpy(rows), K, metric=metric)
    expected = defined(metric, rows, asked)
    expected[np.arange(len(asked)), asked] = np.inf
    result = np.take_along_axis(expected, indices[asked].numpy(), axis=1)
    nearest = np.sort(expected, axis=1)[:, :K]
    # distances are compared, because several rows may be equally far
    np.testing.assert_allclose(np.sort(result, axis=1), nearest, rtol=1e-6, atol=1e-7)
    np.testing.assert_allclose(dists[asked], nearest, rtol=1e-4, atol=1e-6)


def test_neighbours_by_a_function_of_a_user_are_exact():
    rows = DIGITS[:80]
    indices, dists = nearest_neighbors(torch.from_numpy(rows), K, metric=by_user)
    expected = np.array([[by_user(a, b) for b in rows] for a in rows])
    np.fill_diagonal(expected, np.inf)
    np.testing.assert_allclose(np.take_along_axis(expected, indices.numpy(), 1), np.sort(expected, 1)[:, :K])
    np.testing.assert_allclose(dists, np.sort(expected, axis=1)[:, :K], rtol=1e-6)


@pytest.mark.parametrize("metric", [name for name in sorted(_COMPARISONS) if _COMPARISONS[name].by_row])
def test_sparse_rows_have_the_neighbours_of_dense_ones(metric):
    rows = rows_for(metric)
    if metric == "haversine":
        rows = np.abs(rows)
    dense = nearest_neighbors(torch.from_numpy(rows), K, metric=metric)[1]
    sparse = nearest_neighbors(SparseRows(scipy.sparse.csr_array(rows)), K, metric=metric)[1]
    np.testing.assert_allclose(sparse, dense, rtol=1e-5, atol=1e-6)


def test_names_of_other_libraries_are_known_or_refused_with_the_reason():
    named_distances = pytest.importorskip("pynndescent.distances").named_distances
    names = {*named_distances, *sklearn.metrics.pairwise.PAIRWISE_DISTANCE_FUNCTIONS}
    assert names - {"precomputed", "nan_euclidean"} <= {*_COMPARISONS, *_SAME, *_NEEDS_MORE}


@pytest.mark.parametrize("n", [300, 20_000])
def test_exact_search_is_chosen_up_to_20_000_points_for_every_metric(n):
    assert {choose_backend(n, metric).name for metric in [*_COMPARISONS, *_SAME, by_user]} == {"exact"}


@pytest.mark.parametrize("empty", [1, 3])
@pytest.mark.parametrize("metric", ["hellinger", "braycurtis", "cosine", "correlation", "symmetric-kl", "jaccard"])
def test_rows_of_zeros_are_like_each_other(metric, empty):
    rows = DIGITS[:40].copy()
    rows[:empty] = 0
    indices, dists = nearest_neighbors(torch.from_numpy(rows), 2, metric=metric)
    assert dists.isfinite().all()
    if empty > 2:
        assert set(indices[0].tolist()) == {1, 2}


@pytest.mark.parametrize(
    ("metric", "rows", "words"),
    [
        ("haversine", DIGITS, r"two columns, latitude and longitude in radians, got 64 columns.*Select them"),
        ("haversine", np.degrees(PLACES), r"in radians, got values of up to 8\d.* and 17\d.*np\.radians"),
        ("haversine", PLACES[:, ::-1].copy(), "latitude first"),
        ("hellinger", DIGITS - 1, "counts or shares that are not negative, got -1 in row 0, column 0"),
        ("jensenshannon", DIGITS - 1, "not negative"),
        ("wasserstein-1d", DIGITS - 1, "not negative"),
        ("mahalanobis", DIGITS[:, :12], r"linearly independent columns, got 12 of rank \d+.*'seuclidean'"),
        ("jensenshannon", np.vstack([DIGITS[:5], np.zeros((1, 64))]), r"finite values, got NaN .*row \d"),
        (lambda a, b: float("nan"), DIGITS[:9], r"finite distance.*got nan"),
    ],
)
def test_rows_that_do_not_suit_a_metric_are_refused_with_what_it_wants(metric, rows, words):
    with pytest.raises(ValueError, match=words):
        nearest_neighbors(torch.from_numpy(rows), 4, metric=metric)


@pytest.mark.parametrize(
    ("metric", "words"),
    [
        ("haversin", "unknown metric 'haversin'. Did you mean 'haversine'"),
        ("wminkowski", "needs weights of the columns.*function of two rows"),
        ("kantorovich", "needs costs between the columns"),
        ("inner_product", "similarity.*'cosine'"),
        ("precomputed", "precomputed_knn"),
    ],
)
def test_names_that_stand_for_no_distance_of_rows_are_refused_when_relations_are_made(metric, words):
    with pytest.raises(ValueError, match=words):
        NeighborBasedPDist(5, metric=metric)


@pytest.mark.parametrize("kind", [ParametricUMAP, ParametricTSNE, ParametricContrastive, ParametricLargeVis])
def test_every_preset_with_neighbours_takes_a_metric(kind):
    X = load_iris().data
    size = {"n_neighbors": 10} if kind in (ParametricUMAP, ParametricContrastive) else {"perplexity": 5}
    routine = kind(metric="manhattan", epochs=1, batch_size=50, random_state=0, **size)
    assert "metric: manhattan" in routine.to_spec()
    relations = routine.fit(X).global_relations["rel"]
    assert relations.metric == "manhattan"
    assert "metric" not in kind(**size).to_spec()  # the default of the relations
    assert kind(metric=by_user, **size).global_relations["rel"].metric is by_user


def test_pacmap_and_neighbours_by_a_function():
    (near,) = ParametricPaCMAP(metric=by_user).global_relations.values()
    assert near.metric is by_user


def test_routine_with_a_function_as_metric_is_saved_without_its_training(tmp_path):
    import paradime

    X = load_iris().data
    routine = ParametricUMAP(metric=by_user, epochs=1, batch_size=50, random_state=0).fit(X)
    with pytest.raises(ValueError, match=r"the parameter 'metric'.*training=False"):
        routine.save(tmp_path / "m.paradime")
    routine.save(tmp_path / "m.paradime", training=False)
    assert np.array_equal(paradime.load(tmp_path / "m.paradime").transform(X), routine.transform(X))


@pytest.mark.parametrize("metric", ["manhattan", "haversine", "hellinger", "symmetric-kl", "linf", "spearmanr"])
def test_all_pairs_are_compared_by_the_same_metrics(metric):
    rows = np.abs(rows_for(metric)[:40])
    expected = (
        defined(metric, rows, np.arange(40))
        if metric != "linf"
        else sklearn.metrics.pairwise_distances(rows, metric="chebyshev")
    )
    for X in (rows, scipy.sparse.csr_array(rows)):
        result = PDist(metric).compute_relations(X).to_square_array().data
        np.testing.assert_allclose(result, expected, rtol=1e-4, atol=1e-6)
