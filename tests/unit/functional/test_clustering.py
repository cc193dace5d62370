import numpy as np
import pytest
import torch
from sklearn.cluster import KMeans
from sklearn.datasets import load_digits

from paradime.functional import k_means, nearest_center


def inertia(rows, centers):
    return torch.cdist(rows, centers.to(rows)).min(dim=1).values.square().sum()


def test_centers_are_as_good_as_those_of_another_implementation_from_the_same_start():
    X = load_digits().data
    rows = torch.from_numpy(X - X.mean(axis=0)).float()[torch.randperm(len(X), generator=torch.manual_seed(0))]
    reference = KMeans(20, n_init=1, init=rows[:20].numpy(), max_iter=8, tol=0).fit(rows.numpy())
    assert inertia(rows, k_means(rows, 20)) < 1.01 * reference.inertia_
    assert inertia(rows, k_means(rows, 20, steps=0)) > 1.3 * reference.inertia_


def test_center_is_the_mean_of_the_rows_that_are_nearest_to_it():
    rows = torch.tensor([[0.0, 0.0], [10.0, 0.0], [0.0, 2.0], [10.0, 4.0]])
    torch.testing.assert_close(k_means(rows, 2), torch.tensor([[0.0, 1.0], [10.0, 2.0]], dtype=torch.float64))


@pytest.mark.parametrize("rows", [torch.ones(1, 2), torch.ones(30, 2)])
def test_centers_of_rows_that_are_all_the_same_are_that_row(rows):
    assert torch.equal(k_means(rows, 7), torch.ones(7, 2, dtype=torch.float64))


def test_nearest_center_agrees_with_distances_also_in_chunks(monkeypatch):
    monkeypatch.setattr("paradime.functional.clustering._CHUNK_ELEMENTS", 100)
    rows, centers = torch.randn(101, 3), torch.randn(9, 3)
    expected = np.linalg.norm(rows.numpy()[:, None] - centers.numpy(), axis=2).argmin(axis=1)
    assert nearest_center(rows, centers).tolist() == expected.tolist()
