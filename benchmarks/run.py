"""Runs the benchmarks one after the other, and writes the table of ``docs/benchmarks.md``.

    python benchmarks/run.py [--data FOLDER] [--only TOPIC …]

A benchmark that fails is named at the end, and the exit code is 1; the others run all the same.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
from pathlib import Path

FOLDER = Path(__file__).resolve().parent
# what each does with --data: without it, "needed" ones are skipped, and "optional" ones measure less
DATA = {
    "guided": "none",
    "neighbors": "needed",
    "graph": "none",
    "step": "none",
    "wide": "none",
    "guiding": "none",
    "parts": "none",
    "ranks": "none",
    "memory": "needed",
    "reference_rows": "needed",
    "peers": "optional",
    "quality": "optional",
}


def run(topic: str, data: Path | None) -> str | None:
    """Runs a benchmark; returns why it has no new results, or ``None`` if it has."""
    script = FOLDER / f"bench_{topic}.py"
    if not script.exists():
        return f"{topic}: skipped, there is no {script.name}"
    if DATA[topic] == "needed" and data is None:
        return f"{topic}: skipped, it needs large data; pass DATA=FOLDER (or --data FOLDER)"
    command = [sys.executable, str(script)]
    if DATA[topic] != "none" and data is not None:
        command += ["--data", str(data)]
    print(f"-- {topic}", flush=True)
    code = subprocess.run(command, check=False).returncode
    return f"{topic}: FAILED with exit code {code}" if code else None


def main() -> int:
    """Runs what is asked for; returns the exit code."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, metavar="FOLDER", help="folder with the large data")
    parser.add_argument("--only", nargs="+", choices=list(DATA), default=list(DATA), metavar="TOPIC")
    args = parser.parse_args()
    remarks = [remark for topic in args.only if (remark := run(topic, args.data)) is not None]
    table = subprocess.run([sys.executable, str(FOLDER / "make_table.py")], check=False)
    print(*remarks, sep="\n")
    return int(table.returncode != 0 or any("FAILED" in remark for remark in remarks))


if __name__ == "__main__":
    sys.exit(main())
