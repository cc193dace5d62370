"""Pairs of points and neighbours: each row once per pass, neighbours by their weights."""

import numpy as np
import pytest
import torch

import paradime.data.contrastive
from draws import assert_drawn_by
from paradime._registry import SAMPLINGS
from paradime.data import ContrastivePairs, Dataset
from paradime.relationdata import relation_factory

N = 12


def matrix():
    """A graph with various weights and degrees, whose last point is a neighbour but has none."""
    rng = np.random.default_rng(0)
    weights = np.where(rng.random((N, N)) < 0.4, rng.uniform(0.1, 1, (N, N)), 0)
    np.fill_diagonal(weights, 0)
    weights[:-1, 0] += 0.1
    weights[0, 0] = 0
    weights[0, -1] = 0.5
    weights[-1] = 0
    return weights


def points(n=N):
    return Dataset({"main": torch.randn(n, 3, generator=torch.Generator().manual_seed(1)), "labels": np.arange(n)})


def sampler(batch_size=4, batches_per_epoch=-1, weights=None, **settings):
    weights = matrix() if weights is None else weights
    relations = {"rel": relation_factory(weights)}
    return ContrastivePairs(**settings).make(
        points(len(weights)), relations, batch_size=batch_size, batches_per_epoch=batches_per_epoch
    )


def drawn(sampler, seed=0):
    return list(sampler.epoch(torch.Generator().manual_seed(seed)))


@pytest.mark.parametrize("at_once", [1, 8, 1 << 16])
@pytest.mark.parametrize("batch_size", [1, 3, 5, 100])
def test_every_row_with_neighbours_comes_once_a_pass_with_one_of_them(batch_size, at_once, monkeypatch):
    monkeypatch.setattr(paradime.data.contrastive, "_AT_ONCE", at_once)
    pair_sampler = sampler(batch_size)
    batches = drawn(pair_sampler)
    assert len(batches) == len(pair_sampler)
    rows, cols = (torch.cat([batch[key] for batch in batches]) for key in ("row", "col"))
    assert sorted(rows.tolist()) == list(range(N - 1))
    assert rows.tolist() != list(range(N - 1))
    assert (matrix()[rows, cols] > 0).all()
    if batch_size > 1:
        assert min(len(batch["row"]) for batch in batches) > 1


def test_neighbours_of_a_row_are_drawn_by_their_weights():
    counts = np.zeros((N, N))
    pair_sampler = sampler(11, batches_per_epoch=1500)
    for batch in drawn(pair_sampler):
        np.add.at(counts, (batch["row"].numpy(), batch["col"].numpy()), 1)
    assert counts.sum(axis=1).tolist() == [1500] * (N - 1) + [0]
    for of_row, weights in zip(counts[:-1], matrix()[:-1], strict=True):
        assert_drawn_by(of_row, weights)


def test_edges_are_drawn_by_their_weights_where_these_are_the_anchors():
    pair_sampler = sampler(40, batches_per_epoch=500, anchors="edges")
    counts = np.zeros((N, N))
    for batch in drawn(pair_sampler):
        np.add.at(counts, (batch["row"].numpy(), batch["col"].numpy()), 1)
    assert_drawn_by(counts, matrix())


@pytest.mark.parametrize("anchors", ["rows", "edges"])
def test_epoch_sees_about_as_many_pairs_as_there_are_rows(anchors):
    assert len(sampler(4, anchors=anchors)) == 3
    assert len(sampler(100, anchors=anchors)) == 1
    assert len(drawn(sampler(4, 7, anchors=anchors))) == 7


@pytest.mark.parametrize("anchors", ["rows", "edges"])
def test_batches_are_those_of_the_generator_and_differ_from_epoch_to_epoch(anchors):
    pair_sampler = sampler(6, anchors=anchors)
    one, other = drawn(pair_sampler), drawn(pair_sampler)
    assert all(torch.equal(a[key], b[key]) for a, b in zip(one, other, strict=True) for key in ("row", "col"))
    generator = torch.Generator().manual_seed(0)
    first, second = (next(pair_sampler.epoch(generator))["row"].tolist() for _ in range(2))
    assert first != second


def test_batches_hold_near_pairs_only_and_the_distinct_rows_of_all_entries():
    batch = drawn(sampler(5))[0]
    assert batch["rel"].tolist() == [1.0] * 5
    assert batch["kind"].tolist() == [0] * 5
    rows = sorted(set(batch["row"].tolist()) | set(batch["col"].tolist()))
    assert batch["indices"].tolist() == batch["labels"].tolist() == rows
    assert torch.equal(batch["main"], points()["main"][rows])
    assert torch.equal(batch["from_to_data"], points()["main"][torch.stack((batch["row"], batch["col"]))])


@pytest.mark.parametrize("static", [False, True])
def test_encoded_pairs_are_the_encoded_data_of_the_pairs_and_rows_are_encoded_once_on_the_cpu(static):
    class Counting(torch.nn.Linear):
        def forward(self, X):
            seen.append(len(X))
            return super().forward(X)

    seen, model, pair_sampler = [], Counting(3, 2), sampler(11)
    pair_sampler._static = static  # as on CUDA
    batch = drawn(pair_sampler)[0]
    pairs = batch.encode_pairs(model, "embed", "main", torch.device("cpu"))
    near = batch.encode_pairs(model, "embed", "main", torch.device("cpu"), kinds=("near", "mid"))
    assert seen == [22 if static else len(batch["indices"])]
    assert torch.equal(near.flatten(1, 2), pairs)
    torch.testing.assert_close(pairs, model(batch["from_to_data"]))


def test_relations_without_edges_of_another_size_or_with_negative_weights_are_refused():
    with pytest.raises(ValueError, match="not negative, and not all zero"):
        sampler(weights=np.zeros((N, N)))
    with pytest.raises(ValueError, match="not negative, and not all zero"):
        sampler(weights=-matrix())
    with pytest.raises(ValueError, match="same number of points, got 3 and 12"):
        ContrastivePairs().make(points(), {"rel": relation_factory(np.eye(3))}, batch_size=2)


def test_unknown_anchors_are_refused_with_what_was_meant():
    with pytest.raises(ValueError, match=r"unknown anchors 'row'\. Did you mean 'rows'"):
        ContrastivePairs(anchors="row")


def test_plan_is_known_by_its_name_and_says_which_relations_it_needs():
    assert SAMPLINGS["contrastive"] is ContrastivePairs
    assert ContrastivePairs("near").relation_keys() == ("near",)
    assert ContrastivePairs.provides == {"items", "pairs"}
