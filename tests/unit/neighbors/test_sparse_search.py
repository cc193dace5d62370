import numpy as np
import pytest
import scipy.sparse
import torch

from paradime.neighbors import NeighborCache, measured_recall, nearest_neighbors
from paradime.neighbors.sparse_search import choose_sparse
from paradime.utils.sparse import SparseRows


def random_rows(n=300, d=200, seed=0, kind=np.float32):
    return scipy.sparse.random_array((n, d), density=0.05, rng=seed, format="csr").astype(kind)


@pytest.mark.parametrize("kind", [np.float32, np.float64])
@pytest.mark.parametrize("metric", ["euclidean", "sqeuclidean", "cosine", "manhattan", "correlation"])
def test_neighbours_are_those_of_the_dense_rows(metric, kind):
    shared = np.random.default_rng(0).normal(size=(300, 1))  # a column that all rows have
    X = scipy.sparse.csr_array(scipy.sparse.hstack([random_rows(), shared])).astype(kind)
    sparse = nearest_neighbors(SparseRows(X), 8, metric=metric)
    dense = nearest_neighbors(torch.tensor(X.toarray()), 8, metric=metric)
    assert (sparse[0] == dense[0]).float().mean() > 0.999
    torch.testing.assert_close(sparse[1], dense[1], rtol=1e-4, atol=1e-5)


def test_offset_of_a_column_does_not_blur_neighbours():
    X = random_rows(kind=np.float64)
    expected = nearest_neighbors(SparseRows(X), 8)[0]
    X = scipy.sparse.csr_array(scipy.sparse.hstack([X, np.full((300, 1), 1e6)]))
    assert torch.equal(nearest_neighbors(SparseRows(X), 8)[0], expected)


@pytest.mark.slow  # numba compiles the search first
def test_descent_finds_nearly_all_and_its_recall_is_measured(outcome):
    rows, threads = SparseRows(random_rows(800)), torch.get_num_threads()

    def measure(seed):
        indices, dists = nearest_neighbors(rows, 10, metric="cosine", backend="pynndescent", random_state=seed)
        assert torch.get_num_threads() == threads  # which numba sets for all, where they share OpenMP
        assert not (indices == torch.arange(800)[:, None]).any()
        assert (dists.diff(dim=1) >= 0).all()
        return {
            "recall": measured_recall(rows, indices, metric="cosine"),
            "of others": measured_recall(rows, indices.flip(0), metric="cosine"),
        }

    outcome(measure, at_least={"recall": 0.95}, at_most={"of others": 0.2})


def test_descent_keeps_the_digits_of_columns_far_from_zero(pynndescent_stub):
    rows = np.random.default_rng(0).random((150, 4))
    expected = nearest_neighbors(rows, 5, metric="manhattan", backend="exact")[1]
    far = scipy.sparse.csr_array(rows + 1e8)
    result = nearest_neighbors(far, 5, metric="manhattan", backend="pynndescent")[1]
    torch.testing.assert_close(result, expected, atol=1e-4, rtol=0)


def test_choice_goes_by_the_size_of_the_products(monkeypatch):
    monkeypatch.setattr("paradime.neighbors.sparse_search._descent_supports", lambda metric: metric == "manhattan")
    few, many = SparseRows(random_rows()), SparseRows(scipy.sparse.csr_array((400_000, 10), dtype=np.float32))
    assert choose_sparse(few, "cosine").name == "exact"
    assert choose_sparse(many, "manhattan").name == "pynndescent"
    with pytest.raises(ValueError, match=r"backend .* does not support sparse data"):
        choose_sparse(few, "cosine", "faiss")
    with pytest.raises(ValueError, match=r"metric .* does not support sparse data"):
        choose_sparse(few, "mahalanobis")


def test_pynndescent_is_not_imported_where_it_is_not_needed(monkeypatch):
    def imported(metric):
        raise AssertionError("PyNNDescent would be imported")

    monkeypatch.setattr("paradime.neighbors.sparse_search._descent_supports", imported)
    few = SparseRows(random_rows())
    for metric in ("euclidean", "cosine", "manhattan"):
        assert choose_sparse(few, metric).name == choose_sparse(few, metric, "exact").name == "exact"


def test_neighbours_of_sparse_rows_are_kept():
    rows, cache = SparseRows(random_rows()), NeighborCache()
    with cache.active():
        first = nearest_neighbors(rows, 8)
        again = nearest_neighbors(SparseRows(random_rows()), 5)
        other = nearest_neighbors(SparseRows(random_rows(seed=1)), 5)
    assert cache.hits == 1
    assert torch.equal(first[0][:, :5], again[0])
    assert not torch.equal(other[0], again[0])
