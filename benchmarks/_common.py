"""What the benchmarks share: a description of the machine, times, data, and results as JSON."""

from __future__ import annotations

import argparse
import json
import os
import platform
import statistics
import time
from collections.abc import Callable, Iterable, Mapping
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import torch
from _results import PRODUCT, RESULTS, Figure, committed, figures_of, merged, read_results, with_previous

import paradime

__all__ = [
    "Figure",
    "arguments",
    "covertype",
    "fashion_mnist",
    "machine",
    "product_seconds",
    "timed",
    "write_results",
]


def product_seconds(size: int = 2048, repeats: int = 5) -> float:
    """Returns the median time of a product of two float32 matrices, which tells how fast the machine is."""
    a = torch.ones(size, size)
    times = []
    for _ in range(repeats + 1):
        start = time.perf_counter()
        a @ a
        times.append(time.perf_counter() - start)
    return statistics.median(times[1:])


def machine() -> dict[str, Any]:
    """Describes the machine and the versions of what computes on it."""
    return {
        "processor": platform.processor() or platform.machine(),
        "cores": os.cpu_count(),
        "threads": torch.get_num_threads(),
        PRODUCT: round(product_seconds(), 4),
        "python": platform.python_version(),
        **{name: version(name) for name in ("torch", "numpy", "scipy", "scikit-learn")},
        "paradime": paradime.__version__,
    }


def timed(function: Callable[[], Any], repeats: int = 3) -> tuple[float, Any]:
    """Returns the median of the seconds of some calls, and the last result."""
    times = []
    for _ in range(repeats):
        start = time.perf_counter()
        result = function()
        times.append(time.perf_counter() - start)
    return statistics.median(times), result


def write_results(name: str, results: Iterable[Figure] | Mapping[str, Any], *, keep: bool = False) -> Path:
    """Writes results to ``results/<name>.json``: the machine, and each figure with its previous value.

    The previous run is the one that the repository keeps.

    Args:
        name: The topic.
        results: Figures, or a nested dict of numbers, which becomes figures without targets.
        keep: Whether figures of the file that were not measured now stay in it.

    Returns:
        The path.
    """
    RESULTS.mkdir(exist_ok=True)
    path = RESULTS / f"{name}.json"
    figures = figures_of(results) if isinstance(results, Mapping) else list(results)
    described = machine()
    found = with_previous(figures, described[PRODUCT], committed(path))
    if keep and path.exists():
        found = merged(read_results(path.read_text(encoding="utf-8"))["figures"], found)
    text = json.dumps({"machine": described, "figures": found}, indent=2, ensure_ascii=False)
    path.write_text(text + "\n", encoding="utf-8")
    return path


def arguments(description: str | None, *, data: str | None = None) -> argparse.ArgumentParser:
    """Returns a parser for the command line of a benchmark.

    Args:
        description: The benchmark's docstring.
        data: ``"needed"`` or ``"optional"`` if it takes ``--data FOLDER``.
    """
    parser = argparse.ArgumentParser(description=description, formatter_class=argparse.RawDescriptionHelpFormatter)
    if data is not None:
        parser.add_argument(
            "--data",
            type=Path,
            metavar="FOLDER",
            required=data == "needed",
            help="folder with covertype.npz (numeric, target) and fashion_mnist.npz (X, y)",
        )
    return parser


def covertype(folder: Path) -> np.ndarray:
    """Returns all rows of Covertype, standardised, float32, shape (581012, 10)."""
    with np.load(folder / "covertype.npz") as archive:
        X = archive["numeric"].astype(np.float64)
    return ((X - X.mean(0)) / X.std(0)).astype(np.float32)


def fashion_mnist(folder: Path) -> tuple[np.ndarray, np.ndarray]:
    """Returns the pixels of Fashion-MNIST in [0, 1], float32, shape (70000, 784), and the classes."""
    with np.load(folder / "fashion_mnist.npz") as archive:
        X, y = archive["X"], archive["y"]
    return X.reshape(len(X), -1).astype(np.float32) / 255, y
