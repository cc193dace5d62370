"""Throughput of a training by two processes, each with one thread, over that of one process with one thread.

    python benchmarks/bench_ranks.py

``torchrun`` starts the processes, each of which fits a routine to the same 60,000 rows with 50 columns.
"""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
from _common import Figure, arguments, write_results

N_ROWS, N_COLUMNS, N_CLUSTERS = 60_000, 50, 100
METHODS = {
    "UMAP": ("UMAP", {"epochs": 3}),
    "UMAP, batches of 4,096": ("UMAP", {"epochs": 3, "batch_size": 4096}),
    "Contrastive": ("Contrastive", {"epochs": 3}),
    "TSNE": ("TSNE", {"epochs": 3}),
}
ROUNDS = 3


def rows() -> np.ndarray:
    """Returns a mixture of Gaussians, shape (60000, 50), float32."""
    generator = np.random.default_rng(0)
    centers = 4 * generator.normal(size=(N_CLUSTERS, N_COLUMNS))
    labels = generator.integers(N_CLUSTERS, size=N_ROWS)
    return (centers[labels] + generator.normal(size=(N_ROWS, N_COLUMNS))).astype(np.float32)


def fit_once(method: str, path: str) -> None:
    """Fits a routine, and writes the seconds of a step and of the neighbours."""
    import paradime
    from paradime.neighbors import nearest_neighbors
    from paradime.training import Callback
    from paradime.utils.ranks import together

    class Steps(Callback):
        seconds = n_steps = 0

        def on_phase_begin(self, state):
            self.begin, self.n_before = time.perf_counter(), state.n_steps

        def on_phase_end(self, state):
            # the last phase is the method's own
            self.seconds, self.n_steps = time.perf_counter() - self.begin, state.n_steps - self.n_before

    X, steps = rows(), Steps()
    start = time.perf_counter()
    with together():
        nearest_neighbors(X, 15)
    searched = time.perf_counter() - start
    preset, settings = METHODS[method]
    routine = getattr(paradime, f"Parametric{preset}")(random_state=0, **settings)
    start = time.perf_counter()
    routine.fit(X, callbacks=[steps])
    found = {
        "step": steps.seconds / steps.n_steps,
        "neighbors": searched,
        "fit": time.perf_counter() - start,
    }
    if os.environ.get("RANK", "0") == "0":
        Path(path).write_text(json.dumps(found), encoding="utf-8")


def seconds(method: str, n_processes: int) -> dict[str, float]:
    """Returns the seconds of a fit by some processes, each with one thread."""
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "seconds.json")
        launch = ["-m", "torch.distributed.run", "--nproc-per-node", str(n_processes)] if n_processes > 1 else []
        subprocess.run(
            [sys.executable, *launch, __file__, "--once", method, path],
            check=True,
            env={**os.environ, "OMP_NUM_THREADS": "1"},
        )
        return json.loads(Path(path).read_text(encoding="utf-8"))


def main() -> None:
    """Measures in turns, and writes the results."""
    if "--once" in sys.argv:
        fit_once(*sys.argv[2:])
        return
    arguments(__doc__).parse_args()
    figures = []
    for method in METHODS:
        found: dict[int, list[dict[str, float]]] = {1: [], 2: []}
        for _ in range(ROUNDS):
            for n_processes, runs in found.items():
                runs.append(seconds(method, n_processes))
        for part, target in (("step", 1.6), ("neighbors", None), ("fit", None)):
            one, two = (statistics.median(run[part] for run in found[n]) for n in (1, 2))
            name = f"{method}, {N_ROWS:,} × {N_COLUMNS}, {part}"
            scale, unit = (1000, "ms") if part == "step" else (1, "s")
            figures += [
                Figure(f"{name}, one process", scale * one, unit),
                Figure(f"{name}, two processes", scale * two, unit),
                Figure(f"{name}: throughput of two over one", one / two, "times", target, better="higher"),
            ]
    write_results("ranks", figures)


if __name__ == "__main__":
    main()
