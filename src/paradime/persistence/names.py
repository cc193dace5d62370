"""The files of a saved routine, and the version of their format."""

from __future__ import annotations

__all__ = [
    "CARD",
    "CONFIG",
    "FILES",
    "FORMAT_VERSION",
    "HISTORY",
    "SPEC",
    "STATE",
    "SUFFIX",
    "WEIGHTS",
    "most_bytes",
]

FORMAT_VERSION = 2
"""Raised whenever files are written that earlier versions of ParaDime would misread."""

SUFFIX = ".paradime"
"""What the name of a routine in a single file ends in."""

CONFIG = "config.json"
WEIGHTS = "model.safetensors"
STATE = "state.safetensors"  # further tensors: of losses, parameters, and the ranges of the columns
SPEC = "spec.json"
HISTORY = "history.json"
CARD = "README.md"  # for people; never read

FILES = (CONFIG, WEIGHTS, STATE, SPEC, HISTORY, CARD)

_LARGEST_TEXT = 32_000_000


def most_bytes(name: str) -> int | None:
    """Returns how long a file may be; ``None`` if only the disk limits it."""
    return None if name.endswith(".safetensors") else _LARGEST_TEXT
