import importlib.machinery
import warnings

import numpy as np
import pytest
import scipy.spatial.distance
import sklearn.neighbors
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from paradime.neighbors import BACKENDS, choose_backend, exact, measured_recall, nearest_neighbors

NAMED = ["euclidean", "cosine", "manhattan", "correlation", "chebyshev", "canberra", "sqeuclidean"]


def points(seed=0, n=120, d=5):
    return torch.from_numpy(np.random.default_rng(seed).normal(size=(n, d)))


def clustered(n, d=8, clusters=30, seed=0):
    rng = np.random.default_rng(seed)
    centers = rng.normal(size=(clusters, d)) * 10
    return torch.from_numpy(centers[rng.integers(clusters, size=n)] + rng.normal(size=(n, d)))


def distances_of(X, indices, metric):
    """Distances of each row to its neighbours, one pair at a time."""
    compare = (
        metric
        if callable(metric)
        else getattr(scipy.spatial.distance, {"manhattan": "cityblock"}.get(metric, metric))
    )
    return np.array([[compare(X[i], X[j]) for j in row] for i, row in enumerate(indices)])


def distances_of_rows(X, asked, indices):
    return torch.linalg.vector_norm(X[asked][:, None] - X[indices[asked]], dim=2)


def recall(result, expected):
    return np.mean([len(np.intersect1d(a, b)) / len(b) for a, b in zip(result, expected, strict=True)])


# -- exact --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("metric", [*NAMED, lambda a, b: float(np.abs(a - b).max() + 0.1 * np.abs(a - b).sum())])
def test_exact_search_finds_what_scikit_learn_finds(metric):
    X = points(n=60)
    indices, dists = nearest_neighbors(X, 7, metric=metric)
    result = sklearn.neighbors.NearestNeighbors(metric=metric, algorithm="brute").fit(X).kneighbors(n_neighbors=7)
    np.testing.assert_allclose(dists, result[0], rtol=1e-5)
    np.testing.assert_array_equal(indices, result[1])
    assert indices.dtype == torch.int64
    assert dists.dtype == torch.float32


@pytest.mark.parametrize("metric", ["seuclidean", "mahalanobis"])
@pytest.mark.parametrize("chunk_rows", [1, 7, 1000])
def test_metrics_with_estimated_scales_take_them_from_all_rows_whatever_the_chunks(
    monkeypatch, metric, chunk_rows
):
    X = points(n=40) * torch.tensor([1.0, 10, 100, 0.1, 1])
    monkeypatch.setattr(exact, "_CHUNK_ELEMENTS", chunk_rows * len(X))
    indices, dists = nearest_neighbors(X, 5, metric=metric, backend="exact")
    square = scipy.spatial.distance.squareform(scipy.spatial.distance.pdist(X.numpy(), metric))
    np.fill_diagonal(square, np.inf)
    np.testing.assert_array_equal(indices, square.argsort(axis=1)[:, :5])
    np.testing.assert_allclose(dists, np.sort(square, axis=1)[:, :5], rtol=1e-5)


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 2**32 - 1), st.integers(-30, 30), st.sampled_from(["euclidean", "manhattan", "cosine"]))
def test_distances_are_right_and_ascending_at_any_scale_of_the_data(seed, exponent, metric):
    X = points(seed, n=25, d=3) * 10.0**exponent
    indices, dists = nearest_neighbors(X, 4, metric=metric)
    np.testing.assert_allclose(
        dists, distances_of(X.numpy(), indices, metric), rtol=1e-4, atol=1e-7 if metric == "cosine" else 0
    )
    assert (dists.diff(dim=1) >= 0).all()


def test_chunks_do_not_change_the_result(monkeypatch):
    X = points()
    whole = nearest_neighbors(X, 6)
    monkeypatch.setattr(exact, "_CHUNK_ELEMENTS", 7 * len(X))
    for part, expected in zip(nearest_neighbors(X, 6), whole, strict=True):
        np.testing.assert_allclose(part, expected, rtol=1e-6)


@pytest.mark.parametrize("dtype", [torch.float16, torch.float32, torch.float64, torch.int32, torch.uint8])
def test_any_type_of_number_is_searched(dtype):
    X = (points(n=50) * 20 + 100).round().to(dtype)
    _, dists = nearest_neighbors(X, 3)
    _, expected = nearest_neighbors(X.double(), 3)
    np.testing.assert_allclose(dists, expected, rtol=1e-6)


