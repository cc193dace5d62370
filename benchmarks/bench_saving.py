"""How long it takes to save and to load a routine with a network of 3 × 300, after a first call.

    python benchmarks/bench_saving.py

Saving flushes files to the disk, so that its time is the disk's for the most part. What was written is also made
again and compared before it replaces what was there; that is part of the time.
"""

from __future__ import annotations

import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import torch
from _common import Figure, arguments, write_results

import paradime
from paradime import ParametricUMAP

N, COLUMNS, WIDTHS = 2_000, 50, (300, 300, 300)
REPEATS, TARGET = 15, 50.0  # milliseconds


def milliseconds(act: Callable[[], object]) -> float:
    act()
    times = []
    for _ in range(REPEATS):
        begin = time.perf_counter()
        act()
        times.append(1e3 * (time.perf_counter() - begin))
    return statistics.median(times)


def main() -> None:
    arguments(__doc__).parse_args()
    X = torch.randn(N, COLUMNS, generator=torch.Generator().manual_seed(0))
    umap = ParametricUMAP(hidden_dims=WIDTHS, epochs=1, init_epochs=1, batch_size=512, random_state=0).fit(X)
    figures = []
    with tempfile.TemporaryDirectory() as folder:
        for what, path in (("a folder", Path(folder) / "model"), ("a file", Path(folder) / "model.paradime")):
            saving, loading = milliseconds(lambda: umap.save(path)), milliseconds(lambda: paradime.load(path))  # noqa: B023
            figures += [
                Figure(f"save 3 × 300 to {what}", saving, "ms", TARGET),
                Figure(f"load 3 × 300 from {what}", loading, "ms", TARGET),
            ]
        size = path.stat().st_size / 1e6
    figures.append(Figure("size of a file, 3 × 300", size, "MB"))
    print(write_results("saving", figures))


if __name__ == "__main__":
    main()
