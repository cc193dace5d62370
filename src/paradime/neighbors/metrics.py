"""The metrics that rows can be compared by, each in terms of a few that SciPy computes."""

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
    "minkowski": "euclidean",  # of order 2, the default of all libraries
    "l1": "manhattan",
    "cityblock": "manhattan",
    "taxicab": "manhattan",
    "linf": "chebyshev",
    "linfty": "chebyshev",
    "linfinity": "chebyshev",
    "dot": "cosine",  # of rows that are brought to length 1 first
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
    "inner_product": "a sign: it is a similarity, which is large where rows are near; use 'cosine'",
    "kantorovich": "costs between the columns",
    "sinkhorn": "costs between the columns",
    "wasserstein": "costs between the columns; of ordered bins, use 'wasserstein-1d'",
    "weighted_minkowski": "weights of the columns: scale the columns instead",
    "wminkowski": "weights of the columns: scale the columns instead",
}
_SMOOTHED = float(np.finfo(np.float32).eps)  # what logarithms of shares are kept from zero by


class Comparison(NamedTuple):
    """A metric as another one of transformed rows.

    Attributes:
        base: The metric that the transformed rows are compared by: a name that SciPy knows, or a function of two
            rows, or of two matrices, which returns all distances, if ``by_blocks``.
        prepare: Transforms rows, shape (n, d), float64; checks whether they suit the metric.
        finish: Turns distances of transformed rows into those of the metric, elementwise and increasing.
        by_row: Whether each row is transformed by itself, so that parts may be transformed apart.
        by_blocks: Whether ``base`` is a function of two matrices.
    """

    base: Any
    prepare: Callable[[FloatArray], FloatArray] = np.asarray
    finish: Callable[[FloatArray], FloatArray] = np.asarray
    by_row: bool = True
    by_blocks: bool = False

    def between(self, first: FloatArray, second: FloatArray) -> FloatArray:
        """Returns the distances of transformed rows, (m, d) and (n, d), as (m, n); NaN where there is none."""
        found: FloatArray
        if self.by_blocks:
            found = self.base(first, second)
        else:
            found = scipy.spatial.distance.cdist(first, second, self.base)
        if np.isnan(found).any():  # rows of zeros have no shares, and yet are alike
            nothing = np.logical_and.outer((first == 0).all(axis=1), (second == 0).all(axis=1))
            found = np.where(nothing, 0.0, found)
        return self.finish(found)


def canonical(metric: Metric) -> Metric:
    """Returns the name that stands for a metric with several.

    Example:
        >>> canonical("l1"), canonical("minkowski"), canonical("hellinger")
        ('manhattan', 'euclidean', 'hellinger')
    """
    return _SAME.get(metric, metric) if isinstance(metric, str) else metric


def is_metric(name: str) -> bool:
    """Returns whether a name stands for a metric."""
    return canonical(name) in _COMPARISONS


def check_metric(metric: Metric) -> None:
    """Raises ValueError if a name stands for no metric, or for one that needs more than rows."""
    if not isinstance(metric, str):
        return
    if metric in _NEEDS_MORE:
        raise ValueError(
            f"metric {metric!r} needs {_NEEDS_MORE[metric]}. A function of two rows, metric=lambda a, b: …, "
            "can do whatever is needed."
        )
    if not is_metric(metric):
        raise ValueError(
            f"unknown metric {metric!r}. {did_you_mean(metric, [*_COMPARISONS, *_SAME])} A function of two rows "
            "will do, too."
        )


def comparison_of(metric: Metric) -> Comparison:
    """Returns how a metric compares rows.

    Args:
        metric: Its name, see :func:`check_metric`, or a function of two rows.

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
        block: Distances of some rows from all, shape (m, n); they are changed.
        own: The numbers of these rows, shape (m,); none is its own neighbour.
        k: How many, in [1, n − 1].
        metric: What messages call the metric.

    Returns:
        Indices (int64) and distances (float64), each of shape (m, k), distances ascending.

    Raises:
        ValueError: If the metric has no finite value for one of these.
    """
    block[np.arange(len(own)), own] = np.inf
    distances = torch.from_numpy(block)
    values, indices = torch.topk(distances.nan_to_num(nan=torch.inf, posinf=torch.inf), k, dim=1, largest=False)
    if not bool(values.isfinite().all()):
        row = int(own[int((~values.isfinite()).any(dim=1).nonzero()[0])])
        name = repr(metric) if isinstance(metric, str) else getattr(metric, "__name__", "of yours")
        raise ValueError(
            f"metric {name} must have finite values, got NaN or infinity between row {row} and others. Leave such "
            "rows out, or choose another metric."
        )
    return indices, values


