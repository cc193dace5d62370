"""Explanations of a map: what places depend on, where the map is wrong, and which rows it does not know.

All functions take a trained routine, or any torch module that embeds rows, and plain arrays; what they return are
plain arrays, too, one entry a row, which :mod:`paradime.plot` draws.

Example:
    >>> import numpy as np, torch
    >>> linear = torch.nn.Linear(3, 2)
    >>> jacobian(linear, np.zeros((5, 3))).shape
    (5, 2, 3)
"""

from paradime.explain.importances import FeatureImportance, feature_importance
from paradime.explain.jacobians import Distortion, distortion, jacobian
from paradime.explain.neighborhoods import NeighborhoodError, neighborhood_error
from paradime.explain.novelty import NoveltyDetector, NoveltyScores, novelty

__all__ = [
    "Distortion",
    "FeatureImportance",
    "NeighborhoodError",
    "NoveltyDetector",
    "NoveltyScores",
    "distortion",
    "feature_importance",
    "jacobian",
    "neighborhood_error",
    "novelty",
]
