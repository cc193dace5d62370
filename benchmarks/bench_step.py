"""The share of a training step that the model itself takes: forward, backward and the optimiser.

    python benchmarks/bench_step.py

A network of 3 × 100 is trained as in UMAP: 1,024 edges a batch with 5 negatives each, of a random graph (k = 15)
over 70,000 rows. After each step, only the model's part is replayed, by a copy of the model on the same rows, from
a gradient of the embedding's shape; the share is the quotient of the two medians.
"""

from __future__ import annotations

import copy
import statistics
import time
from typing import Any

import torch
from _common import Figure, arguments, write_results

from paradime.data import Dataset
from paradime.functional import cross_entropy_loss
from paradime.loss import RelationLoss
from paradime.models import FullyConnectedEmbeddingModel
from paradime.relationdata import NeighborRelationTuple
from paradime.relations import DistsFromTo
from paradime.training import Callback, Trainer, TrainingPhase, TrainingState
from paradime.transforms import ModifiedCauchyTransform

N, K, BATCH_SIZE, NEGATIVES = 70_000, 15, 1024, 5
WARM_UP, STEPS = 10, 80


class Replay(Callback):
    """Times whole steps, with sampling, and between them the model's part alone.

    Attributes:
        steps: Seconds of each step.
        replays: Seconds of the model's part of the same step.
    """

    def __init__(self, model: torch.nn.Module) -> None:
        self.model = copy.deepcopy(model).train()
        # the one that steps are taken with
        self.optimizer = TrainingPhase().make_optimizer(list(self.model.parameters()))
        self.steps: list[float] = []
        self.replays: list[float] = []
        self._last: float | None = None

    def on_batch_end(self, state: TrainingState) -> None:
        """Called after a step: notes its time, then replays the model's part."""
        now = time.perf_counter()
        if self._last is not None:
            self.steps.append(now - self._last)
            self.replays.append(self._replay(state))
        # from here to the end of the next batch: sampling it and the step
        self._last = time.perf_counter()

    def _replay(self, state: TrainingState) -> float:
        assert state.batch is not None
        rows = state.batch["main"]
        gradient = torch.ones(len(rows), 2)
        start = time.perf_counter()
        self.optimizer.zero_grad()
        self.model(rows).backward(gradient)
        self.optimizer.step()
        return time.perf_counter() - start


def measure(dim: int, negatives: str) -> dict[str, Any]:
    """Runs a phase on rows of some number of columns; returns the median seconds and their share."""
    torch.manual_seed(0)
    graph = NeighborRelationTuple((torch.randint(N, (N, K)), torch.rand(N, K)))
    model = FullyConnectedEmbeddingModel(dim, 2, [100, 100, 100])
    replay = Replay(model)
    phase = TrainingPhase(
        epochs=1,
        sampling="negative_edge",
        batch_size=BATCH_SIZE,
        batches_per_epoch=WARM_UP + STEPS,
        neg_sampling_rate=NEGATIVES,
        negatives=negatives,
    )
    trainer = Trainer(
        model,
        {"loss": RelationLoss(cross_entropy_loss)},
        Dataset(torch.randn(N, dim)),
        torch.device("cpu"),
        global_relations={"rel": graph},
        batch_relations={"rel": DistsFromTo(transform=ModifiedCauchyTransform())},
        seed=0,
        callbacks=[replay],
    )
    trainer.run([phase])
    step = statistics.median(replay.steps[WARM_UP:])
    model_part = statistics.median(replay.replays[WARM_UP:])
    return {"step": step, "share": model_part / step}


def main() -> None:
    """Measures, prints, and writes ``results/step.json``."""
    arguments(__doc__).parse_args()
    figures = []
    for dim, negatives in ((10, "random"), (50, "random"), (784, "random"), (50, "batch")):
        found = measure(dim, negatives)
        # the target is for random negatives: with others, there is less for the model to do
        target = 0.7 if negatives == "random" else None
        case = f"d = {dim}" + (", negatives from the batch" if negatives == "batch" else "")
        figures += [
            Figure(f"share of the model in a step, {case}", found["share"], target=target, better="higher"),
            Figure(f"step, {case}", 1000 * found["step"], "ms"),
        ]
        print(f"{case}: {found}", flush=True)
    print(write_results("step", figures))


if __name__ == "__main__":
    main()
