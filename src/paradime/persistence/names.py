"""The files of a saved routine, the version of their format, and earlier formats in the words of today."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch

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
    "config_with_new_names",
    "in_words_of_today",
    "most_bytes",
    "spec_with_new_names",
    "weights_with_new_names",
]

FORMAT_VERSION = 3
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

_VALUES = {"landmarks": "centers", "stopping": "early_stopping"}
_KEYS_OF_VALUES = ("type", "network", "@")
_NAMES = {"n_landmarks": "n_centers", "landmarks": "anchors"}
_SPEC_NAMES = {**_NAMES, "stopping": "early stopping"}
_CONFIG_NAMES = {**_NAMES, "stopping": "early_stopping", "additions": "overrides"}


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


def config_with_new_names(contents: Any) -> Any:
    """Returns the contents of a ``config.json`` of format 2 as format 3 has them.

    Example:
        >>> config_with_new_names({"parameters": {"network": "landmarks"}, "additions": {}})
        {'parameters': {'network': 'centers'}, 'overrides': {}}
    """
    return _renamed(contents, _CONFIG_NAMES)


def spec_with_new_names(spec: Any) -> Any:
    """Returns the contents of a ``spec.json`` of formats 1 and 2 as format 3 has them.

    Example:
        >>> spec_with_new_names({"model": {"type": "landmarks", "options": {"n_landmarks": 5}}})
        {'model': {'type': 'centers', 'options': {'n_centers': 5}}}
    """
    return _renamed(spec, _SPEC_NAMES)


def weights_with_new_names(weights: Mapping[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """Returns the weights of a model of formats 1 and 2 by their names in format 3."""
    return {name.replace("assignments.landmarks", "assignments.centers"): part for name, part in weights.items()}


def _renamed(value: Any, names: Mapping[str, str]) -> Any:
    """Renames keys everywhere, and the values of those that name a kind."""
    if isinstance(value, Mapping):
        return {
            names.get(key, key): _VALUES.get(part, part)
            if key in _KEYS_OF_VALUES and isinstance(part, str)
            else _renamed(part, names)
            for key, part in value.items()
        }
    return [_renamed(part, names) for part in value] if isinstance(value, list) else value
