#!/usr/bin/env python
"""Fits and transforms many times, and measures what grows: memory, file descriptors, threads, temporary files.

The first fifth of the calls warms up caches and is not counted. Descriptors are counted where the system lists
them, in /proc/self/fd or /dev/fd. Memory is the resident memory of the process; its allocator does not return
everything.

Usage: python tools/soak.py --transforms 5000 --fits 200
"""

from __future__ import annotations

import argparse
import dataclasses
import gc
import os
import resource
import sys
import tempfile
import threading
from collections.abc import Callable
from pathlib import Path

import numpy as np

from paradime import ParametricUMAP

MOST_MEGABYTES = 10.0


@dataclasses.dataclass(frozen=True)
class Usage:
    """What a process uses."""

    megabytes: float
    descriptors: int
    threads: int
    temporary_files: int

    @classmethod
    def now(cls) -> Usage:
        """Measures it."""
        gc.collect()
        return cls(_megabytes(), _descriptors(), threading.active_count(), len(os.listdir(tempfile.gettempdir())))

    def growth_since(self, before: Usage) -> Usage:
        """Returns the differences."""
        pairs = zip(dataclasses.astuple(self), dataclasses.astuple(before), strict=True)
        return Usage(*(now - then for now, then in pairs))

    @property
    def is_none(self) -> bool:
        """Whether nothing has grown, but for less than 10 MB of memory."""
        others = self.descriptors, self.threads, self.temporary_files
        return self.megabytes < MOST_MEGABYTES and all(growth <= 0 for growth in others)


def _megabytes() -> float:
    status = Path("/proc/self/statm")
    if status.exists():
        return int(status.read_text().split()[1]) * resource.getpagesize() / 2**20
    unit = 1 if sys.platform == "darwin" else 1024  # the largest so far, in bytes or kilobytes
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit / 2**20


def _descriptors() -> int:
    folder = next((name for name in ("/proc/self/fd", "/dev/fd") if os.path.isdir(name)), None)
    return 0 if folder is None else len(os.listdir(folder))


def growth(call: Callable[[], object], times: int) -> Usage:
    """Calls a function many times and returns what has grown after the first fifth of the calls."""
    for _ in range(max(1, times // 5)):
        call()
    before = Usage.now()
    for _ in range(times - max(1, times // 5)):
        call()
    return Usage.now().growth_since(before)


def main() -> None:
    """Measures both kinds of calls, and saving and loading."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--transforms", type=int, default=5_000)
    parser.add_argument("--fits", type=int, default=200)
    arguments = parser.parse_args()
    X = np.random.default_rng(0).normal(size=(300, 10))

    def fit() -> ParametricUMAP:
        return ParametricUMAP(epochs=1, init_epochs=1, random_state=0).fit(X)

    routine = fit()
    failed = False
    # a folder of our own, in which nobody else makes files
    with tempfile.TemporaryDirectory() as folder:
        tempfile.tempdir = folder
        for name, call, times in (
            ("transforms", lambda: routine.transform(X), arguments.transforms),
            ("fits", fit, arguments.fits),
        ):
            grown = growth(call, times)
            failed |= not grown.is_none
            print(f"{times} {name}: {grown}", flush=True)
        tempfile.tempdir = None
    raise SystemExit(failed)


if __name__ == "__main__":
    main()