def test_rows_of_zeros_have_finite_cosine_distances():
    X = points(n=20)
    X[3] = X[11] = 0
    for metric in ("cosine", "correlation"):
        assert nearest_neighbors(X, 19, metric=metric)[1].isfinite().all()


# -- both searches ------------------------------------------------------------------------------------


@pytest.mark.parametrize("backend", ["exact", "faiss"])
@pytest.mark.parametrize("metric", ["euclidean", "cosine"])
def test_no_point_is_its_own_neighbour_among_more_copies_than_neighbours(backend, metric):
    X = points(n=30).repeat_interleave(6, dim=0)
    indices, dists = nearest_neighbors(X, 4, metric=metric, backend=backend)
    assert not (indices == torch.arange(len(X))[:, None]).any()
    assert all(len(set(row)) == 4 for row in indices.tolist())
    # the five copies of a row precede all other rows
    assert (torch.div(indices, 6, rounding_mode="floor") == torch.arange(len(X))[:, None] // 6).all()
    np.testing.assert_allclose(dists, 0, atol=1e-6)


@pytest.mark.parametrize("backend", ["exact", "faiss"])
def test_all_rows_equal_gives_other_points_at_distance_zero(backend):
    indices, dists = nearest_neighbors(torch.full((60, 3), 0.1), 5, backend=backend)
    assert not (indices == torch.arange(60)[:, None]).any()
    assert (dists == 0).all()


@pytest.mark.parametrize("backend", ["exact", "faiss"])
@pytest.mark.parametrize("offset", [1e3, 1e4, 1e6])
def test_large_mean_does_not_cost_recall(backend, offset, outcome):
    X = points(n=2000, d=10)
    moved = X + offset
    true = sklearn.neighbors.NearestNeighbors(algorithm="kd_tree").fit(moved).kneighbors(n_neighbors=10)

    def measure(seed):
        indices, dists = nearest_neighbors(moved, 10, backend=backend, random_state=seed)
        np.testing.assert_allclose(dists, distances_of_rows(X, np.arange(2000), indices), rtol=1e-4)
        return {"recall": recall(indices, true[1])}

    outcome(measure, seeds=2, at_least={"recall": 0.985})


@pytest.mark.parametrize("backend", ["exact", "faiss"])
def test_outlier_leaves_the_neighbours_of_the_others_as_they_are(backend, outcome):
    X = points(n=500)
    X[17] = 1e8
    true = (
        sklearn.neighbors.NearestNeighbors(algorithm="kd_tree")
        .fit(X)
        .kneighbors(n_neighbors=5, return_distance=False)
    )

    def measure(seed):
        indices, dists = nearest_neighbors(X, 5, backend=backend, random_state=seed)
        assert dists.isfinite().all()
        return {"recall": recall(np.delete(indices.numpy(), 17, axis=0), np.delete(true, 17, axis=0))}

    # the mean moves by 2e5, where single precision is good to 0.01
    outcome(measure, seeds=2, at_least={"recall": 0.999 if backend == "exact" else 0.95})


@pytest.mark.parametrize("backend", ["exact", "faiss"])
def test_more_neighbours_than_points_are_reduced_with_a_warning(backend):
    X = points(n=6)
    with pytest.warns(UserWarning, match=r"got 10; n_neighbors reduced to n-1 = 5"):
        indices, _ = nearest_neighbors(X, 10, backend=backend)
    assert [sorted([*row, i]) for i, row in enumerate(indices.tolist())] == [list(range(6))] * 6


def test_as_many_neighbours_as_there_are_others_do_not_warn():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        indices, _ = nearest_neighbors(points(n=2), 1)
    assert indices.tolist() == [[1], [0]]


@pytest.mark.parametrize("backend", ["exact", "faiss"])
def test_input_is_left_as_it_is(backend):
    X = points()
    before = X.clone()
    for metric in ("euclidean", "cosine"):
        nearest_neighbors(X, 3, metric=metric, backend=backend)
    assert torch.equal(X, before)


# -- faiss --------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def many():
    return clustered(21_000)


def test_faiss_finds_nearly_all_neighbours_among_many_clustered_points_and_always_the_same(many, outcome):
    assert choose_backend(len(many)).name == "faiss"
    tree = sklearn.neighbors.NearestNeighbors(algorithm="kd_tree").fit(many)
    asked = np.random.default_rng(0).choice(len(many), 300, replace=False)
    true = tree.kneighbors(many[asked], n_neighbors=16, return_distance=False)
    true = np.array([row[row != i][:15] for i, row in zip(asked, true, strict=True)])
    results = []

    def measure(seed):
        indices, dists = nearest_neighbors(many, 15, random_state=seed)
        np.testing.assert_allclose(dists[asked], distances_of_rows(many, asked, indices), rtol=1e-3)
        results.append((indices, dists))
        return {"recall": recall(indices[asked], true)}

    outcome(measure, seeds=1, at_least={"recall": 0.985})
    again = nearest_neighbors(many, 15, random_state=0)
    assert all(torch.equal(part, other) for part, other in zip(again, results[0], strict=True))


@pytest.mark.parametrize("metric", ["cosine", "correlation", "sqeuclidean"])
def test_faiss_distances_are_those_of_the_metric(metric, outcome):
    X = clustered(600)
    exactly, _ = nearest_neighbors(X, 5, metric=metric, backend="exact")

    def measure(seed):
        indices, dists = nearest_neighbors(X, 5, metric=metric, backend="faiss", random_state=seed)
        np.testing.assert_allclose(dists, distances_of(X.numpy(), indices, metric), rtol=1e-3, atol=1e-6)
        return {"recall": recall(indices, exactly)}

    outcome(measure, seeds=1, at_least={"recall": 0.985})


def test_faiss_finds_enough_neighbours_where_lists_are_shorter_than_k():
    X = torch.cat([clustered(400, clusters=100, d=3), points(n=40, d=3) * 1e3])
    indices, dists = nearest_neighbors(X, 150, backend="faiss")
    assert (indices >= 0).all()
    assert dists.isfinite().all()
    assert all(len(set(row)) == 150 for row in indices.tolist())


# -- recall -------------------------------------------------------------------------------------------


def test_recall_of_exact_search_is_one_and_of_random_neighbours_small():
    X = points(n=300)
    indices, _ = nearest_neighbors(X, 10)
    assert measured_recall(X, indices) == 1
    assert measured_recall(X, indices[:, torch.randperm(10)]) == 1
    shuffled = torch.randint(300, (300, 10), generator=torch.Generator().manual_seed(0))
    assert measured_recall(X, shuffled) < 0.1


def test_recall_is_the_share_that_was_found():
    X = points(n=300)
    indices, _ = nearest_neighbors(X, 10)
    indices[:, :4] = torch.arange(300)[:, None]
    assert measured_recall(X, indices) == pytest.approx(0.6)


def test_recall_of_given_rows():
    X = points(n=100)
    indices, _ = nearest_neighbors(X, 5)
    rows = torch.tensor([3, 50, 99])
    assert measured_recall(X, indices[rows], rows=rows) == 1
    assert measured_recall(X, indices[rows.flip(0)], rows=rows) < 1


# -- choice and refusals ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("metric", "own"),
    [
        *((name, name) for name in ("euclidean", "chebyshev", "canberra")),
        *((name, "euclidean") for name in ("cosine", "correlation", "hellinger", "seuclidean", "mahalanobis")),
    ],
)
def test_pynndescent_results_are_those_of_the_exact_search(pynndescent_stub, metric, own):
    X = points(n=40) + 1e3 * (metric == "euclidean")
    X = X.abs() * torch.arange(1, X.shape[1] + 1) if metric in ("hellinger", "seuclidean") else X
    indices, dists = nearest_neighbors(X, 5, metric=metric, backend="pynndescent", random_state=7)
    exactly = nearest_neighbors(X, 5, metric=metric, backend="exact")
    np.testing.assert_array_equal(indices, exactly[0])
    np.testing.assert_allclose(dists, exactly[1], rtol=1e-3)
    assert pynndescent_stub == [{"metric": own, "n_neighbors": 6, "random_state": 7}]


