"""Near, mid-near and far pairs: their number, their points, and their distribution."""

import numpy as np
import pytest
import torch

from draws import assert_drawn_by
from paradime._registry import SAMPLINGS
from paradime.data import Dataset, NearMidFarPairs, NegSampledEdgeDataset
from paradime.exceptions import UnsupportedConfigurationError
from paradime.relationdata import relation_factory

N = 30


def positions():
    return torch.randn(N, 3, generator=torch.Generator().manual_seed(1))


def graph(degree=5):
    """The nearest neighbours of each point except the last, which has none."""
    near = torch.cdist(positions(), positions()).fill_diagonal_(torch.inf).argsort(dim=1)[:, :degree]
    square = torch.zeros(N, N).scatter_(1, near, 1.0)
    square[-1] = 0
    return square


def sampler(batch_size=7, batches_per_epoch=-1, weights=None, **settings):
    relations = {"rel": relation_factory(graph() if weights is None else weights)}
    dataset = Dataset({"main": positions(), "other": torch.arange(float(N))[:, None]})
    plan = NearMidFarPairs(**{"n_near": 3, "n_mid": 2, "n_far": 4, **settings})
    return plan.make(dataset, relations, batch_size=batch_size, batches_per_epoch=batches_per_epoch)


def drawn(sampler, seed=0):
    return list(sampler.epoch(torch.Generator().manual_seed(seed)))


def ends(batch, kind):
    """First and second points, (b, c) each, of the pairs of a kind."""
    return batch.pick_pairs(torch.stack((batch["row"], batch["col"])), (kind,))


@pytest.mark.parametrize("far", ["random", "batch"])
@pytest.mark.parametrize("batch_size", [1, 4, 7, 100])
def test_every_row_with_neighbours_comes_once_a_pass_with_its_pairs(batch_size, far):
    pair_sampler = sampler(batch_size, far=far)
    batches = drawn(pair_sampler)
    assert len(batches) == len(pair_sampler)
    firsts = torch.cat([batch["row"].view(-1, 9)[:, 0] for batch in batches])
    assert sorted(firsts.tolist()) == list(range(N - 1))
    for batch in batches:
        b = len(batch["row"]) // 9
        assert (batch["row"].view(b, 9) == batch["row"].view(b, 9)[:, :1]).all()
        assert (batch["col"] != batch["row"]).all()
        assert batch["kind"].tolist() == [0, 0, 0, 1, 1, 2, 2, 2, 2] * b
        assert batch["rel"].tolist() == [1, 1, 1, 1, 1, 0, 0, 0, 0] * b
        assert (graph()[tuple(ends(batch, "near"))] == 1).all()


def test_near_pairs_are_all_equally_likely_and_none_comes_twice():
    rounds = 600
    pair_sampler = sampler(29, rounds)
    counts = torch.zeros(N, N)
    orders = set()
    for batch in drawn(pair_sampler):
        rows, cols = ends(batch, "near")
        assert (cols.sort(dim=1).values.diff(dim=1) > 0).all()
        counts.index_put_((rows, cols), torch.ones(()), accumulate=True)
        orders.add(tuple(cols[rows[:, 0] == 0][0].tolist()))
    used = graph() > 0
    assert counts[~used].sum() == 0
    # 3 of 5 neighbours are drawn at random; six standard deviations of the binomial distribution are never reached
    assert counts[used].sub(0.6 * rounds).abs().max() < 6 * (0.24 * rounds) ** 0.5
    assert len(orders) == 5


def test_a_row_that_stores_fewer_neighbours_than_wanted_repeats_them_evenly():
    pair_sampler = sampler(29, n_near=12, n_mid=0, n_far=0)
    for batch in drawn(pair_sampler):
        for row in ends(batch, "near")[1]:
            _, counts = torch.unique(row, return_counts=True)
            assert sorted(counts.tolist()) == [2, 2, 2, 3, 3]


def test_mid_near_pairs_are_drawn_once_a_phase_and_lie_between_near_and_far():
    pair_sampler = sampler(29)
    result = [ends(batch, "mid") for epoch in range(3) for batch in drawn(pair_sampler, epoch)]
    for rows, cols in result:
        order = rows[:, 0].argsort()
        assert torch.equal(cols[order], result[0][1][result[0][0][:, 0].argsort()])
    dists = torch.cdist(positions(), positions())
    mid = torch.stack([dists[tuple(pair)].mean() for pair in result]).mean()
    near = torch.stack([dists[tuple(ends(batch, "near"))].mean() for batch in drawn(pair_sampler)]).mean()
    far = torch.stack([dists[tuple(ends(batch, "far"))].mean() for batch in drawn(pair_sampler)]).mean()
    assert near < mid < far
    # another phase draws others
    other = ends(drawn(sampler(29), seed=5)[0], "mid")
    assert not torch.equal(other[1][other[0][:, 0].argsort()], result[0][1][result[0][0][:, 0].argsort()])


