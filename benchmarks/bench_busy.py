"""The guided training on a machine whose cores are busy: its time beside that of one thread, alone and under load.

    python benchmarks/bench_busy.py

Each training runs in a process of its own, with one thread or as a user calls it; under load, as many other
processes as there are cores multiply matrices on one thread each.
"""

from __future__ import annotations

import contextlib
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator

from _common import Figure, arguments, write_results
from bench_guided import load_example

LOAD = "import torch\ntorch.set_num_threads(1)\na = torch.randn(300, 300)\nwhile True: a @ a"


def train_once() -> float:
    """Returns the seconds of a warm training of the guided example, 20 epochs."""
    import sklearn.preprocessing

    import paradime

    guided = load_example()
    covertype = paradime.datasets.load_covertype()
    X = sklearn.preprocessing.StandardScaler().fit_transform(covertype.data)
    attribute = covertype.feature_names.index(guided.ATTRIBUTE)
    seconds = 0.0
    for _ in range(2):
        paradime.utils.seed.seed_all(0)
        routine = guided.make_routine((1000, 1), attribute)
        for phase in routine.training_phases:
            phase.epochs = min(phase.epochs, 20)
        start = time.perf_counter()
        routine.train(X)
        seconds = time.perf_counter() - start
    return seconds


@contextlib.contextmanager
def busy(n_processes: int) -> Iterator[None]:
    """Keeps cores busy within the block."""
    others = [subprocess.Popen([sys.executable, "-c", LOAD]) for _ in range(n_processes)]
    try:
        time.sleep(3 if others else 0)
        yield
    finally:
        for other in others:
            other.kill()
            other.wait()


def seconds(threads: str | None, n_others: int) -> float:
    """Returns the seconds of a training in a process of its own, beside others."""
    environment = {name: value for name, value in os.environ.items() if name != "OMP_NUM_THREADS"}
    if threads is not None:
        environment["OMP_NUM_THREADS"] = threads
    with busy(n_others):
        done = subprocess.run(
            [sys.executable, __file__, "--once"], check=True, capture_output=True, text=True, env=environment
        )
    return float(done.stdout)


def main() -> None:
    """Measures and writes the results."""
    if "--once" in sys.argv:
        print(train_once())
        return
    arguments(__doc__).parse_args()
    n_cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    found: dict[tuple[str, int], list[float]] = {}
    for _ in range(3):
        for n_others in (0, n_cores):
            for name, threads in (("one thread", "1"), ("as called", None)):
                found.setdefault((name, n_others), []).append(seconds(threads, n_others))
    median = {key: statistics.median(values) for key, values in found.items()}
    figures = [
        Figure(f"guided, {'alone' if others == 0 else f'beside {others} busy processes'}, {name}", value, "s")
        for (name, others), value in median.items()
    ]
    for others, place, target in ((0, "alone", None), (n_cores, "on a busy machine", 1.3)):
        ratio = median["as called", others] / median["one thread", others]
        figures.append(Figure(f"guided, {place}: as called over one thread", ratio, "times", target))
    write_results("busy", figures)


if __name__ == "__main__":
    main()
