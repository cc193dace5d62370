import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from paradime.data import Dataset, EdgeSampler, ItemSampler, NegSampledEdgeDataset
from paradime.relationdata import relation_factory


def dataset(n):
    return Dataset({"main": np.arange(n, dtype=float)[:, None], "labels": np.arange(n)})


def drawn(sampler, seed=0):
    return list(sampler.epoch(torch.Generator().manual_seed(seed)))


@settings(max_examples=50, deadline=None)
@given(st.integers(1, 40), st.integers(1, 50))
def test_every_row_comes_once_a_pass_and_none_alone(n, batch_size):
    sampler = ItemSampler(dataset(n), batch_size)
    batches = drawn(sampler)
    assert len(batches) == len(sampler)
    assert sorted(torch.cat([b["indices"] for b in batches]).tolist()) == list(range(n))
    sizes = [len(b["indices"]) for b in batches]
    assert max(sizes) <= batch_size + 1
    if batch_size > 1 and n > 1:
        assert min(sizes) > 1


def test_last_batch_of_one_row_is_merged_into_the_one_before():
    assert [len(b["indices"]) for b in drawn(ItemSampler(dataset(11), 5))] == [5, 6]
    assert [len(b["indices"]) for b in drawn(ItemSampler(dataset(12), 5))] == [5, 5, 2]


def test_batch_size_of_one_gives_single_rows():
    assert [len(b["indices"]) for b in drawn(ItemSampler(dataset(4), 1))] == [1, 1, 1, 1]


def test_batch_size_above_the_number_of_rows_means_all_of_them():
    assert [len(b["indices"]) for b in drawn(ItemSampler(dataset(7), 1000))] == [7]


def test_entries_belong_to_the_rows_of_the_batch():
    for batch in drawn(ItemSampler(dataset(10), 3)):
        assert batch["main"][:, 0].tolist() == batch["labels"].tolist() == batch["indices"].tolist()


@pytest.mark.parametrize(("batches", "passes"), [(2, 0), (9, 2), (10, 2)])
def test_batches_per_epoch_go_on_over_as_many_passes_as_they_take(batches, passes):
    sampler = ItemSampler(dataset(20), 5, batches_per_epoch=batches)
    assert len(sampler) == batches
    result = drawn(sampler)
    assert len(result) == batches
    counts = torch.bincount(torch.cat([b["indices"] for b in result]), minlength=20)
    assert int(counts.min()) == passes
    assert int(counts.max()) == -(-batches // 4)


def test_order_differs_between_passes_and_is_that_of_the_generator():
    sampler = ItemSampler(dataset(30), 30, batches_per_epoch=2)
    first, second = (b["indices"].tolist() for b in drawn(sampler))
    assert first != second
    assert [b["indices"].tolist() for b in drawn(sampler)] == [first, second]
    assert drawn(sampler, seed=1)[0]["indices"].tolist() != first


def edges(n=24, rate=3):
    ring = np.roll(np.eye(n), 1, axis=1)
    return NegSampledEdgeDataset(dataset(n), relation_factory(ring + ring.T), neg_sampling_rate=rate)


@pytest.mark.parametrize(
    ("n", "rate", "batch_size", "expected"), [(24, 3, 2, 3), (24, 3, 4, 2), (24, 5, 1, 4), (24, 0, 100, 1)]
)
def test_edge_epoch_sees_about_n_pairs(n, rate, batch_size, expected):
    sampler = EdgeSampler(edges(n, rate), batch_size)
    batches = drawn(sampler)
    assert len(sampler) == len(batches) == expected
    assert all(len(b["row"]) == batch_size * (rate + 1) for b in batches)


def test_edge_batches_per_epoch_are_those_asked_for():
    assert len(drawn(EdgeSampler(edges(), 2, batches_per_epoch=50))) == 50


def test_edge_batches_are_those_of_the_generator():
    sampler = EdgeSampler(edges(), 4)
    one, other = drawn(sampler), drawn(sampler)
    for key in ("row", "col"):
        assert [b[key].tolist() for b in one] == [b[key].tolist() for b in other]
    assert drawn(sampler, seed=1)[0]["col"].tolist() != one[0]["col"].tolist()


def test_samplers_say_what_they_provide():
    assert ItemSampler.provides == {"items"}
    assert EdgeSampler.provides == {"items", "pairs"}