def test_mid_near_points_are_compared_in_the_entry_asked_for():
    pair_sampler = sampler(29, n_mid=40, data_key="other")
    rows, cols = ends(drawn(pair_sampler)[0], "mid")
    distances = (rows - cols).abs()[rows[:, 0] == 0]
    # among the points 1 … 29 on a line, the second nearest of six to 0 is never 1, nor one of the four farthest
    assert int(distances.min()) >= 2
    assert int(distances.max()) <= 25


def test_random_far_points_are_uniform_among_all_others():
    counts = torch.zeros(N)
    for batch in drawn(sampler(29, 400)):
        rows, cols = ends(batch, "far")
        counts += torch.bincount(cols[rows[:, 0] == 3][0], minlength=N)
    assert_drawn_by(counts, np.arange(N) != 3)


def test_far_points_of_the_batch_need_no_further_rows():
    for batch in drawn(sampler(far="batch")):
        attracted = torch.cat((ends(batch, "near").flatten(), ends(batch, "mid").flatten()))
        rows, cols = ends(batch, "far")
        assert set(cols.flatten().tolist()) <= set(attracted.tolist())
        assert batch["indices"].tolist() == sorted(set(attracted.tolist()))
        assert (rows != cols).all()


@pytest.mark.parametrize("far", ["random", "batch"])
def test_batches_are_those_of_the_generator(far):
    one, other, third = drawn(sampler(far=far)), drawn(sampler(far=far)), drawn(sampler(far=far), seed=1)
    assert all(torch.equal(a["col"], b["col"]) for a, b in zip(one, other, strict=True))
    assert not all(torch.equal(a["col"], b["col"]) for a, b in zip(one, third, strict=True))


@pytest.mark.parametrize("static", [False, True])
@pytest.mark.parametrize("kind", ["near", "mid", "far"])
def test_pairs_of_a_kind_are_encoded_as_what_they_are(kind, static):
    pair_sampler, model = sampler(), torch.nn.Linear(3, 2)
    pair_sampler._static = static  # as on CUDA
    batch = drawn(pair_sampler)[0]
    result = batch.encode_pairs(model, "embed", "main", torch.device("cpu"), kinds=(kind,))
    torch.testing.assert_close(result, model(positions()[ends(batch, kind)]))
    batch["main"] = batch["main"] + 1
    changed = batch.encode_pairs(model, "embed", "main", torch.device("cpu"), kinds=(kind,))
    torch.testing.assert_close(changed, model(positions()[ends(batch, kind)] + 1))


def test_pairs_that_the_batch_does_not_hold_are_asked_for_in_vain():
    batch = drawn(sampler(n_mid=0))[0]
    with pytest.raises(UnsupportedConfigurationError, match="needs mid pairs, got a batch with near and far"):
        batch.encode_pairs(torch.nn.Linear(3, 2), "embed", "main", torch.device("cpu"), kinds=("mid",))
    edges = NegSampledEdgeDataset(positions(), relation_factory(graph()), 2)
    with pytest.raises(UnsupportedConfigurationError, match=r"with sampling=NearMidFarPairs"):
        edges[[0]].pick_pairs(torch.arange(3), ("mid",))


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"n_near": 0}, "n_near must be an integer of at least 1, got 0"),
        ({"n_mid": -1}, "n_mid must be an integer of at least 0, got -1"),
        ({"n_far": 2.5}, "n_far must be an integer of at least 0, got 2.5"),
        ({"far": "bacth"}, "unknown far 'bacth'. Did you mean 'batch'"),
    ],
)
def test_settings_out_of_range_are_refused(settings, message):
    with pytest.raises(ValueError, match=message):
        NearMidFarPairs(**settings)


def test_plan_is_known_by_its_name_with_the_numbers_of_the_paper():
    plan = SAMPLINGS["near mid far"]()
    assert (plan.n_near, plan.n_mid, plan.n_far) == (10, 5, 20)
    assert plan.relation_keys() == ("rel",)
    assert plan.provides >= {"items", "pairs"}


# -- negatives by degree ---------------------------------------------------------------------------


def test_negatives_by_degree_follow_the_power_of_the_weighted_degree():
    weights = torch.zeros(6, 6)
    weights[0, 1:] = torch.tensor([1.0, 2.0, 3.0, 0.5, 4.0])
    weights = weights + weights.T
    edges = NegSampledEdgeDataset(torch.eye(6), relation_factory(weights), 20_000, seed=0, negatives="degree")
    batch = edges[[int((edges.rows == 5).nonzero()[0])]]
    powers = weights.sum(dim=1).double().numpy() ** 0.75
    fails = (powers[5] / powers.sum()) ** 4  # then all others are as likely
    chances = (1 - fails) * powers / powers[:5].sum() + fails / 5
    chances[5] = 0
    assert_drawn_by(torch.bincount(batch["col"][1:], minlength=6), chances)
    assert batch["rel"].sum() == 1
