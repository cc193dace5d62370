"""The guided example: time of ``train()``, fresh and warm, and losses over seeds beside the published ones.

python benchmarks/bench_guided.py [--seeds 5]
"""

from __future__ import annotations

import importlib.util
import statistics
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from _common import Figure, arguments, write_results

EXAMPLE = Path(__file__).resolve().parents[1] / "examples" / "guided.py"


def load_example() -> Any:
    """Imports the example as a module."""
    spec = importlib.util.spec_from_file_location("guided", EXAMPLE)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def train_once(weights: tuple[float, float], seed: int) -> tuple[float, list[float]]:
    """Trains the routine once; returns the seconds of ``train()`` and the losses at the published epochs."""
    import sklearn.preprocessing

    import paradime

    guided = load_example()
    covertype = paradime.datasets.load_covertype()
    X = sklearn.preprocessing.StandardScaler().fit_transform(covertype.data)
    paradime.utils.seed.seed_all(seed)
    routine = guided.make_routine(weights, covertype.feature_names.index(guided.ATTRIBUTE))
    start = time.perf_counter()
    routine.train(X)
    seconds = time.perf_counter() - start
    history = routine.training_phases[1].loss.history
    return seconds, [history[epoch] for epoch in guided.EPOCHS]


def fresh_seconds(repeats: int) -> list[float]:
    """Returns the seconds of ``train()`` in fresh processes."""
    command = [sys.executable, __file__, "--once"]
    return [
        float(subprocess.run(command, check=True, capture_output=True, text=True).stdout) for _ in range(repeats)
    ]


def losses_beside_published(seeds: int) -> tuple[list[Figure], list[float]]:
    """Trains with all published weights; returns how far the losses are off, and the seconds of each training."""
    figures, times = [], []
    for weights, expected in load_example().PUBLISHED.items():
        runs = [train_once(weights, seed) for seed in range(seeds)]
        times += [seconds for seconds, _ in runs]
        means = [statistics.mean(column) for column in zip(*(losses for _, losses in runs), strict=True)]
        worst = max(abs(mean / goal - 1) for mean, goal in zip(means, expected, strict=True))
        name = f"loss over the published one, weights {weights}: largest difference"
        note = f"mean of {seeds} seeds, at epochs {', '.join(map(str, load_example().EPOCHS))}"
        figures.append(Figure(name, 100 * worst, "%", 5, note=note))
    return figures, times


def main() -> None:
    """Measures, prints, and writes ``results/guided.json``."""
    parser = arguments(__doc__)
    parser.add_argument("--seeds", type=int, default=5, help="how many seeds (default: 5)")
    parser.add_argument("--once", action="store_true", help="only print the seconds of one training")
    args = parser.parse_args()
    if args.once:
        print(train_once((1000, 1), 0)[0])
        return
    fresh = fresh_seconds(3)
    train_once((1, 0), 0)
    losses, warm = losses_beside_published(args.seeds)
    figures = [
        Figure("seconds fresh, median", statistics.median(fresh), "s", note="train() in a fresh process"),
        Figure("seconds warm, median", statistics.median(warm), "s", note="train(), all weights"),
        *losses,
    ]
    print(*figures, sep="\n")
    print(write_results("guided", figures))


if __name__ == "__main__":
    main()
