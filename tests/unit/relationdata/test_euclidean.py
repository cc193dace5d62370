"""Euclidean distances that are computed on access, and kernels of them."""

import copy
import operator

import numpy as np
import pytest
import torch
from scipy.spatial.distance import pdist, squareform

from paradime.functional import modified_cauchy, squared_distances, student_t
from paradime.relationdata import (
    EuclideanPairsTensor,
    EuclideanRelationTensor,
    FlatRelationTensor,
    TriangularRelationTensor,
)


def points(seed=0, n=7, d=2, dtype=torch.float64):
    return torch.tensor(np.random.default_rng(seed).normal(size=(n, d)), dtype=dtype)


def kernel(sq_dists):
    return student_t(sq_dists, 1.0)


PAIRS = torch.tensor([0, 3, 2, 4]), torch.tensor([1, 0, 4, 2])

METHODS = {
    "data": lambda r: r.data,
    "values": lambda r: r.values,
    "total": lambda r: r.total(),
    "row_normalized": lambda r: r.row_normalized().to_square(),
    "symmetrized": lambda r: r.symmetrized().to_square(),
    "fuzzy union": lambda r: r.symmetrized(subtract_product=True).to_square(),
    "without_diagonal": lambda r: r.without_diagonal().to_square(),
    "normalized": lambda r: r.normalized().to_square(),
    "to_square": operator.methodcaller("to_square"),
    "sub": lambda r: r.sub([4, 0, 2]),
    "edges": lambda r: torch.stack([part.double() for part in r.edges()]),
    "map": lambda r: r.map(torch.exp).to_square(),
    "map_rows": lambda r: r.map_rows(lambda rows: rows.softmax(dim=1)).to_square(),
    "map_squares": lambda r: r.map_squares(kernel).to_square(),
    "total of a kernel": lambda r: r.map_squares(kernel).total(),
    "normalized kernel": lambda r: r.map_squares(kernel).normalized().to_square(),
    "values of a normalized kernel": lambda r: r.map_squares(kernel).normalized().data,
    "kernel's pairs": lambda r: r.map_squares(kernel).at(*PAIRS),
    "normalized kernel's pairs": lambda r: r.map_squares(kernel).normalized().at(*PAIRS),
    "pairs of a square": lambda r: r.map_squares(kernel).normalized().to_square_tensor().at(*PAIRS),
    "square of a kernel": lambda r: r.map_squares(kernel).to_square_tensor().data,
    "distances of pairs": lambda r: r.at(*PAIRS),
    "normalized total": lambda r: r.map_squares(kernel).normalized().total(),
    "normalized twice": lambda r: r.map_squares(kernel).normalized().normalized().to_square(),
    "kernel of a kernel": lambda r: r.map_squares(kernel).map_squares(kernel).to_square(),
    "to_triangular_tensor": lambda r: r.to_triangular_tensor().data,
    "to_flat_tensor": lambda r: r.to_flat_tensor().data,
    "to_neighbor_tuple": lambda r: r.to_neighbor_tuple().to_square(),
}


@pytest.mark.parametrize("d", [1, 2, 8, 9, 40])
@pytest.mark.parametrize("method", METHODS)
def test_everything_is_as_with_condensed_distances(method, d):
    X = points(d=d)
    distances = TriangularRelationTensor(torch.tensor(pdist(X)))
    expected = METHODS[method](distances)
    np.testing.assert_allclose(METHODS[method](EuclideanRelationTensor(X)), expected, rtol=1e-9, atol=1e-13)


@pytest.mark.parametrize("d", [2, 12])
@pytest.mark.parametrize("method", [m for m in METHODS if m not in ("edges", "to_neighbor_tuple")])
def test_gradients_reach_the_points(method, d):
    X = points(n=5, d=d).requires_grad_()
    assert torch.autograd.gradcheck(lambda X: METHODS[method](EuclideanRelationTensor(X)), (X,))


@pytest.mark.parametrize(
    "make", [EuclideanRelationTensor, lambda X: EuclideanRelationTensor(X).map_squares(kernel)]
)
@pytest.mark.parametrize("seen", [False, True])
def test_assigning_data_takes_the_place_of_points_and_affects_this_object_only(make, seen):
    original = make(points())
    if seen:
        original.data, original.to_square(), original.total()
    before, other = original.data.clone(), copy.copy(original)
    other.data = torch.arange(1.0, 4.0)
    assert (other.n_points, float(other.total())) == (3, 12)
    assert other.to_square().tolist() == [[0, 1, 2], [1, 0, 3], [2, 3, 0]]
    assert float(other.normalized().total()) == pytest.approx(1)
    assert other.map_squares(torch.sqrt).data.tolist() == [1, 2, 3]
    assert original.n_points == 7
    assert torch.equal(original.data, before)


