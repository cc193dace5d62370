"""Graphs of neighbours: calibration, symmetrisation, edge sampling, and the blocks that batches read.

    python benchmarks/bench_graph.py

Each measurement runs in a process of its own, so that its peak of memory is its own.
"""

from __future__ import annotations

import argparse
import gc
import json
import statistics
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Self

import numpy as np
import torch
from _common import Figure, product_seconds, write_results

from paradime.data import Dataset, NegSampledEdgeDataset
from paradime.relationdata import NeighborRelationTuple, RelationData
from paradime.transforms import ConnectivityBasedRescale, PerplexityBasedRescale, RelationTransform, Symmetrize


def resident_bytes() -> int:
    """Returns the memory that this process holds at the moment (Linux)."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * 4096


class Peak:
    """Samples the memory of the process in a ``with`` block; ``extra`` is its peak over the start, in bytes."""

    def __enter__(self) -> Self:
        gc.collect()
        self._start, self.extra, self._done = resident_bytes(), 0, threading.Event()
        self._thread = threading.Thread(target=self._watch)
        self._thread.start()
        return self

    def _watch(self) -> None:
        while not self._done.wait(0.002):
            self.extra = max(self.extra, resident_bytes() - self._start)

    def __exit__(self, *_: object) -> None:
        self._done.set()
        self._thread.join()
        self.extra = max(self.extra, resident_bytes() - self._start)


def neighbors(n: int, k: int) -> NeighborRelationTuple:
    """Makes neighbours at hand in a sorted order, as those of real data mostly are, and random distances."""
    rng = np.random.default_rng(0)
    offsets = np.sort(rng.choice(np.arange(1, 4 * k), k, replace=False))
    indices = (np.arange(n)[:, None] + offsets * rng.choice([-1, 1], size=(n, 1))) % n
    return NeighborRelationTuple((indices, np.sort(rng.gamma(3, 1, (n, k)).astype(np.float32), axis=1)))


def result_bytes(relations: RelationData) -> int:
    """Returns the memory of a result; neighbour indices are shared with what it was made of."""
    if isinstance(relations, NeighborRelationTuple):
        return relations.values.numel() * relations.values.element_size()
    matrix = relations.data
    return int(matrix.data.nbytes + matrix.indices.nbytes + matrix.indptr.nbytes)


def measured(transform: RelationTransform, relations: RelationData) -> dict[str, float]:
    """Applies a transform once and returns its time, and its peak of memory over the size of the result."""
    transform(neighbors(500, 90))  # what is loaded once is no part of the peak
    with Peak() as peak:
        start = time.perf_counter()
        result = transform(relations)
        seconds = time.perf_counter() - start
    size = result_bytes(result)
    return {"seconds": seconds, "peak GB": peak.extra / 1e9, "peak/result": peak.extra / size}


def bench_perplexity(n: int, k: int) -> dict[str, float]:
    """Measures t-SNE's calibration."""
    return measured(PerplexityBasedRescale(k / 3), neighbors(n, k))


def bench_connectivity(n: int, k: int) -> dict[str, float]:
    """Measures UMAP's calibration."""
    return measured(ConnectivityBasedRescale(k), neighbors(n, k))


def bench_mean(n: int, k: int) -> dict[str, float]:
    """Measures the mean with the transpose."""
    return measured(Symmetrize(), neighbors(n, k).map(lambda dists: (-dists).exp()))


def bench_union(n: int, k: int) -> dict[str, float]:
    """Measures the fuzzy union."""
    return measured(Symmetrize(subtract_product=True), neighbors(n, k).map(lambda dists: (-dists).exp()))


def median_seconds(function: Callable[[], Any], repeats: int = 50) -> float:
    """Returns the median of the seconds of some calls, after one that does not count."""
    function()
    times = []
    for _ in range(repeats):
        start = time.perf_counter()
        function()
        times.append(time.perf_counter() - start)
    return statistics.median(times)


