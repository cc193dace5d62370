"""The guided example: time of ``train()``, fresh and warm, and losses over seeds beside the published ones.

    python benchmarks/bench_guided.py [--seeds 5] [--without-v1]

ParaDime 1.1 runs in an environment of its own, once fresh and once warm; ours is to take a 20th and a 30th of it.
"""

from __future__ import annotations

import importlib.util
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
from _common import Figure, arguments, write_results
from _environments import PeerError, environment, last_line

# what 1.1 asks for does not work with this torch: these releases do
V1_NEEDS = [
    "torch==2.13.0",
    "numpy==2.2.6",
    "scipy==1.13.1",
    "scikit-learn==1.7.2",
    "pynndescent==0.7.0",
    "cerberus==1.3.8",
    "ruamel.yaml==0.19.1",
    "matplotlib==3.11.2",
    "plotly==7.1.0",
    "seaborn==0.13.2",
    "tqdm==4.70.1",
]
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


def figures_beside_v1(fresh: float, warm: float) -> list[Figure]:
    """Runs the example with ParaDime 1.1, and returns its seconds, and the shares of them that ours are."""
    import sklearn.preprocessing

    import paradime

    covertype = paradime.datasets.load_covertype()
    attribute = covertype.feature_names.index(load_example().ATTRIBUTE)
    try:
        python = environment("paradime_v1", V1_NEEDS, alone=["paradime==1.1.0"])
        with tempfile.TemporaryDirectory() as folder:
            rows = Path(folder) / "rows.npy"
            np.save(rows, sklearn.preprocessing.StandardScaler().fit_transform(covertype.data))
            command = [str(python), str(EXAMPLE.parents[1] / "benchmarks" / "v1_runner.py"), rows, str(attribute)]
            done = subprocess.run(command, check=True, capture_output=True, text=True, timeout=900)
    except (PeerError, subprocess.SubprocessError) as error:
        return [Figure("ParaDime 1.1", None, "s", note=last_line(str(error)))]
    v1_fresh, v1_warm = (float(line) for line in done.stdout.split()[-2:])
    return [
        Figure("ParaDime 1.1, fresh", v1_fresh, "s"),
        Figure("ParaDime 1.1, warm", v1_warm, "s"),
        Figure("fresh over ParaDime 1.1", fresh / v1_fresh, target=1 / 20),
        Figure("warm over ParaDime 1.1", warm / v1_warm, target=1 / 30),
    ]


def main() -> None:
    """Measures, prints, and writes ``results/guided.json``."""
    parser = arguments(__doc__)
    parser.add_argument("--seeds", type=int, default=5, help="how many seeds (default: 5)")
    parser.add_argument("--without-v1", action="store_true", help="do not run ParaDime 1.1 beside it")
    parser.add_argument("--once", action="store_true", help="only print the seconds of one training")
    args = parser.parse_args()
    if args.once:
        print(train_once((1000, 1), 0)[0])
        return
    fresh = fresh_seconds(3)
    train_once((1, 0), 0)
    losses, warm = losses_beside_published(args.seeds)
    fresh_median, warm_median = statistics.median(fresh), statistics.median(warm)
    figures = [
        Figure("seconds fresh, median", fresh_median, "s", 6.5, note="train() in a fresh process"),
        Figure("seconds warm, median", warm_median, "s", 3, note="train(), all weights"),
        *([] if args.without_v1 else figures_beside_v1(fresh_median, warm_median)),
        *losses,
    ]
    print(*figures, sep="\n")
    print(write_results("guided", figures))


if __name__ == "__main__":
    main()
