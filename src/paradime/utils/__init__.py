"""Utilities: conversion, logging, plotting, seeding.

``plotting`` is imported on first use, because it uses :mod:`paradime.plot`, which imports other modules of this
package.
"""

import importlib
from typing import TYPE_CHECKING, Any

from paradime.utils import convert, logging, seed

if TYPE_CHECKING:
    from paradime.utils import plotting

__all__ = ["convert", "logging", "plotting", "seed"]


def __getattr__(name: str) -> Any:
    if name == "plotting":
        return importlib.import_module("paradime.utils.plotting")
    raise AttributeError(f"module 'paradime.utils' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted(__all__)
