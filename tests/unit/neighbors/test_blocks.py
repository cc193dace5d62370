import numpy as np
import pytest
import sklearn.datasets
import torch

from paradime.neighbors import blocks, measured_recall, nearest_neighbors
from paradime.neighbors.lists import split_into_lists


def blobs(n=3000, d=6, seed=0):
    return torch.from_numpy(sklearn.datasets.make_blobs(n, d, centers=12, random_state=seed)[0])


def roll():
    return torch.from_numpy(sklearn.datasets.make_swiss_roll(3000, random_state=0)[0])


def digits():
    return torch.from_numpy(sklearn.datasets.load_digits().data)


def wide(n=3000, d=200):
    """Points near a plane of 8 dimensions in 200 columns, so that a sketch of 64 is made."""
    rng = np.random.default_rng(0)
    return torch.from_numpy(rng.normal(size=(n, 8)) @ rng.normal(size=(8, d)) + 0.3 * rng.normal(size=(n, d)))


def true_neighbors(X, k):
    X = X.double()
    dists = torch.cdist(X, X, compute_mode="donot_use_mm_for_euclid_dist").fill_diagonal_(torch.inf)
    return dists.topk(k, largest=False)


def share(found, true):
    return np.mean([len(np.intersect1d(a, b)) for a, b in zip(found, true, strict=True)]) / true.shape[1]


@pytest.mark.parametrize("data", [blobs, roll, digits, wide])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_nearly_all_neighbours_are_found_with_their_distances(data, dtype):
    X = data().to(dtype)
    true = true_neighbors(X, 10)
    indices, dists = nearest_neighbors(X, 10, backend="blocks")
    assert share(indices, true.indices) >= 0.98
    assert not (indices == torch.arange(len(X))[:, None]).any()
    exactly = torch.linalg.vector_norm(X[:, None].double() - X[indices].double(), dim=2)
    np.testing.assert_allclose(dists, exactly, rtol=1e-4)
    assert (dists.diff(dim=1) >= 0).all()


@pytest.mark.parametrize("metric", ["cosine", "correlation", "sqeuclidean"])
def test_distances_are_those_of_the_metric(metric):
    X = wide(800)
    indices, dists = nearest_neighbors(X, 6, metric=metric, backend="blocks")
    exactly, expected = nearest_neighbors(X, 6, metric=metric, backend="exact")
    assert share(indices, exactly) >= 0.98
    np.testing.assert_allclose(dists.sum(), expected.sum(), rtol=1e-3)


def test_a_seed_gives_the_same_neighbours_again_and_on_more_threads():
    X, threads = wide(), torch.get_num_threads()
    results = []
    try:
        for n_threads in (1, 1, 2):
            torch.set_num_threads(n_threads)
            results.append(nearest_neighbors(X, 10, backend="blocks", random_state=3))
    finally:
        torch.set_num_threads(threads)
    assert torch.equal(results[0][0], results[1][0])
    assert torch.equal(results[0][1], results[1][1])
    assert share(results[2][0], results[0][0]) >= 0.999


@pytest.mark.parametrize("backend", ["blocks", "exact", "faiss"])
def test_two_clusters_a_million_apart_keep_their_neighbours(backend):
    X = blobs(1200, 5)
    X[::2, 0] += 1e6
    indices, dists = nearest_neighbors(X, 8, backend=backend)
    true = true_neighbors(X, 8)
    assert share(indices, true.indices) >= (1 if backend == "exact" else 0.98)
    np.testing.assert_allclose(dists.sum(), true.values.sum(), rtol=1e-3)


@pytest.mark.parametrize("data", [blobs, wide])
def test_points_far_from_the_origin_keep_their_neighbours(data):
    X = data()[:1500]
    indices, _ = nearest_neighbors(X + 1e6, 8, backend="blocks")
    assert share(indices, true_neighbors(X, 8).indices) >= 0.98


@pytest.mark.parametrize("scale", [1e-6, 1e6])
def test_scale_of_the_data_does_not_matter(scale):
    X = wide(1500)
    found, dists = nearest_neighbors(X, 8, backend="blocks")
    indices, scaled = nearest_neighbors(X * scale, 8, backend="blocks")
    assert share(indices, found) >= 0.99
    np.testing.assert_allclose(scaled / scale, dists, rtol=2e-3)


def test_more_copies_of_a_row_than_neighbours_are_each_others_neighbours():
    X = torch.cat([wide(600), wide(1)[[0]].expand(900, -1)])
    indices, dists = nearest_neighbors(X, 10, backend="blocks")
    assert (indices[600:] >= 600).double().mean() > 0.99
    assert (dists[600:] == 0).all()
    assert not (indices == torch.arange(len(X))[:, None]).any()
    assert all(len(set(row)) == 10 for row in indices.tolist())


def test_more_neighbours_than_a_list_holds_are_found(monkeypatch):
    monkeypatch.setattr(blocks, "_LIST_SIZE", 16)
    X = roll()[:400]
    indices, _ = nearest_neighbors(X, 150, backend="blocks")
    assert share(indices, true_neighbors(X, 150).indices) >= 0.98
    assert all(len(set(row)) == 150 for row in indices.tolist())


def test_two_points_are_each_others_neighbours():
    assert nearest_neighbors(torch.tensor([[0.0], [1.0]]), 1, backend="blocks")[0].tolist() == [[1], [0]]


def test_lists_hold_each_point_once_and_equal_points_are_spread():
    X = torch.cat([blobs(1000), torch.zeros(3000, 6, dtype=torch.float64)])
    lists = split_into_lists(X, 64, torch.Generator().manual_seed(0))
    assert lists.members.sort().values.tolist() == list(range(4000))
    assert max(np.diff(lists.bounds)) <= 4 * 64
    assert all((lists.of_point[lists.of(number)] == number).all() for number in range(len(lists)))


def test_recall_counts_other_points_at_the_same_distance():
    X = torch.tensor([[0.0], [1.0], [-1.0], [5.0]])
    rows = torch.tensor([0])
    assert measured_recall(X, torch.tensor([[2]]), rows=rows) == 1
    assert measured_recall(X, torch.tensor([[1]]), rows=rows) == 1
    assert measured_recall(X, torch.tensor([[3]]), rows=rows) == 0
    assert measured_recall(X, torch.tensor([[1, 1]]), rows=rows) == 0.5
