"""ParaDime: a specification format and an engine for parametric dimensionality reduction.

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
        constraints,
        data,
        datasets,
        dr,
        estimators,
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
    from paradime.dr import ParametricDR
    from paradime.estimators import (
        ParametricAutoencoder,
        ParametricContrastive,
        ParametricLargeVis,
        ParametricMDS,
        ParametricPaCMAP,
        ParametricTSNE,
        ParametricUMAP,
    )
    from paradime.explorer import explore
    from paradime.persistence import load
    from paradime.reporting import report, tradeoff

__all__ = [
    "ParametricAutoencoder",
    "ParametricContrastive",
    "ParametricDR",
    "ParametricLargeVis",
    "ParametricMDS",
    "ParametricPaCMAP",
    "ParametricTSNE",
    "ParametricUMAP",
    "__version__",
    "anndata",
    "constraints",
    "data",
    "datasets",
    "dr",
    "estimators",
    "exceptions",
    "explain",
    "explore",
    "explorer",
    "functional",
    "load",
    "loss",
    "metrics",
    "models",
    "neighbors",
    "persistence",
    "plot",
    "preprocessing",
    "relationdata",
    "relations",
    "report",
    "reporting",
    "routines",
    "spec",
    "tradeoff",
    "training",
    "transforms",
    "types",
    "utils",
]

# what is found at the first level, too, and the module that it comes from
_FIRST_LEVEL: dict[str, str] = {
    "ParametricAutoencoder": "estimators",
    "ParametricContrastive": "estimators",
    "ParametricDR": "dr",
    "ParametricLargeVis": "estimators",
    "ParametricMDS": "estimators",
    "ParametricPaCMAP": "estimators",
    "ParametricTSNE": "estimators",
    "ParametricUMAP": "estimators",
    "explore": "explorer",
    "load": "persistence",
    "report": "reporting",
    "tradeoff": "reporting",
}


def __getattr__(name: str) -> Any:
    if name in _FIRST_LEVEL:
        return getattr(importlib.import_module(f"paradime.{_FIRST_LEVEL[name]}"), name)
    if name in __all__:
        return importlib.import_module(f"paradime.{name}")
    raise AttributeError(f"module 'paradime' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted(__all__)
