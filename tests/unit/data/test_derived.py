import numpy as np
import pytest
import scipy.sparse
import scipy.stats
import sklearn.decomposition
import torch
from scipy.spatial.distance import pdist

from paradime.data import DerivedData
from paradime.data.derived import pca, spectral
from paradime.relationdata import relation_factory
from paradime.relations import NeighborBasedPDist
from paradime.transforms import Functional, Symmetrize

DATA = {"main": torch.arange(6.0).reshape(3, 2), "other": torch.ones(3)}


def test_function_gets_data_in_main_unless_told_otherwise():
    assert DerivedData(lambda X: X + 1).compute(DATA, {}).tolist() == (DATA["main"] + 1).tolist()


def test_function_gets_data_and_relations_in_the_order_of_the_pairs_and_its_options():
    relations = relation_factory(np.eye(3))
    derived = DerivedData(
        lambda *args, **kwargs: (args, kwargs), [("rels", "r"), ("data", "other"), ("data", "main")], option=7
    )
    assert derived.compute(DATA, {"r": relations}) == ((relations, DATA["other"], DATA["main"]), {"option": 7})


@pytest.mark.parametrize("pair", [("date", "main"), ("main",), ("rel", "rel")])
def test_pairs_that_are_malformed_are_refused_with_a_suggestion(pair):
    with pytest.raises(ValueError, match=r"must be pairs of 'data' or 'rels' and a key, got \(.*Did you mean"):
        DerivedData(len, [pair])


def test_what_is_no_function_is_refused():
    with pytest.raises(TypeError, match="func must be a function, got int"):
        DerivedData(3)


@pytest.mark.parametrize("scale", [None, 1.0])
def test_pca_does_not_see_offsets_of_columns(scale):
    rows = np.random.default_rng(0).normal(size=(60, 3)) * [3, 2, 1]
    far = pca(rows + np.array([1.7e9, 5.5e6, 0]), scale=scale)
    np.testing.assert_allclose(far, pca(rows, scale=scale), atol=1e-5)


def test_pca_spans_the_first_principal_components():
    X = np.random.default_rng(0).normal(size=(50, 5)) * [9, 5, 2, 1, 0.5]
    result = pca(torch.tensor(X), n_components=2)
    expected = sklearn.decomposition.PCA(2, svd_solver="full").fit_transform(X)
    np.testing.assert_allclose(np.abs(result), np.abs(expected), rtol=1e-6)
    assert result.var() == pytest.approx(expected.var())


@pytest.mark.parametrize("kind", [np.asarray, scipy.sparse.csr_matrix])
def test_outlier_is_no_component_of_positions_with_a_scale(kind):
    X = np.random.default_rng(0).normal(size=(200, 5)) * [3, 2, 1, 1, 1]
    usual = pca(kind(X), scale=1.0)
    # without outliers, nothing is clipped
    np.testing.assert_allclose(usual, pca(kind(X)) / pca(kind(X))[:, 0].std(), rtol=1e-12)
    X[7, 3] = 1e6
    others = np.arange(200) != 7
    result = pca(kind(X), scale=1.0)
    assert np.abs(result[7]).max() < 20
    # the other rows change only by the effect of one more row within the bounds
    aligned = result * np.sign((result * usual)[others].sum(axis=0))
    assert np.abs(aligned - usual)[others].mean() < 0.2
    assert np.abs(pca(kind(X)))[7, 0] > 1e5


def test_spectral_positions_of_points_on_a_line_follow_the_line():
    X = np.random.default_rng(1).uniform(size=(60, 1))
    near = Functional(lambda data: (data[0], np.exp(-data[1])))
    relations = NeighborBasedPDist(10, transform=[near, Symmetrize()]).compute_relations(X)
    first = spectral(relations, n_components=1)[:, 0]
    assert abs(scipy.stats.spearmanr(first, X[:, 0]).statistic) > 0.9


def test_spectral_positions_are_the_same_in_every_layout():
    weights = np.exp(-pdist(np.random.default_rng(2).normal(size=(40, 2))))
    relations = relation_factory(weights)
    for other in (relations.to_square_array(), relations.to_sparse_array(), relations.to_neighbor_tuple()):
        np.testing.assert_allclose(spectral(other), spectral(relations), atol=1e-4)
