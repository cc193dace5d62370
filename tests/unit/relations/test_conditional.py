"""Neighbours within each level of a factor."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import scipy.sparse
import torch

import paradime
from paradime import ParametricMDS, ParametricTSNE, ParametricUMAP
from paradime.dr import ParametricDR
from paradime.exceptions import UnsupportedConfigurationError
from paradime.relations import ConditionalNeighbors
from paradime.relations.conditional import levels_of
from paradime.transforms import ConnectivityBasedRescale, Normalize, PerplexityBasedRescale, Symmetrize

pytestmark = pytest.mark.usefixtures("few_first_steps")


def batches(n: int = 120, shift: float = 50.0) -> tuple[torch.Tensor, torch.Tensor]:
    """Returns rows of which those of every third row are shifted, and which these are."""
    generator = torch.Generator().manual_seed(0)
    batch = (torch.arange(n) % 3 == 0).to(torch.int64)
    return torch.randn(n, 4, generator=generator) + shift * batch[:, None], batch


def shares_of(weights: Any, batch: torch.Tensor) -> np.ndarray:
    """Returns the share of each row's weights that lies on the shifted batch."""
    matrix = scipy.sparse.csr_array(weights)
    return np.asarray((matrix @ batch.numpy().astype(float)) / matrix.sum(axis=1)).reshape(-1)


@pytest.mark.parametrize("transform", [PerplexityBasedRescale(10), PerplexityBasedRescale()])
def test_each_point_has_the_mixture_of_levels_of_the_data(transform: Any) -> None:
    X, batch = batches()
    relations = ConditionalNeighbors("batch", transform=transform).compute_relations(X, given=batch)
    weights = relations.to_sparse_array().data
    np.testing.assert_allclose(shares_of(weights, batch), 1 / 3, atol=1e-5)
    np.testing.assert_allclose(weights.sum(axis=1), 1, atol=1e-5)


def test_neighbors_within_a_level_are_its_nearest() -> None:
    X, batch = batches()
    relations = ConditionalNeighbors("batch", n_neighbors=15).compute_relations(X, given=batch)
    indices = np.asarray(relations.data[0])
    dists = torch.cdist(X, X)
    for level, n_expected in ((0, 10), (1, 5)):
        members = (batch == level).nonzero().squeeze(1)
        for i in range(0, 120, 17):
            others = members[members != i]
            nearest = others[dists[i, others].argsort()[:n_expected]]
            assert set(nearest.tolist()) == set(indices[i][batch.numpy()[indices[i]] == level].tolist())


def test_sparse_rows_have_the_same_neighbors() -> None:
    X, batch = batches()
    dense = ConditionalNeighbors("batch", 15).compute_relations(X, given=batch)
    found = ConditionalNeighbors("batch", 15).compute_relations(scipy.sparse.csr_array(X.numpy()), given=batch)
    np.testing.assert_array_equal(np.asarray(dense.data[0]), np.asarray(found.data[0]))


def test_numbers_are_divided_into_levels_of_equal_size() -> None:
    levels = levels_of(np.linspace(0, 1, 100) ** 3, 5)
    assert np.bincount(levels).tolist() == [20] * 5


@pytest.mark.parametrize(
    ("factor", "message"),
    [
        (torch.zeros(120, dtype=torch.int64), "from 2 to 100 levels, got 1"),
        (torch.arange(120), "from 2 to 100 levels, got 120"),
        (torch.tensor([1] + [0] * 119), "at least 2 points, got 1 in level 1"),
        (torch.full((120,), torch.nan), "must be finite"),
        (torch.zeros(50), "from 2 to 100"),
    ],
)
def test_a_factor_without_usable_levels_is_refused(factor: torch.Tensor, message: str) -> None:
    X, _ = batches()
    with pytest.raises(ValueError, match=message):
        ConditionalNeighbors("batch").compute_relations(X, given=factor)


def test_a_small_level_is_warned_of() -> None:
    X, _ = batches()
    with pytest.warns(UserWarning, match="level 1 of factor 'batch' has 2 points"):
        ConditionalNeighbors("batch").compute_relations(X, given=torch.tensor([1, 1] + [0] * 118))


@pytest.mark.parametrize("preset", [ParametricTSNE, ParametricUMAP])
def test_presets_take_a_factor_and_embed_rows_without_it(preset: Any, tmp_path: Any) -> None:
    X, batch = batches()
    routine = preset(neighbors_given="batch", epochs=1, random_state=0).fit({"main": X, "batch": batch})
    mixture = shares_of(routine.graph_, batch)
    assert mixture[batch.numpy() == 0].mean() == pytest.approx(1 / 3, abs=0.1)
    assert routine.transform(X[:5]).shape == (5, 2)
    routine.save(tmp_path / "model")
    np.testing.assert_array_equal(paradime.load(tmp_path / "model").transform(X), routine.transform(X))


def test_a_specification_holds_the_factor() -> None:
    relations = ConditionalNeighbors("batch", transform=[ConnectivityBasedRescale(), Symmetrize(), Normalize()])
    spec = ParametricUMAP(neighbors_given="batch").to_spec(format="dict")
    (entry,) = [entry for entry in spec["relations"] if entry["level"] == "global"]
    assert entry["type"] == "conditional neighbor"
    assert entry["options"]["given"] == "batch"
    made = ParametricDR.from_spec(spec).global_relations["rel"]
    assert isinstance(made, type(relations))
    assert made.given == "batch"


def test_what_does_not_fit_a_factor_is_refused() -> None:
    X, batch = batches()
    with pytest.raises(ValueError, match="looks for no neighbours"):
        ParametricMDS(neighbors_given="batch").fit({"main": X, "batch": batch})
    with pytest.raises(ValueError, match="Leave out one of the two"):
        ParametricUMAP(neighbors_given="batch", precomputed_knn=np.ones((120, 120))).fit(
            {"main": X, "batch": batch}
        )
    with pytest.raises(UnsupportedConfigurationError, match="'batch'"):
        ParametricUMAP(neighbors_given="batch").fit(X)
