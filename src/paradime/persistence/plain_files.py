"""Reading of files that somebody else may have made: neither links nor devices are followed."""

from __future__ import annotations

import contextlib
import errno
import os
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

from paradime.exceptions import ModelFileError

__all__ = ["opened", "read_file"]

# a pipe in place of a file would wait for a writer forever
_FLAGS = os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)


@contextlib.contextmanager
def opened(path: Path, *, follow: bool = False) -> Iterator[BinaryIO]:
    """Opens a regular file for reading.

    Args:
        path: The file.
        follow: Whether it may be a link.

    Raises:
        ModelFileError: If it is a link, a pipe, or a device.
        OSError: If it cannot be read.
    """
    if not follow and path.is_symlink():
        _refuse_link(path)
    try:
        # the second look at the link is the system's own, since it may have been made between
        handle = os.open(path, _FLAGS | (0 if follow else getattr(os, "O_NOFOLLOW", 0)))
    except OSError as error:
        if error.errno == errno.ELOOP and not follow:
            _refuse_link(path)
        raise
    with os.fdopen(handle, "rb") as file:
        if not stat.S_ISREG(os.fstat(handle).st_mode):
            raise ModelFileError(f"{path}: must be a regular file, and is a folder, pipe or device.")
        yield file


def read_file(path: Path, most: int | None) -> bytes:
    """Returns the contents of a regular file.

    Args:
        path: The file, which must be no link.
        most: How many bytes it may have.

    Raises:
        ModelFileError: If it is too long, or no regular file.
        OSError: If it cannot be read.
    """
    with opened(path) as file:
        size = os.fstat(file.fileno()).st_size
        if most is not None and size > most:
            raise ModelFileError(f"{path}: has {size} bytes, more than the {most} that such a file may have.")
        return file.read()


def _refuse_link(path: Path) -> None:
    raise ModelFileError(
        f"{path}: is a link, which may lead anywhere, and is not followed. Copy the files themselves: cp -rL."
    )
