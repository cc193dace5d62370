"""Batches of pairs as on a GPU: no operation synchronises with the device."""

import pytest
import torch
from torch.utils._python_dispatch import TorchDispatchMode

from paradime.data import ContrastivePairs, Dataset, Edges, NearMidFarPairs
from paradime.loss import AttractionLoss, CompoundLoss, ContrastiveLoss, RepulsionLoss
from paradime.relationdata import NeighborRelationTuple

N = 40
# the results of these operations depend on values on the device: a shape, or a Python number
WAITING = ("_local_scalar_dense", "nonzero", "_unique2", "unique_", "masked_select", "is_nonzero", "equal.default")
PLANS = {
    "rows": ContrastivePairs(),
    "edges as anchors": ContrastivePairs(anchors="edges"),
    "near mid far": NearMidFarPairs(n_near=2, n_mid=2, n_far=3),
    "far of the batch": NearMidFarPairs(n_near=5, n_mid=2, n_far=3, far="batch"),
    "negatives by degree": Edges(neg_sampling_rate=3, negatives="degree"),
}
CONTRASTIVE = [
    ContrastiveLoss(),
    ContrastiveLoss("nce"),
    ContrastiveLoss("negative sampling", spectrum=0.5),
    ContrastiveLoss(n_negatives=3),
    ContrastiveLoss("nce", similarity="cosine", temperature=0.5),
]


class NoWaiting(TorchDispatchMode):
    def __torch_dispatch__(self, function, types, args=(), kwargs=None):
        name = str(function)
        by_mask = "aten.index" in name and any(
            isinstance(part, torch.Tensor) and part.dtype == torch.bool
            for part in (args[1] if len(args) > 1 and isinstance(args[1], (list, tuple)) else ())
        )
        if by_mask or any(waiting in name for waiting in WAITING):
            raise AssertionError(f"{name} would wait for the device")
        return function(*args, **(kwargs or {}))


def sampler(plan, static):
    generator = torch.Generator().manual_seed(0)
    offsets = torch.stack([torch.randperm(N - 1, generator=generator)[:5] + 1 for _ in range(N)])
    graph = NeighborRelationTuple(
        ((torch.arange(N)[:, None] + offsets) % N, torch.rand(N, 5, generator=generator))
    )
    data = Dataset({"main": torch.randn(N, 3, generator=generator), "labels": torch.arange(N)})
    pair_sampler = plan.make(data, {"rel": graph}, batch_size=8, batches_per_epoch=6)
    holder = pair_sampler._edges if isinstance(plan, Edges) else pair_sampler
    holder._static = static  # as on CUDA
    return pair_sampler


def losses_for(plan):
    if not isinstance(plan, NearMidFarPairs):
        return CONTRASTIVE
    return [*CONTRASTIVE, AttractionLoss(), AttractionLoss("mid"), RepulsionLoss(), RepulsionLoss("mid")]


def step(batch, losses):
    torch.manual_seed(0)
    model = torch.nn.Linear(3, 2)
    value = CompoundLoss(losses)(model, {}, {}, batch, torch.device("cpu"))
    value.backward()
    return value.detach(), model.weight.grad


@pytest.mark.parametrize("name", PLANS)
def test_a_step_on_pairs_waits_for_nothing(name, monkeypatch):
    # on the CPU, reading values is free, so that the draws may end early
    monkeypatch.setattr("paradime.functional.sampling._reads_are_free", lambda device: False)
    pair_sampler = sampler(PLANS[name], static=True)
    with NoWaiting():
        for batch in pair_sampler.epoch(torch.Generator().manual_seed(0)):
            step(batch, losses_for(PLANS[name]))


@pytest.mark.parametrize("name", PLANS)
def test_batches_that_wait_for_nothing_hold_the_same_and_teach_the_same(name):
    batches = [
        list(sampler(PLANS[name], static).epoch(torch.Generator().manual_seed(1))) for static in (False, True)
    ]
    for one, other in zip(*batches, strict=True):
        result = [step(batch, losses_for(PLANS[name])) for batch in (one, other)]
        torch.testing.assert_close(*result, rtol=1e-4, atol=1e-5)
        assert list(one) == list(other)
        assert all(torch.equal(one[key], other[key]) for key in one)


def test_the_watch_finds_what_waits():
    with pytest.raises(AssertionError, match="would wait"), NoWaiting():
        next(sampler(PLANS["rows"], static=False).epoch(None))
