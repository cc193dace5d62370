"""Atomic writing of files, and checks of their paths."""

from __future__ import annotations

import contextlib
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

__all__ = ["atomic_write", "checked_path", "flush_folder", "naming_path"]


@contextlib.contextmanager
def atomic_write(path: str | os.PathLike[str]) -> Iterator[Path]:
    """Yields a temporary file in the same folder, which replaces the path when the block ends.

    The path always holds either the previous content or the new one, even if the process is killed or the disk
    is full, since the file is flushed to the disk before it is renamed. If the block raises, the temporary file is
    removed and the path is unchanged.

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
    target = Path(os.path.realpath(path))
    with naming_path(path):
        handle, name = tempfile.mkstemp(prefix=f".{target.name}.", suffix=".part", dir=target.parent)
        os.close(handle)
        temporary = Path(name)
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
def naming_path(path: str | os.PathLike[str]) -> Iterator[None]:
    """Adds the user's path to an :class:`OSError` that the block raises.

    Raises:
        OSError: Of the same class and number, with the path.
    """
    try:
        yield
    except OSError as error:
        if error.filename is not None and os.fspath(error.filename) == os.fspath(path):
            raise
        reason = error.strerror or str(error)
        raise type(error)(error.errno, f"cannot write: {reason}", os.fspath(path)) from error


def checked_path(path: str | os.PathLike[str], *, example: str) -> Path:
    """Returns the path after checking that a file can be written there.

    Args:
        path: The path.
        example: The name of a file, for the message.

    Raises:
        OSError: If the path is a folder, or its folder does not exist.
    """
    target = Path(path)
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