@pytest.mark.parametrize("scale", [1e-6, 1.0, 1e3, 1e5, 1e6])
def test_kernels_of_points_that_lie_far_apart_keep_their_total_in_single_precision(scale):
    X = points(n=300, dtype=torch.float32) * scale
    expected = 2 * (1 / (1 + pdist(X.double()) ** 2)).sum()
    relations = EuclideanRelationTensor(X).map_squares(kernel)
    assert float(relations.total()) == pytest.approx(expected, rel=1e-5)
    normalized = relations.normalized().to_square()
    assert float(normalized.sum()) == pytest.approx(1, rel=1e-5)
    assert (normalized >= 0).all()


@pytest.mark.parametrize("d", [2, 20])
@pytest.mark.parametrize("offset", [1e2, 1e4, 1e5])
def test_squares_and_gradients_keep_their_precision_far_from_the_origin(d, offset):
    moved = points(n=60, d=d, dtype=torch.float32) + offset
    result = []
    for X in (moved.clone().requires_grad_(), moved.double().requires_grad_()):
        similarities = kernel(squared_distances(X))
        similarities.log().sum().backward()
        result.append((similarities.detach(), X.grad))
    np.testing.assert_allclose(result[0][0], result[1][0], rtol=1e-4)
    np.testing.assert_allclose(result[0][1], result[1][1], rtol=1e-3, atol=1e-4 * float(result[1][1].abs().max()))


@pytest.mark.parametrize("d", [2, 20])
def test_squares_are_those_of_scipy_with_a_diagonal_of_zeros(d):
    X = points(n=30, d=d)
    squares = squared_distances(X)
    np.testing.assert_allclose(squares, squareform(pdist(X, "sqeuclidean")), rtol=1e-9)
    assert (squares.diagonal() == 0).all()
    assert torch.equal(squares, squares.T) or d > 8


@pytest.mark.parametrize(
    "similarity", [kernel, lambda s: modified_cauchy(s, 1.5, 0.8), lambda s: modified_cauchy(s, 1.5, 0.3)]
)
@pytest.mark.parametrize("d", [2, 20])
def test_gradients_of_points_at_one_place_are_zero(similarity, d):
    X = torch.full((4, d), 0.1, requires_grad=True)
    EuclideanRelationTensor(X).map_squares(similarity).total().backward()
    assert (X.grad == 0).all()


def test_one_point_has_relations_to_no_other():
    relations = EuclideanRelationTensor(torch.ones(1, 2))
    assert relations.n_points == 1
    assert relations.map_squares(kernel).normalized().to_square().tolist() == [[0.0]]


PAIR_METHODS = {
    "data": lambda r: r.data,
    "total": lambda r: r.total(),
    "map": lambda r: r.map(torch.exp).data,
    "kernel": lambda r: r.map_squares(kernel).data,
    "normalized": lambda r: r.normalized().data,
    "kernel of a kernel": lambda r: r.map_squares(kernel).map_squares(kernel).data,
    "to_flat_tensor": lambda r: r.to_flat_tensor().data,
}


@pytest.mark.parametrize("method", PAIR_METHODS)
def test_pairs_are_as_their_distances_with_values_and_gradients(method):
    ends = torch.stack((points(0), points(1))).requires_grad_()
    distances = FlatRelationTensor((ends[0] - ends[1]).norm(dim=1).detach())
    torch.testing.assert_close(PAIR_METHODS[method](EuclideanPairsTensor(ends)), PAIR_METHODS[method](distances))
    assert torch.autograd.gradcheck(lambda ends: PAIR_METHODS[method](EuclideanPairsTensor(ends)), (ends,))


def test_pairs_at_one_place_have_no_gradient_and_assigned_data_take_their_place():
    ends = torch.ones(2, 3, 2, requires_grad=True)
    EuclideanPairsTensor(ends).map_squares(lambda s: modified_cauchy(s, 1.5, 0.8)).total().backward()
    assert (ends.grad == 0).all()
    relations = EuclideanPairsTensor(ends.detach())
    relations.data = torch.tensor([3.0])
    assert relations.map_squares(torch.sqrt).data.tolist() == [3.0]
