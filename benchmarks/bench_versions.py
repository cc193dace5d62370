"""An older commit beside the code as it is: import, fit, guided training, one row, and the bits of embeddings.

    python benchmarks/bench_versions.py --old COMMIT [--rounds 5] [--rows 60000]

Rounds alternate between the two, each in a process of its own, so that what else the machine does disturbs both
alike. Imports are counted in processor time. Bytecode is there from a first round, which does not count.
"""

from __future__ import annotations

import argparse
import hashlib
import importlib.util
import io
import json
import os
import statistics
import subprocess
import sys
import tarfile
import tempfile
import time
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
ALLOWED = 1.03  # as slow as this the new one may be
IMPORT = """
import resource
import paradime
paradime.ParametricUMAP
usage = resource.getrusage(resource.RUSAGE_SELF)
print(usage.ru_utime + usage.ru_stime)
"""


def measure(rows: int) -> dict[str, Any]:
    """Measures the version that is imported: seconds by name, and checksums of embeddings by name."""
    import numpy as np
    import sklearn.preprocessing

    import paradime

    X = np.random.default_rng(0).normal(size=(rows, 50)).astype(np.float32)
    routine = paradime.ParametricUMAP(epochs=4, random_state=0)
    seconds, checksums = {}, {}
    start = time.perf_counter()
    embedding = routine.fit_transform(X)
    seconds[f"fit of {rows:,} × 50, UMAP, 4 epochs"] = time.perf_counter() - start
    checksums["UMAP"] = hashlib.sha256(embedding.tobytes()).hexdigest()
    seconds["transform of one row, least of 200"] = min(one_row(routine, X[:1]) for _ in range(200))
    spec = importlib.util.spec_from_file_location("guided", ROOT / "examples" / "guided.py")
    assert spec is not None
    assert spec.loader is not None
    guided = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(guided)
    covertype = paradime.datasets.load_covertype()
    X = sklearn.preprocessing.StandardScaler().fit_transform(covertype.data)
    for _ in range(2):  # the second is warm
        paradime.utils.seed.seed_all(0)
        routine = guided.make_routine((1000, 1), covertype.feature_names.index(guided.ATTRIBUTE))
        start = time.perf_counter()
        routine.train(X)
        seconds["guided training, warm"] = time.perf_counter() - start
    checksums["guided"] = hashlib.sha256(routine.apply(X).numpy().tobytes()).hexdigest()
    return {"seconds": seconds, "checksums": checksums}


def one_row(routine: Any, row: Any) -> float:
    """Returns the seconds that a routine takes to embed a row."""
    start = time.perf_counter()
    routine.transform(row)
    return time.perf_counter() - start


def run(source: Path, *command: str) -> str:
    """Returns what a Python process prints that imports paradime from a folder."""
    environment = {key: value for key, value in os.environ.items() if key != "PYTHONDONTWRITEBYTECODE"}
    environment["PYTHONPATH"] = str(source)
    done = subprocess.run(
        [sys.executable, *command], env=environment, check=True, stdout=subprocess.PIPE, text=True
    )
    return done.stdout


def extract(commit: str, folder: Path) -> Path:
    """Writes the source of a commit to a folder; returns the folder to import from."""
    archive = subprocess.run(["git", "archive", commit, "src"], cwd=ROOT, check=True, stdout=subprocess.PIPE)
    with tarfile.open(fileobj=io.BytesIO(archive.stdout)) as files:
        files.extractall(folder, filter="data")
    return folder / "src"


def compare(old: Path, new: Path, rounds: int, rows: int) -> tuple[dict[str, dict[str, list[float]]], list[bool]]:
    """Returns the seconds by name and version, and of each embedding whether all its bits are the same."""
    sources = {"old": old, "new": new}
    seconds: dict[str, dict[str, list[float]]] = {}
    checksums: dict[str, set[str]] = {}
    for source in sources.values():
        run(source, "-c", IMPORT)
    for _ in range(rounds):
        for version, source in sources.items():
            measured = json.loads(run(source, __file__, "--once", "--rows", str(rows)).splitlines()[-1])
            measured["seconds"]["import of ParametricUMAP, processor time"] = float(run(source, "-c", IMPORT))
            for name, value in measured["seconds"].items():
                seconds.setdefault(name, {}).setdefault(version, []).append(value)
            for name, checksum in measured["checksums"].items():
                checksums.setdefault(name, set()).add(checksum)
    return seconds, [len(found) == 1 for found in checksums.values()]


def main() -> None:
    """Measures, prints, and writes ``results/versions.json``."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--old", metavar="COMMIT", help="the commit to compare with")
    parser.add_argument("--rounds", type=int, default=5, help="how many rounds (default: 5)")
    parser.add_argument("--rows", type=int, default=60_000, help="rows of the fit (default: 60,000)")
    parser.add_argument("--once", action="store_true", help="only measure the version that is imported, as JSON")
    args = parser.parse_args()
    if args.once:
        print(json.dumps(measure(args.rows)))
        return
    if args.old is None:
        parser.error("--old COMMIT is needed")
    with tempfile.TemporaryDirectory() as folder:
        seconds, same = compare(extract(args.old, Path(folder)), ROOT / "src", args.rounds, args.rows)

    from _common import Figure, write_results  # not above: it imports paradime, before the versions are chosen

    figures = [
        Figure("embeddings with the same bits", sum(same) / len(same), better="higher", note=f"old: {args.old}")
    ]
    for name, by_version in seconds.items():
        for version, values in by_version.items():
            figures.append(Figure(f"{name}, {version}, median", statistics.median(values), "s"))
            figures.append(Figure(f"{name}, {version}, least", min(values), "s"))
        ratio = statistics.median(by_version["new"]) / statistics.median(by_version["old"])
        figures.append(Figure(f"{name}, new over old", ratio, "times", ALLOWED))
    print(*figures, sep="\n")
    print(write_results("versions", figures))


if __name__ == "__main__":
    main()
