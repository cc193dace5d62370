"""Writes every file that is made from the code: reference, specification, help, JSON Schema, tests of faults.

python tools/make_pages.py              # writes those that are out of date, and prints their names
python tools/make_pages.py --check      # only prints them; the exit code is 1 if there are any
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

import make_command_line
import make_reference
import make_reliability
import make_specification

from paradime.spec import json_schema

ROOT = Path(__file__).resolve().parents[1]


def contents() -> dict[Path, str]:
    """Returns what each file should contain."""
    schema = json.dumps(json_schema(), indent=1) + "\n"
    made = (make_reference, make_specification, make_command_line, make_reliability)
    pages = {module.PAGE: module.page() for module in made}
    return {**pages, ROOT / "examples" / "specs" / "paradime.schema.json": schema}


def main() -> int:
    """Writes or checks the files; returns the exit code."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--check", action="store_true", help="write nothing; exit with 1 if a file is out of date")
    check = parser.parse_args().check
    stale = [
        (path, text)
        for path, text in contents().items()
        if not path.exists() or path.read_text(encoding="utf-8") != text
    ]
    for path, text in stale:
        print(path.relative_to(ROOT))
        if not check:
            path.write_text(text, encoding="utf-8")
    return int(check and bool(stale))


if __name__ == "__main__":
    sys.exit(main())
