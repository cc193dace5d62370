import numpy as np
import pytest
import torch
from scipy.spatial.distance import pdist, squareform

from paradime.functional import log_radii, squared_distances


def test_radii_agree_with_the_formula():
    X = np.random.default_rng(0).normal(size=(7, 2))
    sq_dists = squareform(pdist(X, "sqeuclidean"))
    q = 1 / (1 + sq_dists) - np.eye(7)
    expected = np.log(1e-8 + (q * sq_dists).sum(axis=1) / q.sum(axis=1))
    np.testing.assert_allclose(log_radii(torch.tensor(sq_dists)), expected, rtol=1e-9, atol=1e-12)


def test_gradients_of_radii_are_right():
    X = torch.randn(6, 2, generator=torch.Generator().manual_seed(0), dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(lambda X: log_radii(squared_distances(X)), X)


@pytest.mark.parametrize("scale", [0.0, 1e-6, 1e6])
def test_radii_stay_finite(scale):
    X = (scale * torch.randn(6, 2, generator=torch.Generator().manual_seed(0))).requires_grad_()
    radii = log_radii(squared_distances(X))
    radii.sum().backward()
    assert radii.isfinite().all()
    assert X.grad.isfinite().all()
