import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial.distance import cdist, pdist, squareform

from paradime.functional import (
    condensed_distances,
    condensed_index,
    condensed_size,
    condensed_to_square,
    paired_distances,
    points_of_condensed,
    square_to_condensed,
)

SIZES = st.integers(2, 12)
SEEDS = st.integers(0, 2**32 - 1)
METRICS = {"manhattan": "cityblock", "chebyshev": "chebyshev", "cosine": "cosine"}
METRICS |= {"sqeuclidean": "sqeuclidean", "euclidean": "euclidean"}


def points(seed=0, n=7, d=4):
    return np.random.default_rng(seed).normal(size=(n, d))


# -- the condensed layout -----------------------------------------------------------------------------


@settings(max_examples=30, deadline=None)
@given(SIZES, SEEDS)
def test_spreading_to_a_square_and_back_is_scipys_squareform(n, seed):
    values = np.random.default_rng(seed).normal(size=condensed_size(n))
    square = condensed_to_square(torch.tensor(values), n)
    np.testing.assert_array_equal(square, squareform(values))
    np.testing.assert_array_equal(square_to_condensed(square), values)


@settings(max_examples=30, deadline=None)
@given(SIZES, SEEDS)
def test_index_of_a_pair_points_to_its_entry_whichever_way_round(n, seed):
    values = np.random.default_rng(seed).normal(size=condensed_size(n))
    rows, cols = np.nonzero(~np.eye(n, dtype=bool))
    indices = condensed_index(torch.tensor(rows), torch.tensor(cols), n)
    np.testing.assert_array_equal(values[indices], squareform(values)[rows, cols])


def test_index_of_pairs_of_many_points_does_not_overflow():
    n = 3_000_000
    index = condensed_index(torch.tensor([n - 2]), torch.tensor([n - 1]), n)
    assert int(index) == condensed_size(n) - 1 > 2**31


@pytest.mark.parametrize("n", [2, 3, 10, 1000, 123_457])
def test_number_of_points_is_found_from_the_number_of_pairs(n):
    assert points_of_condensed(condensed_size(n)) == n


@pytest.mark.parametrize("size", [0, 2, 4, 7, condensed_size(1000) + 1, condensed_size(1000) - 1])
def test_other_numbers_of_pairs_belong_to_no_number_of_points(size):
    assert points_of_condensed(size) is None


def test_square_of_one_point_has_no_pairs():
    assert condensed_to_square(torch.empty(0), 1).tolist() == [[0.0]]


def test_gradients_flow_through_the_layouts():
    values = torch.rand(6, dtype=torch.float64, generator=torch.Generator().manual_seed(0), requires_grad=True)
    assert torch.autograd.gradcheck(lambda v: condensed_to_square(v, 4), (values,))
    assert torch.autograd.gradcheck(lambda v: square_to_condensed(condensed_to_square(v, 4)), (values,))


# -- distances ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("metric", METRICS)
def test_named_distances_are_those_of_scipy(metric):
    X, Y = points(0), points(1)
    result = condensed_distances(torch.tensor(X), metric=metric)
    np.testing.assert_allclose(result, pdist(X, METRICS[metric]), rtol=1e-10)
    pairs = paired_distances(torch.tensor(X), torch.tensor(Y), metric=metric)
    np.testing.assert_allclose(pairs, cdist(X, Y, METRICS[metric]).diagonal(), rtol=1e-10)


def test_distances_are_euclidean_unless_said_otherwise():
    X, Y = points(0), points(1)
    np.testing.assert_allclose(condensed_distances(torch.tensor(X)), pdist(X), rtol=1e-12)
    np.testing.assert_allclose(
        paired_distances(torch.tensor(X), torch.tensor(Y)), np.linalg.norm(X - Y, axis=1), rtol=1e-12
    )


@pytest.mark.parametrize("p", [1, 1.5, 3, float("inf")])
def test_order_of_the_minkowski_distance(p):
    X = points()
    expected = pdist(X, "chebyshev") if p == float("inf") else pdist(X, "minkowski", p=p)
    np.testing.assert_allclose(condensed_distances(torch.tensor(X), p=p), expected, rtol=1e-10)


def test_metric_may_be_a_function_of_rows():
    X = torch.tensor(points())
    result = condensed_distances(X, metric=lambda A, B: (A - B).abs().sum(dim=1))
    np.testing.assert_allclose(result, pdist(X, "cityblock"), rtol=1e-12)


@pytest.mark.parametrize("metric", [None, *METRICS])
@pytest.mark.parametrize("paired", [False, True])
def test_gradients_of_equal_rows_and_of_zeros_are_finite(metric, paired):
    X = torch.tensor([[1.0, 2.0], [1.0, 2.0], [0.0, 0.0], [0.0, 0.0], [3.0, 1.0]], requires_grad=True)
    result = (
        paired_distances(X, X.flip(0).roll(2, 0), metric=metric)
        if paired
        else condensed_distances(X, metric=metric)
    )
    assert result.isfinite().all()
    result.sum().backward()
    assert X.grad.isfinite().all()


@pytest.mark.parametrize("metric", [None, *METRICS])
def test_gradients_of_distances_are_their_derivatives(metric):
    X = torch.tensor(points(2, n=4, d=3), requires_grad=True)
    assert torch.autograd.gradcheck(lambda X: condensed_distances(X, metric=metric), (X,))


def test_unknown_metric_gets_a_suggestion():
    with pytest.raises(ValueError, match=r"unknown differentiable metric 'euclidaen'\. Did you mean 'euclidean'"):
        condensed_distances(torch.ones(3, 2), metric="euclidaen")


def test_metric_that_returns_a_matrix_is_refused_with_both_shapes():
    with pytest.raises(ValueError, match=r"one distance per row, shape \(3,\), got \(3, 3\)"):
        paired_distances(torch.ones(3, 2), torch.ones(3, 2), metric=torch.cdist)
