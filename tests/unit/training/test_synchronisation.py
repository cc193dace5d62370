"""A step on a GPU must not wait for it: no operation whose result the host needs."""

import pytest
import torch
from torch.utils._python_dispatch import TorchDispatchMode

from paradime.data import Dataset, EdgeSampler, NegSampledEdgeDataset
from paradime.dr import ParametricDR
from paradime.functional import cross_entropy_loss
from paradime.loss import CompoundLoss, RelationLoss
from paradime.models import FullyConnectedEmbeddingModel
from paradime.relationdata import NeighborRelationTuple
from paradime.relations import DistsFromTo, NeighborBasedPDist
from paradime.training import Callback, TrainingPhase
from paradime.transforms import ConnectivityBasedRescale, ModifiedCauchyTransform, Symmetrize

N = 60
# results of these have a shape, or are a number, that only the device knows
WAITING = ("_local_scalar_dense", "nonzero", "_unique2", "unique_", "masked_select", "is_nonzero", "equal.default")


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


def graph(seed=0):
    generator = torch.Generator().manual_seed(seed)
    offsets = torch.randint(1, N, (N, 5), generator=generator)
    return NeighborRelationTuple(((torch.arange(N)[:, None] + offsets) % N, torch.rand(N, 5, generator=generator)))


def edges(static, negatives="random"):
    X = torch.randn(N, 3, generator=torch.Generator().manual_seed(1))
    made = NegSampledEdgeDataset(Dataset({"main": X, "labels": torch.arange(N)}), graph(), 4, negatives=negatives)
    made._static = static  # as on CUDA
    return made


def loss_and_gradient(batch):
    torch.manual_seed(0)
    model = FullyConnectedEmbeddingModel(3, 2, [5])
    loss = CompoundLoss([RelationLoss(cross_entropy_loss), RelationLoss(cross_entropy_loss)])
    relations = {"rel": DistsFromTo(transform=ModifiedCauchyTransform())}
    value = loss(model, {}, relations, batch, torch.device("cpu"))
    value.backward()
    return value.detach(), model.layers[0].weight.grad


@pytest.mark.parametrize("negatives", ["random", "batch"])
def test_a_step_on_edges_waits_for_nothing(negatives, monkeypatch):
    # on the CPU, where nothing waits, the draws may end early
    monkeypatch.setattr("paradime.functional.sampling._reads_are_free", lambda device: False)
    sampler = EdgeSampler(edges(True, negatives), 16, 3)
    with NoWaiting():
        for batch in sampler.epoch(torch.Generator().manual_seed(0)):
            loss_and_gradient(batch)


def test_the_watch_finds_what_waits():
    waiting = edges(False)
    with pytest.raises(AssertionError, match="would wait"), NoWaiting():
        waiting.sample(8)
    with pytest.raises(AssertionError, match="would wait"), NoWaiting():
        torch.ones(2)[torch.tensor([True, False])]


def test_batches_that_wait_for_nothing_hold_the_same_and_teach_the_same():
    batches = [edges(static).sample(16, generator=torch.Generator().manual_seed(3)) for static in (False, True)]
    results = [loss_and_gradient(batch) for batch in batches]
    torch.testing.assert_close(*results, rtol=1e-5, atol=1e-6)
    assert list(batches[0]) == list(batches[1])
    for name in batches[0]:
        assert torch.equal(batches[0][name], batches[1][name])


def test_an_entry_that_is_replaced_is_what_is_embedded():
    results = []
    for static in (False, True):
        batch = edges(static).sample(16, generator=torch.Generator().manual_seed(3))
        loss_and_gradient(batch)
        batch["main"] = batch["main"] + 1
        results.append(loss_and_gradient(batch))
    torch.testing.assert_close(*results, rtol=1e-5, atol=1e-6)


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
def test_cuda_reports_no_synchronisation_in_steps():
    class Watch(Callback):
        def on_batch_begin(self, state):
            torch.cuda.set_sync_debug_mode("error")

        def on_batch_end(self, state):
            torch.cuda.set_sync_debug_mode("default")

    neighbors = [ConnectivityBasedRescale(5), Symmetrize(subtract_product=True)]
    routine = ParametricDR(
        global_relations=NeighborBasedPDist(transform=neighbors),
        batch_relations=DistsFromTo(transform=ModifiedCauchyTransform()),
        losses=RelationLoss(cross_entropy_loss),
        device="cuda",
        callbacks=[Watch()],
    )
    routine.add_training_phase(TrainingPhase(epochs=2, batch_size=16, sampling="negative_edge"))
    routine.train(torch.randn(200, 4))
    assert routine.trained
