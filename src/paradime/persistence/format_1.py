"""What files of format 1 say, in the words of today."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

__all__ = ["in_words_of_today"]

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
