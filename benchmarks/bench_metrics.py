"""Judging and explaining a map of many rows: time, memory, and whether the standard errors are honest.

    python benchmarks/bench_metrics.py --data FOLDER

Fashion-MNIST's 60,000 training rows of 784 columns, and their two principal components. Figures are measured at
2,000 rows drawn at random. Explanations are those of a centre network that a short training made.
"""

from __future__ import annotations

import resource
import statistics
import time
from collections.abc import Callable
from typing import Any

import torch
from _common import Figure, arguments, fashion_mnist, write_results

from paradime import ParametricContrastive, explain, metrics

SAMPLED = 2_000


def measured(name: str, call: Callable[[], Any]) -> tuple[Any, list[Figure]]:
    """Times a call, once, and notes by how much the process has grown at its peak."""
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    start = time.perf_counter()
    result = call()
    seconds = time.perf_counter() - start
    grown = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024
    print(f"{name}: {seconds:.2f} s, peak + {grown:.0f} MiB", flush=True)
    return result, [Figure(f"{name}, seconds", seconds, "s"), Figure(f"{name}, growth of the peak", grown, "MiB")]


def judged(X: torch.Tensor, Y: torch.Tensor, y: Any) -> list[Figure]:
    """Measures the metrics, and how far samples lie from each other relative to the error they tell."""
    settings = {"n_samples": SAMPLED}
    calls: dict[str, Callable[[], Any]] = {
        "trustworthiness": lambda: metrics.trustworthiness(X, Y, n_neighbors=15, **settings),
        "neighbors kept at three sizes": lambda: metrics.knn_recall(X, Y, n_neighbors=(5, 15, 50), **settings),
        "co-ranking curve": lambda: metrics.coranking_curve(X, Y, **settings),
        "neighbors within 0.1 % of the map": lambda: metrics.fixed_fraction_recall(X, Y, **settings),
        "Shepard correlation of 1,000,000 pairs": lambda: metrics.shepard_correlation(X, Y),
        "random triplets, 100,000": lambda: metrics.random_triplet_accuracy(X, Y),
        "neighbors of class means": lambda: metrics.class_mean_neighbors(X, Y, y),
        "stress": lambda: metrics.stress(X, Y, rescale=True, **settings),
        "kNN accuracy of all rows": lambda: metrics.knn_accuracy(Y, y),
    }
    figures: list[Figure] = []
    for name, call in calls.items():
        figures += measured(name, call)[1]
    draws = [metrics.trustworthiness(X, Y, n_samples=500, random_state=seed) for seed in range(10)]
    estimated = statistics.mean(draw.standard_error for draw in draws)
    ratio = statistics.stdev(float(draw) for draw in draws) / estimated
    print(f"spread of ten samples / standard error they tell: {ratio:.2f}")
    return [*figures, Figure("spread of samples, relative to the standard error that they tell", ratio, "×")]


def main() -> None:
    """Measures, and writes the results."""
    args = arguments(__doc__, data="needed").parse_args()
    pixels, y = fashion_mnist(args.data)
    X = torch.from_numpy(pixels[:60_000])
    torch.manual_seed(0)
    Y = X @ torch.pca_lowrank(X[:5_000], 2)[2]
    figures = judged(X, Y, y[:60_000])
    routine = ParametricContrastive(epochs=1, random_state=0).fit(pixels[:10_000])
    calls: dict[str, Callable[[], Any]] = {
        "importance of 784 pixels at 200 rows": lambda: explain.feature_importance(routine, X, n_samples=200),
        "distortion at 2,000 rows": lambda: explain.distortion(routine, X[:2_000], scale="none"),
        "novelty, fit to 60,000 rows": lambda: explain.NoveltyDetector(routine).fit(X),
    }
    detector = None
    for name, call in calls.items():
        detector, found = measured(name, call)
        figures += found
    figures += measured("novelty of 1,000 rows", lambda: detector.score(pixels[60_000:61_000]))[1]
    print(write_results("metrics", figures))


if __name__ == "__main__":
    main()
