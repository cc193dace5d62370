import itertools

import numpy as np
import pytest
import torch

from paradime.functional import cauchy_attraction, cauchy_divergence, cauchy_sums, place_by_neighbors


def points(n=300, d=2, seed=0, scale=1.0):
    return scale * torch.randn(n, d, generator=torch.Generator().manual_seed(seed))


def exact_sums(Y):
    Y = Y.to(torch.float64)
    differences = Y[:, None] - Y
    q = 1 / (1 + differences.square().sum(dim=2))
    return (differences * q.square()[..., None]).sum(dim=1), float(q.sum()) - len(Y)


def random_graph(n=300, seed=1):
    W = np.random.default_rng(seed).random((n, n)) * (np.random.default_rng(seed + 1).random((n, n)) < 0.05)
    W = (W + W.T) * (1 - np.eye(n))
    W[:3], W[:, :3] = 0, 0  # points without neighbours
    return torch.from_numpy(W / W.sum()).to(torch.float32)


def edges_of(W):
    rows, columns = W.nonzero(as_tuple=True)
    starts = torch.cat((torch.zeros(1, dtype=torch.int64), torch.bincount(rows, minlength=len(W)).cumsum(0)))
    return starts, columns, W[rows, columns]


@pytest.mark.parametrize("d", [1, 2, 3])
@pytest.mark.parametrize("scale", [0.1, 1.0, 10.0])
def test_sums_on_a_grid_agree_with_those_over_all_pairs(d, scale):
    Y = points(d=d, scale=scale)
    repulsion, normalizer = exact_sums(Y)
    sums = cauchy_sums(Y)
    tolerance = 0.12 if (d, scale) == (3, 10.0) else 0.04  # few points are near each other there
    assert float((sums.repulsion - repulsion).abs().max() / repulsion.abs().max()) < tolerance
    assert sums.normalizer == pytest.approx(normalizer, rel=0.02)


def test_forces_far_apart_are_those_of_point_charges():
    Y = torch.tensor([[0.0, 0.0], [100.0, 0.0]])
    assert float(cauchy_sums(Y).repulsion[1, 0]) == pytest.approx(100 / 10_001**2, rel=0.2)


def test_sums_do_not_depend_on_where_the_points_are():
    Y = points()
    moved, sums = cauchy_sums(Y + 1_000), cauchy_sums(Y)
    assert torch.allclose(moved.repulsion, sums.repulsion, atol=0.05 * float(sums.repulsion.abs().max()))
    assert moved.normalizer == pytest.approx(sums.normalizer, rel=1e-3)


def test_the_grid_of_a_wide_map_stays_small_enough():
    Y = torch.cat((points(), torch.tensor([[1e6, 1e6]])))
    assert bool(cauchy_sums(Y).repulsion.isfinite().all())


def test_coinciding_points_do_not_repel_each_other():
    assert cauchy_sums(torch.zeros(5, 2)).repulsion.abs().max() < 1e-4
    assert cauchy_sums(torch.zeros(5, 2)).normalizer == pytest.approx(20, rel=0.02)


def test_sums_of_more_than_three_dimensions_are_refused():
    with pytest.raises(ValueError, match="1 to 3 dimensions, got points of 4"):
        cauchy_sums(torch.zeros(5, 4))


@pytest.mark.parametrize("d", [1, 2, 3])
def test_attraction_agrees_with_the_formula(d):
    Y, W = points(d=d), random_graph()
    differences = Y[:, None] - Y
    expected = (differences * (W / (1 + differences.square().sum(dim=2)))[..., None]).sum(dim=1)
    assert torch.allclose(cauchy_attraction(Y, *edges_of(W)), expected, atol=1e-7)


def test_attraction_is_the_same_in_blocks_of_rows(monkeypatch):
    Y, W = points(), random_graph()
    whole = cauchy_attraction(Y, *edges_of(W))
    monkeypatch.setattr("paradime.functional.cauchy._ROWS_AT_ONCE", 7)
    assert torch.equal(cauchy_attraction(Y, *edges_of(W)), whole)


def test_the_gradient_is_that_of_the_divergence():
    Y, W = points(n=40).to(torch.float64), random_graph(40).to(torch.float64)
    Y.requires_grad_()
    q = 1 / (1 + (Y[:, None] - Y).square().sum(dim=2))
    normalizer = q.sum() - len(Y)
    present = W > 0
    divergence = (W[present] * (W[present] / (q[present] / normalizer)).log()).sum()
    (gradient,) = torch.autograd.grad(divergence, Y)
    single = Y.detach().to(torch.float32)
    sums, ends = cauchy_sums(single), edges_of(W.to(torch.float32))
    ours = 4 * (cauchy_attraction(single, *ends) - sums.repulsion / sums.normalizer)
    assert float((ours - gradient).abs().max() / gradient.abs().max()) < 0.05
    assert cauchy_divergence(single, *ends, float(normalizer.detach())) == pytest.approx(
        float(divergence.detach()), rel=1e-4
    )


def test_a_point_between_two_islands_is_placed_on_the_one_with_more_weight():
    positions = torch.tensor([[[50.0, 0.0], [0.0, 0.0], [0.0, 1.0], [1.0, 0.0]]])
    placed = place_by_neighbors(torch.tensor([[0.35, 0.25, 0.2, 0.2]]), positions)
    assert float(placed.norm()) < 1.5


def test_steps_reduce_the_weighted_log_distances():
    generator = torch.Generator().manual_seed(0)
    positions = torch.randn(20, 12, 2, generator=generator, dtype=torch.float64) * 3
    weights = torch.rand(20, 12, generator=generator, dtype=torch.float64)
    weights = weights / weights.sum(dim=1, keepdim=True)

    def energy(placed):
        return (weights * (placed[:, None] - positions).square().sum(dim=2).log1p()).sum(dim=1)

    energies = [energy(place_by_neighbors(weights, positions, n_steps=steps)) for steps in range(6)]
    for before, after in itertools.pairwise(energies):
        assert bool((after <= before + 1e-12).all())


def test_a_single_neighbour_gives_its_position():
    positions = torch.tensor([[[3.0, 4.0]]])
    assert torch.allclose(place_by_neighbors(torch.ones(1, 1), positions), positions[0])
