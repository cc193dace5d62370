import numpy as np
import pytest
import scipy.sparse

from paradime._registry import DATA_FUNCTIONS
from paradime.data import DerivedData
from paradime.data.derived import local_radius
from paradime.relationdata import relation_factory

N = 25
RNG = np.random.default_rng(0)
X = RNG.normal(size=(N, 4))
P = RNG.random((N, N)) * (RNG.random((N, N)) < 0.3)
P[np.arange(N), (np.arange(N) + 1) % N] = 0.5


def by_hand(P, X):
    weights = P * (1 - np.eye(len(P)))
    sq_dists = ((X[:, None] - X) ** 2).sum(-1)
    return np.log((weights * sq_dists).sum(axis=1) / weights.sum(axis=1))


@pytest.mark.parametrize("scale", [1e-6, 1.0, 1e6])
@pytest.mark.parametrize("sparse", [True, False])
def test_radii_agree_with_the_formula_at_every_scale(scale, sparse):
    relations = relation_factory(scipy.sparse.csr_array(P) if sparse else P)
    np.testing.assert_allclose(local_radius(relations, X * scale), by_hand(P, X * scale), rtol=1e-5, atol=1e-5)


def test_blocks_of_pairs_give_the_same(monkeypatch):
    monkeypatch.setattr("paradime.utils.row_protocol._BLOCK_BYTES", 28 * 8)
    np.testing.assert_allclose(local_radius(relation_factory(P), X), by_hand(P, X), rtol=1e-5, atol=1e-6)


def test_points_without_relations_get_the_mean_of_the_others():
    alone = P.copy()
    alone[3] = 0
    radii = local_radius(relation_factory(alone), X)
    assert radii[3] == pytest.approx(np.delete(radii, 3).mean(), rel=1e-5)


def test_duplicates_and_no_relations_at_all_stay_finite():
    assert np.isfinite(local_radius(relation_factory(P), np.repeat(X[:5], 5, axis=0))).all()
    assert (local_radius(relation_factory(P), np.ones((N, 2))) == 0).all()
    assert (local_radius(relation_factory(np.eye(N)), X) == 0).all()


def test_other_numbers_of_points_are_refused():
    with pytest.raises(ValueError, match="got 25 and 24"):
        local_radius(relation_factory(P), X[:-1])


def test_radius_is_a_data_function_of_the_grammar():
    recipe = DerivedData(DATA_FUNCTIONS["local radius"], [("rels", "rel"), ("data", "main")])
    radii = recipe.compute({"main": X}, {"rel": relation_factory(P)})
    assert radii.shape == (N,)
    assert radii.dtype == np.float32
