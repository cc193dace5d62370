"""Names of the files of a saved routine, the version of their format, and conversion of earlier formats."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch

__all__ = [
    "CARD",
    "CONFIG",
    "FILES",
    "FOREIGN",
    "FORMAT_VERSION",
    "HISTORY",
    "SPEC",
    "STATE",
    "SUFFIX",
    "WEIGHTS",
    "config_with_new_classes",
    "config_with_new_names",
    "most_bytes",
    "spec_with_new_names",
    "weights_with_new_names",
]

FORMAT_VERSION = 3
"""Increased with every change that earlier versions of ParaDime would misread."""

SUFFIX = ".paradime"
"""The suffix of a routine in a single file."""

CONFIG = "config.json"
WEIGHTS = "model.safetensors"
STATE = "state.safetensors"  # further tensors: of losses, parameters, and the ranges of the columns
SPEC = "spec.json"
HISTORY = "history.json"
CARD = "README.md"  # for readers; never parsed

FILES = (CONFIG, WEIGHTS, STATE, SPEC, HISTORY, CARD)

FOREIGN = (
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
"""Suffixes of other formats."""

_LARGEST_TEXT = 32_000_000


def most_bytes(name: str) -> int | None:
    """Returns the largest size of a file; ``None`` if it is unlimited."""
    return None if name.endswith(".safetensors") else _LARGEST_TEXT


_WITH_WING = ("ParametricTSNE", "ParametricUMAP")
"""Presets of 1.x; in format 1, their defaults depended on whether ``fit`` or ``train`` was called."""

_OF_1_X = ("dataset", "use_cuda")
"""Parameters that only the classes of 1.x have."""

_OF_FIT = ("activation", "metric", "negatives", "network", "objective", "schedule")
"""Parameters that the classes of 1.x do not have."""

_VALUES = {"landmarks": "centers", "stopping": "early_stopping"}
_KEYS_OF_VALUES = ("type", "network", "@")
_NAMES = {"n_landmarks": "n_centers", "landmarks": "anchors"}
_SPEC_NAMES = {**_NAMES, "stopping": "early stopping"}
_CONFIG_NAMES = {**_NAMES, "stopping": "early_stopping", "additions": "overrides"}


def config_with_new_classes(contents: Mapping[str, Any]) -> dict[str, Any]:
    """Converts the contents of a ``config.json`` from format 1 to format 2.

    In format 1, presets were in ``paradime.routines`` and had ``out_dim`` for ``n_components``; parameters with
    their defaults were omitted, and a flag stored whether ``fit`` or ``train`` was called.

    Example:
        >>> old = {
        ...     "routine": "paradime.routines:ParametricMDS",
        ...     "parameters": {"out_dim": 3},
        ...     "fitted": {"by_fit": True},
        ... }
        >>> config_with_new_classes(old)
        {'routine': 'paradime.estimators:ParametricMDS', 'parameters': {'n_components': 3}, 'fitted': {}}
    """
    module, _, name = str(contents["routine"]).partition(":")
    fitted = {key: value for key, value in contents["fitted"].items() if key != "by_fit"}
    parameters = dict(contents["parameters"])
    if module == "paradime.routines" and name in _WITH_WING and not contents["fitted"].get("by_fit"):
        parameters = {key: value for key, value in parameters.items() if key not in _OF_FIT}
    elif module == "paradime.routines":
        module = "paradime.estimators"
        parameters = {
            {"out_dim": "n_components"}.get(key, key): value
            for key, value in parameters.items()
            if key not in _OF_1_X
        }
    return {**contents, "routine": f"{module}:{name}", "parameters": parameters, "fitted": fitted}


def config_with_new_names(contents: Any) -> Any:
    """Converts the contents of a ``config.json`` from format 2 to format 3.

    Example:
        >>> config_with_new_names({"parameters": {"network": "landmarks"}, "additions": {}})
        {'parameters': {'network': 'centers'}, 'overrides': {}}
    """
    return _renamed(contents, _CONFIG_NAMES)


def spec_with_new_names(spec: Any) -> Any:
    """Converts the contents of a ``spec.json`` from formats 1 and 2 to format 3.

    Example:
        >>> spec_with_new_names({"model": {"type": "landmarks", "options": {"n_landmarks": 5}}})
        {'model': {'type': 'centers', 'options': {'n_centers': 5}}}
    """
    return _renamed(spec, _SPEC_NAMES)


def weights_with_new_names(weights: Mapping[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """Renames the weights of a model of formats 1 and 2 as in format 3."""
    return {name.replace("assignments.landmarks", "assignments.centers"): array for name, array in weights.items()}


def _renamed(value: Any, names: Mapping[str, str]) -> Any:
    """Renames all keys, and values of keys that name a kind."""
    if isinstance(value, Mapping):
        return {
            names.get(key, key): _VALUES.get(item, item)
            if key in _KEYS_OF_VALUES and isinstance(item, str)
            else _renamed(item, names)
            for key, item in value.items()
        }
    return [_renamed(item, names) for item in value] if isinstance(value, list) else value
