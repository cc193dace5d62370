"""Measures by how much a fit differs between threads and kernels: the table of ``docs/reproducibility.md``.

    python tools/measure_reproducibility.py [--seeds 5]

For each setting of ``tools/run_settings.py``, a process of its own fits ``ParametricUMAP`` with its defaults to
the digits, once per seed.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import subprocess
import sys

import numpy as np
from run_settings import SETTINGS, environment_of


def measure(seed: int) -> dict[str, object]:
    """Fits to two thirds of the digits. Returns bits of the embedding, and metrics of both parts."""
    from sklearn.datasets import load_digits
    from sklearn.model_selection import train_test_split

    from paradime import ParametricUMAP
    from paradime.metrics import knn_accuracy, knn_recall

    X, y = load_digits(return_X_y=True)
    X, X_new, y, y_new = train_test_split(X / 16, y, test_size=1 / 3, random_state=0, stratify=y)
    routine = ParametricUMAP(random_state=seed)
    embedding = routine.fit_transform(X)
    return {
        "bits": hashlib.sha256(np.ascontiguousarray(embedding).tobytes()).hexdigest(),
        "accuracy": float(knn_accuracy(embedding, y, test_embedding=routine.transform(X_new), test_labels=y_new)),
        "neighbours preserved": float(knn_recall(X, embedding)),
    }


def in_setting(setting: str, n_seeds: int) -> list[dict[str, object]]:
    """Measures in a process whose environment is that of a setting."""
    command = [sys.executable, "-W", "ignore", __file__, "--seeds", str(n_seeds), "--here"]
    done = subprocess.run(command, env=environment_of(setting), check=True, stdout=subprocess.PIPE, text=True)
    return [json.loads(line) for line in done.stdout.splitlines()]


def row_of(setting: str, runs: list[dict], reference: list[dict]) -> str:
    """Returns a line of the table: means and deviations over seeds, and the largest difference of equal seeds."""
    same = sum(run["bits"] == other["bits"] for run, other in zip(runs, reference, strict=True))
    cells = []
    for name in ("accuracy", "neighbours preserved"):
        values, others = (np.array([run[name] for run in rows]) for rows in (runs, reference))
        cells.append(f"{values.mean():.3f} ± {values.std(ddof=1):.3f} | {np.abs(values - others).max():.3f}")
    return f"| {setting} | {same} of {len(runs)} | " + " | ".join(cells) + " |"


def main() -> None:
    """Prints the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--here", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.here:
        for seed in range(options.seeds):
            print(json.dumps(measure(seed)))
        return
    print("| setting | same bits | accuracy | differs by | neighbours preserved | differ by |")
    print("|---|---|---|---|---|---|")
    reference: list[dict] = []
    for setting in SETTINGS:  # the first is what the others are compared with
        runs = in_setting(setting, options.seeds)
        reference = reference or runs
        print(row_of(setting, runs, reference), flush=True)


if __name__ == "__main__":
    main()
