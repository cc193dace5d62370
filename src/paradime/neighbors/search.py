"""The entrance: chooses a backend and runs it."""

from __future__ import annotations

import logging
import warnings

import torch

from paradime._registry import Registry
from paradime.neighbors.backend import NeighborBackend
from paradime.neighbors.exact import ExactBackend
from paradime.neighbors.faiss import FaissBackend
from paradime.neighbors.pynndescent import PynndescentBackend
from paradime.types import Metric

__all__ = ["BACKENDS", "choose_backend", "nearest_neighbors"]

log = logging.getLogger(__name__)

BACKENDS: Registry[NeighborBackend] = Registry("neighbor backend")
for _backend in (ExactBackend(), FaissBackend(), PynndescentBackend()):
    BACKENDS.add(_backend.name, _backend)

_EXACT_UP_TO = 20_000  # comparing all pairs takes a few seconds at most


def choose_backend(n: int, metric: Metric = "euclidean") -> NeighborBackend:
    """Returns the backend that suits n points and a metric: exact search up to 20,000 points.

    Raises:
        ValueError: If no backend that is installed knows the metric.

    Example:
        >>> choose_backend(1000).name
        'exact'
    """
    names = ["exact", "faiss", "pynndescent"] if n <= _EXACT_UP_TO else ["faiss", "pynndescent", "exact"]
    for name in names:
        if BACKENDS[name].available() and BACKENDS[name].supports(metric):
            return BACKENDS[name]
    raise ValueError(f"unknown metric {metric!r}. Use a name that SciPy or PyNNDescent knows, or a function.")


def nearest_neighbors(
    X: torch.Tensor,
    n_neighbors: int,
    *,
    metric: Metric = "euclidean",
    backend: str = "auto",
    random_state: int = 0,
) -> tuple[torch.Tensor, torch.Tensor]:
    """Finds the nearest neighbours of every point among the others.

    Args:
        X: Finite values, shape (n, d), n ≥ 2; double precision keeps neighbours apart far from the origin.
        n_neighbors: Number of neighbours k ≥ 1; reduced to n − 1, with a warning, where there are no more.
        metric: ``"euclidean"``, ``"cosine"``, ``"manhattan"``, ``"correlation"``, another name that SciPy or
            PyNNDescent knows, or a function of two rows.
        backend: ``"exact"``, ``"faiss"``, ``"pynndescent"``, or ``"auto"``.
        random_state: Seed, for searches that draw at random.

    Returns:
        Indices (int64) and distances (float32), each of shape (n, k), distances ascending.

    Raises:
        ValueError: If there are fewer than two points, or the metric or backend is unknown.
        ImportError: If the library of the backend asked for is missing.

    Example:
        >>> indices, dists = nearest_neighbors(torch.tensor([[0.0], [1.0], [3.0]]), 1)
        >>> indices.tolist(), dists.tolist()
        ([[1], [0], [1]], [[1.0], [1.0], [2.0]])
    """
    n = len(X)
    if n < 2:
        raise ValueError(f"neighbours need at least 2 points, got {n} sample(s).")
    if n_neighbors < 1:
        raise ValueError(f"n_neighbors must be at least 1, got {n_neighbors}.")
    if n_neighbors > n - 1:
        warnings.warn(
            f"n_neighbors={n_neighbors} is more than {n} points have; n_neighbors reduced to n-1 = {n - 1}.",
            stacklevel=2,
        )
        n_neighbors = n - 1
    if backend == "auto":
        chosen = choose_backend(n, metric)
    elif backend in BACKENDS:
        chosen = BACKENDS[backend]
    else:
        raise ValueError(BACKENDS.describe_unknown(backend))
    if not chosen.available():
        raise ImportError(f"backend {chosen.name!r} needs a package that is missing: pip install {chosen.name}")
    if not chosen.supports(metric):
        raise ValueError(f"backend {chosen.name!r} does not know the metric {metric!r}. Use backend='auto'.")
    log.debug("neighbors of %d points: backend %s, k = %d, metric %s", n, chosen.name, n_neighbors, metric)
    return chosen.search(X, n_neighbors, metric=metric, random_state=random_state)
