import logging

import pytest
import torch

from paradime.neighbors import NeighborCache, choose_backend, nearest_neighbors
from paradime.neighbors.exact import ExactBackend
from paradime.utils.logging import verbosely


@pytest.fixture
def searches(monkeypatch):
    calls, search = [], ExactBackend.search

    def counted(self, X, k, **options):
        calls.append(k)
        return search(self, X, k, **options)

    monkeypatch.setattr(ExactBackend, "search", counted)
    return calls


X = torch.randn(50, 3, generator=torch.Generator().manual_seed(0))


def test_same_search_is_made_once_and_fewer_neighbours_are_cut_from_it(searches):
    expected = nearest_neighbors(X, 4)
    with NeighborCache().active():
        nearest_neighbors(X, 7)
        for result in (nearest_neighbors(X.clone(), 4), nearest_neighbors(X, 4)):
            assert all(torch.equal(part, other) for part, other in zip(result, expected, strict=True))
    assert searches == [4, 7]


def test_more_neighbours_than_are_kept_are_searched_and_kept_instead(searches):
    with NeighborCache().active():
        for k in (3, 8, 8, 3):
            nearest_neighbors(X, k)
    assert searches == [3, 8]


def test_other_data_metric_type_or_seed_is_another_search(searches):
    changed = X.clone()
    changed[7, 1] += 1e-6
    with NeighborCache().active():
        for points in (X, changed, X.double(), X.reshape(75, 2)):
            nearest_neighbors(points, 3)
        nearest_neighbors(X, 3, metric="cosine")
        nearest_neighbors(X, 3, random_state=1)
    assert len(searches) == 6


def test_functions_are_told_apart_by_identity(searches):
    def metrics():
        return lambda a, b: float(abs(a - b).sum())

    first, second = metrics(), metrics()
    with NeighborCache().active():
        for metric in (first, second, first):
            nearest_neighbors(X, 3, metric=metric)
    assert len(searches) == 2


def test_nothing_is_kept_outside_the_block(searches):
    cache = NeighborCache()
    with cache.active():
        nearest_neighbors(X, 3)
    nearest_neighbors(X, 3)
    assert len(searches) == 2
    with cache.active():
        nearest_neighbors(X, 3)
    assert len(searches) == 2


def test_a_changed_result_does_not_change_what_is_kept():
    with NeighborCache().active():
        indices, dists = nearest_neighbors(X, 3)
        expected = indices.clone(), dists.clone()
        for _ in range(2):
            indices, dists = nearest_neighbors(X, 3)
            assert torch.equal(indices, expected[0])
            assert torch.equal(dists, expected[1])
            indices.zero_()
            dists.zero_()


def test_large_results_are_not_kept_and_old_ones_go_first(searches):
    one = 50 * 3 * 8  # bytes
    cache = NeighborCache(max_bytes=2 * one)
    with cache.active():
        nearest_neighbors(X, 9)
        assert cache.n_bytes == 0
        for points in (X, X + 1, X, X + 2, X, X + 1):
            nearest_neighbors(points, 3)
            assert cache.n_bytes <= 2 * one
    assert searches == [9, 3, 3, 3, 3]


def test_negative_size_is_refused():
    with pytest.raises(ValueError, match="max_bytes must be at least 0, got -1"):
        NeighborCache(-1)


def test_choice_depends_on_points_columns_metric_and_device():
    assert choose_backend(70_000, dim=784).name == "blocks"
    assert choose_backend(70_000, "correlation", dim=784).name == "blocks"
    assert choose_backend(70_000, dim=10).name == "faiss"
    assert choose_backend(70_000, dim=784, device="cuda").name == "exact"
    assert choose_backend(500_000, dim=10, device="cuda").name == "blocks"
    assert choose_backend(7_000, dim=784).name == "exact"


def test_choice_and_its_reason_are_logged(caplog):
    caplog.set_level(logging.INFO, "paradime")
    with verbosely(True):
        nearest_neighbors(X, 3)
        nearest_neighbors(X, 3, backend="blocks")
    messages = [record.getMessage() for record in caplog.records if record.levelno == logging.INFO]
    assert any("50 points, 3 columns, k = 3" in line and "exact" in line and "20,000" in line for line in messages)
    assert any("blocks" in line and "was specified" in line for line in messages)
