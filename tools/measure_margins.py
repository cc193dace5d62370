"""Measures how far the outcomes that tests assert are from their bounds, in standard errors of the tests' means.

    python tools/measure_margins.py                     # all tests of outcomes
    python tools/measure_margins.py tests/unit/loss     # some of them
    python tools/measure_margins.py --seeds 20 -n 2     # with more seeds, by two processes

Tests that use the fixture ``outcome`` (``tests/outcomes.py``) run with more seeds than usual, and write mean and
standard deviation of each value. The margin is |mean − bound| / (deviation / √(the test's number of seeds)),
negative where the mean is on the wrong side. Below four, the margin is thin; the script prints these last, and
exits with 1 if there are any.
"""

from __future__ import annotations

import argparse
import json
import math
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
REQUIRED = 4.0  # standard errors


def margin(row: dict) -> float:
    """Returns the distance of mean and bound in standard errors of the test's mean; negative on the wrong side."""
    distance = row["sign"] * (row["mean"] - row["bound"])
    if row["deviation"] == 0:
        return math.copysign(math.inf, distance) if distance else 0.0
    return distance / (row["deviation"] / math.sqrt(row["seeds"]))


def describe(row: dict) -> str:
    """Returns a line on one value of one test."""
    return (
        f"{margin(row):8.1f}  {row['value']}: mean {row['mean']:.4g}, deviation {row['deviation']:.2g}, "
        f"{'≥' if row['sign'] > 0 else '≤'} {row['bound']:.4g} over {row['seeds']} seeds  ({row['test']})"
    )


def main() -> int:
    """Runs the tests, and prints the margins."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("tests", nargs="*", help="files or folders of tests; all if none is given")
    parser.add_argument("--seeds", type=int, default=12, help="number of seeds per test (default: %(default)s)")
    parser.add_argument("-n", "--processes", default="0", help="number of processes (default: in this one)")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "margins.jsonl"
        command = [sys.executable, "-m", "pytest", "-m", "outcome", "-q", "-n", options.processes]
        command += ["--margins", str(file), "--margin-seeds", str(options.seeds), *options.tests]
        status = subprocess.run(command, cwd=ROOT, check=False).returncode
        rows = [json.loads(line) for line in file.read_text().splitlines()] if file.exists() else []
    rows.sort(key=margin, reverse=True)
    print(f"\nMargins in standard errors, {options.seeds} seeds measured; {REQUIRED:g} are required")
    print("\n".join(map(describe, rows)) or "no outcome was measured")
    thin = [row for row in rows if margin(row) < REQUIRED]
    print(f"{len(rows)} values, {len(thin)} with a thin margin")
    return int(bool(status or thin or not rows))


if __name__ == "__main__":
    sys.exit(main())
