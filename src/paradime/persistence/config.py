"""The configuration of a saved routine, ``config.json``."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from typing import Any, NoReturn

import pydantic
import torch

from paradime._version import __version__
from paradime.exceptions import ModelFileError
from paradime.persistence.names import (
    CARD,
    CONFIG,
    FORMAT_VERSION,
    config_with_new_classes,
    config_with_new_names,
)

__all__ = ["Config", "Fitted", "pack_config", "read_json", "unpack_config"]

_FORMAT = "paradime"


class Fitted(pydantic.BaseModel):
    """The fitted state of a routine.

    Attributes:
        row_shape: Shape of a row.
        dtype: The dtype of the model.
        feature_names: Names of the columns.
        targets: The encoding of ``y``.
        output: The type of the result of ``transform``.
        n_rows: Number of training rows.
        attributes: Further attributes by name, encoded.
    """

    row_shape: tuple[int, ...]
    dtype: str
    feature_names: list[str] | None = None
    targets: dict[str, Any] | None = None
    output: str | None = None
    n_rows: int | None = None
    attributes: dict[str, Any] = {}


class Config(pydantic.BaseModel):
    """The contents of ``config.json``, without versions and checksums.

    Attributes:
        routine: The class, as ``module:name``.
        parameters: The arguments of its constructor, encoded.
        architecture: The description of the model.
        frozen: Names of the model's parameters that are not trained.
        tied: Pairs of names of the model's parameters that are the same parameter.
        fitted: The fitted state.
        overrides: Components that were added by methods, encoded.
        with_training: Whether the components of training are included: losses, relations, phases.
        left_out: Parameters that are data or only used in training, and have their defaults instead.
        metadata: The user's metadata.
        format_version: The version of the format of the files.
    """

    routine: str
    parameters: dict[str, Any]
    architecture: dict[str, Any]
    frozen: list[str] = []
    tied: list[tuple[str, str]] = []
    fitted: Fitted
    overrides: dict[str, Any] = {}
    with_training: bool = True
    left_out: list[str] = []
    metadata: dict[str, Any] = {}
    format_version: int = FORMAT_VERSION


def pack_config(config: Config, files: Mapping[str, bytes]) -> bytes:
    """Returns the contents of ``config.json``, with checksums of the other files and of itself.

    Args:
        config: The configuration.
        files: The other files by name.

    Raises:
        ValueError: If a value cannot be written as JSON.
    """
    head = {
        "format": _FORMAT,
        "format_version": FORMAT_VERSION,
        "library_name": "paradime",
        "paradime_version": __version__,
        "torch_version": str(torch.__version__),
    }
    sums = {name: _sum(contents) for name, contents in files.items()}
    # the card may be edited; its checksum tells whether it was
    card = sums.pop(CARD, None)
    contents: dict[str, Any] = {**head, **config.model_dump(), "files": sums, "card": card}
    contents["checksum"] = _checksum(contents)
    return (json.dumps(contents, indent=1, ensure_ascii=False, allow_nan=False) + "\n").encode()


def unpack_config(files: Mapping[str, bytes], path: str) -> Config:
    """Returns the configuration after checking that no file was changed.

    Args:
        files: All files by name.
        path: Their path, for messages.

    Raises:
        ModelFileError: If a file is damaged or missing, or if the files are of a newer format.
    """
    contents = read_json(files[CONFIG], f"{path}: {CONFIG}")
    if not isinstance(contents, dict) or contents.get("format") != _FORMAT:
        raise ModelFileError(
            f"{path}: {CONFIG} is not that of a routine saved by ParaDime. Pass the path that was given to save."
        )
    version = contents.get("format_version")
    if type(version) is int and version > FORMAT_VERSION:
        writer = str(contents.get("paradime_version"))[:40]
        raise ModelFileError(
            f"{path}: the format must be at most {FORMAT_VERSION}, got {version}, written by ParaDime {writer}; "
            f"this is ParaDime {__version__}. Install that version, or a later one."
        )
    sums = contents.get("files")
    if type(version) is not int or contents.pop("checksum", None) != _checksum(contents) or type(sums) is not dict:
        raise ModelFileError(
            f"{path}: {CONFIG} is damaged or was edited. Change the routine instead, and save it again."
        )
    for name, expected in sums.items():
        if name not in files:
            raise ModelFileError(f"{path}: the file {name} is missing. Copy all files of the save.")
        if _sum(files[name]) != expected:
            raise ModelFileError(
                f"{path}: {name} is damaged, or belongs to another save: its checksum differs. Copy "
                "all files again."
            )
    if version == 1:
        contents = config_with_new_classes(contents)
    if version < 3:
        contents = config_with_new_names(contents)
    try:
        return Config.model_validate(contents)
    except pydantic.ValidationError as error:
        raise ModelFileError(
            f"{path}: {CONFIG} has an invalid or missing entry: {error.errors()[0]['loc']}."
        ) from error


def read_json(contents: bytes, what: str) -> Any:
    """Parses JSON.

    Raises:
        ModelFileError: If it is not JSON, or holds NaN or infinity.
    """

    def refuse(value: str) -> NoReturn:
        raise ValueError(f"{value} must be written as a number of JSON")

    try:
        return json.loads(contents, parse_constant=refuse)
    except (ValueError, RecursionError) as error:
        raise ModelFileError(f"{what} is damaged: {str(error)[:200]}. Copy it again, or save again.") from error


def _sum(contents: bytes) -> str:
    return hashlib.sha256(contents).hexdigest()


def _checksum(contents: Mapping[str, Any]) -> str:
    # independent of the indentation
    return _sum(json.dumps(contents, sort_keys=True, separators=(",", ":"), default=str).encode())
