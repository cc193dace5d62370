"""The files of a saved routine, the version of their format, and format 1 in the words of today."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

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
    "in_words_of_today",
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


_WITH_WING = ("ParametricTSNE", "ParametricUMAP")
"""Presets of 1.x, whose class in format 1 had the defaults of ``fit`` or of ``train``, by what was called."""

_OF_1_X = ("dataset", "use_cuda")
"""Parameters that only the classes of 1.x have."""

_OF_FIT = ("activation", "metric", "negatives", "network", "objective", "schedule")
"""Parameters that the classes of 1.x do not have."""


def in_words_of_today(contents: Mapping[str, Any]) -> dict[str, Any]:
    """Returns the contents of a ``config.json`` of format 1 as format 2 has them.

    Presets were at ``paradime.routines``, had ``out_dim`` for ``n_components``, and parameters that nobody had set
    were left out; a flag told whether ``fit`` or ``train`` was called.

    Example:
        >>> old = {
        ...     "routine": "paradime.routines:ParametricMDS",
        ...     "parameters": {"out_dim": 3},
        ...     "fitted": {"by_fit": True},
        ... }
        >>> in_words_of_today(old)
        {'routine': 'paradime.estimators:ParametricMDS', 'parameters': {'n_components': 3}, 'fitted': {}}
    """
    place, _, name = str(contents["routine"]).partition(":")
    fitted = {key: value for key, value in contents["fitted"].items() if key != "by_fit"}
    parameters = dict(contents["parameters"])
    if place == "paradime.routines" and name in _WITH_WING and not contents["fitted"].get("by_fit"):
        parameters = {key: value for key, value in parameters.items() if key not in _OF_FIT}
    elif place == "paradime.routines":
        place = "paradime.estimators"
        parameters = {
            {"out_dim": "n_components"}.get(key, key): value
            for key, value in parameters.items()
            if key not in _OF_1_X
        }
    return {**contents, "routine": f"{place}:{name}", "parameters": parameters, "fitted": fitted}
