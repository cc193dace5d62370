"""ParaDime: a grammar and an engine for parametric dimensionality reduction.

An independent implementation of the framework of Hinterreiter et al., "ParaDime: A Framework for Parametric
Dimensionality Reduction", Computer Graphics Forum 42(3), 2023.

Submodules are imported on first use, so that ``paradime.__version__`` costs nothing.
"""

import importlib
from typing import TYPE_CHECKING, Any

from paradime._version import __version__

if TYPE_CHECKING:
    from paradime import (
        anndata,
        data,
        datasets,
        dr,
        exceptions,
        explain,
        explorer,
        functional,
        loss,
        metrics,
        models,
        neighbors,
        persistence,
        plot,
        preprocessing,
        relationdata,
        relations,
        reporting,
        routines,
        spec,
        training,
        transforms,
        types,
        utils,
    )

__all__ = [
    "__version__",
    "anndata",
    "data",
    "datasets",
    "dr",
    "exceptions",
    "explain",
    "explorer",
    "functional",
    "loss",
    "metrics",
    "models",
    "neighbors",
    "persistence",
    "plot",
    "preprocessing",
    "relationdata",
    "relations",
    "reporting",
    "routines",
    "spec",
    "training",
    "transforms",
    "types",
    "utils",
]

# functions of the first level, and the module that each comes from
_FUNCTIONS: dict[str, str] = {"explore": "explorer", "load": "persistence", "report": "reporting"}


def __getattr__(name: str) -> Any:
    if name in _FUNCTIONS:
        return getattr(importlib.import_module(f"paradime.{_FUNCTIONS[name]}"), name)
    if name in __all__:
        return importlib.import_module(f"paradime.{name}")
    raise AttributeError(f"module 'paradime' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted(__all__)
