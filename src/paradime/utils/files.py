"""Atomic writing of files, and checks of their paths."""

from __future__ import annotations

import contextlib
import errno
import os
import re
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from paradime.utils.arguments import check_path

__all__ = ["atomic_write", "checked_path", "flush_folder", "naming_path"]

if sys.platform != "win32":
    import fcntl

_SUFFIX = ".part"
_CANNOT_WRITE = "cannot write: "
_REFUSED = (errno.EACCES, errno.EPERM, errno.EROFS)


@contextlib.contextmanager
def atomic_write(path: str | os.PathLike[str]) -> Iterator[Path]:
    """Yields a temporary file in the same folder, which replaces the path when the block ends.

    The path always holds either the previous content or the new one, even if the process is killed or the disk
    is full, since the file is flushed to the disk before it is renamed. If the block raises, the temporary file is
    removed and the path is unchanged. One that a killed process has left is removed by the next call for the path.

    Args:
        path: The file to write. Its folder must exist. For a link, the target is replaced.

    Yields:
        The temporary file, which exists and is empty.

    Raises:
        OSError: If the file cannot be written, with the path.

    Example:
        >>> folder = getfixture("tmp_path")
        >>> with atomic_write(folder / "note.txt") as temporary:
        ...     _ = temporary.write_text("all of it")
        >>> (folder / "note.txt").read_text()
        'all of it'
    """
    target = Path(os.path.realpath(check_path(path)))
    with naming_path(path):
        _remove_abandoned(target)
        with _temporary_file(target) as temporary:
            try:
                # temporary files are private; give the file the permissions that open() would give it
                temporary.chmod(_mode_of(target))
                yield temporary
                _flush(temporary)
                os.replace(temporary, target)
            except BaseException:
                temporary.unlink(missing_ok=True)
                raise
        flush_folder(target.parent)


@contextlib.contextmanager
def _temporary_file(target: Path) -> Iterator[Path]:
    """Creates a temporary file beside a path, which is locked within the block where the system has locks.

    The lock ends with the process, however that ends: it tells files that are being written from abandoned ones.
    """
    while True:
        handle, name = tempfile.mkstemp(prefix=f".{target.name}.", suffix=_SUFFIX, dir=target.parent)
        if sys.platform == "win32":
            os.close(handle)  # open files cannot be renamed there
            yield Path(name)
            return
        with os.fdopen(handle, "rb"):
            _lock(handle)
            if not os.path.exists(name):
                continue  # another process took it for abandoned before it was locked
            yield Path(name)
            return


def _remove_abandoned(target: Path) -> None:
    """Removes temporary files of a path whose process was killed; others are locked."""
    if sys.platform == "win32":
        return
    pattern = re.compile(rf"\.{re.escape(target.name)}\.[a-z0-9_]{{8}}{re.escape(_SUFFIX)}")
    with contextlib.suppress(OSError):  # such as a folder that may not be listed
        for entry in [entry for entry in target.parent.iterdir() if pattern.fullmatch(entry.name)]:
            if entry.is_file() and not entry.is_symlink():
                with entry.open("rb") as file:
                    if _lock(file.fileno()):
                        entry.unlink()


def _lock(handle: int) -> bool:
    """Returns whether a file could be locked: no other process holds its lock, and the file system has locks."""
    if sys.platform == "win32":
        return False
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    return True


@contextlib.contextmanager
def naming_path(path: str | os.PathLike[str]) -> Iterator[None]:
    """Adds the user's path to an :class:`OSError` that the block raises.

    Raises:
        OSError: Of the same class and number, with the path.
    """
    try:
        yield
    except OSError as error:
        reason = error.strerror or str(error)
        if reason.startswith(_CANNOT_WRITE):
            raise
        remedy = "; choose a folder that you may write to" if error.errno in _REFUSED else ""
        raise type(error)(error.errno, f"{_CANNOT_WRITE}{reason}{remedy}", os.fspath(path)) from error


def checked_path(path: str | os.PathLike[str], *, example: str) -> Path:
    """Returns the path after checking that a file can be written there.

    Args:
        path: The path.
        example: The name of a file, for the message.

    Raises:
        OSError: If the path is a folder, or its folder does not exist.
    """
    target = check_path(path, example=example)
    if target.is_dir():
        raise IsADirectoryError(f"path must name a file, got the folder {str(target)!r}. Add {example!r}.")
    if not target.parent.is_dir():
        raise FileNotFoundError(
            f"there is no folder {str(target.parent)!r} to write {target.name!r} to. Create it first."
        )
    return target


def flush_folder(folder: Path) -> None:
    """Flushes the renaming to the disk, on systems that can open a folder."""
    with contextlib.suppress(OSError):
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)


def _mode_of(target: Path) -> int:
    if target.exists():
        return target.stat().st_mode & 0o777
    mask = os.umask(0)
    os.umask(mask)
    return 0o666 & ~mask


def _flush(path: Path) -> None:
    with path.open("rb+") as file:
        os.fsync(file.fileno())
