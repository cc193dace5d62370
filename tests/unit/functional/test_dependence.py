import numpy as np
import pytest
import torch

from paradime.functional import centered_alignment, gaussian_kernel, squared_distances, typical_square


def normal(*shape, seed=0):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def test_alignment_agrees_with_the_formula_of_centring_matrices():
    K, L = gaussian_kernel(normal(12, 3)).numpy(), gaussian_kernel(normal(12, 2, seed=1)).numpy()
    H = np.eye(12) - 1 / 12

    def hsic(A, B):
        return np.trace(A @ H @ B @ H)

    expected = hsic(K, L) / np.sqrt(hsic(K, K) * hsic(L, L))
    assert centered_alignment(torch.tensor(K), torch.tensor(L)).item() == pytest.approx(expected, rel=1e-10)


def test_alignment_sees_dependence_without_correlation():
    x = torch.linspace(-1, 1, 200, dtype=torch.float64)[:, None]
    K = gaussian_kernel(x)
    shuffled = x[torch.randperm(200, generator=torch.Generator().manual_seed(0))]
    assert centered_alignment(K, gaussian_kernel(x.square())) > 0.2
    assert centered_alignment(K, gaussian_kernel(shuffled.square())) < 0.05


def test_alignment_with_a_constant_kernel_is_zero_with_gradient_zero():
    K = torch.full((9, 9), 0.3, requires_grad=True)
    value = centered_alignment(K, torch.eye(9))
    value.backward()
    assert value.item() == 0
    assert (K.grad == 0).all()


def test_gradients_of_alignment_and_kernel_are_right():
    L, width = torch.eye(6, dtype=torch.float64), torch.tensor(2.0, dtype=torch.float64)

    def alignment(X):
        return centered_alignment(gaussian_kernel(X, sq_bandwidth=width), L)

    assert torch.autograd.gradcheck(alignment, normal(6, 2).requires_grad_())


@pytest.mark.parametrize("scale", [1e-6, 1.0, 1e6])
def test_kernel_with_the_median_bandwidth_does_not_depend_on_the_scale(scale):
    X = normal(30, 2)
    torch.testing.assert_close(gaussian_kernel(X * scale), gaussian_kernel(X))


def test_typical_square_is_near_the_median_also_of_ordered_rows():
    X = torch.linspace(0, 1, 500)[:, None]
    sq_dists = squared_distances(X)
    assert typical_square(sq_dists).item() == pytest.approx(sq_dists.median().item(), rel=0.05)


def test_typical_square_of_duplicates_is_positive():
    X = torch.zeros(10, 1)
    assert typical_square(squared_distances(X)).item() == 1
    X[0] = 4
    assert 0 < typical_square(squared_distances(X)) < 16
