"""Metrics between rows, each expressed by a metric of SciPy on transformed rows."""

from __future__ import annotations

import functools
import math
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
import scipy.spatial.distance
import scipy.stats
import torch

from paradime._registry import did_you_mean
from paradime.types import AnyArray, FloatArray, Metric

__all__ = ["Comparison", "canonical", "check_metric", "checked_metric", "comparison_of", "is_metric", "nearest_in"]

_SAME = {
    "l2": "euclidean",
    "minkowski": "euclidean",  # with order 2, the default of all libraries
    "l1": "manhattan",
    "cityblock": "manhattan",
    "taxicab": "manhattan",
    "linf": "chebyshev",
    "linfty": "chebyshev",
    "linfinity": "chebyshev",
    "dot": "cosine",  # for normalised rows
    "direct_cosine": "cosine",
    "standardised_euclidean": "seuclidean",
    "sokalmichener": "rogerstanimoto",
    "jensen_shannon": "jensen-shannon",
    "symmetric_kl": "symmetric-kl",
    "symmetric_kullback_liebler": "symmetric-kl",
    "wasserstein_1d": "wasserstein-1d",
    "kantorovich_1d": "wasserstein-1d",
    "kantorovich-1d": "wasserstein-1d",
    "circular_wasserstein": "circular-wasserstein",
    "circular_kantorovich": "circular-wasserstein",
}

_NEEDS_MORE = {
    "bit_hamming": "rows of packed bits",
    "bit_jaccard": "rows of packed bits",
    "inner_product": "a sign: it is a similarity, which is large for close rows; use 'cosine'",
    "kantorovich": "costs between the columns",
    "sinkhorn": "costs between the columns",
    "wasserstein": "costs between the columns; for ordered bins, use 'wasserstein-1d'",
    "weighted_minkowski": "weights of the columns: scale the columns instead",
    "wminkowski": "weights of the columns: scale the columns instead",
}
_SMOOTHED = float(np.finfo(np.float32).eps)  # added to counts, because the logarithm of 0 is infinite


class Comparison(NamedTuple):
    """A metric expressed by a base metric on transformed rows.

    Attributes:
        base: The metric between transformed rows: a name of SciPy, or a function of two rows; if ``by_blocks``, a
            function of two matrices that returns all distances.
        prepare: Checks and transforms rows, shape (n, d), float64.
        finish: Converts distances of transformed rows to those of the metric; elementwise and increasing.
        by_row: Whether each row is transformed independently of the others.
        by_blocks: Whether ``base`` is a function of two matrices.
    """

    base: Any
    prepare: Callable[[FloatArray], FloatArray] = np.asarray
    finish: Callable[[FloatArray], FloatArray] = np.asarray
    by_row: bool = True
    by_blocks: bool = False

    def between(self, first: FloatArray, second: FloatArray) -> FloatArray:
        """Returns the distances of transformed rows, (m, d) and (n, d), as (m, n); NaN if undefined."""
        dists: FloatArray
        if self.by_blocks:
            dists = self.base(first, second)
        else:
            dists = scipy.spatial.distance.cdist(first, second, self.base)
        if np.isnan(dists).any():  # the distance between two rows of zeros is 0
            both_zero = np.logical_and.outer((first == 0).all(axis=1), (second == 0).all(axis=1))
            dists = np.where(both_zero, 0.0, dists)
        return self.finish(dists)


def canonical(metric: Metric) -> Metric:
    """Returns the canonical name of a metric that has several names.

    Example:
        >>> canonical("l1"), canonical("minkowski"), canonical("hellinger")
        ('manhattan', 'euclidean', 'hellinger')
    """
    return _SAME.get(metric, metric) if isinstance(metric, str) else metric


def is_metric(name: str) -> bool:
    """Returns whether a name is that of a metric."""
    return canonical(name) in _COMPARISONS


def check_metric(metric: Metric) -> None:
    """Raises a ValueError if a name is unknown, or that of a metric that needs more than rows."""
    if not isinstance(metric, str):
        return
    if metric in _NEEDS_MORE:
        raise ValueError(
            f"metric {metric!r} needs {_NEEDS_MORE[metric]}. Pass a function of two rows for anything else: "
            "metric=lambda a, b: …."
        )
    if not is_metric(metric):
        raise ValueError(
            f"unknown metric {metric!r}. {did_you_mean(metric, [*_COMPARISONS, *_SAME])} A function of two rows "
            "is accepted, too."
        )


def comparison_of(metric: Metric) -> Comparison:
    """Returns the comparison that computes a metric.

    Args:
        metric: A name, see :func:`check_metric`, or a function of two rows.

    Raises:
        ValueError: If the name is unknown.

    Example:
        >>> haversine = comparison_of("haversine")
        >>> poles = haversine.prepare(np.radians([[90.0, 0.0], [-90.0, 0.0]]))
        >>> round(float(haversine.between(poles, poles)[0, 1]), 6)
        3.141593
    """
    check_metric(metric)
    return _COMPARISONS[str(canonical(metric))] if isinstance(metric, str) else Comparison(checked_metric(metric))


