"""Files that are written as a whole or not at all."""

from __future__ import annotations

import contextlib
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

__all__ = ["atomic_write", "naming_path"]


@contextlib.contextmanager
def atomic_write(path: str | os.PathLike[str]) -> Iterator[Path]:
    """Lets the block write a temporary file beside a path, which takes the path's place when the block ends.

    Whoever reads the path sees the previous content or the new one, also if the process is killed or the disk
    is full: the file is flushed to the disk before it is renamed. If the block raises, the temporary file is
    removed and the path stays as it was.

    Args:
        path: The file to write. Its folder must exist. Of a link, the file that it points to is replaced.

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
            # temporary files are private; files that are written in the usual way are as the user's mask says
            temporary.chmod(_mode_of(target))
            yield temporary
            _flush(temporary)
            os.replace(temporary, target)
        except BaseException:
            temporary.unlink(missing_ok=True)
            raise
        _flush_folder(target.parent)


@contextlib.contextmanager
def naming_path(path: str | os.PathLike[str]) -> Iterator[None]:
    """Makes an :class:`OSError` of the block name the path that the user gave.

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


def _mode_of(target: Path) -> int:
    if target.exists():
        return target.stat().st_mode & 0o777
    mask = os.umask(0)
    os.umask(mask)
    return 0o666 & ~mask


def _flush(path: Path) -> None:
    with path.open("rb+") as file:
        os.fsync(file.fileno())


def _flush_folder(folder: Path) -> None:
    """Makes the new name last; not all systems can open a folder."""
    with contextlib.suppress(OSError):
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)
