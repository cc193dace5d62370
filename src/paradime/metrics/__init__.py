"""Quality metrics of embeddings: preservation of neighbourhoods, classes, attributes and distances.

All metrics compute in double precision on the device of their input and process the points in blocks of rows, so
that memory grows linearly with the number of points. With ``n_samples`` they evaluate randomly drawn rows and
return the standard error; with ``test_…`` they evaluate held-out rows.

Example:
    >>> import numpy as np
    >>> X = np.random.default_rng(0).normal(size=(100, 5))
    >>> trustworthiness(X, X[:, :2]) < trustworthiness(X, X[:, :4]) < trustworthiness(X, X) == 1.0
    True
"""

from paradime.metrics._estimates import Estimate
from paradime.metrics.centroids import centroid_correlation, class_mean_neighbors
from paradime.metrics.clusters import knn_accuracy, silhouette
from paradime.metrics.coranking import CorankingCurve, coranking_curve
from paradime.metrics.correlation import Alignment, axis_alignment, axis_correlation
from paradime.metrics.distortion import sammon_stress, stress
from paradime.metrics.evaluation import evaluate
from paradime.metrics.mixing import class_connectivity, class_parity
from paradime.metrics.overlap import fixed_fraction_recall, knn_recall
from paradime.metrics.ranks import continuity, trustworthiness
from paradime.metrics.shepard import random_triplet_accuracy, shepard_correlation, shepard_pairs

__all__ = [
    "Alignment",
    "CorankingCurve",
    "Estimate",
    "axis_alignment",
    "axis_correlation",
    "centroid_correlation",
    "class_connectivity",
    "class_mean_neighbors",
    "class_parity",
    "continuity",
    "coranking_curve",
    "evaluate",
    "fixed_fraction_recall",
    "knn_accuracy",
    "knn_recall",
    "random_triplet_accuracy",
    "sammon_stress",
    "shepard_correlation",
    "shepard_pairs",
    "silhouette",
    "stress",
    "trustworthiness",
]
