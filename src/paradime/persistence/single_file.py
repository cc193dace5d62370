"""A saved routine in one file: an archive whose members are stored as they are."""

from __future__ import annotations

import io
import stat
import zipfile
from collections.abc import Mapping
from pathlib import Path

from paradime.exceptions import ModelFileError
from paradime.persistence.names import CONFIG, FILES, most_bytes
from paradime.persistence.plain_files import opened
from paradime.utils.files import atomic_write, naming_path

__all__ = ["read_single_file", "write_single_file"]

_WHEN = (1980, 1, 1, 0, 0, 0)  # the same routine makes the same bytes
_ENCRYPTED = 0x1


def write_single_file(path: Path, files: Mapping[str, bytes]) -> None:
    """Writes the files of a saved routine into one, atomically.

    Raises:
        OSError: If it cannot be written, with the path; a file that was there stays as it was.
    """
    with naming_path(path):
        path.parent.mkdir(parents=True, exist_ok=True)
    with atomic_write(path) as temporary, zipfile.ZipFile(temporary, "w", zipfile.ZIP_STORED) as archive:
        for name, contents in files.items():
            archive.writestr(zipfile.ZipInfo(name, _WHEN), contents)


def read_single_file(path: Path) -> dict[str, bytes]:
    """Returns the files in one by name.

    Raises:
        ModelFileError: If it is no such file, is damaged, or holds anything but plain files of the expected names.
        OSError: If it cannot be read.
    """
    with opened(path, follow=True) as file:
        contents = file.read()
    try:
        with zipfile.ZipFile(io.BytesIO(contents)) as archive:
            members = archive.infolist()
            _check(members, len(contents), path)
            found = {member.filename: archive.read(member) for member in members}
    except ModelFileError:
        raise
    except Exception as error:  # damaged archives fail in many ways
        raise ModelFileError(
            f"{path}: is no saved routine, or is damaged ({str(error) or type(error).__name__})."
        ) from error
    if CONFIG not in found:
        raise ModelFileError(f"{path}: holds no {CONFIG}, so it is not a saved routine.")
    return found


def _check(members: list[zipfile.ZipInfo], n_bytes: int, path: Path) -> None:
    """Refuses what a saved routine never has, before anything is read: other names, links, compressed bombs."""
    names = [member.filename for member in members]
    for member in members:
        # orig_filename has what zipfile cuts or turns around
        if member.orig_filename not in FILES or names.count(member.filename) > 1:
            raise ModelFileError(
                f"{path}: holds {member.orig_filename[:80]!r}, which is no file of a saved routine. Nothing "
                "was read."
            )
        kind = stat.S_IFMT(member.external_attr >> 16)
        if kind not in (0, stat.S_IFREG) or member.is_dir():
            raise ModelFileError(f"{path}: {member.filename} is a link or folder, not a file. Nothing was read.")
        stored = member.compress_type == zipfile.ZIP_STORED and member.file_size == member.compress_size
        if not stored or member.flag_bits & _ENCRYPTED or member.file_size > n_bytes:
            raise ModelFileError(
                f"{path}: {member.filename} is not stored as it is, but compressed or encrypted. Nothing was read."
            )
        most = most_bytes(member.filename)
        if most is not None and member.file_size > most:
            raise ModelFileError(f"{path}: {member.filename} has {member.file_size} bytes, more than {most}.")
    if sum(member.file_size for member in members) > n_bytes:
        raise ModelFileError(f"{path}: its parts are larger than the whole. Nothing was read.")
