"""What scikit-learn's side of a routine costs: one row through ``transform``, and ``fit`` against ``train``.

    python benchmarks/bench_estimator.py

One row goes through networks of three layers of 300 units, after a first call. ``fit`` and ``train`` run the same
phases on the same rows, in turn; the overhead is the median of the ratios of neighbouring runs.
"""

from __future__ import annotations

import statistics
import time

import numpy as np
import torch
from _common import Figure, arguments, write_results

from paradime import ParametricContrastive, ParametricMDS

HIDDEN_DIMS = (300, 300, 300)
N_ROWS, N_COLUMNS = 20_000, 50


def rows(n_rows: int) -> np.ndarray:
    return np.random.default_rng(0).normal(size=(n_rows, N_COLUMNS)).astype(np.float32)


def milliseconds_of_one_row(network: str, repeats: int = 2000) -> float:
    """Returns the median time of ``transform`` of one row."""
    X = rows(500)
    routine = ParametricContrastive(epochs=1, network=network, hidden_dims=HIDDEN_DIMS, random_state=0).fit(X)
    one = X[:1].copy()
    routine.transform(one)
    times = []
    for _ in range(repeats):
        start = time.perf_counter()
        routine.transform(one)
        times.append(time.perf_counter() - start)
    return 1e3 * statistics.median(times)


def overhead_of_fit(repeats: int = 9) -> tuple[float, float]:
    """Returns the percentage that ``fit`` takes beyond ``train``, and the seconds of ``train``."""
    X = rows(N_ROWS)

    def make() -> ParametricMDS:
        return ParametricMDS(epochs=10, batch_size=500, random_state=0)

    def seconds(method: str) -> float:
        routine = make()
        # of the process, so that other work on the machine does not count
        start = time.process_time()
        getattr(routine, method)(X)
        return time.process_time() - start

    seconds("fit"), seconds("train")
    pairs = []
    for repeat in range(repeats):
        # in alternate order: what runs second finds memory warm
        order = ("fit", "train") if repeat % 2 else ("train", "fit")
        taken = {method: seconds(method) for method in order}
        pairs.append((taken["fit"], taken["train"]))
    overhead = statistics.median(fit / train for fit, train in pairs) - 1
    return 100 * overhead, statistics.median(train for _, train in pairs)


def main() -> None:
    arguments(__doc__).parse_args()
    torch.set_num_threads(1)
    overhead, seconds = overhead_of_fit()
    results = [
        Figure(f"transform of one row, 3 × 300, {network}", milliseconds_of_one_row(network), "ms", target=1.0)
        for network in ("mlp", "centers")
    ]
    note = f"MDS of {N_ROWS} × {N_COLUMNS}, 10 epochs; train takes {seconds:.2f} s"
    results.append(Figure("overhead of fit over train", overhead, "%", target=5.0, note=note))
    for figure in results:
        print(f"{figure.name}: {figure.value:.3f} {figure.unit} (target {figure.target})")
    print(write_results("estimator", results))


if __name__ == "__main__":
    main()
