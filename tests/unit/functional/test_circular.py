"""The circular layout, compared with square matrices."""

import numpy as np
import pytest
import torch
from scipy.spatial.distance import pdist, squareform

from paradime.functional import circular_index, circular_squared_distances, circular_total


def points(n, d, seed=0, dtype=torch.float64):
    return torch.tensor(np.random.default_rng(seed).normal(size=(n, d)), dtype=dtype)


@pytest.mark.parametrize("d", [1, 2, 5])
@pytest.mark.parametrize("n", [2, 3, 4, 7, 30, 31])
def test_every_pair_stands_where_its_index_says_whichever_end_comes_first(n, d):
    X = points(n, d)
    result = circular_squared_distances(X).reshape(-1)
    rows, cols = torch.triu_indices(n, n, 1)
    expected = pdist(X, "sqeuclidean")
    np.testing.assert_allclose(result[circular_index(rows, cols, n)], expected, rtol=1e-12)
    np.testing.assert_allclose(result[circular_index(cols, rows, n)], expected, rtol=1e-12)


@pytest.mark.parametrize("n", [1, 2, 3, 6, 9])
def test_total_is_that_of_the_square_matrix(n):
    X = points(n, 2)
    expected = squareform(pdist(X, "sqeuclidean")).sum() if n > 1 else 0
    assert float(circular_total(circular_squared_distances(X))) == pytest.approx(expected)


@pytest.mark.parametrize("d", [1, 3])
@pytest.mark.parametrize("n", [2, 3, 6, 7])
def test_gradients_are_those_of_the_formula(n, d):
    X = points(n, d).requires_grad_()
    assert torch.autograd.gradcheck(circular_squared_distances, (X,))
    assert torch.autograd.gradcheck(lambda X: circular_total(1 / (1 + circular_squared_distances(X))), (X,))


@pytest.mark.parametrize("offset", [1e2, 1e4, 1e5])
def test_values_and_gradients_keep_their_precision_far_from_the_origin(offset):
    moved = points(50, 2, dtype=torch.float32) + offset
    result = []
    for X in (moved.clone().requires_grad_(), moved.double().requires_grad_()):
        similarities = 1 / (1 + circular_squared_distances(X))
        circular_total(similarities).backward()
        result.append((similarities.detach(), X.grad))
    np.testing.assert_allclose(result[0][0], result[1][0], rtol=1e-5)
    np.testing.assert_allclose(result[0][1], result[1][1], rtol=1e-3, atol=1e-4 * float(result[1][1].abs().max()))


def test_one_point_has_no_pair_and_no_gradient():
    X = torch.ones(1, 2, requires_grad=True)
    assert circular_squared_distances(X).shape == (0, 1)
    circular_total(circular_squared_distances(X)).backward()
    assert X.grad.tolist() == [[0.0, 0.0]]
