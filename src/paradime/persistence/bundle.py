"""Where a saved routine lies: in a folder, or in a file whose name ends in ``.paradime``."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

from paradime.exceptions import ModelFileError
from paradime.persistence.folders import holds_routine, read_folder, write_folder
from paradime.persistence.names import CONFIG, FILES, SUFFIX
from paradime.persistence.single_file import read_single_file, write_single_file

__all__ = ["checked_target", "read_bundle", "write_bundle"]

# people who type these expect another format
_FOREIGN = (
    ".pt",
    ".pth",
    ".pt2",
    ".pkl",
    ".pickle",
    ".joblib",
    ".h5",
    ".onnx",
    ".safetensors",
    ".zip",
    ".json",
    ".yaml",
    ".yml",
    ".csv",
    ".tsv",
    ".txt",
    ".gz",
    ".parquet",
    ".feather",
    ".npy",
    ".npz",
    ".h5ad",
    ".xlsx",
    ".png",
    ".svg",
    ".pdf",
    ".html",
)


def checked_target(path: str | os.PathLike[str]) -> Path:
    """Returns where to save.

    Raises:
        ValueError: If the name says that something else is meant.
        FileExistsError: If there is a file of another kind, or a folder with files of others that would be
            overwritten.
    """
    target = Path(path)
    suffix = target.suffix.lower()
    if suffix in _FOREIGN:
        others = {".onnx": " export_onnx(path) writes ONNX.", ".pt2": " export_torch(path) writes .pt2."}
        raise ValueError(
            f"a routine is saved to a folder, or to a file that ends in {SUFFIX!r}, got {str(target)!r}. Leave "
            f"the suffix out, or write {target.stem + SUFFIX!r}.{others.get(suffix, '')}"
        )
    if target.is_file() and suffix != SUFFIX:
        raise FileExistsError(
            f"a routine is saved to a folder, or to a file that ends in {SUFFIX!r}, and {str(target)!r} is no "
            f"model. Write {str(target) + SUFFIX!r}."
        )
    if target.is_dir() and not holds_routine(target):
        taken = [name for name in FILES if (target / name).exists()]
        if taken:
            raise FileExistsError(
                f"the folder {str(target)!r} holds a file {taken[0]!r} that belongs to no saved routine, and "
                f"would be overwritten. Save to a folder of its own, such as {str(target / 'model')!r}."
            )
    return target


def write_bundle(path: Path, files: Mapping[str, bytes]) -> None:
    """Writes the files of a saved routine to a folder, or to one file if the path ends in ``.paradime``.

    Raises:
        OSError: If they cannot be written, with the path; what was there stays as it was.
    """
    if path.suffix.lower() == SUFFIX and not path.is_dir():
        write_single_file(path, files)
    else:
        write_folder(path, files)


def read_bundle(path: str | os.PathLike[str]) -> dict[str, bytes]:
    """Returns the files of a saved routine by name.

    Raises:
        ModelFileError: If there is no saved routine, or it is damaged.
        OSError: If the path does not exist, or cannot be read.
    """
    source = Path(path)
    if source.name in FILES and (source.parent / CONFIG).exists():
        raise ModelFileError(f"{source}: is a part of a saved routine. Load its folder, {str(source.parent)!r}.")
    return read_folder(source) if source.is_dir() else read_single_file(source)
