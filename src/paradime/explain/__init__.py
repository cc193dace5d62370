"""Explanations of an embedding: feature importance, local errors and distortion, and novelty of rows.

All functions take arrays, and most take a trained routine or a torch module that embeds rows. Results are arrays
with one entry per row, which :mod:`paradime.plot` draws.

Example:
    >>> import numpy as np, torch
    >>> linear = torch.nn.Linear(3, 2)
    >>> jacobian(linear, np.zeros((5, 3))).shape
    (5, 2, 3)
"""

from paradime.explain.importances import FeatureImportance, feature_importance
from paradime.explain.jacobians import Distortion, NeighborhoodError, distortion, jacobian, neighborhood_error
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
