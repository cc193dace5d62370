"""Paths of saved routines: a folder, or a file that ends in ``.paradime``."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

from paradime.exceptions import ModelFileError
from paradime.persistence.folders import holds_routine, read_folder, write_folder
from paradime.persistence.names import CONFIG, FILES, SUFFIX
from paradime.persistence.single_file import read_single_file, write_single_file

__all__ = ["checked_target", "read_bundle", "write_bundle"]

# suffixes of other formats
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
    """Returns the path after checking that a routine can be saved there.

    Raises:
        ValueError: If the suffix is that of another format.
        FileExistsError: If the path is a file of another kind, or a folder with other files that would be
            overwritten.
    """
    target = Path(path)
    suffix = target.suffix.lower()
    if suffix in _FOREIGN:
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
    if target.is_dir() and not holds_routine(target):
        existing = [name for name in FILES if (target / name).exists()]
        if existing:
            raise FileExistsError(
                f"the folder {str(target)!r} holds a file {existing[0]!r} that belongs to no saved routine, and "
                f"would be overwritten. Save to a folder of its own, such as {str(target / 'model')!r}."
            )
    return target


def write_bundle(path: Path, files: Mapping[str, bytes]) -> None:
    """Writes the files of a saved routine to a folder, or to one file if the path ends in ``.paradime``.

    Raises:
        OSError: If they cannot be written, with the path; existing files are then unchanged.
    """
    if path.suffix.lower() == SUFFIX and not path.is_dir():
        write_single_file(path, files)
    else:
        write_folder(path, files)


def read_bundle(path: str | os.PathLike[str]) -> dict[str, bytes]:
    """Returns the files of a saved routine by name.

    Raises:
        ModelFileError: If the path is not a saved routine, or it is damaged.
        OSError: If the path does not exist, or cannot be read.
    """
    source = Path(path)
    if source.name in FILES and (source.parent / CONFIG).exists():
        raise ModelFileError(f"{source}: is one file of a saved routine. Load its folder, {str(source.parent)!r}.")
    return read_folder(source) if source.is_dir() else read_single_file(source)
