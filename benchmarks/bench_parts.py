"""Parts of the engine on their own: edge sampling, transform, import.

python benchmarks/bench_parts.py
"""

from __future__ import annotations

import statistics
import subprocess
import sys

import torch
from _common import Figure, arguments, timed, write_results

from paradime.models import FullyConnectedEmbeddingModel
from paradime.training import apply_in_chunks


def bench_transform(n: int = 1_000_000) -> list[Figure]:
    """Measures the share of the bare network's throughput that the transform of many rows reaches."""
    torch.manual_seed(0)
    X = torch.randn(n, 10)
    model = FullyConnectedEmbeddingModel(10, 2, [100, 100, 100])
    linear = [layer for pair in zip(model.layers, [torch.nn.Softplus()] * 4, strict=True) for layer in pair][:-1]
    bare = torch.nn.Sequential(*linear)

    def run_bare() -> None:
        with torch.inference_mode():
            bare(X)

    options = {"method": "embed", "device": torch.device("cpu"), "row_shape": (10,), "owner": "bench"}
    times = [(timed(lambda: apply_in_chunks(model, X, **options), 1)[0], timed(run_bare, 1)[0]) for _ in range(9)]
    seconds, bare_seconds = (statistics.median(column) for column in zip(*times, strict=True))
    name = f"transform, {n:,} × 10"
    return [
        Figure(f"{name}: rows a second", n / seconds, "rows/s", better="higher"),
        Figure(f"{name}: share of the bare network", bare_seconds / seconds, target=0.8, better="higher"),
    ]


def bench_import(repeats: int = 7) -> list[Figure]:
    """Measures what importing the package costs once torch is imported, in fresh processes."""

    def seconds(name: str) -> float:
        code = (
            f"import time, torch; start = time.perf_counter(); import {name}; print(time.perf_counter() - start)"
        )
        done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
        return float(done.stdout)

    return [
        Figure(
            f"import of {name} after torch", statistics.median(seconds(name) for _ in range(repeats)), "s", target
        )
        for name, target in (("paradime", 0.3), ("paradime.dr", None))
    ]


def main() -> None:
    """Measures, prints, and writes ``results/parts.json``."""
    arguments(__doc__).parse_args()
    figures = [*bench_transform(), *bench_import()]
    print(*figures, sep="\n")
    print(write_results("parts", figures))


if __name__ == "__main__":
    main()
