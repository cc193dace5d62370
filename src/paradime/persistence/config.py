"""What the configuration of a saved routine says: what it is, and how it is put together."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from typing import Any, NoReturn

import pydantic
import torch

from paradime._version import __version__
from paradime.exceptions import ModelFileError
from paradime.persistence.names import CARD, CONFIG, FORMAT_VERSION, config_with_new_names, in_words_of_today

__all__ = ["Config", "Fitted", "pack_config", "read_json", "unpack_config"]

_FORMAT = "paradime"


class Fitted(pydantic.BaseModel):
    """What a routine was fitted to.

    Attributes:
        row_shape: Shape of a row.
        dtype: The type in which the model computes.
        feature_names: Names of the columns.
        targets: What ``y`` was.
        output: What ``transform`` returns.
        n_rows: How many rows it has seen.
        attributes: What else it knows: further attributes by name, encoded.
    """

    row_shape: tuple[int, ...]
    dtype: str
    feature_names: list[str] | None = None
    targets: dict[str, Any] | None = None
    output: str | None = None
    n_rows: int | None = None
    attributes: dict[str, Any] = {}


class Config(pydantic.BaseModel):
    """What the file ``config.json`` says, beside versions and checksums.

    Attributes:
        routine: The class, by the name under which it can be imported.
        parameters: The arguments of its constructor, encoded.
        architecture: How the model is made.
        frozen: Which of the model's parameters are not trained.
        tied: Pairs of names of the model's parameters that are one.
        fitted: What it was fitted to.
        overrides: What was added by methods, encoded.
        with_training: Whether what trains is there, too: losses, relations, phases.
        left_out: Parameters that are data, or only of use in training, and have their defaults now.
        metadata: Whatever the user has said.
        format_version: The format of the files that it was read from.
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
        config: What it says.
        files: The other files by name.

    Raises:
        ValueError: If something is no JSON.
    """
    head = {
        "format": _FORMAT,
        "format_version": FORMAT_VERSION,
        "library_name": "paradime",
        "paradime_version": __version__,
        "torch_version": str(torch.__version__),
    }
    sums = {name: _sum(contents) for name, contents in files.items() if name != CARD}
    # people may edit the card
    contents: dict[str, Any] = {**head, **config.model_dump(), "files": sums}
    contents["checksum"] = _checksum(contents)
    return (json.dumps(contents, indent=1, ensure_ascii=False, allow_nan=False) + "\n").encode()


def unpack_config(files: Mapping[str, bytes], path: str) -> Config:
    """Returns what ``config.json`` says, if it and the other files are as they were written.

    Args:
        files: All files by name.
        path: Where they are from, for messages.

    Raises:
        ModelFileError: If a file is damaged or missing.
        ValueError: If the files are of a newer format.
    """
    contents = read_json(files[CONFIG], f"{path}: {CONFIG}")
    if not isinstance(contents, dict) or contents.get("format") != _FORMAT:
        raise ModelFileError(f"{path}: {CONFIG} is not of a routine that ParaDime has saved.")
    version = contents.get("format_version")
    if type(version) is int and version > FORMAT_VERSION:
        writer = str(contents.get("paradime_version"))[:40]
        raise ValueError(
            f"{path}: is of format {version}, written by ParaDime {writer}; this is ParaDime {__version__}, which "
            f"reads formats up to {FORMAT_VERSION}. Install that version, or a later one."
        )
    sums = contents.get("files")
    if type(version) is not int or contents.pop("checksum", None) != _checksum(contents) or type(sums) is not dict:
        raise ModelFileError(
            f"{path}: {CONFIG} is damaged, or was changed by hand. Change the routine instead, and save it again."
        )
    for name, expected in sums.items():
        if name not in files:
            raise ModelFileError(f"{path}: the file {name} is missing.")
        if _sum(files[name]) != expected:
            raise ModelFileError(f"{path}: {name} is damaged, or of another save: its checksum differs.")
    if version == 1:
        contents = in_words_of_today(contents)
    if version < 3:
        contents = config_with_new_names(contents)
    try:
        return Config.model_validate(contents)
    except pydantic.ValidationError as error:
        raise ModelFileError(
            f"{path}: {CONFIG} does not say what it should: {error.errors()[0]['loc']}."
        ) from error


def read_json(contents: bytes, what: str) -> Any:
    """Returns what JSON says.

    Raises:
        ModelFileError: If it is none, or holds numbers that are none.
    """

    def refuse(value: str) -> NoReturn:
        raise ValueError(f"{value} is no number of JSON")

    try:
        return json.loads(contents, parse_constant=refuse)
    except (ValueError, RecursionError) as error:
        raise ModelFileError(f"{what} is damaged: {str(error)[:200]}.") from error


def _sum(contents: bytes) -> str:
    return hashlib.sha256(contents).hexdigest()


def _checksum(contents: Mapping[str, Any]) -> str:
    # not of the bytes: another indentation means the same
    return _sum(json.dumps(contents, sort_keys=True, separators=(",", ":"), default=str).encode())
