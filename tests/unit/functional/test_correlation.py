import numpy as np
import pytest
import torch
from scipy.stats import pearsonr, rankdata

from paradime.functional import average_rank, pearson, soft_rank, standardized


def normal(*shape, seed=0, dtype=torch.float64):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64).to(dtype)


@pytest.mark.parametrize("scale", [1e-30, 1e-6, 1.0, 1e6, 1e30])
def test_pearson_agrees_with_scipy_at_every_scale(scale):
    x, y = normal(50), normal(50, seed=1)
    y = y + x
    result = pearson((x * scale).float(), (3 * y + 7).float())
    assert result.item() == pytest.approx(pearsonr(x.numpy(), y.numpy())[0], abs=1e-5)


def test_pearson_of_columns_is_that_of_each():
    X, Y = normal(20, 3), normal(20, 3, seed=1)
    expected = [pearsonr(X[:, i].numpy(), Y[:, i].numpy())[0] for i in range(3)]
    np.testing.assert_allclose(pearson(X, Y), expected, atol=1e-12)


@pytest.mark.parametrize("constant", [0.0, 0.1, 1e6, 1e-6])
def test_correlation_with_a_constant_is_zero_with_gradient_zero(constant):
    x = torch.full((101,), constant, requires_grad=True)
    r = pearson(x, normal(101, dtype=torch.float32))
    r.backward()
    assert r.item() == 0
    assert (x.grad == 0).all()


def test_numbers_far_from_zero_that_vary_are_no_constant():
    x = 1000 + 0.5 * normal(100, dtype=torch.float32)
    assert pearson(x, x).item() == pytest.approx(1, abs=1e-5)


@pytest.mark.parametrize(
    "function", [standardized, lambda x: pearson(x, torch.arange(6.0, dtype=x.dtype)), lambda x: soft_rank(x, 0.3)]
)
def test_gradients_of_correlation_and_ranks_are_right(function):
    assert torch.autograd.gradcheck(function, normal(6).requires_grad_())


@pytest.mark.parametrize("scale", [1e-6, 1e6])
def test_soft_ranks_of_separated_numbers_are_their_ranks(scale):
    x = (torch.randperm(20, generator=torch.Generator().manual_seed(0)) * scale).float()
    np.testing.assert_allclose(soft_rank(x, 0.01), rankdata(x), atol=1e-3)


def test_soft_ranks_are_blurred_by_the_temperature():
    x = torch.tensor([0.0, 1.0, 2.0])
    spread = [soft_rank(x, temperature).std().item() for temperature in (0.01, 1.0, 100.0)]
    assert spread[0] > spread[1] > spread[2]


def test_soft_ranks_of_constants_are_the_middle_rank_with_finite_gradient():
    x = torch.ones(5, requires_grad=True)
    ranks = soft_rank(x)
    ranks.square().sum().backward()
    assert ranks.tolist() == [3.0] * 5
    assert x.grad.isfinite().all()


def test_average_rank_shares_ranks_among_ties_as_scipy_does():
    x = torch.tensor([3.0, 1.0, 3.0, 2.0, 1.0, 1.0])
    np.testing.assert_array_equal(average_rank(x), rankdata(x))
