import functools

import numpy as np
import pytest
import sklearn.datasets
import torch
from scipy.spatial.distance import cdist

from paradime.neighbors import blocks, measured_recall, nearest_neighbors
from paradime.neighbors.blocks import split_into_lists


@functools.cache
def blobs(n=2000, d=6):
    return torch.from_numpy(sklearn.datasets.make_blobs(n, d, centers=12, random_state=0)[0])


@functools.cache
def roll():
    return torch.from_numpy(sklearn.datasets.make_swiss_roll(2000, random_state=0)[0])


@functools.cache
def digits():
    return torch.from_numpy(sklearn.datasets.load_digits().data)


@functools.cache
def wide(n=1200, d=200):
    """Points near a plane of 8 dimensions in 200 columns, for which a sketch of 64 columns is used."""
    rng = np.random.default_rng(0)
    return torch.from_numpy(rng.normal(size=(n, 8)) @ rng.normal(size=(8, d)) + 0.3 * rng.normal(size=(n, d)))


def distances(X, metric="euclidean"):
    """All distances in double precision, infinite from a point to itself."""
    square = torch.from_numpy(cdist(X.double().numpy(), X.double().numpy(), metric))
    return square.fill_diagonal_(torch.inf)


def share(result, true):
    return np.mean([len(np.intersect1d(a, b)) for a, b in zip(result, true, strict=True)]) / true.shape[1]


def recall(X, indices, dists, square=None, atol=0.0):
    """Returns the recall, after assertions on all returned neighbours."""
    square = distances(X) if square is None else square
    assert not (indices == torch.arange(len(X))[:, None]).any()
    assert all(len(set(row)) == len(row) for row in indices.tolist())
    assert (dists.diff(dim=1) >= 0).all()
    np.testing.assert_allclose(dists, square.gather(1, indices), rtol=1e-4, atol=atol)
    return share(indices, square.topk(indices.shape[1], largest=False).indices)


@pytest.mark.parametrize("data", [blobs, roll, digits, wide])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_nearly_all_neighbours_are_found_with_their_distances(data, dtype, outcome):
    X = data().to(dtype)
    square = distances(X)

    def measure(seed):
        return {"recall": recall(X, *nearest_neighbors(X, 10, backend="blocks", random_state=seed), square)}

    outcome(measure, seeds=2, at_least={"recall": 0.985})


@pytest.mark.parametrize("metric", ["cosine", "correlation", "sqeuclidean"])
def test_distances_are_those_of_the_metric(metric, outcome):
    X = wide(800)
    square = distances(X, metric)

    def measure(seed):
        result = nearest_neighbors(X, 6, metric=metric, backend="blocks", random_state=seed)
        return {"recall": recall(X, *result, square)}

    outcome(measure, seeds=2, at_least={"recall": 0.985})


def test_a_seed_gives_the_same_neighbours_again_and_as_good_ones_on_more_threads():
    X, threads = wide(), torch.get_num_threads()
    one, again = (nearest_neighbors(X, 10, backend="blocks", random_state=3) for _ in range(2))
    assert all(torch.equal(part, other) for part, other in zip(one, again, strict=True))
    try:
        torch.set_num_threads(3 - min(threads, 2))
        other = nearest_neighbors(X, 10, backend="blocks", random_state=3)
    finally:
        torch.set_num_threads(threads)
    assert min(recall(X, *one), recall(X, *other)) >= 0.95


def cluster_far_away():
    X = blobs(1200, 5).clone()
    X[::2, 0] += 1e6
    return X


@pytest.mark.parametrize("backend", ["blocks", "exact", "faiss"])
def test_two_clusters_a_million_apart_keep_their_neighbours(backend, outcome):
    X = cluster_far_away()
    square = distances(X)
    # faiss computes in single precision, which rounds half a million to 1/32, for both points of a pair
    atol, least = {"blocks": (0, 0.985), "exact": (0, 0.999), "faiss": (1 / 16, 0.95)}[backend]

    def measure(seed):
        result = nearest_neighbors(X, 8, backend=backend, random_state=seed)
        return {"recall": recall(X, *result, square, atol)}

    outcome(measure, seeds=2, at_least={"recall": least})


@pytest.mark.parametrize("data", [blobs, wide])
def test_points_far_from_the_origin_keep_their_neighbours(data, outcome):
    X = data()[:1200]
    square = distances(X)

    def measure(seed):
        return {"recall": recall(X, *nearest_neighbors(X + 1e6, 8, backend="blocks", random_state=seed), square)}

    outcome(measure, seeds=2, at_least={"recall": 0.985})


@pytest.mark.parametrize("scale", [2.0**-20, 2.0**20])  # powers of two change no digit
def test_scale_of_the_data_does_not_matter(scale):
    result, dists = nearest_neighbors(wide(), 8, backend="blocks")
    indices, scaled = nearest_neighbors(wide() * scale, 8, backend="blocks")
    assert torch.equal(indices, result)
    assert torch.equal(scaled, dists * scale)


def test_more_copies_of_a_row_than_neighbours_are_each_others_neighbours():
    X = torch.cat([wide(600), wide(1)[[0]].expand(900, -1)])
    indices, dists = nearest_neighbors(X, 10, backend="blocks")
    assert (indices[600:] >= 600).all()
    assert (dists[600:] == 0).all()
    assert not (indices == torch.arange(len(X))[:, None]).any()
    assert all(len(set(row)) == 10 for row in indices.tolist())


def test_more_neighbours_than_a_list_holds_are_found(monkeypatch, outcome):
    monkeypatch.setattr(blocks, "_LIST_SIZE", 16)
    X = roll()[:400]
    square = distances(X)

    def measure(seed):
        return {"recall": recall(X, *nearest_neighbors(X, 150, backend="blocks", random_state=seed), square)}

    outcome(measure, seeds=2, at_least={"recall": 0.985})


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
