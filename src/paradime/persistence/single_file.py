"""A saved routine in one file: a ZIP archive of uncompressed members."""

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

_DATE = (1980, 1, 1, 0, 0, 0)  # a constant date, so that the same routine gives the same bytes
_ENCRYPTED = 0x1


def write_single_file(path: Path, files: Mapping[str, bytes]) -> None:
    """Writes the files of a saved routine into one file, atomically.

    Raises:
        OSError: If it cannot be written, with the path; an existing file is then unchanged.
    """
    with naming_path(path):
        path.parent.mkdir(parents=True, exist_ok=True)
    with atomic_write(path) as temporary, zipfile.ZipFile(temporary, "w", zipfile.ZIP_STORED) as archive:
        for name, contents in files.items():
            archive.writestr(zipfile.ZipInfo(name, _DATE), contents)


def read_single_file(path: Path) -> dict[str, bytes]:
    """Returns the files in a single file by name.

    Raises:
        ModelFileError: If it is of another kind, damaged, or holds anything but plain files with expected names.
        OSError: If it cannot be read.
    """
    with opened(path, follow=True) as file:
        contents = file.read()
    try:
        with zipfile.ZipFile(io.BytesIO(contents)) as archive:
            members = archive.infolist()
            _check(members, len(contents), path)
            files = {member.filename: archive.read(member) for member in members}
    except ModelFileError:
        raise
    except Exception as error:  # damaged archives fail in many ways
        raise ModelFileError(
            f"{path}: is not a saved routine, or is damaged ({str(error) or type(error).__name__})."
        ) from error
    if CONFIG not in files:
        raise ModelFileError(f"{path}: holds no {CONFIG}, so it is not a saved routine.")
    return files


def _check(members: list[zipfile.ZipInfo], n_bytes: int, path: Path) -> None:
    """Refuses members that a saved routine never has, before they are read: other names, links, compression."""
    names = [member.filename for member in members]
    for member in members:
        # unlike filename, orig_filename is not normalised by zipfile
        if member.orig_filename not in FILES or names.count(member.filename) > 1:
            raise ModelFileError(
                f"{path}: holds {member.orig_filename[:80]!r}, which does not belong to a saved routine. Nothing "
                "was read."
            )
        kind = stat.S_IFMT(member.external_attr >> 16)
        if kind not in (0, stat.S_IFREG) or member.is_dir():
            raise ModelFileError(f"{path}: {member.filename} is a link or folder, not a file. Nothing was read.")
        stored = member.compress_type == zipfile.ZIP_STORED and member.file_size == member.compress_size
        if not stored or member.flag_bits & _ENCRYPTED or member.file_size > n_bytes:
            raise ModelFileError(
                f"{path}: {member.filename} must be stored, but is compressed or encrypted. Nothing was read."
            )
        most = most_bytes(member.filename)
        if most is not None and member.file_size > most:
            raise ModelFileError(
                f"{path}: {member.filename} must have at most {most} bytes, got {member.file_size}."
            )
    if sum(member.file_size for member in members) > n_bytes:
        raise ModelFileError(f"{path}: its members are larger than the file. Nothing was read.")