def bench_edges(n: int, k: int, dim: int = 50, batch_size: int = 10_000, rate: int = 5) -> dict[str, float]:
    """Measures edges sampled and gathered a second, negatives included, and what the edges hold a piece."""
    graph = neighbors(n, k).map(lambda dists: (-dists).exp()).symmetrized()
    dataset = Dataset(torch.randn(n, dim))
    with Peak() as peak:
        edges = NegSampledEdgeDataset(dataset, graph, rate)
    results = {"peak bytes an edge": peak.extra / len(edges), "edges": len(edges)}
    for negatives in ("random", "batch"):
        edges = NegSampledEdgeDataset(dataset, graph, rate, negatives=negatives)
        seconds = median_seconds(lambda edges=edges: edges.sample(batch_size)["main"])
        results[f"edges a second, {negatives} negatives"] = batch_size * (rate + 1) / seconds
        seconds = median_seconds(lambda edges=edges: edges.sample(1024)["main"])
        results[f"milliseconds of a batch of 1,024, {negatives} negatives"] = 1e3 * seconds
    return results


def bench_sub(n: int, k: int, batch_size: int = 500) -> dict[str, float]:
    """Measures the block of a symmetrised graph that a batch of rows reads, with one thread."""
    torch.set_num_threads(1)
    rng = np.random.default_rng(0)
    points = rng.normal(size=(n, 5))
    squares = (points**2).sum(1)
    order = np.argsort(squares[:, None] + squares - 2 * points @ points.T, axis=1)[:, 1 : k + 1]
    graph = NeighborRelationTuple((order, rng.random((n, k)).astype(np.float32))).symmetrized()
    batches = iter([rng.choice(n, batch_size, replace=False) for _ in range(301)])
    seconds = median_seconds(lambda: graph.sub(next(batches)), 300)
    return {"milliseconds": 1e3 * seconds, "entries a row": graph.values.numel() / n}


BENCHMARKS: dict[str, Callable[[], dict[str, float]]] = {
    "perplexity, 581,012 × 90": lambda: bench_perplexity(581_012, 90),
    "connectivity, 581,012 × 90": lambda: bench_connectivity(581_012, 90),
    "mean with the transpose, 581,012 × 90": lambda: bench_mean(581_012, 90),
    "fuzzy union, 581,012 × 90": lambda: bench_union(581_012, 90),
    "edges, 581,012 × 50, k = 15": lambda: bench_edges(581_012, 15),
    "edges, 70,000 × 50, k = 15": lambda: bench_edges(70_000, 15),
    "block of 500 rows, 7,000 × 600": lambda: bench_sub(7_000, 600),
}


SECONDS = {"perplexity": 6, "connectivity": 6, "mean": 8, "fuzzy": 8}


def figure(name: str, what: str, value: float) -> Figure:
    """Returns a measurement with its target, if it has one."""
    target = {"seconds": SECONDS.get(name.split()[0].strip(",")), "peak/result": 3}.get(what)
    if what.startswith("edges a second"):
        return Figure(f"{name}: {what}", value, target=5e6, better="higher")
    return Figure(f"{name}: {what}", value, target=target)


def run_alone(name: str) -> dict[str, float]:
    """Runs one measurement in a process of its own."""
    command = [sys.executable, __file__, "--only", name]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    results: dict[str, float] = json.loads(done.stdout)
    print(name, results, flush=True)
    return results


def main() -> None:
    """Measures, prints, and writes ``results/graph.json``."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", choices=list(BENCHMARKS), help="run this one, here, and print its results only")
    only = parser.parse_args().only
    if only is not None:
        found = BENCHMARKS[only]()
        print(json.dumps({**found, "seconds of a 2048 × 2048 product": product_seconds()}))
        return
    results = {name: run_alone(name) for name in BENCHMARKS}
    found = [figure(name, what, value) for name, values in results.items() for what, value in values.items()]
    print(write_results("graph", found))


if __name__ == "__main__":
    main()
