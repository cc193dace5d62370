"""The relations of UMAP against a straightforward implementation of the paper's algorithms 1 to 3."""

import numpy as np
import pytest
import sklearn.datasets
import sklearn.neighbors

from paradime.functional import find_ab
from paradime.relations import NeighborBasedPDist
from paradime.transforms import ConnectivityBasedRescale, Symmetrize


def smooth_knn_dist(dists, n_neighbors, tolerance=1e-10):
    """Algorithm 3: bisection for σ, one point at a time, ρ the distance to the nearest neighbour."""
    rho, goal, low, high, sigma = dists.min(), np.log2(n_neighbors), 0.0, np.inf, 1.0
    for _ in range(200):
        total = np.exp(-(dists - rho) / sigma).sum()
        if abs(total - goal) < tolerance:
            break
        if total > goal:
            high, sigma = sigma, (low + sigma) / 2
        else:
            low, sigma = sigma, 2 * sigma if high == np.inf else (sigma + high) / 2
    return rho, sigma


def fuzzy_simplicial_set(X, n_neighbors):
    """Algorithm 2 for every point, and the union of algorithm 1: A + Aᵀ − A∘Aᵀ."""
    dists, indices = sklearn.neighbors.NearestNeighbors(n_neighbors=n_neighbors).fit(X).kneighbors()
    A, sigmas = np.zeros((len(X), len(X))), []
    for i in range(len(X)):
        rho, sigma = smooth_knn_dist(dists[i], n_neighbors)
        A[i, indices[i]] = np.exp(-(dists[i] - rho) / sigma)
        sigmas.append(sigma)
    return A + A.T - A * A.T, np.array(sigmas)


@pytest.mark.parametrize("n_neighbors", [5, 15, 40])
def test_fuzzy_union_is_that_of_the_algorithm(n_neighbors):
    X = sklearn.datasets.make_blobs(250, n_features=6, centers=5, random_state=1)[0]
    calibrate = ConnectivityBasedRescale(n_neighbors)
    found = NeighborBasedPDist(transform=[calibrate, Symmetrize(subtract_product=True)]).compute_relations(X)
    expected, sigmas = fuzzy_simplicial_set(X, n_neighbors)
    # the calibration in single precision is good to 1e-5 in the logarithm of the sum
    np.testing.assert_allclose(calibrate.sigmas, sigmas, rtol=1e-3)
    np.testing.assert_allclose(found.to_square(), expected, rtol=2e-3, atol=1e-6)
    np.testing.assert_array_equal(found.to_square() > 1e-12, expected > 1e-12)


def test_nearest_neighbour_of_every_point_is_a_certain_member():
    X = sklearn.datasets.make_blobs(100, n_features=3, random_state=2)[0]
    found = NeighborBasedPDist(transform=ConnectivityBasedRescale(10)).compute_relations(X).data[1]
    np.testing.assert_array_equal(found.max(axis=1), 1)
    np.testing.assert_allclose(found.sum(axis=1), np.log2(10), rtol=1e-4)


@pytest.mark.parametrize("min_dist", [0.0, 0.1, 0.25, 0.8])
def test_kernel_in_the_embedding_is_one_within_min_dist_and_decays_beyond(min_dist):
    a, b = find_ab(1.0, min_dist)
    d = np.linspace(0, 3, 300)
    target = np.where(d < min_dist, 1, np.exp(-(d - min_dist)))
    # the family 1/(1 + a d^2b) cannot follow the kink; this is how close the best fit comes
    assert np.sqrt(np.mean((1 / (1 + a * d ** (2 * b)) - target) ** 2)) < 0.05
