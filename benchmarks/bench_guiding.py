"""Balanced weights: does a guiding loss keep the share of the gradient that was asked for, whatever its scale?

    python benchmarks/bench_guiding.py

A t-SNE of the bundled forest cover sample, of digits and of breast cancer data is guided by a second loss, once a
correlation of the x-axis with an attribute, once a reconstruction by a decoder. The norms of both gradients are
measured once an epoch on a batch of its own, by a backward pass each, with respect to the layers that both reach.
The same for a guiding loss that is multiplied by 10,000 and by 1/10,000. And the time of a step with balanced
weights, relative to one with fixed weights.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Mapping
from typing import Any

import numpy as np
import sklearn.datasets
import torch
from _common import Figure, write_results

from paradime import ParametricTSNE
from paradime.data import Batch
from paradime.datasets import load_covertype
from paradime.dr import ParametricDR
from paradime.loss import CorrelationLoss, Loss, ReconstructionLoss
from paradime.training import Callback, TrainingState

SHARES = (0.05, 0.2, 0.5, 0.8)
SEEDS = (1, 2, 3)
EPOCHS = {"covertype": 25, "digits": 60, "breast cancer": 80}


class Scaled(CorrelationLoss):
    """A correlation that is measured on another scale."""

    def __init__(self, factor: float, **settings: Any) -> None:
        super().__init__(**settings)
        self.factor = factor

    def forward(self, *args: Any) -> torch.Tensor:
        """Returns the loss, multiplied."""
        return self.factor * super().forward(*args)


class Shares(Callback):
    """Measures, once an epoch, the share of the second loss in the sum of the norms of both gradients."""

    def __init__(self, routine: ParametricDR, rows: np.ndarray) -> None:
        self.routine, self.rows = routine, rows
        self.generator = torch.Generator().manual_seed(0)
        self.shares: list[float] = []

    def on_epoch_end(self, state: TrainingState) -> None:
        """Draws a batch, and goes back through either loss."""
        compound = state.objective
        if compound is None or len(compound.weights) < 2:
            return
        drawn = torch.randperm(len(self.rows), generator=self.generator)[: state.phase.batch_size]
        batch = Batch(self.routine.dataset.rows(drawn))
        norms = [
            weight * self._norm(state.model, loss, batch)
            for weight, loss in zip(compound.weights, compound.losses, strict=True)
        ]
        self.shares.append(norms[1] / sum(norms))

    def _norm(self, model: torch.nn.Module, loss: Any, batch: Batch) -> float:
        # a decoder is reached by one of the losses only: it has no share to keep
        encoder = [
            p for name, p in model.named_parameters() if not name.startswith("decoder") and "alpha" not in name
        ]
        relations = self.routine.global_relation_data, self.routine.batch_relations
        value = loss.forward(model, *relations, Batch(dict(batch)), torch.device("cpu"))
        gradients = torch.autograd.grad(value, encoder, allow_unused=True)
        return float(torch.nn.utils.get_total_norm([g for g in gradients if g is not None]))


def data() -> dict[str, tuple[np.ndarray, int]]:
    """Returns data sets, standardised, each with the column that guides."""
    named = {
        "covertype": (load_covertype().data[:, :10], 7),
        "digits": (sklearn.datasets.load_digits().data, 36),
        "breast cancer": (sklearn.datasets.load_breast_cancer().data, 4),
    }
    standardised = {}
    for name, (rows, column) in named.items():
        spread = rows.std(axis=0)
        standardised[name] = (rows - rows.mean(axis=0)) / np.where(spread > 0, spread, 1), column
    return standardised


def train(name: str, rows: np.ndarray, guide: Loss, seed: int, **weighting: float) -> dict[str, float]:
    """Trains a guided t-SNE; returns the measured share, the correlation of the x-axis, and the time."""
    routine = ParametricTSNE(
        refine=False,
        perplexity=50 if name == "covertype" else 30,
        epochs=EPOCHS[name],
        batch_size=500 if name == "covertype" else 200,
        decoder=isinstance(guide, ReconstructionLoss),
        loss_shares={"reconstruction": weighting["share"]} if isinstance(guide, ReconstructionLoss) else None,
        random_state=seed,
    )
    if not isinstance(guide, ReconstructionLoss):
        routine.add_loss("guide", guide, **weighting)
    routine.train(rows, callbacks=[watch := Shares(routine, rows)])
    embedded = routine.apply(rows).numpy()
    column = data()[name][1]
    return {
        "share": statistics.mean(watch.shares[2:]),
        "r": abs(float(np.corrcoef(embedded[:, 0], rows[:, column])[0, 1])),
    }


def mean(results: list[Mapping[str, float]], key: str) -> float:
    """Returns the mean of a figure over seeds."""
    return statistics.mean(result[key] for result in results)


def step_seconds(rows: np.ndarray, **weighting: float) -> float:
    """Returns the time of the main phase, with the second loss."""
    routine = ParametricTSNE(refine=False, epochs=20, batch_size=500, initialization=None, random_state=0)
    routine.add_loss("guide", CorrelationLoss(attribute=7), **weighting)
    begun: list[float] = []

    class Watch(Callback):
        def on_phase_begin(self, state: TrainingState) -> None:
            begun.append(time.perf_counter())

    routine.train(rows, callbacks=[Watch()])
    return time.perf_counter() - begun[-1]


def off(name: str, share: float, runs: list[Mapping[str, float]]) -> Figure:
    """Returns how far the share that was held is from the one that was asked for."""
    held = mean(runs, "share")
    return Figure(f"{name}: share off {share}", abs(held - share), target=0.05, note=f"held {held:.3f}")


def figures_of(name: str, rows: np.ndarray, column: int) -> list[Figure]:
    """Measures one data set."""
    found = []
    for share in SHARES:
        runs = [train(name, rows, CorrelationLoss(attribute=column), seed, share=share) for seed in SEEDS]
        found.append(off(f"{name}, correlation", share, runs))
        found.append(Figure(f"{name}: |r| of the x-axis at share {share}", mean(runs, "r"), better="higher"))
    runs = [train(name, rows, ReconstructionLoss(), seed, share=0.2) for seed in SEEDS]
    found.append(off(f"{name}, reconstruction", 0.2, runs))
    for factor in (1e4, 1e-4):
        runs = [train(name, rows, Scaled(factor, attribute=column), seed, share=0.2) for seed in SEEDS]
        label = f"{name}: |r| at share 0.2, guiding loss × {factor:g}"
        found.append(Figure(label, mean(runs, "r"), better="higher"))
    return found


def main() -> None:
    """Measures, and writes the results."""
    figures: list[Figure] = []
    for name, (rows, column) in data().items():
        found = figures_of(name, rows, column)
        print(*[f"{figure.name}: {figure.value:.3f} {figure.note}" for figure in found], sep="\n", flush=True)
        figures += found
    rows = data()["covertype"][0]
    pairs = [(step_seconds(rows, share=0.2), step_seconds(rows, weight=0.01)) for _ in range(5)]
    ratio = statistics.median(balanced / fixed for balanced, fixed in pairs)
    figures.append(Figure("time of a step with balanced weights, relative to fixed ones", ratio, "×"))
    print(f"balanced / fixed: {ratio:.3f}")
    print(write_results("guiding", figures))


if __name__ == "__main__":
    main()
