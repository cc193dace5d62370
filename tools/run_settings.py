"""Runs the tests under settings that change the last bits of sums, each in a random order of its own.

    python tools/run_settings.py                            # the whole suite, under all settings
    python tools/run_settings.py -m outcome                 # the outcomes of training only
    python tools/run_settings.py --only "2 threads" tests/unit/loss

Other numbers of threads, and kernels for older processors, add up in another order; training amplifies the
difference. Further arguments go to pytest. A table at the end lists each setting with its counts and failures; the
exit code is 1 if anything failed.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import time
import xml.etree.ElementTree as ET
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
# each run takes another seed of pytest-randomly: its number in this list
SETTINGS: Mapping[str, Mapping[str, str]] = {
    "1 thread": {},
    "2 threads": {"OMP_NUM_THREADS": "2"},
    "4 threads": {"OMP_NUM_THREADS": "4"},
    "MKL for SSE4.2": {"MKL_ENABLE_INSTRUCTIONS": "SSE4_2"},
    "OpenBLAS for Haswell": {"OPENBLAS_CORETYPE": "Haswell"},
    "torch without AVX": {"ATEN_CPU_CAPABILITY": "default"},
}


@dataclass(frozen=True)
class Result:
    """Counts of a run, and the tests that failed."""

    passed: int
    skipped: int
    failures: tuple[str, ...]


def environment_of(setting: str) -> dict[str, str]:
    """Returns the environment of a setting: nothing of others, and one thread unless it says otherwise."""
    names = {name for variables in SETTINGS.values() for name in variables}
    outer = {name: value for name, value in os.environ.items() if name not in names}
    return {**outer, "OMP_NUM_THREADS": "1", **SETTINGS[setting]}


def command_of(setting: str, arguments: list[str], report: Path, n_cores: int) -> list[str]:
    """Returns the command of a run, with as many processes as there are cores for their threads."""
    n_processes = max(1, min(8, n_cores // int(SETTINGS[setting].get("OMP_NUM_THREADS", "1"))))
    order = 1 + list(SETTINGS).index(setting)
    options = [f"--randomly-seed={order}", f"--junit-xml={report}", "-q", "-n", str(n_processes)]
    return [sys.executable, "-m", "pytest", *options, "--dist", "worksteal", *arguments]


def read(report: Path) -> Result | None:
    """Reads pytest's report; None where there is none, since the run did not get that far."""
    if not report.exists():
        return None
    cases = list(ET.parse(report).getroot().iter("testcase"))
    failed = [case for case in cases if case.find("failure") is not None or case.find("error") is not None]
    skipped = [case for case in cases if case.find("skipped") is not None]
    names = tuple(dict.fromkeys(f"{case.get('classname')}::{case.get('name')}" for case in failed))
    return Result(len(cases) - len(failed) - len(skipped), len(skipped), names)


def row_of(setting: str, result: Result | None, seconds: float) -> str:
    """Returns the table's lines on a setting."""
    order = 1 + list(SETTINGS).index(setting)
    if result is None:
        return f"{setting:22s} {order:5d}  ended without a report"
    counts = f"{result.passed:7d} {len(result.failures):7d} {result.skipped:8d} {seconds:8.0f}"
    return "\n".join([f"{setting:22s} {order:5d} {counts}", *(f"    failed: {name}" for name in result.failures)])


def main() -> int:
    """Runs the tests under the settings, and prints the table."""
    parser = argparse.ArgumentParser(
        description=__doc__.splitlines()[0], epilog="Further arguments go to pytest.", allow_abbrev=False
    )
    parser.add_argument("--only", action="append", choices=SETTINGS, help="a setting; may be given several times")
    options, arguments = parser.parse_known_args()
    rows, good = (
        [f"{'setting':22s} {'order':>5s} {'passed':>7s} {'failed':>7s} {'skipped':>8s} {'seconds':>8s}"],
        True,
    )
    for setting in options.only or SETTINGS:
        print(f"\n== {setting}", flush=True)
        with tempfile.TemporaryDirectory() as folder:
            report, start = Path(folder) / "report.xml", time.monotonic()
            command = command_of(setting, arguments, report, os.cpu_count() or 1)
            status = subprocess.run(command, cwd=ROOT, env=environment_of(setting), check=False).returncode
            rows.append(row_of(setting, read(report), time.monotonic() - start))
        good &= status == 0
    print("", *rows, sep="\n")
    return int(not good)


if __name__ == "__main__":
    sys.exit(main())
