"""Atomic replacement of all files of a folder, even if the process is killed in between."""

from __future__ import annotations

import contextlib
import json
import os
import re
import secrets
import time
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from paradime.exceptions import ModelFileError
from paradime.persistence.names import CONFIG, FILES, SPEC, STATE, WEIGHTS, most_bytes
from paradime.persistence.plain_files import read_file
from paradime.utils.files import atomic_write, naming_path

__all__ = ["holds_routine", "read_folder", "write_folder"]

# Several files cannot be renamed at once. The new files are therefore written next to the old ones; then a journal
# marks them as valid, and only then are they renamed. Readers follow the journal, whose creation is atomic.
_JOURNAL = ".paradime-commit.json"
_HEAD = 200  # bytes of the configuration, which begins with the name of its format
_ABANDONED = 3600.0  # seconds after which a new file without a journal is removed


def write_folder(folder: Path, files: Mapping[str, bytes]) -> None:
    """Writes the files of a saved routine; files of an earlier save are replaced, other files stay.

    Args:
        folder: The folder, which is created if it is missing.
        files: Their contents by name.

    Raises:
        OSError: If they cannot be written, with the path; the folder is then unchanged.
    """
    with naming_path(folder):
        folder.mkdir(parents=True, exist_ok=True)
        _finish(folder)
        _remove_abandoned(folder)
        token = secrets.token_hex(4)
        parts = {name: f".{name}.{token}.part" for name in files}
        try:
            _together(lambda name: _write(folder / parts[name], files[name]), parts)
            journal = {"parts": parts, "removed": [name for name in FILES if name not in files]}
            with atomic_write(folder / _JOURNAL) as temporary:
                temporary.write_text(json.dumps(journal), encoding="utf-8")
        except BaseException:
            if not (folder / _JOURNAL).exists():
                for part in parts.values():
                    (folder / part).unlink(missing_ok=True)
            raise
        _finish(folder)


def holds_routine(folder: Path) -> bool:
    """Returns whether a folder holds a saved routine, even a damaged or incomplete one."""
    if (folder / _JOURNAL).exists() or all((folder / name).exists() for name in (SPEC, WEIGHTS, STATE)):
        return True
    try:
        with (folder / CONFIG).open("rb") as file:
            return b'"paradime' in file.read(_HEAD)
    except OSError:
        return False


def read_folder(folder: Path) -> dict[str, bytes]:
    """Returns the files of a saved routine by name.

    Raises:
        ModelFileError: If the folder holds no saved routine, or files are links or too large.
        OSError: If a file cannot be read.
    """
    parts, removed = _journal(folder)
    files = {}
    for name in FILES:
        if name in removed:
            continue
        # if the new file is missing, it has been renamed meanwhile
        for current in (parts.get(name), name):
            if current is not None:
                with contextlib.suppress(FileNotFoundError):
                    files[name] = read_file(folder / current, most_bytes(name))
                    break
    if CONFIG not in files:
        raise ModelFileError(f"{folder}: holds no {CONFIG}, so it is not the folder of a saved routine.")
    return files


def _journal(folder: Path) -> tuple[dict[str, str], list[str]]:
    """Returns the valid new files by name, and the names of old files that are no longer valid."""
    try:
        contents = json.loads(read_file(folder / _JOURNAL, most_bytes(CONFIG)))
        parts, removed = dict(contents["parts"]), list(contents["removed"])
    except FileNotFoundError:
        return {}, []
    except ModelFileError:  # a link
        raise
    except (ValueError, KeyError, TypeError, RecursionError):
        raise ModelFileError(
            f"{folder / _JOURNAL}: is damaged. Remove it if the other files are complete."
        ) from None
    # names in the journal must not lead out of the folder
    fits = all(name in FILES and _is_part(part, name) for name, part in parts.items())
    if not fits or not all(name in FILES for name in removed):
        raise ModelFileError(f"{folder / _JOURNAL}: lists files that do not belong to a saved routine. Remove it.")
    return parts, removed


def _finish(folder: Path) -> None:
    """Renames the valid new files, without a change for readers."""
    parts, removed = _journal(folder)
    if not parts:
        return
    _together(lambda name: _rename(folder / parts[name], folder / name), parts)
    for name in removed:
        (folder / name).unlink(missing_ok=True)
    (folder / _JOURNAL).unlink()


def _together(act: Callable[[str], None], names: Iterable[str]) -> None:
    """Acts on several files in parallel, since most of the time is spent waiting for the disk."""
    with ThreadPoolExecutor(len(FILES)) as pool:
        futures = [pool.submit(act, name) for name in names]
    for future in futures:
        future.result()


def _rename(part: Path, path: Path) -> None:
    with contextlib.suppress(FileNotFoundError):  # renamed before a process was killed
        os.replace(part, path)


def _write(path: Path, contents: bytes) -> None:
    with path.open("xb") as file:
        file.write(contents)
        file.flush()
        os.fsync(file.fileno())


def _remove_abandoned(folder: Path) -> None:
    """Removes new files of a killed process, but not those that another process may be writing."""
    for path in folder.glob(".*.part"):
        if any(_is_part(path.name, name) for name in FILES):
            with contextlib.suppress(FileNotFoundError):
                if time.time() - path.lstat().st_mtime > _ABANDONED:
                    path.unlink()


def _is_part(part: object, name: str) -> bool:
    return isinstance(part, str) and re.fullmatch(rf"\.{re.escape(name)}\.[0-9a-f]{{8}}\.part", part) is not None
