"""What the benchmarks share: a description of the machine, and results as JSON."""

from __future__ import annotations

import json
import os
import platform
import statistics
import time
from importlib.metadata import version
from pathlib import Path
from typing import Any

import torch

RESULTS = Path(__file__).resolve().parent / "results"


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
        "seconds of a 2048 × 2048 float32 product": round(product_seconds(), 4),
        "python": platform.python_version(),
        **{name: version(name) for name in ("torch", "numpy", "scipy", "scikit-learn", "paradime")},
    }


def write_results(name: str, results: Any) -> Path:
    """Writes results, with the machine, to ``results/<name>.json`` and returns the path."""
    RESULTS.mkdir(exist_ok=True)
    path = RESULTS / f"{name}.json"
    text = json.dumps({"machine": machine(), "results": results}, indent=2, ensure_ascii=False)
    path.write_text(text + "\n", encoding="utf-8")
    return path
