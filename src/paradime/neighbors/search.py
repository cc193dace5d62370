"""Nearest-neighbour search with a chosen backend and the cache, and its measured recall."""

from __future__ import annotations

import functools
import logging
import warnings
from collections.abc import Callable
from typing import Any

import torch

from paradime.functional.distances import UNIT_POWERS, magnitude_of_rows
from paradime.neighbors.backend import NeighborBackend
from paradime.neighbors.cache import active_cache
from paradime.neighbors.choice import BACKENDS, EXACT_UP_TO, Choice, reasoned_choice
from paradime.neighbors.euclidean import EuclideanRows, is_euclidean
from paradime.neighbors.exact import Trial, exact_neighbors_of
from paradime.neighbors.metrics import canonical, check_metric
from paradime.neighbors.on_disk import searched_on_disk, suits_search_on_disk
from paradime.neighbors.sparse_search import choose_sparse, measured_sparse_recall, search_sparse
from paradime.types import Metric
from paradime.utils.arguments import is_integer
from paradime.utils.frames import frame_values, is_frame
from paradime.utils.logging import report
from paradime.utils.optional import missing_library
from paradime.utils.rows import DenseRows, Rows, loaded, rows_of
from paradime.utils.sparse import SparseRows

__all__ = ["measured_recall", "nearest_neighbors"]

log = logging.getLogger(__name__)

_Search = Callable[..., tuple[torch.Tensor, torch.Tensor]]
_SAMPLE_ROWS = 1_000


def nearest_neighbors(
    X: Any,
    n_neighbors: int,
    *,
    metric: Metric = "euclidean",
    backend: str = "auto",
    random_state: int = 0,
) -> tuple[torch.Tensor, torch.Tensor]:
    """Finds the nearest neighbours of every point among the others.

    Within ``NeighborCache.active()``, a stored result is returned instead of a new search.

    Args:
        X: Finite values, shape (n, d), n ≥ 2: an array, a tensor, a data frame, nested lists, or a sparse matrix,
            which is not made dense. Far from the origin, double precision is needed to distinguish points.
        n_neighbors: Number of neighbours k ≥ 1; reduced to n − 1, with a warning, if there are no more points.
        metric: ``"euclidean"``, ``"sqeuclidean"``, ``"cosine"``, ``"manhattan"``, ``"correlation"``, another
            metric of SciPy or PyNNDescent, or a function of two rows. ``"haversine"`` takes two columns, latitude
            and longitude in radians.
        backend: ``"exact"``, ``"blocks"``, ``"faiss"``, ``"pynndescent"``, or ``"auto"``, which chooses by the
            numbers of points and columns, the metric and the device, and logs the reason.
        random_state: Seed of randomised searches.

    Returns:
        Indices (int64) and distances (float32), tensors of shape (n, k), distances ascending.

    Raises:
        TypeError: If ``X`` is not an array of numbers, or ``n_neighbors`` is not an integer.
        ValueError: If there are fewer than two points, values are not finite, distances exceed single precision,
            or the metric or backend is unknown.
        ImportError: If the library of the given backend is missing.

    Example:
        >>> indices, dists = nearest_neighbors(torch.tensor([[0.0], [1.0], [3.0]]), 1)
        >>> indices.tolist(), dists.tolist()
        ([[1], [0], [1]], [[1.0], [1.0], [2.0]])
    """
    points = _checked_points(X, metric, backend)
    n_neighbors, metric = _checked_number(n_neighbors, len(points)), canonical(metric)
    if isinstance(points, SparseRows):
        name, reason = choose_sparse(points, metric, backend)
        search: _Search = functools.partial(search_sparse, backend=name)
    elif not isinstance(points, DenseRows):
        name, reason, search = "faiss", "rows that stay on disk are searched in blocks", searched_on_disk
    else:
        chosen, reason = _chosen(points, metric, backend)
        name, search = chosen.name, chosen.search
    cache = active_cache()
    is_stored = isinstance(points, (DenseRows, SparseRows))  # other rows have another search of the same library
    kind = name if is_stored else f"{name} in blocks"
    key = cache.key(points, metric, kind, random_state) if cache is not None else None
    if cache is not None and key is not None:
        stored = cache.get(key, n_neighbors)
        if stored is not None:
            report(log, f"Neighbors of {len(points)} points: found before.")
            return stored
    shape = f"{len(points)} points, {points.shape[1]} columns, k = {n_neighbors}, metric {metric}"
    report(log, f"Neighbors of {shape}: backend {name}, since {reason}.")
    rows, unit = _moderate_rows(points, metric) if is_stored else (points, 1.0)
    indices, dists = search(rows.stored, n_neighbors, metric=metric, random_state=random_state)
    dists = _with_unit(dists, unit)
    if cache is not None and key is not None:
        cache.put(key, indices, dists)
    return indices, dists


def _checked_points(X: Any, metric: Metric, backend: str) -> Rows:
    """Returns finite rows of a floating-point type: in memory, unless they can be searched in blocks."""
    rows = rows_of(frame_values("X", X) if is_frame(X) else X).detach()
    if rows.ndim != 2:
        raise ValueError(
            f"Expected 2D array, got shape {tuple(rows.shape)}. Flatten rows with X.reshape(len(X), -1), or "
            "reshape a single column with .reshape(-1, 1)."
        )
    found = None if rows.surely_finite() else rows.first_where(lambda block: ~block.isfinite())
    if found is not None:
        (row, *_), _ = found
        raise ValueError(f"X must be finite, got NaN or infinity, first in row {row}. Impute or drop these rows.")
    rows = rows if rows.is_floating_point() else rows.to(torch.float64)
    stays = suits_search_on_disk(rows, metric, backend, EXACT_UP_TO) and _unit_of(rows, metric) == 1
    return rows if stays else loaded(rows)


