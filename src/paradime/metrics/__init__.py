"""How well an embedding shows its data: measures of neighbourhoods, classes, attributes and distances.

All measures compute in double precision on the device of their input and go through the points by blocks of
rows, so that memory grows with the number of points, never with its square.

Example:
    >>> import numpy as np
    >>> X = np.random.default_rng(0).normal(size=(100, 5))
    >>> trustworthiness(X, X[:, :2]) < trustworthiness(X, X[:, :4]) < trustworthiness(X, X) == 1.0
    True
"""

from paradime.metrics.classification import knn_accuracy
from paradime.metrics.correlation import axis_correlation
from paradime.metrics.distortion import stress
from paradime.metrics.overlap import neighbors_kept
from paradime.metrics.ranks import continuity, trustworthiness

__all__ = [
    "axis_correlation",
    "continuity",
    "knn_accuracy",
    "neighbors_kept",
    "stress",
    "trustworthiness",
]
