"""A routine searches the same neighbours once."""

import copy
import pickle

import pytest
import torch

from paradime import ParametricTSNE
from paradime.dr import ParametricDR
from paradime.loss import RelationLoss, kullback_leibler_div
from paradime.neighbors import BACKENDS
from paradime.relations import DifferentiablePDist, NeighborBasedPDist
from paradime.transforms import ConnectivityBasedRescale, PerplexityBasedRescale, Symmetrize

pytestmark = pytest.mark.usefixtures("few_first_steps")


@pytest.fixture
def searches(monkeypatch):
    """The numbers of neighbours that were searched for."""
    made = []
    backend = BACKENDS["exact"]
    original = type(backend).search

    def counting(self, X, k, **settings):
        made.append(k)
        return original(self, X, k, **settings)

    monkeypatch.setattr(type(backend), "search", counting)
    return made


def points(seed=0):
    return torch.randn(60, 4, generator=torch.Generator().manual_seed(seed))


def test_another_fit_on_the_same_data_finds_the_neighbours_of_the_first(searches):
    routine = ParametricTSNE(refine=False, perplexity=5, epochs=1, random_state=0)
    first = routine.fit_transform(points())
    assert (routine.fit_transform(points()) == first).all()
    assert len(searches) == 1
    routine.fit(points(1))
    assert len(searches) == 2


def test_two_relations_of_the_same_data_share_a_search(searches):
    relations = {
        "wide": NeighborBasedPDist(transform=[PerplexityBasedRescale(8), Symmetrize()]),
        "near": NeighborBasedPDist(transform=[ConnectivityBasedRescale(6), Symmetrize()]),
    }
    routine = ParametricDR(
        global_relations=relations,
        batch_relations=DifferentiablePDist(),
        losses=RelationLoss(kullback_leibler_div, global_relation_key="wide"),
    )
    routine.add_training_phase(epochs=1)
    routine.train(points())
    assert searches == [24]


def test_copies_and_pickles_of_a_routine_keep_no_neighbours():
    routine = ParametricTSNE(refine=False, perplexity=5, epochs=1).fit(points())
    assert routine._neighbor_cache.n_bytes > 0
    assert copy.deepcopy(routine)._neighbor_cache.n_bytes == 0
    assert pickle.loads(pickle.dumps(routine._neighbor_cache)).n_bytes == 0
