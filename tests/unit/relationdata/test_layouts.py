"""The storage of each layout."""

import numpy as np
import pytest
import scipy.sparse
import torch

from paradime.relationdata import (
    NeighborRelationTuple,
    SparseRelationArray,
    SquareRelationArray,
    SquareRelationTensor,
    TriangularRelationTensor,
)


def test_infinite_diagonal_becomes_zero_and_not_nan():
    matrix = np.ones((3, 3))
    np.fill_diagonal(matrix, np.inf)
    expected = np.ones((3, 3)) - np.eye(3)
    np.testing.assert_array_equal(SquareRelationArray(matrix).without_diagonal().data, expected)
    np.testing.assert_array_equal(SparseRelationArray(matrix).without_diagonal().to_square(), expected)


def test_nearly_symmetric_relations_have_a_triangular_layout():
    matrix = np.random.default_rng(0).random((5, 5))
    matrix = matrix + matrix.T
    rounded = matrix * (1 + 1e-6 * np.triu(np.ones((5, 5))))
    assert SquareRelationArray(rounded).to_triangular_array().n_points == 5


@pytest.mark.parametrize("scale", [1e-30, 1.0, 1e30])
def test_asymmetry_is_judged_relative_to_the_scale_of_the_relations(scale):
    matrix = np.random.default_rng(0).random((5, 5)) * scale
    with pytest.raises(ValueError, match="needs symmetric relations"):
        SquareRelationArray(matrix).to_triangular_array()
    assert SquareRelationArray(matrix + matrix.T).to_triangular_array().n_points == 5


def test_one_point_has_no_pairs_in_any_layout():
    single = SquareRelationTensor(torch.ones(1, 1))
    triangle = single.to_triangular_tensor()
    assert (triangle.n_points, triangle.data.tolist()) == (1, [])
    assert triangle.to_square().tolist() == [[0.0]]
    assert float(triangle.normalized().total()) == 0
    assert triangle.sub([0]).tolist() == [[0.0]]


def test_neighbours_listed_twice_count_twice_in_matrix_and_block():
    twice = NeighborRelationTuple(([[1, 1], [0, 2], [0, 1]], [[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]]))
    expected = [[0, 3, 0], [3, 0, 4], [5, 6, 0]]
    np.testing.assert_array_equal(twice.to_square(), expected)
    np.testing.assert_array_equal(twice.sub([0, 1, 2]), expected)


def test_rows_of_different_length_are_filled_up_with_the_point_itself():
    matrix = np.array([[0, 1, 2, 3], [4, 0, 0, 0], [0, 0, 0, 0], [0, 5, 6, 0.0]])
    result = SparseRelationArray(matrix).to_neighbor_tuple()
    indices, values = result.data
    assert indices.shape == (4, 3)
    assert indices.tolist() == [[1, 2, 3], [0, 1, 1], [2, 2, 2], [1, 2, 3]]
    assert values[2].tolist() == [0, 0, 0]
    np.testing.assert_array_equal(result.to_square(), matrix)


def test_rowwise_map_of_neighbours_sees_filled_up_places_as_infinite():
    matrix = np.array([[0, 1, 2.0], [3, 0, 0], [0, 4, 0]])
    seen = []

    def stored(rows):
        seen.append(rows.clone())
        return torch.where(rows.isfinite(), 1.0, torch.nan)

    for reldata in (SparseRelationArray(matrix), SparseRelationArray(matrix).to_neighbor_tuple()):
        mapped = reldata.map_rows(stored)
        np.testing.assert_array_equal(mapped.to_square(), matrix > 0)
    for rows in seen:
        np.testing.assert_array_equal(rows, [[1, 2], [3, np.inf], [4, np.inf]])


def test_empty_sparse_matrix_has_no_edges_and_total_zero():
    empty = SparseRelationArray(scipy.sparse.csr_array((4, 4)))
    assert float(empty.total()) == 0
    assert [len(part) for part in empty.edges()] == [0, 0, 0]
    assert float(empty.normalized().row_normalized().symmetrized().total()) == 0


def test_square_and_triangular_edges_of_zero_are_left_out():
    triangle = TriangularRelationTensor(torch.tensor([1.0, 0.0, 2.0]))
    rows, cols, values = triangle.edges()
    assert sorted(zip(rows.tolist(), cols.tolist(), values.tolist(), strict=True)) == [
        (0, 1, 1.0),
        (1, 0, 1.0),
        (1, 2, 2.0),
        (2, 1, 2.0),
    ]


@pytest.mark.parametrize("index", [-1, 3, 7])
def test_neighbour_index_out_of_range_names_the_row(index):
    with pytest.raises(ValueError, match=rf"must lie in \[0, 3\), got \[2, {index}\] in row 1"):
        NeighborRelationTuple(([[1, 2], [2, index], [0, 1]], np.ones((3, 2))))


@pytest.mark.parametrize("kind", [np.int32, np.int64, np.uint8])
def test_neighbour_indices_may_be_any_integers(kind):
    result = NeighborRelationTuple((np.array([[1], [2], [0]], kind), np.ones((3, 1))))
    assert result.indices.dtype == torch.int64
    np.testing.assert_array_equal(result.to_square(), np.roll(np.eye(3), 1, axis=1))


def test_blocks_of_large_sparse_relations_read_only_their_rows():
    n = 200_000
    rows = np.arange(n)
    ring = scipy.sparse.csr_array((np.ones(n), (rows, (rows + 1) % n)), shape=(n, n))
    for reldata in (
        SparseRelationArray(ring),
        NeighborRelationTuple((((rows + 1) % n)[:, None], np.ones((n, 1)))),
    ):
        assert reldata.sub([5, n - 1, 6, 0]).tolist() == [[0, 0, 1, 0], [0, 0, 0, 1], [0, 0, 0, 0], [0, 0, 0, 0]]


@pytest.mark.parametrize("subtract_product", [False, True])
def test_block_of_a_symmetrized_graph_is_that_of_the_matrix(subtract_product):
    rng = np.random.default_rng(0)
    graph = SparseRelationArray(rng.random((30, 30)) * (rng.random((30, 30)) < 0.3))
    symmetric = graph.symmetrized(subtract_product=subtract_product)
    assert symmetric.data.diagonal().any()
    chosen = rng.permutation(30)[:12]
    for reldata in (symmetric, symmetric.normalized()):
        expected = reldata.data.toarray()[np.ix_(chosen, chosen)]
        np.testing.assert_allclose(reldata.sub(chosen), expected, rtol=1e-12)


def test_block_is_right_where_a_map_breaks_the_symmetry():
    symmetric = SparseRelationArray(np.arange(16.0).reshape(4, 4)).symmetrized()
    broken = symmetric.with_values(torch.arange(1.0, 1 + symmetric.values.numel()))
    np.testing.assert_array_equal(broken.sub([2, 0, 3]), broken.data.toarray()[np.ix_([2, 0, 3], [2, 0, 3])])
    broken = symmetric.normalized()
    broken.sub([0, 1])
    broken.data = np.arange(16.0).reshape(4, 4)
    np.testing.assert_array_equal(broken.sub([1, 3]), [[5, 7], [13, 15]])
