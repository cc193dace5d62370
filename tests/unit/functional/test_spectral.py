import warnings

import numpy as np
import pytest
import scipy.linalg
import scipy.sparse

from paradime.functional import spectral_positions


def neighbor_graph(points, k=8):
    """Symmetric 0/1 weights between nearest neighbours."""
    sq_dists = ((points[:, None] - points) ** 2).sum(axis=2)
    near = np.argsort(sq_dists, axis=1)[:, 1 : k + 1]
    graph = np.zeros(sq_dists.shape)
    np.put_along_axis(graph, near, 1, axis=1)
    return np.maximum(graph, graph.T)


def laplacian_eigenmaps(graph, dims):
    """Solutions of L y = λ D y from a dense decomposition, without the constant vector."""
    degree = graph.sum(axis=1)
    _, vectors = scipy.linalg.eigh(np.diag(degree) - graph, np.diag(degree))
    return vectors[:, 1 : dims + 1]


@pytest.mark.parametrize("n", [20, 200])
@pytest.mark.parametrize("dims", [1, 2, 3])
def test_positions_span_the_eigenmaps_of_the_laplacian(n, dims):
    graph = neighbor_graph(np.random.default_rng(0).normal(size=(n, 3)) * [3, 1.5, 0.7])
    positions = spectral_positions(scipy.sparse.csr_array(graph), dims)
    expected = laplacian_eigenmaps(graph, dims)
    # angles between the two subspaces, because the sign of the vectors is arbitrary
    angles = scipy.linalg.subspace_angles(positions.astype(np.float64), expected - expected.mean(axis=0))
    assert angles.max() < 0.02
    np.testing.assert_allclose(positions.std(axis=0, ddof=1), 1, rtol=1e-5)
    np.testing.assert_allclose(positions.mean(axis=0), 0, atol=1e-5)
    assert positions.dtype == np.float32


def test_two_clusters_with_a_bridge_lie_apart():
    rng = np.random.default_rng(1)
    clusters = np.repeat([0, 1], 60)
    graph = neighbor_graph(rng.normal(size=(120, 2)) + 40 * clusters[:, None])
    graph[0, 119] = graph[119, 0] = 0.05
    first = spectral_positions(scipy.sparse.csr_array(graph), 2)[:, 0]
    assert (np.sign(first[clusters == 0]) == np.sign(first[0])).all()
    assert (np.sign(first[clusters == 1]) == -np.sign(first[0])).all()


@pytest.mark.parametrize("count", [2, 3])
def test_disconnected_graph_warns_with_the_number_of_components(count):
    rng = np.random.default_rng(2)
    points = rng.normal(size=(40 * count, 2)) + 100 * np.repeat(np.arange(count), 40)[:, None]
    with pytest.warns(UserWarning, match=f"got {count} connected components"):
        positions = spectral_positions(scipy.sparse.csr_array(neighbor_graph(points)), 2)
    assert np.isfinite(positions).all()


def test_point_without_edges_counts_as_component_and_gets_a_finite_position():
    graph = neighbor_graph(np.random.default_rng(3).normal(size=(60, 2)))
    graph[7] = graph[:, 7] = 0
    with pytest.warns(UserWarning, match="2 connected components"):
        positions = spectral_positions(scipy.sparse.csr_array(graph), 2)
    assert np.isfinite(positions).all()


def test_connected_graph_does_not_warn_and_stays_as_it_is():
    graph = scipy.sparse.csr_array(neighbor_graph(np.random.default_rng(4).normal(size=(80, 2)), k=15))
    before = graph.toarray()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        spectral_positions(graph, 2)
    np.testing.assert_array_equal(graph.toarray(), before)


@pytest.mark.parametrize("scale", [1e-20, 1e-6, 1e6, 1e20])
def test_scale_of_the_weights_does_not_matter(scale):
    graph = neighbor_graph(np.random.default_rng(5).normal(size=(70, 3)) * [3, 1.5, 1])
    expected = spectral_positions(scipy.sparse.csr_array(graph), 2)
    np.testing.assert_allclose(spectral_positions(scipy.sparse.csr_array(graph * scale), 2), expected, atol=0.01)


def test_equal_calls_give_equal_positions():
    graph = scipy.sparse.csr_array(neighbor_graph(np.random.default_rng(6).normal(size=(300, 3))))
    np.testing.assert_array_equal(spectral_positions(graph, 2), spectral_positions(graph, 2))


def test_no_dimensions_are_refused():
    with pytest.raises(ValueError, match="out_dim must be an integer of at least 1, got 0"):
        spectral_positions(scipy.sparse.csr_array(np.ones((5, 5))), 0)


def test_dimensions_beyond_those_of_a_tiny_graph_are_zero():
    positions = spectral_positions(scipy.sparse.csr_array(np.ones((3, 3)) - np.eye(3)), 4)
    np.testing.assert_allclose(positions[:, :2].std(axis=0, ddof=1), 1, rtol=1e-5)
    np.testing.assert_array_equal(positions[:, 2:], 0)


def test_single_precision_for_many_points_spans_the_same_positions(monkeypatch):
    rng = np.random.default_rng(0)
    points = np.sort(rng.uniform(size=400))
    weights = np.exp(-((points[:, None] - points) ** 2) * 20)
    graph = scipy.sparse.csr_array(np.where(weights > 1e-3, weights, 0) - np.diag(np.diag(weights)))
    expected = spectral_positions(graph, 2)
    monkeypatch.setattr("paradime.functional.spectral._DOUBLE_UP_TO", 0)
    np.testing.assert_allclose(spectral_positions(graph, 2), expected, atol=0.02 * np.abs(expected).max())
