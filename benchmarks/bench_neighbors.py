"""Times, recall and memory of neighbour searches; each in a process of its own.

Usage: python benchmarks/bench_neighbors.py --data FOLDER

The folder holds covertype.npz (``numeric``) and fashion_mnist.npz (``X``).
"""

from __future__ import annotations

import argparse
import json
import resource
import statistics
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import torch
from _common import Figure, product_seconds, write_results

from paradime.neighbors import choose_backend, measured_recall, nearest_neighbors

CASES: dict[str, tuple[str, int | None, int]] = {
    "Fashion-MNIST, 70,000 × 784, k = 15": ("fashion", None, 15),
    "Covertype, 581,012 × 10, k = 15": ("covertype", None, 15),
    "Covertype, 581,012 × 10, k = 30": ("covertype", None, 30),
    "Covertype, 7,000 × 10, k = 600": ("covertype", 7000, 600),
}

# seconds, and MB added to the peak: the data in single precision (209 MB) and 150 MB, or 600 MB
TARGETS: dict[str, tuple[float | None, float | None]] = {
    "Fashion-MNIST, 70,000 × 784, k = 15": (10, None),
    "Covertype, 581,012 × 10, k = 15": (45, None),
    "Covertype, 581,012 × 10, k = 30": (None, None),
    "Covertype, 7,000 × 10, k = 600": (0.4, None),
}


def load(folder: Path, name: str, n: int | None) -> torch.Tensor:
    if name == "fashion":
        return torch.from_numpy(np.load(folder / "fashion_mnist.npz")["X"].astype(np.float32))
    numeric = np.load(folder / "covertype.npz")["numeric"].astype(np.float32)
    numeric -= numeric.mean(axis=0)
    numeric /= numeric.std(axis=0)
    return torch.from_numpy(numeric[:n].copy())


def peak_mb() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def measure(folder: Path, case: str, repeats: int) -> dict[str, Any]:
    name, n, k = CASES[case]
    X = load(folder, name, n)
    before, times = peak_mb(), []
    for _ in range(repeats):
        start = time.perf_counter()
        indices, _ = nearest_neighbors(X, k)
        times.append(time.perf_counter() - start)
    return {
        "case": case,
        "backend": choose_backend(len(X), dim=X.shape[1]).name,
        "median seconds": round(statistics.median(times), 3),
        "seconds": [round(seconds, 3) for seconds in times],
        "MB added to the peak": round(peak_mb() - before),
        "MB of the data in single precision": round(X.numel() * 4 / 2**20),
        "recall": round(measured_recall(X, indices, random_state=1), 4),
        "seconds of a 2048 × 2048 float32 product": round(product_seconds(), 4),
    }


def figures(result: dict[str, Any]) -> list[Figure]:
    case, product = result["case"], result["seconds of a 2048 × 2048 float32 product"]
    seconds, memory = TARGETS[case]
    note = f"backend {result['backend']}; a 2048 × 2048 float32 product took {product} s in the same process"
    return [
        Figure(f"{case}: search", result["median seconds"], "s", seconds, note=note),
        Figure(f"{case}: recall", result["recall"], "", 0.99, "higher"),
        Figure(f"{case}: added to the peak of memory", result["MB added to the peak"], "MB", memory),
    ]


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--data", type=Path, required=True, help="folder with the data")
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--case", choices=CASES, help="only this one, printed and not written")
    arguments = parser.parse_args()
    if arguments.case:
        print(json.dumps(measure(arguments.data, arguments.case, arguments.repeats), ensure_ascii=False))
        return
    results = []
    for case in CASES:
        command = [sys.executable, __file__, "--data", str(arguments.data), "--case", case]
        command += ["--repeats", str(arguments.repeats)]
        done = subprocess.run(command, check=True, capture_output=True, text=True)
        results.append(json.loads(done.stdout))
        print(json.dumps(results[-1], ensure_ascii=False))
    print(write_results("neighbors", [figure for result in results for figure in figures(result)]))


if __name__ == "__main__":
    main()