def nearest_in(block: FloatArray, own: AnyArray, k: int, metric: Metric) -> tuple[torch.Tensor, torch.Tensor]:
    """Finds the nearest rows by distances.

    Args:
        block: Distances of query rows to all rows, shape (m, n); changed in place.
        own: Indices of the query rows, shape (m,); a row is not its own neighbour.
        k: Number of neighbours, in [1, n − 1].
        metric: The metric, for messages.

    Returns:
        Indices (int64) and distances (float64), each of shape (m, k), distances ascending.

    Raises:
        ValueError: If a distance to a neighbour is not finite.
    """
    block[np.arange(len(own)), own] = np.inf
    distances = torch.from_numpy(block)
    values, indices = torch.topk(distances.nan_to_num(nan=torch.inf, posinf=torch.inf), k, dim=1, largest=False)
    if not bool(values.isfinite().all()):
        row = int(own[int((~values.isfinite()).any(dim=1).nonzero()[0])])
        name = repr(metric) if isinstance(metric, str) else getattr(metric, "__name__", "of yours")
        raise ValueError(
            f"metric {name} must have finite values, got NaN or infinity between row {row} and others. Leave "
            "these rows out, or choose another metric."
        )
    return indices, values


# -- rows on a sphere, and directions ------------------------------------------------------------------


def _on_the_globe(rows: FloatArray) -> FloatArray:
    rule = "metric 'haversine' takes two columns, latitude and longitude in radians"
    if rows.shape[1] != 2:
        raise ValueError(f"{rule}, got {rows.shape[1]} columns. Select them: X[:, [latitude, longitude]].")
    largest = np.abs(rows).max(axis=0)
    if largest[0] > math.pi / 2 * 1.001 or largest[1] > 2 * math.pi * 1.001:
        raise ValueError(
            f"{rule}, got values of up to {largest[0]:g} and {largest[1]:g}, beyond π/2 and 2π. Convert degrees: "
            "np.radians(X), and put latitude first."
        )
    latitude, longitude = rows.T
    return np.stack(
        [np.cos(latitude) * np.cos(longitude), np.cos(latitude) * np.sin(longitude), np.sin(latitude)], axis=1
    )


def _directions(rows: FloatArray) -> FloatArray:
    norms = np.linalg.norm(rows, axis=1, keepdims=True)
    return np.asarray(rows / np.where(norms > 0, norms, 1))


def _angles(chords: FloatArray) -> FloatArray:
    # computed from chords, because cosines have no precision for small angles
    return 2 * np.arcsin(np.minimum(chords / 2, 1))


# -- rows as shares of a whole --------------------------------------------------------------------------


def _not_negative(rows: FloatArray, metric: str) -> FloatArray:
    if rows.min(initial=0) < 0:
        row, column = np.argwhere(rows < 0)[0]
        raise ValueError(
            f"metric {metric!r} needs counts or shares that are not negative, got {rows[row, column]:g} in "
            f"row {row}, column {column}. Use another metric, or the data before centring."
        )
    return rows


def _shares(rows: FloatArray, metric: str) -> FloatArray:
    totals = _not_negative(rows, metric).sum(axis=1, keepdims=True)
    return rows / np.where(totals > 0, totals, 1)


def _roots(rows: FloatArray) -> FloatArray:
    # an extra column gives rows of zeros distance 1 to all others
    empty = ~rows.any(axis=1, keepdims=True)
    roots: FloatArray = np.hstack([np.sqrt(_shares(rows, "hellinger")), empty])
    return roots


def _smoothed(rows: FloatArray) -> FloatArray:
    counts = _not_negative(rows, "symmetric-kl") + _SMOOTHED
    return np.asarray(counts / counts.sum(axis=1, keepdims=True))


def _symmetric_kl(first: FloatArray, second: FloatArray) -> FloatArray:
    logs, other_logs = np.log(first), np.log(second)
    own = (first * logs).sum(axis=1)[:, None] + (second * other_logs).sum(axis=1)
    return np.asarray(np.maximum(own - first @ other_logs.T - logs @ second.T, 0))


def _circular(first: FloatArray, second: FloatArray) -> FloatArray:
    dists = np.empty((len(first), len(second)))
    for i, row in enumerate(first):
        steps = second - row
        dists[i] = np.abs(steps - np.median(steps, axis=1, keepdims=True)).sum(axis=1)
    return dists


# -- other metrics --------------------------------------------------------------------------------------


def _standardized(rows: FloatArray) -> FloatArray:
    deviations = rows.std(axis=0, ddof=1)
    return rows / np.where(deviations > 0, deviations, 1)


