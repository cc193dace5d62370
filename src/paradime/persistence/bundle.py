"""The files of a saved routine: in a folder, or in a single file that ends in ``.paradime``.

A folder is replaced file by file, not as a whole: it may hold files of the user's, be a repository or a mounted
volume, or be the folder in which a process works; none of these can be renamed safely. ``config.json`` lists the
checksums of the other files. New files are first written beside the old ones, under names made of their checksums;
renaming the new ``config.json`` into place then makes all of them valid at once. A reader takes the files that
``config.json`` lists, under either name. A process that is killed at any point thus leaves the old routine or the
new one.
"""

from __future__ import annotations

import contextlib
import errno
import hashlib
import io
import json
import os
import re
import stat
import time
import zipfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import BinaryIO

from paradime.exceptions import ModelFileError
from paradime.persistence.names import CARD, CONFIG, FILES, FOREIGN, SPEC, STATE, SUFFIX, WEIGHTS, most_bytes
from paradime.utils.arguments import check_path
from paradime.utils.files import atomic_write, flush_folder, naming_path

__all__ = ["checked_target", "read_bundle", "write_bundle"]

_HEAD = 200  # bytes of the configuration, which begins with the name of its format
_ABANDONED = 3600.0  # seconds after which a new file that is not in place is removed
_PART = re.compile(rf"\.({'|'.join(map(re.escape, FILES))})\.[0-9a-f]{{16}}\.part")
_ATTEMPTS = 10  # to read a folder that other processes save to
_DATE = (1980, 1, 1, 0, 0, 0)  # a constant date, so that the same routine gives the same bytes
_ENCRYPTED = 0x1
# without O_NONBLOCK, opening a pipe would wait for a writer forever
_FLAGS = os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)


def checked_target(path: str | os.PathLike[str]) -> Path:
    """Returns the path after checking that a routine can be saved there.

    Raises:
        ValueError: If the suffix is that of another format.
        FileExistsError: If the path is a file of another kind, or a folder with other files that would be
            overwritten.
    """
    target = check_path(path, example=f"model{SUFFIX}")
    suffix = target.suffix.lower()
    if suffix in FOREIGN:
        others = {".onnx": " export_onnx(path) writes ONNX.", ".pt2": " export_torch(path) writes .pt2."}
        raise ValueError(
            f"a routine is saved to a folder, or to a file that ends in {SUFFIX!r}, got {str(target)!r}. Omit "
            f"the suffix, or write {target.stem + SUFFIX!r}.{others.get(suffix, '')}"
        )
    if target.is_file() and suffix != SUFFIX:
        raise FileExistsError(
            f"a routine is saved to a folder, or to a file that ends in {SUFFIX!r}, got {str(target)!r}, a file "
            f"of another kind. Write {str(target) + SUFFIX!r}."
        )
    if target.is_dir() and not _holds_routine(target):
        existing = [name for name in FILES if (target / name).exists()]
        if existing:
            raise FileExistsError(
                f"the folder {str(target)!r} holds a file {existing[0]!r} that belongs to no saved routine, and "
                f"would be overwritten. Save to a folder of its own, such as {str(target / 'model')!r}."
            )
    return target


def write_bundle(path: Path, files: Mapping[str, bytes]) -> None:
    """Writes the files of a saved routine to a folder, or to one file if the path ends in ``.paradime``.

    If the process is killed, the path holds the old routine or the new one. In a folder, files of other names
    stay, and so does a model card, ``README.md``, that was edited.

    Raises:
        OSError: If they cannot be written, with the path; what was there before is then unchanged.
    """
    if path.suffix.lower() == SUFFIX and not path.is_dir():
        _write_single_file(path, files)
    else:
        _write_folder(path, files)


def read_bundle(path: str | os.PathLike[str]) -> dict[str, bytes]:
    """Returns the files of a saved routine by name.

    Raises:
        ModelFileError: If the path is not a saved routine, or it is damaged.
        OSError: If the path does not exist, or cannot be read.
    """
    source = check_path(path, example=f"model{SUFFIX}")
    if source.name in FILES and (source.parent / CONFIG).exists():
        raise ModelFileError(f"{source}: is one file of a saved routine. Load its folder, {str(source.parent)!r}.")
    return _read_folder(source) if source.is_dir() else _read_single_file(source)


# -- folders --------------------------------------------------------------------------------------------------


def _write_folder(folder: Path, files: Mapping[str, bytes]) -> None:
    with naming_path(folder):
        folder.mkdir(parents=True, exist_ok=True)
        before = _listed(_contents(folder / CONFIG))
        _rename_parts(folder, before)  # of a save that was killed
        _remove_abandoned(folder)
        listed = {**_listed(files[CONFIG]), CONFIG: _sum(files[CONFIG])}
        card = _contents(folder / CARD)
        if card and _sum(card) != before.get(CARD):  # the user's work
            listed.pop(CARD, None)
        try:
            for name, checksum in listed.items():
                _write_part(_part(folder, name, checksum), files[name])
            flush_folder(folder)
            os.replace(_part(folder, CONFIG, listed.pop(CONFIG)), folder / CONFIG)
        except BaseException:
            if _contents(folder / CONFIG) != files[CONFIG]:
                for name, checksum in {**listed, CONFIG: _sum(files[CONFIG])}.items():
                    _part(folder, name, checksum).unlink(missing_ok=True)
            raise
        _rename_parts(folder, listed)
        for name in before.keys() - files.keys():
            (folder / name).unlink(missing_ok=True)
        flush_folder(folder)


