import math

import pytest
import torch

from paradime.functional import neighbor_weights, perplexity_weights


def squares(n=50, k=90, seed=0):
    return torch.rand(n, k, generator=torch.Generator().manual_seed(seed), dtype=torch.float64).sort(dim=1).values


def entropy(weights):
    return torch.special.entr(weights).sum(dim=1)


@pytest.mark.parametrize("perplexity", [2.0, 30.0, 70.0])
@pytest.mark.parametrize("scale", [1e-12, 1.0, 1e12])
def test_weights_have_the_perplexity_in_any_unit(perplexity, scale):
    dists = scale * (squares() + 3)
    weights = neighbor_weights(dists, perplexity)
    assert torch.allclose(
        entropy(weights), torch.full((50,), math.log(perplexity), dtype=torch.float64), atol=1e-3
    )
    assert torch.allclose(weights, perplexity_weights(dists.clone(), perplexity)[0], atol=1e-4)


@pytest.mark.parametrize("n_near", [0, 1, 29, 31, 90])
def test_distances_that_leap_and_ties_give_weights_that_fall_with_the_distance(n_near):
    dists = squares() + 1
    dists[:, :n_near] = 1e-9 * dists[:, :n_near]
    for rows in (dists, torch.where(dists < 1, 0, dists)):
        weights = neighbor_weights(rows, 30.0)
        assert torch.allclose(weights.sum(dim=1), torch.ones(50, dtype=torch.float64))
        assert bool((weights.diff(dim=1) <= 0).all())
        assert float(entropy(weights).exp().min()) > 29


@pytest.mark.parametrize("k", [1, 2, 3, 5])
def test_few_neighbours_are_enough_for_any_perplexity(k):
    weights = neighbor_weights(squares(k=k), 30.0)
    assert torch.allclose(weights.sum(dim=1), torch.ones(50, dtype=torch.float64))
    assert k > 2 or torch.allclose(weights, torch.full((50, k), 1 / k, dtype=torch.float64))


def test_weights_do_not_depend_on_the_rows_beside():
    dists = squares()
    alone = torch.cat([neighbor_weights(row[None], 30.0) for row in dists])
    assert torch.allclose(neighbor_weights(dists, 30.0), alone, rtol=1e-12)