# -- rows on a sphere, and directions ------------------------------------------------------------------


def _on_the_globe(rows: FloatArray) -> FloatArray:
    rule = "metric 'haversine' takes two columns, latitude and longitude in radians"
    if rows.shape[1] != 2:
        raise ValueError(f"{rule}, got {rows.shape[1]} columns. Select the two: X[:, [latitude, longitude]].")
    largest = np.abs(rows).max(axis=0)
    if largest[0] > math.pi / 2 * 1.001 or largest[1] > 2 * math.pi * 1.001:
        raise ValueError(
            f"{rule}, got values of up to {largest[0]:g} and {largest[1]:g}, beyond π/2 and 2π. Convert degrees: "
            "np.radians(X); and put latitude first."
        )
    latitude, longitude = rows.T
    return np.stack(
        [np.cos(latitude) * np.cos(longitude), np.cos(latitude) * np.sin(longitude), np.sin(latitude)], axis=1
    )


def _directions(rows: FloatArray) -> FloatArray:
    norms = np.linalg.norm(rows, axis=1, keepdims=True)
    return np.asarray(rows / np.where(norms > 0, norms, 1))


def _angles(chords: FloatArray) -> FloatArray:
    # of chords rather than cosines, which do not tell small angles apart
    return 2 * np.arcsin(np.minimum(chords / 2, 1))


# -- rows as shares of a whole --------------------------------------------------------------------------


def _not_negative(rows: FloatArray, metric: str) -> FloatArray:
    if rows.min(initial=0) < 0:
        row, column = np.argwhere(rows < 0)[0]
        raise ValueError(
            f"metric {metric!r} compares counts or shares, which are not negative, got {rows[row, column]:g} in "
            f"row {row}, column {column}. Use another metric, or the data before they were centred."
        )
    return rows


def _shares(rows: FloatArray, metric: str) -> FloatArray:
    totals = _not_negative(rows, metric).sum(axis=1, keepdims=True)
    return rows / np.where(totals > 0, totals, 1)


def _roots(rows: FloatArray) -> FloatArray:
    # rows of zeros are at the distance 1 of all others: they get a column of their own
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
    found = np.empty((len(first), len(second)))
    for i, row in enumerate(first):
        steps = second - row
        found[i] = np.abs(steps - np.median(steps, axis=1, keepdims=True)).sum(axis=1)
    return found


# -- further ones ---------------------------------------------------------------------------------------


def _standardized(rows: FloatArray) -> FloatArray:
    deviations = rows.std(axis=0, ddof=1)
    return rows / np.where(deviations > 0, deviations, 1)


def _whitened(rows: FloatArray) -> FloatArray:
    covariance = np.atleast_2d(np.cov(rows, rowvar=False))
    variances, axes = np.linalg.eigh(covariance)
    least = np.finfo(np.float64).eps * len(variances) * variances.max(initial=0)
    if variances.min(initial=np.inf) <= least:
        raise ValueError(
            f"metric 'mahalanobis' needs columns of which none follows from the others, got {len(variances)} of "
            f"rank {int((variances > least).sum())}. Leave such columns out, or use 'seuclidean'."
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
    # SciPy would take other numbers than 0 and 1 for parts of a truth, with negative distances
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
    """Returns a metric that refuses distances that are none, if it is a function; a name as it is.

    Args:
        metric: A name, or a function of two rows.

    Returns:
        The name, or a function that raises ValueError where the metric raises an error, or returns anything but a
        finite number of at least 0. Functions that are compiled, such as by numba, are left to what calls them.

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
            found: Any = metric(first, second)
        except Exception as error:  # whatever the user's function raises
            raise ValueError(
                f"{rule}, but {name} failed: {type(error).__name__}: {error}. It is called with two NumPy "
                "arrays of shape (d,)."
            ) from error
        try:
            distance = float(found.detach() if isinstance(found, torch.Tensor) else found)
        except (TypeError, ValueError):
            distance = np.nan
        if not 0 <= distance < np.inf:
            raise ValueError(
                f"{rule}, got {found!r:.80} from {name}. It is called with two NumPy arrays of shape (d,): return "
                "a number, such as float(np.abs(a - b).sum())."
            )
        return distance

    function: Callable[[Any, Any], float] = checked
    return function