def _read_folder(folder: Path) -> dict[str, bytes]:
    for _ in range(_ATTEMPTS):
        try:
            files = {CONFIG: _read_file(folder / CONFIG, most_bytes(CONFIG))}
        except FileNotFoundError:
            raise ModelFileError(
                f"{folder}: holds no {CONFIG}, so it is not the folder of a saved routine. Pass the path given "
                "to save."
            ) from None
        for name, checksum in _listed(files[CONFIG]).items():
            # if the new file is missing, it has been renamed
            for current in (_part(folder, name, checksum), folder / name):
                with contextlib.suppress(FileNotFoundError):
                    files[name] = _read_file(current, most_bytes(name))
                    break
        if _contents(folder / CONFIG) == files[CONFIG]:
            break  # no other process has saved meanwhile
    return files


def _holds_routine(folder: Path) -> bool:
    """Returns whether a folder holds a saved routine, even a damaged or incomplete one."""
    if all((folder / name).exists() for name in (SPEC, WEIGHTS, STATE)):
        return True
    return b'"paradime' in _contents(folder / CONFIG)[:_HEAD]


def _listed(config: bytes) -> dict[str, str]:
    """Returns the checksums of the other files in a configuration, by name; nothing if it is damaged."""
    try:
        contents = json.loads(config)
        listed = {**contents["files"], CARD: contents.get("card")}
    except (ValueError, LookupError, TypeError, AttributeError, RecursionError):
        return {}
    # the names of files are made of these, and must not lead out of the folder
    return {
        name: checksum
        for name, checksum in listed.items()
        if name in FILES and name != CONFIG and re.fullmatch("[0-9a-f]{64}", str(checksum))
    }


def _part(folder: Path, name: str, checksum: str) -> Path:
    return folder / f".{name}.{checksum[:16]}.part"


def _write_part(path: Path, contents: bytes) -> None:
    path.unlink(missing_ok=True)  # of a save that was killed, and may be incomplete
    with path.open("xb") as file:
        file.write(contents)
        file.flush()
        os.fsync(file.fileno())


def _rename_parts(folder: Path, listed: Mapping[str, str]) -> None:
    """Gives valid new files their names, without a change for readers."""
    for name, checksum in listed.items():
        with contextlib.suppress(FileNotFoundError):  # renamed already
            os.replace(_part(folder, name, checksum), folder / name)


def _remove_abandoned(folder: Path) -> None:
    """Removes new files of a killed process, but not those that another process may be writing."""
    for path in folder.glob(".*.part"):
        with contextlib.suppress(FileNotFoundError):
            if _PART.fullmatch(path.name) and time.time() - path.lstat().st_mtime > _ABANDONED:
                path.unlink()


def _contents(path: Path) -> bytes:
    """Returns the contents of a file, or nothing if it cannot be read."""
    try:
        return _read_file(path, most_bytes(path.name))
    except (OSError, ModelFileError):
        return b""


def _sum(contents: bytes) -> str:
    return hashlib.sha256(contents).hexdigest()


# -- single files ---------------------------------------------------------------------------------------------


def _write_single_file(path: Path, files: Mapping[str, bytes]) -> None:
    with naming_path(path):
        path.parent.mkdir(parents=True, exist_ok=True)
    with atomic_write(path) as temporary, zipfile.ZipFile(temporary, "w", zipfile.ZIP_STORED) as archive:
        for name, contents in files.items():
            archive.writestr(zipfile.ZipInfo(name, _DATE), contents)


def _read_single_file(path: Path) -> dict[str, bytes]:
    with _opened(path, follow=True) as file:
        contents = file.read()
    try:
        with zipfile.ZipFile(io.BytesIO(contents)) as archive:
            members = archive.infolist()
            _check_members(members, len(contents), path)
            files = {member.filename: archive.read(member) for member in members}
    except ModelFileError:
        raise
    except Exception as error:  # damaged archives fail in many ways
        raise ModelFileError(
            f"{path}: is not a saved routine, or is damaged ({str(error) or type(error).__name__}). "
            "Copy it again, or save again."
        ) from error
    if CONFIG not in files:
        raise ModelFileError(
            f"{path}: holds no {CONFIG}, so it is not a saved routine. Pass the path given to save."
        )
    return files


def _check_members(members: list[zipfile.ZipInfo], n_bytes: int, path: Path) -> None:
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


# -- plain files ----------------------------------------------------------------------------------------------


@contextlib.contextmanager
def _opened(path: Path, *, follow: bool = False) -> Iterator[BinaryIO]:
    """Opens a regular file for reading; links are followed only on request, pipes and devices are refused."""
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


def _read_file(path: Path, most: int | None) -> bytes:
    """Returns the contents of a regular file of at most so many bytes, if they are limited."""
    with _opened(path) as file:
        size = os.fstat(file.fileno()).st_size
        if most is not None and size > most:
            raise ModelFileError(f"{path}: must have at most {most} bytes, got {size}.")
        return file.read()


def _refuse_link(path: Path) -> None:
    raise ModelFileError(
        f"{path}: is a link; links are not followed, since they may lead anywhere. Copy the files: cp -rL."
    )
