"""Safe reading of untrusted files: links and devices are refused."""

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

# without O_NONBLOCK, opening a pipe would wait for a writer forever
_FLAGS = os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)


@contextlib.contextmanager
def opened(path: Path, *, follow: bool = False) -> Iterator[BinaryIO]:
    """Opens a regular file for reading.

    Args:
        path: The file.
        follow: Whether links are followed.

    Raises:
        ModelFileError: If it is a link, a pipe, or a device.
        OSError: If it cannot be read.
    """
    if not follow and path.is_symlink():
        _refuse_link(path)
    try:
        # O_NOFOLLOW checks again, since the link may have been created in the meantime
        handle = os.open(path, _FLAGS | (0 if follow else getattr(os, "O_NOFOLLOW", 0)))
    except OSError as error:
        if error.errno == errno.ELOOP and not follow:
            _refuse_link(path)
        raise
    with os.fdopen(handle, "rb") as file:
        if not stat.S_ISREG(os.fstat(handle).st_mode):
            raise ModelFileError(f"{path}: must be a regular file, got a folder, pipe or device.")
        yield file


def read_file(path: Path, most: int | None) -> bytes:
    """Returns the contents of a regular file.

    Args:
        path: The file, which must not be a link.
        most: The largest size in bytes, or ``None``.

    Raises:
        ModelFileError: If it is too large, or not a regular file.
        OSError: If it cannot be read.
    """
    with opened(path) as file:
        size = os.fstat(file.fileno()).st_size
        if most is not None and size > most:
            raise ModelFileError(f"{path}: must have at most {most} bytes, got {size}.")
        return file.read()


def _refuse_link(path: Path) -> None:
    raise ModelFileError(
        f"{path}: is a link; links are not followed, since they may lead anywhere. Copy the files: cp -rL."
    )