def _whitened(rows: FloatArray) -> FloatArray:
    covariance = np.atleast_2d(np.cov(rows, rowvar=False))
    variances, axes = np.linalg.eigh(covariance)
    least = np.finfo(np.float64).eps * len(variances) * variances.max(initial=0)
    if variances.min(initial=np.inf) <= least:
        raise ValueError(
            f"metric 'mahalanobis' needs linearly independent columns, got {len(variances)} of rank "
            f"{int((variances > least).sum())}. Leave dependent columns out, or use 'seuclidean'."
        )
    return np.asarray((rows - rows.mean(axis=0)) @ (axes / np.sqrt(variances)))


def _kulsinski(first: FloatArray, second: FloatArray) -> FloatArray:
    n, both = first.shape[1], first @ second.T
    differ = first.sum(axis=1)[:, None] + second.sum(axis=1) - 2 * both
    return np.where(differ == 0, 0, (differ - both + n) / (differ + n))


def _tsss(first: FloatArray, second: FloatArray) -> FloatArray:
    norms, others = np.linalg.norm(first, axis=1)[:, None], np.linalg.norm(second, axis=1)
    dists = scipy.spatial.distance.cdist(first, second)
    angles = np.radians(10) + _angles(scipy.spatial.distance.cdist(_directions(first), _directions(second)))
    return np.asarray((norms * others * np.sin(angles) / 2) * (dists + np.abs(norms - others)) ** 2 * angles / 2)


def _is_there(rows: FloatArray) -> FloatArray:
    return np.asarray((rows != 0).astype(np.float64))


_PLAIN = ("euclidean", "sqeuclidean", "chebyshev", "cosine", "correlation", "canberra", "braycurtis", "hamming")
_OF_PRESENCE = ("jaccard", "dice", "yule", "rogerstanimoto", "russellrao", "sokalsneath")
_COMPARISONS: dict[str, Comparison] = {
    **{name: Comparison(name) for name in _PLAIN},
    # SciPy would return negative distances for numbers other than 0 and 1
    **{name: Comparison(name, _is_there) for name in _OF_PRESENCE},
    "manhattan": Comparison("cityblock"),
    "matching": Comparison("hamming", _is_there),
    "haversine": Comparison("euclidean", _on_the_globe, _angles),
    "true_angular": Comparison("euclidean", _directions, lambda chords: _angles(chords) / math.pi),
    "hellinger": Comparison("euclidean", _roots, lambda dists: dists / math.sqrt(2)),
    "jensenshannon": Comparison("jensenshannon", lambda rows: _shares(rows, "jensenshannon")),
    "jensen-shannon": Comparison("jensenshannon", lambda rows: _shares(rows, "jensen-shannon"), np.square),
    "symmetric-kl": Comparison(_symmetric_kl, _smoothed, by_blocks=True),
    "wasserstein-1d": Comparison("cityblock", lambda rows: _shares(rows, "wasserstein-1d").cumsum(axis=1)),
    "circular-wasserstein": Comparison(
        _circular, lambda rows: _shares(rows, "circular-wasserstein").cumsum(axis=1), by_blocks=True
    ),
    "spearmanr": Comparison("correlation", lambda rows: scipy.stats.rankdata(rows, axis=1)),
    "seuclidean": Comparison("euclidean", _standardized, by_row=False),
    "mahalanobis": Comparison("euclidean", _whitened, by_row=False),
    "kulsinski": Comparison(_kulsinski, _is_there, by_blocks=True),
    "tsss": Comparison(_tsss, by_blocks=True),
}


def checked_metric(metric: Metric | None) -> Any:
    """Wraps a metric that is a function with checks of its results; returns a name unchanged.

    Args:
        metric: A name, or a function of two rows.

    Returns:
        The name, or a function that raises a ValueError if the metric raises an error, or returns anything but a
        finite number of at least 0. Functions compiled by numba are returned unchanged.

    Example:
        >>> checked_metric(lambda a, b: float("nan"))(np.zeros(2), np.ones(2))
        Traceback (most recent call last):
        ...
        ValueError: a metric must return a finite distance of at least 0 for two rows, got nan from <lambda>. ...
    """
    if not callable(metric) or hasattr(metric, "py_func"):
        return metric
    name = getattr(metric, "__name__", type(metric).__name__)
    rule = "a metric must return a finite distance of at least 0 for two rows"

    @functools.wraps(metric)
    def checked(first: Any, second: Any) -> float:
        try:
            result: Any = metric(first, second)
        except Exception as error:  # a user's function may raise any error
            raise ValueError(
                f"{rule}, but {name} failed: {type(error).__name__}: {error}. It is called with two NumPy "
                "arrays of shape (d,)."
            ) from error
        try:
            distance = float(result.detach() if isinstance(result, torch.Tensor) else result)
        except (TypeError, ValueError):
            distance = np.nan
        if not 0 <= distance < np.inf:
            raise ValueError(
                f"{rule}, got {result!r:.80} from {name}. It is called with two NumPy arrays of shape (d,): "
                "return a number, such as float(np.abs(a - b).sum())."
            )
        return distance

    function: Callable[[Any, Any], float] = checked
    return function
