"""The relations of t-SNE against scikit-learn's and against a scalar implementation of the paper."""

import numpy as np
import pytest
import scipy.optimize
import scipy.sparse
import sklearn.datasets
import sklearn.neighbors
from scipy.spatial.distance import pdist, squareform

from paradime.relations import NeighborBasedPDist, PDist
from paradime.transforms import Normalize, PerplexityBasedRescale, Symmetrize


def tsne_relations(X, perplexity):
    transform = [PerplexityBasedRescale(perplexity), Symmetrize(), Normalize()]
    return NeighborBasedPDist(transform=transform).compute_relations(X)


def blobs(n=300):
    return sklearn.datasets.make_blobs(n, n_features=8, centers=6, random_state=0)[0]


@pytest.mark.parametrize("perplexity", [5, 20, 60])
def test_joint_probabilities_are_those_of_scikit_learn(perplexity):
    sklearn_tsne = pytest.importorskip("sklearn.manifold._t_sne")
    if not hasattr(sklearn_tsne, "_joint_probabilities_nn"):
        pytest.skip("scikit-learn has no such private function any more")
    X = blobs()
    search = sklearn.neighbors.NearestNeighbors(n_neighbors=3 * perplexity).fit(X)
    graph = search.kneighbors_graph(mode="distance")
    graph.sort_indices()
    graph.data **= 2
    expected = sklearn_tsne._joint_probabilities_nn(graph, perplexity, 0).toarray()
    found = tsne_relations(X, perplexity).to_square().numpy()
    # scikit-learn bisects entropies in single precision to 1e-5, which is 1e-3 in a probability
    np.testing.assert_allclose(found, expected, rtol=5e-3, atol=1e-9)
    assert np.abs(found - expected).sum() < 1e-4


def conditional(sq_dists, perplexity):
    """Equation 1 of van der Maaten and Hinton, 2008, for one point and all others."""

    def weights(log_beta):
        w = np.exp(-np.exp(log_beta) * (sq_dists - sq_dists.min()))
        return w / w.sum()

    def entropy_above(log_beta):
        w = weights(log_beta)
        return -np.sum(w * np.log2(np.maximum(w, 1e-300))) - np.log2(perplexity)

    return weights(scipy.optimize.brentq(entropy_above, -20, 20, xtol=1e-13))


@pytest.mark.parametrize("perplexity", [2.5, 10, 25])
def test_joint_probabilities_of_all_pairs_are_those_of_the_paper(perplexity):
    X = blobs(40)
    n, square = len(X), squareform(pdist(X, "sqeuclidean"))
    p = np.zeros((n, n))
    for i in range(n):
        others = np.arange(n) != i
        p[i, others] = conditional(square[i, others], perplexity)
    expected = (p + p.T) / (2 * n)
    transform = [PerplexityBasedRescale(perplexity), Symmetrize(), Normalize()]
    found = PDist(transform=transform).compute_relations(X).to_square()
    # distances are kept in single precision
    np.testing.assert_allclose(found, expected, rtol=1e-3, atol=1e-8)
    assert float(found.sum()) == pytest.approx(1, rel=1e-5)


def test_perplexity_of_every_conditional_distribution_is_the_one_asked_for():
    weights = NeighborBasedPDist(transform=PerplexityBasedRescale(15)).compute_relations(blobs()).data[1]
    entropy = -(weights * np.log2(np.maximum(weights, 1e-38))).sum(axis=1)
    np.testing.assert_allclose(2**entropy, 15, rtol=1e-3)
