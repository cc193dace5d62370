import numpy as np
import pytest
import torch
from scipy.spatial.distance import pdist, squareform

from paradime.functional import dirichlet_energy, nearness


def points(n=8, d=2, seed=0):
    return torch.randn(n, d, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def weights(n=8):
    return torch.rand(n, n, generator=torch.Generator().manual_seed(1), dtype=torch.float64)


def test_energy_agrees_with_the_formula():
    Z, W = points(), weights()
    sq_dists = squareform(pdist(Z.numpy(), "sqeuclidean"))
    W_off = W.numpy() * (1 - np.eye(8))
    expected = (W_off * sq_dists).sum() / (W_off.sum() * sq_dists[~np.eye(8, dtype=bool)].mean())
    assert dirichlet_energy(Z, W).item() == pytest.approx(expected, rel=1e-10)


@pytest.mark.parametrize("scale", [1e-25, 1e-6, 1e6, 1e25])
@pytest.mark.parametrize("shift", [0.0, 1.0])
def test_energy_does_not_depend_on_scale_and_place(scale, shift):
    Z, W = points(), weights()
    assert dirichlet_energy(((Z + shift) * scale).float(), W).item() == pytest.approx(
        dirichlet_energy(Z, W).item(), rel=1e-4
    )


def test_collapse_costs_as_much_as_chance():
    Z = torch.full((8, 2), 0.3, requires_grad=True)
    value = dirichlet_energy(Z, weights())
    value.backward()
    assert value.item() == 1
    assert (Z.grad == 0).all()
    random = [dirichlet_energy(points(seed=seed), weights()).item() for seed in range(200)]
    assert np.mean(random) == pytest.approx(1, abs=0.06)


def test_no_weights_cost_nothing():
    assert dirichlet_energy(points(), torch.eye(8)).item() == 0


def test_gradients_of_the_energy_are_right():
    assert torch.autograd.gradcheck(lambda Z: dirichlet_energy(Z, weights()), points().requires_grad_())


@pytest.mark.parametrize("unit", [1e-6, 1.0, 1e6])
def test_chosen_scale_lets_about_four_rows_be_near_whatever_the_unit(unit):
    times = (torch.randperm(200, generator=torch.Generator().manual_seed(0)) + 1000) * unit
    W = nearness(times.float())
    near = (W >= 0.6).sum(dim=1)
    assert near.float().median() == 4


@pytest.mark.parametrize("times", [[1.0] * 6, [0.0, 0.0, 0.0, 0.0, 0.0, 5.0], [2.0, 3.0]])
def test_times_that_are_the_same_are_near(times):
    W = nearness(torch.tensor(times))
    assert W.isfinite().all()
    same = torch.tensor(times)[:, None] == torch.tensor(times)
    assert (W[same & ~torch.eye(len(times), dtype=torch.bool)] == 1).all()
