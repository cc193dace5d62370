"""The parts of the engine on their own: neighbours, calibration, symmetrisation, edge sampling, transform, import.

    python benchmarks/bench_parts.py --data FOLDER

``FOLDER`` holds ``covertype.npz`` (``numeric``, shape (581012, 10)) and ``fashion_mnist.npz`` (``X``, shape
(70000, 784)).
"""

from __future__ import annotations

import argparse
import json
import resource
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from _common import write_results

from paradime.data import Dataset, NegSampledEdgeDataset
from paradime.models import FullyConnectedEmbeddingModel
from paradime.neighbors import measured_recall, nearest_neighbors
from paradime.relationdata import NeighborRelationTuple
from paradime.training import apply_in_chunks
from paradime.transforms import ConnectivityBasedRescale, PerplexityBasedRescale, Symmetrize


def timed(function: Callable[[], Any], repeats: int = 3) -> tuple[float, Any]:
    """Returns the median of the seconds of some calls, and the last result."""
    times = []
    for _ in range(repeats):
        start = time.perf_counter()
        result = function()
        times.append(time.perf_counter() - start)
    return statistics.median(times), result


def bench_neighbors(name: str, X: torch.Tensor, k: int, repeats: int) -> dict[str, float]:
    """Measures a neighbour search and its recall on 500 sampled rows."""
    seconds, (indices, _) = timed(lambda: nearest_neighbors(X, k), repeats)
    found = {"seconds": seconds, "recall": measured_recall(X, indices)}
    print(name, found, flush=True)
    return found


def bench_graph(n: int, k: int) -> dict[str, float]:
    """Measures calibration and symmetrisation of random neighbours."""
    rng = np.random.default_rng(0)
    # neighbours at hand in a sorted order, as those of real data mostly are, and a few far away
    offsets = np.sort(rng.choice(np.arange(1, 4 * k), k, replace=False))
    indices = (np.arange(n)[:, None] + offsets * rng.choice([-1, 1], size=(n, 1))) % n
    dists = np.sort(rng.gamma(3, 1, (n, k)).astype(np.float32), axis=1)
    reldata = NeighborRelationTuple((indices, dists))
    results = {}
    results["perplexity seconds"], calibrated = timed(lambda: PerplexityBasedRescale(k / 3)(reldata), 1)
    results["connectivity seconds"], _ = timed(lambda: ConnectivityBasedRescale(k)(reldata), 1)
    results["symmetrize seconds"], _ = timed(lambda: Symmetrize()(calibrated), 1)
    results["peak memory in GB"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6
    print(f"graph of {n} × {k}", results, flush=True)
    return results


def bench_edges(n: int, dim: int, k: int, batch_size: int = 10_000, rate: int = 5) -> dict[str, float]:
    """Measures how many edges a second are sampled and gathered, negatives included."""
    indices = torch.randint(n, (n, k))
    graph = NeighborRelationTuple((indices, torch.rand(n, k)))
    edges = NegSampledEdgeDataset(Dataset(torch.randn(n, dim)), graph, rate)

    def sample() -> None:
        edges.sample(batch_size)["main"]

    seconds, _ = timed(sample, 20)
    results = {"edges a second": batch_size * (rate + 1) / seconds}
    print("edges", results, flush=True)
    return results


def bench_transform(n: int = 1_000_000) -> dict[str, float]:
    """Measures the share of the bare network's throughput that the transform of many rows reaches."""
    X = torch.randn(n, 10)
    model = FullyConnectedEmbeddingModel(10, 2, [100, 100, 100])
    linear = [layer for pair in zip(model.layers, [torch.nn.Softplus()] * 4, strict=True) for layer in pair][:-1]
    bare = torch.nn.Sequential(*linear)

    def run_bare() -> None:
        with torch.inference_mode():
            bare(X)

    options = {"method": "embed", "device": torch.device("cpu"), "row_shape": (10,), "owner": "bench"}
    seconds, _ = timed(lambda: apply_in_chunks(model, X, **options))
    bare_seconds, _ = timed(run_bare)
    results = {"rows a second": n / seconds, "share of the bare network": bare_seconds / seconds}
    print("transform", results, flush=True)
    return results


def bench_import() -> dict[str, float]:
    """Measures what importing the package costs over importing torch."""

    def seconds(what: str) -> float:
        return timed(lambda: subprocess.run([sys.executable, "-c", f"import {what}"], check=True), 5)[0]

    torch_seconds = seconds("torch")
    names = ("torch, paradime", "torch, paradime.dr")
    results = {f"seconds of {name} over torch": seconds(name) - torch_seconds for name in names}
    print("import", results, flush=True)
    return results


def main() -> None:
    """Measures, prints, and writes ``results/parts.json``."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, help="folder with the two data sets")
    folder = parser.parse_args().data
    covertype = torch.from_numpy(np.load(folder / "covertype.npz")["numeric"].astype(np.float64))
    covertype = (covertype - covertype.mean(0)) / covertype.std(0)
    fashion = torch.from_numpy(np.load(folder / "fashion_mnist.npz")["X"].reshape(70_000, -1).astype(np.float32))
    results = {
        "neighbors, 7,000 × 10, k = 600": bench_neighbors("7,000 × 10", covertype[:7_000], 600, 3),
        "neighbors, Covertype, k = 15": bench_neighbors("Covertype", covertype, 15, 1),
        "neighbors, Fashion-MNIST, k = 15": bench_neighbors("Fashion-MNIST", fashion, 15, 1),
        "graph, 581,012 × 90": bench_graph(581_012, 90),
        "edges, 581,012 × 50, k = 15": bench_edges(581_012, 50, 15),
        "transform, 1,000,000 × 10": bench_transform(),
        "import": bench_import(),
    }
    print(json.dumps(results, indent=1, ensure_ascii=False))
    print(write_results("parts", results))


if __name__ == "__main__":
    main()
