import numpy as np
import pytest
import scipy.sparse
import torch

from paradime._registry import TRANSFORMS
from paradime.relationdata import NeighborRelationTuple, SparseRelationArray, relation_factory
from paradime.relations import NeighborBasedPDist
from paradime.transforms import LocalScaling


def two_densities(n=40, seed=0):
    """A dense cloud, and one of ten times its size."""
    rng = np.random.default_rng(seed)
    return np.concatenate((rng.normal(0, 0.1, (n // 2, 2)), rng.normal(1.5, 1, (n // 2, 2))))


def by_loops(X, n_neighbors):
    dists = np.linalg.norm(X[:, None] - X, axis=2)
    scales = [np.sort(row)[4:7].mean() for row in dists]  # the first is the point itself
    scaled = dists**2 / np.outer(scales, scales)
    np.fill_diagonal(scaled, np.inf)
    return np.sort(np.argsort(scaled, axis=1)[:, :n_neighbors], axis=1)


@pytest.mark.parametrize("scale", [1e-25, 1.0, 1e25])
@pytest.mark.parametrize("n_neighbors", [1, 6])
def test_neighbours_kept_are_those_of_the_paper_at_any_scale_of_the_data(n_neighbors, scale):
    X = two_densities()
    dists = (np.linalg.norm(X[:, None] - X, axis=2) * scale).astype(np.float32)
    found = LocalScaling(n_neighbors)(dists)
    np.testing.assert_array_equal(np.sort(found.data[0], axis=1), by_loops(X, n_neighbors))
    assert (found.data[1] == 1).all()
    # the selected neighbours are not just the nearest
    nearest = np.sort(np.argsort(dists, axis=1)[:, 1 : n_neighbors + 1], axis=1)
    assert (np.sort(found.data[0], axis=1) != nearest).any()


def test_neighbours_are_looked_for_beyond_those_that_are_kept():
    assert LocalScaling(10).neighbors_wanted() == 60
    assert LocalScaling(7, n_extra=5).neighbors_wanted() == 12
    X = two_densities(200)
    found = NeighborBasedPDist(transform=LocalScaling(5)).compute_relations(X)
    assert found.data[0].shape == (200, 5)
    exact = by_loops(X, 5)
    assert np.mean([len(set(a) & set(b)) for a, b in zip(found.data[0], exact, strict=True)]) > 4.9


def test_a_point_is_never_its_own_neighbour_wherever_it_stands():
    X = two_densities()
    order = np.argsort(np.linalg.norm(X[:, None] - X, axis=2), axis=1)[:, :12]
    dists = np.take_along_axis(np.linalg.norm(X[:, None] - X, axis=2), order, axis=1)
    with_self = LocalScaling(4)((order, dists))
    without = LocalScaling(4)((order[:, 1:], dists[:, 1:]))
    np.testing.assert_array_equal(with_self.data[0], without.data[0])
    assert (with_self.data[0] != np.arange(len(X))[:, None]).all()


def test_identical_points_stay_finite_and_are_neighbours():
    X = np.concatenate((np.zeros((9, 2)), two_densities(20)))
    dists = np.linalg.norm(X[:, None] - X, axis=2)
    order = np.argsort(dists + np.diag([-1.0] * len(X)), axis=1, kind="stable")[:, 1:]
    found = LocalScaling(3)(NeighborRelationTuple((order, np.take_along_axis(dists, order, axis=1))))
    assert (found.data[1] == 1).all()
    assert (found.data[0][:9] < 9).all()


def test_rows_that_store_few_keep_what_they_have():
    matrix = np.zeros((6, 6))
    matrix[0, 1], matrix[1, [0, 2]], matrix[2, [0, 1, 3, 4]] = 1.0, [2.0, 1.0], [1.0, 2.0, 3.0, 4.0]
    found = LocalScaling(3)(SparseRelationArray(scipy.sparse.csr_array(matrix))).to_square().numpy()
    assert found.sum(axis=1).tolist() == [1, 2, 3, 0, 0, 0]
    assert set(np.unique(found)) == {0.0, 1.0}
    assert (found[matrix == 0] == 0).all()


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_precision_is_kept_and_input_is_not_changed(dtype):
    dists = torch.tensor(two_densities(), dtype=dtype)
    relations = relation_factory(torch.cdist(dists, dists))
    before = relations.data.clone()
    assert LocalScaling(3)(relations).values.dtype == dtype
    assert torch.equal(relations.data, before)


def test_settings_out_of_range_are_refused():
    with pytest.raises(ValueError, match="n_neighbors must be an integer of at least 1, got 0"):
        LocalScaling(0)
    with pytest.raises(ValueError, match="n_extra must be an integer of at least 0, got -1"):
        LocalScaling(n_extra=-1)


def test_transform_is_known_by_its_name():
    assert TRANSFORMS["local scaling"] is LocalScaling
