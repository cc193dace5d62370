"""The quality of embeddings: presets with their defaults, and libraries that embed without a network.

    python benchmarks/bench_quality.py [--data FOLDER] [--only DATASET …] [--methods NAME …] [--seeds N] [--again]
    python benchmarks/bench_quality.py --methods paradime_umap --settings '{"epochs": 3}' --label short
    python benchmarks/bench_quality.py --forget short
    python benchmarks/bench_quality.py --table

Every method is fitted with its defaults and a seed, in a process of its own, and embeds the held-out rows. Metrics
are defined in ``quality_metrics.py`` and written to ``results/quality`` after each run. Runs with a record are
repeated with ``--again`` only. Positions are stored in ``.envs/quality``, and ``--measure`` measures them again
without a fit. ``--table`` prints the tables of ``docs/quality.md``. Pictures are written to ``--pictures``.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from _common import arguments, machine, product_seconds
from _environments import PeerError, environment, last_line
from bench_peers import TORCHDR
from quality_data import CACHE, NAMES, SMALL, Data, available, load
from quality_metrics import evaluate
from quality_tables import PATH, draw, forget_records, markdown, read_records, write_record

RUNNER = Path(__file__).resolve().parent / "quality_runner.py"
LIMIT_S = 3_600  # per core; CPU time is limited, since it does not depend on other processes
PEERS = {
    "umap_learn": ("umap-learn==0.5.12",),
    "pacmap": ("pacmap==0.9.1",),
    "opentsne": ("openTSNE==1.0.4",),
    "torchdr": TORCHDR,
}
OURS = ("paradime_umap", "paradime_tsne", "paradime_refined", "paradime_contrastive", "paradime_pacmap")


def command(method: str, folder: Path, seed: int, settings: Mapping[str, Any]) -> list[str]:
    """Returns the command that runs a method in its environment, which is created if it is missing."""
    # -I ignores PYTHONPATH
    python = [str(environment(method, PEERS[method])), "-I"] if method in PEERS else [sys.executable]
    return [*python, str(RUNNER), method, str(folder), str(seed), json.dumps(settings)]


def fit(method: str, data: Data, folder: Path, seed: int, settings: Mapping[str, Any]) -> dict[str, float]:
    """Runs a method, which writes its positions into the folder; returns the seconds.

    Raises:
        PeerError: If it cannot be installed, fails, or takes longer than it may.
    """
    folder.mkdir(parents=True, exist_ok=True)
    for name in ("embedding.npy", "test_embedding.npy", "result.json"):
        (folder / name).unlink(missing_ok=True)  # results of an earlier run
    np.save(folder / "train.npy", data.train)
    np.save(folder / "test.npy", data.test)
    cores = os.cpu_count() or 1
    limit = LIMIT_S * cores
    threads = str(min(2, cores))
    try:
        subprocess.run(
            command(method, folder, seed, settings),
            check=True,
            capture_output=True,
            text=True,
            env={**os.environ, "OMP_NUM_THREADS": threads, "NUMBA_NUM_THREADS": threads},
            preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_CPU, (limit, limit)),
        )
    except subprocess.CalledProcessError as error:
        if error.returncode < 0:
            raise PeerError(
                f"ended by signal {-error.returncode}: more than {limit} s of cores, or memory"
            ) from error
        raise PeerError(f"failed with exit code {error.returncode}: {last_line(error.stderr)}") from error
    finally:
        for name in ("train", "test"):
            (folder / f"{name}.npy").unlink()
    result: dict[str, float] = json.loads((folder / "result.json").read_text(encoding="utf-8"))
    return result


def measure(data: Data, folder: Path) -> dict[str, float]:
    """Measures the positions in a folder.

    Raises:
        PeerError: If they are not finite.
    """
    try:
        return evaluate(data, *(np.load(folder / f"{name}.npy") for name in ("embedding", "test_embedding")))
    except ValueError as error:
        raise PeerError(str(error)) from error


def run(method: str, label: str, data: Data, seed: int, args: argparse.Namespace) -> dict[str, Any]:
    """Runs and measures a method; returns its record, with a note if it failed."""
    folder = CACHE / label / data.name / str(seed)
    record: dict[str, Any] = {"method": label, "dataset": data.name, "seed": seed}
    if args.settings:
        record |= {"preset": method, "settings": args.settings}
    try:
        if args.measure:
            record |= json.loads((folder / "result.json").read_text(encoding="utf-8"))
        else:
            record |= {"load": round(os.getloadavg()[0], 1), "product seconds": round(product_seconds(), 4)}
            record |= fit(method, data, folder, seed, args.settings)
        record |= measure(data, folder)
    except PeerError as error:
        record["note"] = str(error)
    return record


def wanted(args: argparse.Namespace, dataset: str) -> list[tuple[str, str, int]]:
    """Returns the runs of a data set: method, label and seed."""
    done = {(r["method"], r["seed"]) for r in read_records() if r["dataset"] == dataset}
    n_seeds = args.seeds or (3 if dataset in SMALL else 1)
    labels = {method: args.label or method for method in args.methods}
    jobs = [(method, labels[method], seed) for method in args.methods for seed in range(n_seeds)]
    if args.measure:
        return [job for job in jobs if (CACHE / job[1] / dataset / str(job[2]) / "test_embedding.npy").exists()]
    return [job for job in jobs if args.again or job[1:] not in done]


def parse(arguments_: Sequence[str] | None = None) -> argparse.Namespace:
    """Reads the command line."""
    parser = arguments(__doc__, data="optional")
    methods = [*PEERS, *OURS]
    parser.add_argument("--only", nargs="+", choices=NAMES, metavar="DATASET", help=", ".join(NAMES))
    parser.add_argument("--methods", nargs="+", choices=methods, metavar="NAME", help=", ".join(methods))
    parser.add_argument(
        "--seeds", type=int, metavar="N", help="seeds 0 to N - 1; by default 3, of texts and large data 1"
    )
    parser.add_argument("--again", action="store_true", help="repeat runs that have a record")
    parser.add_argument("--measure", action="store_true", help="measure stored positions again, without a fit")
    parser.add_argument("--table", action="store_true", help="only print the tables, as Markdown")
    parser.add_argument("--forget", nargs="+", metavar="LABEL", help="only remove the records of trials")
    parser.add_argument("--pictures", type=Path, metavar="FOLDER", default=Path("out/quality"))
    parser.add_argument("--settings", type=json.loads, default={}, metavar="JSON", help="parameters of the preset")
    parser.add_argument("--label", metavar="NAME", help="the name of these settings in the results")
    args = parser.parse_args(arguments_)
    if args.settings and not args.label:
        parser.error("--settings need a --label, so that their results are not taken for those of the defaults")
    if args.label and len(args.methods or ()) != 1:
        parser.error("--label names one method; pass one with --methods")
    args.methods = args.methods or methods
    args.only = args.only or [name for name in NAMES if available(name, args.data)]
    return args


def main() -> None:
    """Runs the missing jobs, writes a record after each, prints the tables and draws the pictures."""
    args = parse()
    if args.table:
        print(markdown(read_records()))
        return
    described = machine()
    if args.forget:
        forget_records(args.forget, described)
        return
    for name in args.only:
        jobs = wanted(args, name)
        data = load(name, args.data)
        for method, label, seed in jobs:
            record = run(method, label, data, seed, args)
            write_record(record, described)
            print(record, flush=True)
        print(markdown([r for r in read_records() if r["dataset"] == name]), flush=True)
        print(draw(data, read_records(), args.pictures), flush=True)
    print(PATH)


if __name__ == "__main__":
    main()
