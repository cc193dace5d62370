import logging

import numpy as np
import pytest
import torch

from paradime.neighbors import nearest_neighbors
from paradime.relations import NeighborBasedPDist
from paradime.transforms import PerplexityBasedRescale

X = torch.randn(40, 3, generator=torch.Generator().manual_seed(0))


def with_self(k):
    """Neighbours in the form of other libraries, with each point as its own first neighbour."""
    indices, dists = nearest_neighbors(X, k)
    return torch.cat([torch.arange(40)[:, None], indices], 1).numpy(), torch.cat(
        [torch.zeros(40, 1), dists], 1
    ).numpy()


def same(first, second):
    return all(np.array_equal(a, b) for a, b in zip(first.data, second.data, strict=True))


@pytest.mark.parametrize("points", [X, None])
def test_given_neighbours_are_used_without_the_points_themselves(points):
    relation = NeighborBasedPDist(precomputed=with_self(6))
    assert same(relation.compute_relations(points), NeighborBasedPDist(6).compute_relations(X))


def test_fewer_neighbours_are_the_nearest_of_those_given():
    shuffled = tuple(part[:, ::-1] for part in with_self(9))
    found = NeighborBasedPDist(4, precomputed=shuffled).compute_relations(X)
    assert same(found, NeighborBasedPDist(4).compute_relations(X))


def test_point_that_a_duplicate_pushed_out_loses_its_last_neighbour():
    indices, dists = (part.copy() for part in with_self(6))
    indices[3, 0], dists[3, 0] = next(i for i in range(40) if i not in indices[3]), 0.0
    found = NeighborBasedPDist(precomputed=(indices, dists)).compute_relations()
    assert found.data[0].shape == (40, 7)
    assert found.data[0][3].tolist() == [3, *indices[3, :6]]


def test_neighbours_for_a_transform_may_be_given():
    relation = NeighborBasedPDist(transform=PerplexityBasedRescale(perplexity=3), precomputed=with_self(12))
    searched = NeighborBasedPDist(transform=PerplexityBasedRescale(perplexity=3))
    assert same(
        relation.compute_relations().to_neighbor_tuple(), searched.compute_relations(X).to_neighbor_tuple()
    )


def test_fewer_given_than_a_transform_asks_for_are_refused_unless_there_are_no_more():
    relation = NeighborBasedPDist(transform=PerplexityBasedRescale(perplexity=3), precomputed=with_self(6))
    with pytest.warns(UserWarning, match=r"should be at least 9 other points per row, got 6"):
        relation.compute_relations()
    relation = NeighborBasedPDist(transform=PerplexityBasedRescale(perplexity=8), precomputed=with_self(6))
    with pytest.raises(
        ValueError, match=r"at least 24 other points per row, got 6\. Pass more, or lower.*perplexity"
    ):
        relation.compute_relations()
    relation = NeighborBasedPDist(transform=PerplexityBasedRescale(perplexity="auto"), precomputed=with_self(6))
    with pytest.warns(UserWarning, match=r"should be at least 90 other points per row, got 6"):
        relation.compute_relations()
    relation = NeighborBasedPDist(transform=PerplexityBasedRescale(perplexity=20), precomputed=with_self(39))
    relation.compute_relations()


def changed(part, value):
    given = list(with_self(5))
    given[part] = given[part].astype(np.result_type(given[part], type(value)))
    given[part][7, 2] = value
    return given


@pytest.mark.parametrize(
    ("given", "error", "message"),
    [
        (changed(0, -1), ValueError, r"must lie in \[0, 40\), got .* in row 7.*-1 marks a neighbour"),
        (changed(0, 40), ValueError, r"must lie in \[0, 40\)"),
        (changed(1, np.nan), ValueError, r"got nan \(not finite\) in row 7, column 2.*large distance"),
        (changed(1, -0.5), ValueError, r"got -0.5 \(negative\) in row 7, column 2.*Pass distances"),
        (changed(1, 3 + 4j), ValueError, r"real numbers.*got complex.*absolute values"),
        ((with_self(5)[0], with_self(5)[1] > 1), ValueError, r"got bool.*which points are near"),
        (
            (with_self(5)[0], np.exp(-with_self(5)[1])),
            ValueError,
            r"0 between a point and itself, got 1 .*-log\(S\)",
        ),
        (with_self(5)[::-1], TypeError, r"must be integers, got torch.float32\. Pass \(indices, distances\)"),
        ((with_self(5)[0], with_self(6)[1]), ValueError, r"shape of the indices, \(40, 6\), got \(40, 7\)"),
        ((np.arange(40), np.zeros(40)), ValueError, r"shape \(n, k\) with k >= 1, got \(40,\)"),
        ((np.ones((40, 2), int), np.ones((40, 2))), ValueError, "must differ within a row"),
        ((np.arange(40)[:, None], np.zeros((40, 1))), ValueError, "only the points themselves"),
        (tuple(part[:30] % 30 for part in with_self(5)), ValueError, "one row per point, 40 in all, got 30"),
    ],
)
def test_neighbours_that_break_a_rule_are_refused(given, error, message):
    with pytest.raises(error, match=message):
        NeighborBasedPDist(precomputed=given).compute_relations(X)


def test_more_neighbours_than_are_given_are_refused():
    with pytest.raises(ValueError, match="at least 8 other points per row, got 5"):
        NeighborBasedPDist(8, precomputed=with_self(5)).compute_relations(X)


def test_precomputed_must_be_a_pair():
    with pytest.raises(ValueError, match=r"pair \(indices, distances\), got 3 parts"):
        NeighborBasedPDist(precomputed=(1, 2, 3))


def test_recall_is_measured_logged_and_kept_on_request(caplog):
    caplog.set_level(logging.INFO, "paradime")
    relation = NeighborBasedPDist(5, measure_recall=True, verbose=True)
    relation.compute_relations(X)
    assert relation.recall == 1
    assert any("Recall of the 5 nearest neighbors: 1.0000" in record.getMessage() for record in caplog.records)
    _, dists = with_self(5)
    others = (np.arange(40)[:, None] + np.arange(6)) % 40
    bad = NeighborBasedPDist(precomputed=(others, dists), measure_recall=True)
    bad.compute_relations(X)
    assert bad.recall < 0.5


def test_recall_is_not_measured_unasked():
    relation = NeighborBasedPDist(5)
    relation.compute_relations(X)
    assert relation.recall is None


def test_recall_of_given_neighbours_needs_the_points():
    with pytest.raises(ValueError, match="needs points"):
        NeighborBasedPDist(precomputed=with_self(5), measure_recall=True).compute_relations()
