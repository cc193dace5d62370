import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from paradime.neighbors import nearest_neighbors
from paradime.neighbors.products import expanded, smallest, smallest_columns


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 10_000), st.integers(1, 700), st.integers(1, 40))
def test_smallest_entries_are_those_of_sorting(seed, n_columns, k):
    block = torch.randn(5, n_columns, generator=torch.Generator().manual_seed(seed)).round(decimals=1)
    k = min(k, n_columns)
    values, columns = smallest(block, k)
    assert torch.equal(values.sort(dim=1).values, block.sort(dim=1).values[:, :k])
    assert torch.equal(block.gather(1, columns), values)
    assert all(len(set(row)) == k for row in columns.tolist())


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 10_000), st.integers(1, 700), st.integers(1, 20))
def test_columns_of_all_smallest_entries_are_kept(seed, n_columns, k):
    block = torch.randn(5, n_columns, generator=torch.Generator().manual_seed(seed))
    k = min(k, n_columns)
    wanted = block.topk(k, largest=False).indices.flatten().unique()
    assert torch.isin(wanted, smallest_columns(block.clone(), k)).all()


def test_expansion_is_the_squared_distance_less_the_rows_own_norm():
    a, b = torch.randn(4, 3).double(), torch.randn(6, 3).double()
    torch.testing.assert_close(expanded(a, b) + a.square().sum(1)[:, None], torch.cdist(a, b).square())


@pytest.mark.parametrize("dim", [3, 60])
@pytest.mark.parametrize("spread", [1.0, 1e-5, 1e-9])
def test_exact_search_tells_points_apart_that_lie_close_together_and_far_away(dim, spread):
    rng = np.random.default_rng(0)
    X = rng.normal(size=(5, dim))[rng.integers(5, size=300)] + spread * rng.normal(size=(300, dim))
    X = torch.from_numpy(X) + 100
    dists = torch.cdist(X, X, compute_mode="donot_use_mm_for_euclid_dist").fill_diagonal_(torch.inf)
    true = dists.topk(7, largest=False)
    indices, result = nearest_neighbors(X, 7, backend="exact")
    np.testing.assert_allclose(result, true.values, rtol=1e-6 if dim < 32 else 1e-5)
    assert torch.equal(indices, true.indices)


@pytest.mark.parametrize("dim", [2, 40])
def test_exact_search_among_many_equal_distances_finds_the_smallest(dim):
    X = torch.from_numpy(np.random.default_rng(0).integers(0, 3, size=(400, dim)).astype(float))
    dists = torch.cdist(X, X, compute_mode="donot_use_mm_for_euclid_dist").fill_diagonal_(torch.inf)
    _, result = nearest_neighbors(X, 12, backend="exact")
    np.testing.assert_allclose(result, dists.topk(12, largest=False).values, rtol=1e-6)