@pytest.mark.parametrize("metric", ["euclidean", "manhattan", "chebyshev"])
def test_pynndescent_is_handed_rows_far_from_zero_with_all_their_digits(pynndescent_stub, metric):
    rows = points(n=40).to(torch.float64)
    _, dists = nearest_neighbors(rows + 1e9, 5, metric=metric, backend="pynndescent")
    torch.testing.assert_close(
        dists, nearest_neighbors(rows, 5, metric=metric, backend="exact")[1], atol=1e-4, rtol=0
    )


@pytest.mark.slow  # numba compiles the search first
@pytest.mark.skipif(
    bool(importlib.util.find_spec("faiss")), reason="faiss searches dense rows where it is installed"
)
def test_descent_among_dense_rows_finds_nearly_all():
    rows = torch.from_numpy(np.random.default_rng(0).normal(size=(500, 5)))
    indices, _ = nearest_neighbors(rows, 5, backend="pynndescent")
    assert measured_recall(rows, indices) > 0.9


def test_pynndescent_never_lists_the_point_itself_among_duplicates(pynndescent_stub):
    X = points(n=10).repeat_interleave(5, dim=0)
    indices, _ = nearest_neighbors(X, 3, backend="pynndescent")
    assert not (indices == torch.arange(50)[:, None]).any()


