import threading

import numpy as np
import pytest
import scipy.sparse
import torch

from paradime.relationdata import NeighborRelationTuple, SparseRelationArray, _rows, relation_factory


def matrix(n=40, density=0.3, seed=0, dtype=np.float64):
    rng = np.random.default_rng(seed)
    return np.where(rng.random((n, n)) < density, rng.uniform(-1, 2, (n, n)), 0).astype(dtype)


def sparse(dense):
    return SparseRelationArray(scipy.sparse.csr_array(dense))


@pytest.fixture
def small_blocks(monkeypatch):
    """Makes blocks of rows so small that a small matrix has many."""
    monkeypatch.setattr(_rows.row_blocks, "__defaults__", (50,))


@pytest.mark.parametrize("symmetric", [False, True])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_block_of_a_sparse_matrix_is_the_dense_one_at_any_points(symmetric, dtype, small_blocks):
    relations = sparse(matrix(dtype=dtype))
    relations = relations.symmetrized() if symmetric else relations
    square = relations.to_square()
    for seed in range(20):
        chosen = torch.randperm(40, generator=torch.Generator().manual_seed(seed))[: 1 + 2 * seed]
        assert torch.equal(relations.sub(chosen), square[chosen][:, chosen])


@pytest.mark.parametrize("symmetric", [False, True])
@pytest.mark.parametrize("chosen", [[3, 3, 5], [-1, 2], [0, -40]])
def test_points_chosen_twice_or_from_the_end_are_indexed_as_in_the_dense_matrix(symmetric, chosen):
    relations = sparse(matrix())
    relations = relations.symmetrized() if symmetric else relations
    assert torch.equal(relations.sub(chosen), relations.to_square()[chosen][:, chosen])


def test_points_that_do_not_exist_are_refused():
    with pytest.raises(IndexError):
        sparse(matrix()).sub([0, 40])


def test_block_of_a_graph_without_edges_is_zero():
    assert not sparse(np.zeros((5, 5))).symmetrized().sub([4, 1]).any()


def test_blocks_read_by_several_threads_at_once_are_right():
    relations = sparse(matrix(200)).symmetrized()
    square, wrong = relations.to_square(), []

    def read(seed):
        batches = torch.rand(50, 200, generator=torch.Generator().manual_seed(seed)).argsort(dim=1)[:, :80]
        wrong.extend(not torch.equal(relations.sub(chosen), square[chosen][:, chosen]) for chosen in batches)

    threads = [threading.Thread(target=read, args=(seed,)) for seed in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == [False] * 150


@pytest.mark.parametrize("n", [300, 70_000])
def test_columns_of_the_upper_half_number_all_points(n):
    rows, cols = np.array([0, 5, n - 2]), np.array([n - 1, 5, n - 1])
    half = scipy.sparse.csr_array((np.array([1.0, 2.0, 3.0]), (rows, cols)), shape=(n, n))
    relations = SparseRelationArray(half).symmetrized()
    block = [[0, 0, 0, 0.5], [0, 2, 0, 0], [0, 0, 0, 1.5], [0.5, 0, 1.5, 0]]
    assert relations.sub([0, 5, n - 2, n - 1]).tolist() == block


# -- mean and union with the transpose, block by block ---------------------------------------------------


@pytest.mark.parametrize("index", [np.int32, np.int64])
@pytest.mark.parametrize("n", [1, 2, 40])
@pytest.mark.parametrize("density", [0.05, 0.5, 1.0])
def test_symmetrised_sparse_matrix_is_the_plain_formula(n, density, index, small_blocks):
    dense = matrix(n, density, seed=n)
    stored = scipy.sparse.csr_array(dense)
    stored.indices, stored.indptr = stored.indices.astype(index), stored.indptr.astype(index)
    relations = SparseRelationArray(stored)
    np.testing.assert_allclose(relations.symmetrized().to_square(), (dense + dense.T) / 2, rtol=1e-15)
    union = relations.symmetrized(subtract_product=True).to_square()
    np.testing.assert_allclose(union, dense + dense.T - dense * dense.T, rtol=1e-13, atol=1e-15)


def test_stored_zeros_and_entries_that_cancel_are_not_stored_in_the_result():
    stored = scipy.sparse.csr_array((np.array([0.0, 1.0, -1.0]), ([0, 1, 2], [1, 2, 1])), shape=(3, 3))
    assert SparseRelationArray(stored).symmetrized().data.nnz == 0


def test_union_of_weights_at_the_ends_of_the_unit_interval_keeps_them():
    weights = np.array([[0, 1, 1e-30], [1, 0, 1], [1e-30, 0, 0]], np.float32)
    union = sparse(weights).symmetrized(subtract_product=True).to_square().numpy()
    np.testing.assert_allclose(union, [[0, 1, 2e-30], [1, 0, 1], [2e-30, 1, 0]], rtol=1e-6)


def test_neighbours_named_twice_count_as_their_sum_when_symmetrised():
    relations = NeighborRelationTuple(([[1, 1], [0, 2], [0, 1]], [[1.0, 2.0], [3.0, 4.0], [0.0, 5.0]]))
    dense = np.array([[0, 3, 0], [3, 0, 4], [0, 5, 0.0]])
    np.testing.assert_allclose(relations.symmetrized().to_square(), (dense + dense.T) / 2)


def test_result_of_symmetrising_takes_no_more_memory_than_its_entries():
    symmetric = sparse(matrix(50, 0.9)).symmetrized().data
    owner = symmetric.data if symmetric.data.base is None else symmetric.data.base
    assert owner.nbytes == 8 * symmetric.nnz
    assert symmetric.indices.dtype == np.int32


def test_row_blocks_hold_all_rows_once_whatever_their_length():
    starts = np.array([0, 0, 100, 103, 103, 110, 110])
    blocks = list(_rows.row_blocks(starts, 10))
    assert [(b.start, b.stop) for b in blocks] == [(0, 1), (1, 2), (2, 6)]


def test_symmetrised_relations_of_every_layout_agree():
    dense = matrix(12)
    np.testing.assert_allclose(
        relation_factory(dense).symmetrized().to_square(), sparse(dense).symmetrized().to_square(), rtol=1e-15
    )
