import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from paradime.functional import cross_entropy_loss, kullback_leibler_div

SEEDS = st.integers(0, 2**32 - 1)


def relations(seed, shape):
    rng = np.random.default_rng(seed)
    return (np.where(rng.random(shape) < 0.3, 0, rng.random(shape)) for _ in range(2))


def kl_in_numpy(p, q, eps=1e-7):
    total = 0.0
    for index in np.ndindex(p.shape):
        if p.ndim == 1 or index[0] != index[1]:
            total += p[index] * (np.log(p[index] + eps) - np.log(q[index] + eps))
    return total / len(p)


def cross_entropy_in_numpy(p, q, eps=1e-7):
    return -np.sum(p * np.log(q + eps) + (1 - p) * np.log(1 - q + eps)) / len(p)


@settings(max_examples=25, deadline=None)
@given(SEEDS, st.sampled_from([(5, 5), (7,)]))
def test_kullback_leibler_divergence_is_the_formula(seed, shape):
    p, q = relations(seed, shape)
    result = kullback_leibler_div(torch.tensor(p), torch.tensor(q))
    assert float(result) == pytest.approx(kl_in_numpy(p, q), rel=1e-9)


@settings(max_examples=25, deadline=None)
@given(SEEDS, st.sampled_from([(5, 5), (7,), (2, 3)]))
def test_cross_entropy_is_the_formula(seed, shape):
    p, q = relations(seed, shape)
    result = cross_entropy_loss(torch.tensor(p), torch.tensor(q))
    assert float(result) == pytest.approx(cross_entropy_in_numpy(p, q), rel=1e-9)


@pytest.mark.parametrize("diagonal", [0.0, 1.0, 1e8])
def test_diagonal_of_square_relations_does_not_count(diagonal):
    p, q = (torch.tensor(m) for m in relations(0, (6, 6)))
    expected = float(kullback_leibler_div(p, q))
    other_p, other_q = p.clone().fill_diagonal_(diagonal), q.clone().fill_diagonal_(diagonal / 2)
    assert float(kullback_leibler_div(other_p, other_q)) == pytest.approx(expected, rel=1e-6)


def test_diagonal_gets_no_gradient():
    p, q = (torch.tensor(m) + 0.1 for m in relations(1, (4, 4)))
    q.fill_diagonal_(1).requires_grad_()
    kullback_leibler_div(p.fill_diagonal_(1), q).backward()
    assert q.grad.diagonal().tolist() == [0] * 4
    assert (q.grad.abs().sum(dim=1) > 0).all()


def test_divergence_of_equal_distributions_is_zero_and_of_others_positive():
    p, q = (torch.tensor(m).fill_diagonal_(0) for m in relations(2, (5, 5)))
    p, q = p / p.sum(), q / q.sum()
    assert float(kullback_leibler_div(p, p)) == 0
    assert float(kullback_leibler_div(p, q)) > 0


def test_cross_entropy_is_least_where_the_relations_are_equal():
    p = torch.linspace(0.1, 0.9, 9, dtype=torch.float64)
    q = p.clone().requires_grad_()
    (gradient,) = torch.autograd.grad(cross_entropy_loss(p, q), q)
    np.testing.assert_allclose(gradient, 0, atol=1e-5)
    assert cross_entropy_loss(p, p) < cross_entropy_loss(p, p + 0.05)


@pytest.mark.parametrize("loss", [kullback_leibler_div, cross_entropy_loss])
def test_zeros_and_ones_have_finite_values_and_gradients(loss):
    p = torch.tensor([0.0, 0.0, 1.0, 1.0])
    q = torch.tensor([0.0, 1.0, 0.0, 1.0], requires_grad=True)
    value = loss(p, q)
    value.backward()
    assert value.isfinite()
    assert q.grad.isfinite().all()


@pytest.mark.parametrize("loss", [kullback_leibler_div, cross_entropy_loss])
@pytest.mark.parametrize("shape", [(4, 4), (5,)])
def test_gradients_are_the_derivatives(loss, shape):
    p, q = (torch.tensor(m * 0.8 + 0.1) for m in relations(3, shape))
    assert torch.autograd.gradcheck(loss, (p.requires_grad_(), q.requires_grad_()))


@pytest.mark.parametrize("loss", [kullback_leibler_div, cross_entropy_loss])
def test_relations_of_different_shapes_are_refused_with_both_shapes(loss):
    with pytest.raises(ValueError, match=r"got \(2, 2\) and \(4,\).*ToSquareTensor"):
        loss(torch.ones(2, 2), torch.ones(4))
