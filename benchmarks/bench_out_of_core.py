"""Memory, time and quality of a fit on rows that stay on disk, beside the same fit on rows in memory.

    python benchmarks/bench_out_of_core.py --rows 1000000 --scratch FOLDER

Makes an NPY file of float32, shape (rows, 50), from a mixture of 100 normal distributions, whose numbers are the
labels. Each way of fitting runs in a process of its own: rows in memory and rows on disk, with the same number of
steps, and a sample (``--sample``); then all rows are embedded to a file. Memory is the most resident memory beyond
that of the process once the libraries are loaded. The whole of 10 million rows takes hours on two cores;
``--ways sample`` runs the sample alone.
"""

from __future__ import annotations

import gc
import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
from _common import Figure, arguments, write_results
from bench_memory import PeakMemory

from paradime.training import Callback, TrainingState

N_COLUMNS, N_CLUSTERS, BLOCK = 50, 100, 100_000
WAYS = ("memory", "disk", "sample")
JUDGED_ROWS = 10_000
LIMIT_S = 12 * 3600


def make_file(path: Path, n_rows: int) -> None:
    """Writes rows block by block, and their labels beside them."""
    random = np.random.default_rng(0)
    # clusters that overlap somewhat, of different widths
    centers = random.normal(size=(N_CLUSTERS, N_COLUMNS)).astype(np.float32)
    widths = random.uniform(0.4, 1.2, size=N_CLUSTERS).astype(np.float32)
    rows = np.lib.format.open_memmap(path, "w+", np.float32, (n_rows, N_COLUMNS))
    labels = random.integers(0, N_CLUSTERS, n_rows).astype(np.int16)
    for start in range(0, n_rows, BLOCK):
        of_block = labels[start : start + BLOCK]
        noise = random.normal(size=(len(of_block), N_COLUMNS)).astype(np.float32)
        rows[start : start + BLOCK] = centers[of_block] + widths[of_block, None] * noise
    rows.flush()
    np.save(labels_of(path), labels)


def labels_of(path: Path) -> Path:
    """Returns the path of the labels of a file."""
    return path.with_name("labels.npy")


def ending_after(epochs: int | None) -> list[Callback]:
    """Returns callbacks that end each phase after so many epochs."""

    class Ending(Callback):
        def on_phase_begin(self, state: TrainingState) -> None:
            self.n_done = 0

        def on_epoch_end(self, state: TrainingState) -> None:
            self.n_done += 1
            state.stop = state.stop or self.n_done == epochs

    return [] if epochs is None else [Ending()]


def fit(path: Path, way: str, sample: int, epochs: int | None) -> dict[str, float]:
    """Fits in one way and embeds all rows to a file; returns seconds, bytes and scores."""
    import paradime
    from paradime import metrics
    from paradime.neighbors import nearest_neighbors

    nearest_neighbors(np.random.default_rng(0).normal(size=(100, 3)), 2)  # loads what a search needs
    np.array(paradime.ParametricUMAP(epochs=1).fit_transform(np.random.default_rng(0).normal(size=(200, 4))))
    n_rows = len(np.load(path, mmap_mode="r"))
    umap = paradime.ParametricUMAP(random_state=0)
    gc.collect()
    memory = PeakMemory()
    memory.start()
    start = time.perf_counter()
    if way == "memory":
        umap.fit(np.load(path), callbacks=ending_after(epochs))
    else:
        umap.fit(path, sample=sample if way == "sample" else None, callbacks=ending_after(epochs))
    fitted = time.perf_counter()
    out = path.with_name(f"{way}.npy")
    umap.transform(path, out=out)
    embedded = time.perf_counter()
    n_bytes = memory.stop()
    judged = np.sort(np.random.default_rng(1).choice(n_rows, min(n_rows, JUDGED_ROWS), replace=False))
    rows, positions = np.load(path, mmap_mode="r")[judged], np.load(out, mmap_mode="r")[judged]
    labels = np.load(labels_of(path))[judged]
    return {
        "fit": fitted - start,
        "transform": embedded - fitted,
        "bytes": n_bytes,
        "accuracy": float(metrics.knn_accuracy(positions, labels, n_neighbors=15)),
        "trustworthiness": float(metrics.trustworthiness(rows, positions, n_neighbors=15)),
    }


def fit_in_a_process(path: Path, way: str, sample: int, epochs: int | None) -> dict[str, float]:
    """Calls :func:`fit` in a fresh process."""
    options = ["--fit", str(path), "--way", way, "--sample", str(sample)]
    options += [] if epochs is None else ["--epochs", str(epochs)]
    done = subprocess.run(
        [sys.executable, __file__, *options], check=True, stdout=subprocess.PIPE, text=True, timeout=LIMIT_S
    )
    found: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    print(way, found, flush=True)
    return found


def figures_of(name: str, found: dict[str, dict[str, float]], n_rows: int) -> list[Figure]:
    """Returns what is reported of all ways."""
    figures = []
    for way, values in found.items():
        figures += [
            Figure(f"{way}: memory added, {name}", values["bytes"] / 1e6, "MB", 1500 if way != "memory" else None),
            Figure(f"{way}: fit, {name}", values["fit"], "s"),
            Figure(f"{way}: rows embedded to a file, {name}", n_rows / values["transform"], "rows/s"),
            Figure(f"{way}: accuracy of labels in the map, {name}", values["accuracy"], ""),
            Figure(f"{way}: trustworthiness, {name}", values["trustworthiness"], ""),
        ]
    if "memory" in found and "disk" in found:
        ratio = found["disk"]["fit"] / found["memory"]["fit"]
        figures.append(Figure(f"fit on disk over in memory, {name}", ratio, "times", 1.25))
    return figures


def main() -> None:
    """Measures, prints, and writes ``results/out_of_core.json``."""
    parser = arguments(__doc__)
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--sample", type=int, default=100_000)
    parser.add_argument("--epochs", type=int, help="end each phase after so many of its epochs")
    parser.add_argument("--ways", nargs="+", choices=WAYS, default=list(WAYS))
    parser.add_argument("--scratch", type=Path, help="where the files are written; the system's folder by default")
    parser.add_argument("--fit", type=Path, help="only fit on the rows of this file, and print what it took")
    parser.add_argument("--way", choices=WAYS, default="disk")
    args = parser.parse_args()
    if args.fit is not None:
        print(json.dumps(fit(args.fit, args.way, args.sample, args.epochs)))
        return
    with tempfile.TemporaryDirectory(dir=args.scratch) as scratch:
        path = Path(scratch) / "rows.npy"
        make_file(path, args.rows)
        found = {way: fit_in_a_process(path, way, args.sample, args.epochs) for way in args.ways}
    print(write_results("out_of_core", figures_of(f"{args.rows:,} × {N_COLUMNS}", found, args.rows)))


if __name__ == "__main__":
    main()
