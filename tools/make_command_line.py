"""Makes the second half of ``docs/command_line.md``: the help text of each command."""

from __future__ import annotations

import contextlib
import io
import os
from pathlib import Path

from paradime.cli import main as paradime

PAGE = Path(__file__).resolve().parents[1] / "docs" / "command_line.md"
MARK = "<!-- below: help texts, written by tools/make_pages.py -->\n"
COMMANDS = [
    *("fit", "transform", "update", "inverse", "evaluate", "explain", "plot", "explore", "export", "info", "demo"),
    *("spec show", "spec validate", "spec schema", "spec init"),
]


def help_of(command: str) -> str:
    """Returns the help text of a command, as an 80 columns wide terminal shows it."""
    shown = io.StringIO()
    os.environ["COLUMNS"] = "80"
    with contextlib.redirect_stdout(shown):
        paradime([*command.split(), "--help"])
    return "\n".join(line.rstrip() for line in shown.getvalue().strip().splitlines())


def page() -> str:
    """Returns the whole page: what people wrote, and the help texts."""
    written, mark, _ = PAGE.read_text(encoding="utf-8").partition(MARK)
    if not mark:
        raise SystemExit(f"{PAGE}: the line {MARK.strip()!r} is missing")
    sections = [f"\n### paradime {command}\n\n```text\n{help_of(command)}\n```\n" for command in COMMANDS]
    return written + mark + "".join(sections)
