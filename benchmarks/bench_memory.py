"""Peak memory of fitting ParametricUMAP on large data, and how the time grows with the number of rows.

    python benchmarks/bench_memory.py --data FOLDER

Each fit runs in a process of its own, which has the data loaded when it starts to count.
"""

from __future__ import annotations

import gc
import json
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

import numpy as np
from _common import Figure, arguments, covertype, fashion_mnist, write_results

SETTINGS = {"n_neighbors": 15, "batch_size": 1000, "epochs": 5, "random_state": 0}
MEGABYTE = 1e6
LIMIT_S = 580


class PeakMemory(threading.Thread):
    """Samples the resident memory of the process until it is stopped.

    Attributes:
        baseline: Bytes at the start.
        peak: The most bytes that were seen.
    """

    def __init__(self, interval: float = 0.005) -> None:
        super().__init__(daemon=True)
        self.baseline = self.peak = self._resident()
        self._interval = interval
        self._stopped = threading.Event()

    @staticmethod
    def _resident() -> int:
        with open("/proc/self/statm", "rb") as file:
            return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")

    def run(self) -> None:
        """Samples."""
        while not self._stopped.wait(self._interval):
            self.peak = max(self.peak, self._resident())

    def stop(self) -> int:
        """Returns the bytes that were added at most."""
        self._stopped.set()
        self.join()
        # kept by the kernel, so no peak between two samples is missed
        highest = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
        return max(self.peak, highest) - self.baseline


def fit(path: Path) -> dict[str, float]:
    """Fits on the rows of a file; returns seconds and bytes."""
    import paradime

    X = np.load(path)
    gc.collect()
    umap = paradime.estimators.ParametricUMAP(**SETTINGS)
    memory = PeakMemory()
    memory.start()
    start = time.perf_counter()
    umap.train(X)
    seconds = time.perf_counter() - start
    return {"seconds": seconds, "bytes": memory.stop()}


def fit_in_a_process(X: np.ndarray, folder: Path) -> dict[str, float]:
    """Calls :func:`fit` in a fresh process."""
    path = folder / "X.npy"
    np.save(path, X)
    done = subprocess.run(
        [sys.executable, __file__, "--fit", str(path)], check=True, capture_output=True, text=True, timeout=LIMIT_S
    )
    found: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    print(X.shape, found, flush=True)
    return found


def memory_figure(name: str, X: np.ndarray, found: dict[str, float]) -> Figure:
    """Returns the figure of added memory, with 2 × float32(X) + 1 kB × n + 300 MB as target."""
    target = (2 * X.nbytes + 1000 * len(X)) / MEGABYTE + 300
    return Figure(f"memory added by fit, {name}", found["bytes"] / MEGABYTE, "MB", target)


def main() -> None:
    """Measures, prints, and writes ``results/memory.json``."""
    parser = arguments(__doc__, data="optional")
    parser.add_argument("--fit", type=Path, help="only fit on the rows of this file, and print what it took")
    args = parser.parse_args()
    if args.fit is not None:
        print(json.dumps(fit(args.fit)))
        return
    if args.data is None:
        parser.error("memory is measured on large data: pass --data FOLDER")
    figures = []
    with tempfile.TemporaryDirectory() as scratch:
        X = covertype(args.data)
        few = X[np.random.default_rng(0).choice(len(X), 58_000, replace=False)]
        # short, so that noise weighs more
        some = statistics.median(fit_in_a_process(few, Path(scratch))["seconds"] for _ in range(3))
        many = fit_in_a_process(X, Path(scratch))
        figures += [
            memory_figure("Covertype 581,012 × 10", X, many),
            Figure("fit, Covertype 58,000 × 10", some, "s"),
            Figure("fit, Covertype 581,012 × 10", many["seconds"], "s"),
            Figure("fit, 581,012 rows over 58,000", many["seconds"] / some, "times", 12),
        ]
        X, _ = fashion_mnist(args.data)
        found = fit_in_a_process(X, Path(scratch))
        figures += [
            memory_figure("Fashion-MNIST 70,000 × 784", X, found),
            Figure("fit, Fashion-MNIST 70,000 × 784", found["seconds"], "s"),
        ]
    print(write_results("memory", figures))


if __name__ == "__main__":
    main()
