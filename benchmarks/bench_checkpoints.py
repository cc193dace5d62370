"""What checkpoints cost, on 60,000 × 50 random rows with a network of 3 × 300 units.

python benchmarks/bench_checkpoints.py
"""

from __future__ import annotations

import statistics
import tempfile
from pathlib import Path

import numpy as np
from _common import Figure, arguments, timed, write_results

from paradime import ParametricContrastive
from paradime.training import Callback, Checkpoints, TrainingState, find_checkpoint, read_checkpoint


class TimedCheckpoints(Checkpoints):
    """Measures how long it writes."""

    def __init__(self, folder: str) -> None:
        super().__init__(folder)
        self.seconds: list[float] = []

    def write(self, state: TrainingState) -> Path:
        """Writes a checkpoint."""
        seconds, path = timed(lambda: super(TimedCheckpoints, self).write(state), 1)
        self.seconds.append(seconds)
        return Path(path)


class EpochSeconds(Callback):
    """Keeps how long epochs took, without what callbacks do at their ends."""

    def __init__(self) -> None:
        self.seconds: list[float] = []

    def on_epoch_end(self, state: TrainingState) -> None:
        """Called after the last batch of an epoch."""
        self.seconds.append(state.seconds)


def bench_checkpoints(n_rows: int = 60_000) -> list[Figure]:
    """Measures writing against an epoch of one pass, and reading."""
    X = np.random.default_rng(0).normal(size=(n_rows, 50)).astype(np.float32)
    with tempfile.TemporaryDirectory() as folder:
        writing, epochs = TimedCheckpoints(folder), EpochSeconds()
        ParametricContrastive(
            epochs=5, batch_size=512, initialization=None, hidden_dims=(300, 300, 300), random_state=0
        ).fit(X, callbacks=[writing, epochs])
        path = find_checkpoint(folder)
        assert path is not None
        read, _ = timed(lambda: read_checkpoint(path))
        size = path.stat().st_size
    write, epoch = statistics.median(writing.seconds), statistics.median(epochs.seconds)
    name = f"checkpoint, {n_rows:,} × 50, 3 × 300"
    return [
        Figure(f"{name}: part of an epoch that writing takes", write / epoch, target=0.02),
        Figure(f"{name}: writing", write, "s"),
        Figure(f"{name}: an epoch", epoch, "s"),
        Figure(f"{name}: reading", read, "s"),
        Figure(f"{name}: size", size / 2**20, "MiB"),
    ]


def main() -> None:
    """Measures, prints, and writes ``results/checkpoints.json``."""
    arguments(__doc__).parse_args()
    figures = bench_checkpoints()
    print(*figures, sep="\n")
    print(write_results("checkpoints", figures))


if __name__ == "__main__":
    main()