def test_exact_search_is_chosen_for_few_points_and_faiss_for_many():
    assert choose_backend(20_000).name == "exact"
    assert choose_backend(20_001).name == "faiss"
    assert choose_backend(20_001, "cosine").name == "faiss"


def test_many_points_go_to_pynndescent_by_metrics_that_are_not_euclidean(pynndescent_stub):
    assert choose_backend(50_000, "hellinger").name == "pynndescent"
    assert choose_backend(50_000, "chebyshev").name == "pynndescent"


def test_unknown_metric_gets_a_suggestion():
    with pytest.raises(ValueError, match=r"unknown metric 'euclidian'. Did you mean 'euclidean'"):
        nearest_neighbors(points(), 3, metric="euclidian")


def test_metric_that_the_backend_does_not_know_is_refused():
    with pytest.raises(ValueError, match="backend 'faiss' does not support metric 'manhattan'"):
        nearest_neighbors(points(), 3, metric="manhattan", backend="faiss")


def test_unknown_backend_gets_a_suggestion():
    with pytest.raises(ValueError, match=r"unknown neighbor backend 'fais'\. Did you mean 'faiss'\?"):
        nearest_neighbors(points(), 3, backend="fais")


def test_backend_whose_library_is_missing_says_what_to_install(monkeypatch, pynndescent_stub):
    monkeypatch.setattr(type(BACKENDS["faiss"]), "available", lambda self: False)
    with pytest.raises(ImportError, match=r"needs faiss-cpu, .*: pip install faiss-cpu\. Or use backend='auto'"):
        nearest_neighbors(points(), 3, backend="faiss")
    assert choose_backend(50_000).name != "faiss"


@pytest.mark.parametrize("n", [0, 1])
def test_fewer_than_two_points_have_no_neighbours(n):
    with pytest.raises(ValueError, match=rf"at least 2 points, got {n} sample"):
        nearest_neighbors(torch.ones(n, 3), 1)


@pytest.mark.parametrize("k", [0, -1])
def test_number_of_neighbours_below_one_is_refused(k):
    with pytest.raises(ValueError, match=f"n_neighbors must be at least 1, got {k}"):
        nearest_neighbors(points(), k)


@pytest.mark.parametrize("threads", [1, 2])
def test_faiss_uses_as_many_threads_as_torch_and_leaves_its_own_setting(threads, monkeypatch):
    faiss = pytest.importorskip("faiss")
    from paradime.neighbors.faiss import FaissBackend

    before, seen = faiss.omp_get_max_threads(), []
    original = faiss.omp_set_num_threads
    monkeypatch.setattr(faiss, "omp_set_num_threads", lambda count: (seen.append(count), original(count)))
    monkeypatch.setattr(torch, "get_num_threads", lambda: threads)
    X = torch.randn(300, 4, generator=torch.Generator().manual_seed(0))
    FaissBackend().search(X, 3, metric="euclidean")
    assert seen == [threads, before]
    assert faiss.omp_get_max_threads() == before
