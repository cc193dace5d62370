import numpy as np
import pytest
import scipy.sparse
import torch

from paradime.relationdata import (
    FlatRelationArray,
    FlatRelationTensor,
    NeighborRelationTuple,
    SparseRelationArray,
    SquareRelationArray,
    SquareRelationTensor,
    TriangularRelationArray,
    TriangularRelationTensor,
    relation_factory,
)

PAIR = np.array([[1], [0], [0]]), np.array([[0.5], [0.5], [2.0]])


@pytest.mark.parametrize(
    ("given", "kind"),
    [
        (np.eye(3), SquareRelationArray),
        (np.eye(3).tolist(), SquareRelationArray),
        (torch.eye(3), SquareRelationTensor),
        (np.arange(6.0), TriangularRelationArray),
        (torch.arange(6.0), TriangularRelationTensor),
        ([1.0, 2.0, 3.0], TriangularRelationArray),
        (np.arange(5.0), FlatRelationArray),
        (torch.arange(5.0), FlatRelationTensor),
        (PAIR, NeighborRelationTuple),
        (tuple(torch.tensor(part) for part in PAIR), NeighborRelationTuple),
        (tuple(part.tolist() for part in PAIR), NeighborRelationTuple),
        (scipy.sparse.csr_array(np.eye(3)), SparseRelationArray),
        (scipy.sparse.coo_matrix(np.eye(3)), SparseRelationArray),
        (scipy.sparse.lil_array(np.eye(3)), SparseRelationArray),
    ],
)
def test_container_fits_shape_and_kind(given, kind):
    assert type(relation_factory(given)) is kind


@pytest.mark.parametrize(
    ("size", "triangular"), [(1, True), (2, False), (3, True), (4, False), (10, True), (11, False)]
)
def test_vector_is_a_triangle_if_some_number_of_points_has_that_many_pairs(size, triangular):
    result = relation_factory(np.ones(size))
    assert type(result) is (TriangularRelationArray if triangular else FlatRelationArray)


@pytest.mark.parametrize("kind", [np.ones, torch.ones])
def test_vector_stays_flat_when_forced(kind):
    assert type(relation_factory(kind(6), force_flat=True)) in (FlatRelationArray, FlatRelationTensor)


def test_container_is_returned_as_it_is():
    container = SquareRelationArray(np.eye(3))
    assert relation_factory(container) is container


@pytest.mark.parametrize("given", [np.ones((2, 3, 4)), np.float64(3.0), torch.ones(2, 2, 2)])
def test_shape_that_fits_no_layout_is_refused(given):
    with pytest.raises(ValueError, match="relations must be a square matrix, a condensed or flat vector"):
        relation_factory(given)


@pytest.mark.parametrize("given", [np.ones((2, 3)), torch.ones(4, 1)])
def test_matrix_that_is_not_square_is_refused_with_its_shape(given):
    with pytest.raises(ValueError, match=rf"shape \(n, n\), got \({given.shape[0]}, {given.shape[1]}\)"):
        relation_factory(given)


def test_what_is_not_numeric_is_refused():
    with pytest.raises(TypeError, match="expected numbers, got"):
        relation_factory([["a", "b"], ["c", "d"]])


def test_arrays_are_not_copied():
    given = np.eye(3)
    assert np.shares_memory(relation_factory(given).data, given)
    tensor = torch.eye(3)
    assert relation_factory(tensor).data is tensor


def test_repr_tells_layout_points_and_stored_entries():
    assert repr(relation_factory(PAIR)) == "NeighborRelationTuple(n_points=3, stored=3)"
    assert repr(relation_factory(np.ones(5))) == "FlatRelationArray(stored=5)"
