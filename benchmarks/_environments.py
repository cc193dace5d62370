"""Environments of the libraries that are measured beside ours: one each, so that ours stays as it is."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

ENVIRONMENTS = Path(__file__).resolve().parent / ".envs"
LIMIT_S = 900


class PeerError(Exception):
    """A library could not be installed or run; the message is one line."""


def environment(name: str, requirements: Sequence[str], *, alone: Sequence[str] = ()) -> Path:
    """Makes an environment with some packages, or finds it, and returns its Python.

    Args:
        name: Its name; it lies in ``.envs/<name>``.
        requirements: Pinned packages. torch, if it is among them, comes first and is installed alone, so that
            what needs it cannot pull in another build.
        alone: Pinned packages that are installed without what they ask for, since they ask for releases that the
            others do not work with.

    Raises:
        PeerError: If they cannot be installed.
    """
    folder = ENVIRONMENTS / name
    python, marker = folder / "bin" / "python", folder / "requirements.txt"
    wanted = "\n".join([*requirements, *alone]) + "\n"
    if marker.exists() and marker.read_text(encoding="utf-8") == wanted:
        return python
    _run([sys.executable, "-m", "venv", "--clear", str(folder)])
    pip = [str(python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    torch = [r for r in requirements if r.startswith("torch==")]
    for step in ([torch] if torch else []) + [list(requirements)]:
        _run([*pip, *step])
    if alone:
        _run([*pip, "--no-deps", *alone])
    marker.write_text(wanted, encoding="utf-8")
    return python


def _run(command: list[str]) -> None:
    try:
        subprocess.run(command, check=True, capture_output=True, text=True, timeout=LIMIT_S)
    except subprocess.CalledProcessError as error:
        raise PeerError(f"not installed: {last_line(error.stderr)}") from error
    except subprocess.TimeoutExpired as error:
        raise PeerError(f"not installed within {LIMIT_S} s") from error


def last_line(text: str) -> str:
    """Returns the last line that is not empty, without folders of this machine."""
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    line = lines[-1] if lines else "no message"
    return line.replace(str(ENVIRONMENTS.parents[1]), "…").replace(str(Path.home()), "~")[:200]