def _checked_number(n_neighbors: Any, n: int) -> int:
    if not is_integer(n_neighbors):
        raise TypeError(
            f"n_neighbors must be an integer, got {n_neighbors!r}. Pass an integer of at least 1, such as 15."
        )
    if n < 2:
        raise ValueError(f"neighbours need at least 2 points, got {n} sample(s). Pass more rows.")
    if int(n_neighbors) < 1:
        raise ValueError(f"n_neighbors must be at least 1, got {n_neighbors}. 15 suits most data.")
    if int(n_neighbors) > n - 1:
        warnings.warn(
            f"n_neighbors must be less than the number of points, {n}, got {n_neighbors}; n_neighbors reduced to "
            f"n-1 = {n - 1}.",
            stacklevel=3,
        )
    return min(int(n_neighbors), n - 1)


def _chosen(points: DenseRows, metric: Metric, backend: str) -> Choice:
    if backend == "auto":
        return reasoned_choice(len(points), metric, dim=points.shape[1], device=points.device)
    if backend not in BACKENDS:
        raise ValueError(BACKENDS.describe_unknown(backend))
    check_metric(metric)
    chosen: NeighborBackend = BACKENDS[backend]
    if not chosen.available():
        library = chosen.library or chosen.name
        raise missing_library(f"backend={backend!r}", library, [library], remedy="Or use backend='auto'.")
    if not chosen.supports(metric):
        raise ValueError(f"backend {chosen.name!r} does not support metric {metric!r}. Use backend='auto'.")
    return Choice(chosen, "it was specified")


def measured_recall(
    X: Any,
    indices: torch.Tensor,
    *,
    metric: Metric = "euclidean",
    rows: torch.Tensor | None = None,
    n_neighbors: int | None = None,
    n_rows: int = 500,
    random_state: int = 0,
) -> float:
    """Measures the share of exact nearest neighbours that a search has found, on sampled rows.

    For Euclidean, cosine and correlation distance, points as far as the last exact neighbour count as found, too.

    Args:
        X: The points, rows of any form, shape (n, d).
        indices: Neighbours found by the search, shape (n, k), or (m, k) for the m rows of ``rows``.
        metric: The metric.
        rows: Indices of the rows of ``indices``; if ``None``, rows are sampled.
        n_neighbors: Number of exact neighbours to search; k if ``None``.
        n_rows: Number of rows to sample if ``rows`` is ``None``.
        random_state: Seed of the sample.

    Returns:
        The recall, in [0, 1].

    Example:
        >>> X = torch.tensor([[0.0], [1.0], [3.0]])
        >>> measured_recall(X, torch.tensor([[1], [0], [0]]))
        0.666...
    """
    points = loaded(X)
    if rows is None:
        generator = torch.Generator().manual_seed(random_state)
        rows = torch.randperm(len(points), generator=generator)[:n_rows].to(points.device)
        indices = indices[rows]
    k = n_neighbors or indices.shape[1]
    moderate, _ = _moderate_rows(points, metric)
    if isinstance(moderate, SparseRows):
        return measured_sparse_recall(moderate, indices, rows, k, metric)
    exact, dists = exact_neighbors_of(moderate.dense(), rows, k, metric=metric)
    if is_euclidean(metric):
        return Trial(rows, exact, dists[:, -1]).recall(EuclideanRows(moderate.dense(), metric), indices)
    hits = sum(int(torch.isin(true, row).sum()) for true, row in zip(exact, indices, strict=True))
    return hits / exact.numel()


def _moderate_rows(X: Any, metric: Metric) -> tuple[DenseRows | SparseRows, float]:
    """Divides rows by a power of two, so that searches can compare them in single precision.

    Args:
        X: The points, rows of any form, shape (n, d).
        metric: The metric; rows are divided only if distances are proportional to a power of the unit.

    Returns:
        The rows, in double precision if they were divided, and the unit of their distances; the unchanged rows
        and 1 if their magnitude is moderate.

    Example:
        >>> rows, unit = _moderate_rows(torch.tensor([[2.0**100], [3 * 2.0**100]]), "euclidean")
        >>> rows.column(0), unit
        (tensor([1., 3.], dtype=torch.float64), 1.2676506002282294e+30)
    """
    rows = loaded(X)
    unit = _unit_of(rows, metric)
    if unit == 1:
        return rows, 1.0
    # in double precision, because outliers would exceed the range of single precision
    return rows.to(torch.float64).divided(unit), unit ** UNIT_POWERS[str(canonical(metric))]


def _unit_of(rows: Rows, metric: Metric) -> float:
    """Returns the power of two by which rows are divided, 1 if their magnitude is moderate."""
    if not isinstance(metric, str) or str(canonical(metric)) not in UNIT_POWERS:
        return 1.0
    sample = torch.linspace(0, len(rows) - 1, min(len(rows), _SAMPLE_ROWS)).to(rows.device, torch.int64)
    return float(magnitude_of_rows(rows.take(sample).max_abs_per_row()))


def _with_unit(dists: torch.Tensor, unit: float) -> torch.Tensor:
    """Returns distances in the unit of the data, float32.

    Raises:
        ValueError: If they are too large or too small for single precision.
    """
    if unit == 1:
        return dists
    scaled = (dists.to(torch.float64) * unit).to(torch.float32)
    if not bool(scaled.isfinite().all()) or bool(((scaled == 0) & (dists > 0)).any()):
        size = float(dists.max()) * unit
        raise ValueError(
            f"distances must lie within single precision, from 1e-45 to 3.4e+38, got up to {size:.3g}. Rescale "
            "the columns, or choose another metric."
        )
    return scaled
