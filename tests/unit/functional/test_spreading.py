import numpy as np
import pytest
import torch
from scipy.spatial.distance import cdist
from sklearn.datasets import load_iris

from paradime.functional.clustering import covering_points, relative_movement


def test_chosen_points_cover_the_others_better_than_random_ones():
    X = torch.tensor(load_iris().data, dtype=torch.float32)
    generator = torch.Generator().manual_seed(0)
    chosen = covering_points(X, 15, generator=generator)
    drawn = [np.random.default_rng(seed).choice(150, 15, replace=False) for seed in range(10)]
    at_random = np.mean([cdist(X, X[rows]).min(axis=1).mean() for rows in drawn])
    assert cdist(X, X[chosen]).min(axis=1).mean() < 0.92 * at_random


@pytest.mark.parametrize("n_points", [1, 7, 40, 41, 99])
def test_as_many_as_asked_for_each_once(n_points):
    X = torch.zeros(40, 2)
    X[:3] = torch.eye(3, 2)  # nearly all are the same point
    chosen = covering_points(X, n_points)
    assert len(chosen) == len(set(chosen.tolist())) == min(n_points, 40)
    assert chosen.tolist() == sorted(chosen.tolist())


def test_offsets_do_not_matter():
    # sums and mean of 256 multiples of 1/256 are exact, so that centred rows are identical
    X = torch.randn(256, 2, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    X = (256 * X).round() / 256
    chosen = [covering_points(X + by, 20, generator=torch.Generator().manual_seed(1)) for by in (0, 4096)]
    assert torch.equal(*chosen)


def test_a_map_without_spread_has_not_moved():
    assert relative_movement(torch.zeros(3, 2), torch.ones(3, 2), 0.0).tolist() == [0, 0, 0]
