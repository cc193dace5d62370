"""Exact search by comparing all pairs, in chunks of rows."""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np
import scipy.spatial.distance
import torch

from paradime.neighbors.backend import as_euclidean, from_euclidean
from paradime.types import Metric
from paradime.utils.convert import as_numpy, as_tensor

__all__ = ["ExactBackend", "exact_neighbors_of"]

_NAMES = {"braycurtis", "canberra", "chebyshev", "cityblock", "correlation", "cosine", "dice", "euclidean"}
_NAMES |= {"hamming", "jaccard", "jensenshannon", "l1", "l2", "mahalanobis", "manhattan", "rogerstanimoto"}
_NAMES |= {"russellrao", "seuclidean", "sokalsneath", "sqeuclidean", "yule"}
_CHUNK_ELEMENTS = 1 << 23  # 64 MB of distances in double precision


class ExactBackend:
    """Compares all pairs; the result is exact, the time quadratic in n."""

    name: ClassVar[str] = "exact"

    def available(self) -> bool:
        """Always, since nothing more is needed."""
        return True

    def supports(self, metric: Metric) -> bool:
        """Knows the metrics of SciPy's ``cdist``, and functions of two rows."""
        return callable(metric) or metric in _NAMES

    def search(
        self, X: torch.Tensor, k: int, *, metric: Metric, random_state: int = 0
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Finds neighbours, see :meth:`NeighborBackend.search`; nothing is random here."""
        return exact_neighbors_of(X, torch.arange(len(X), device=X.device), k, metric=metric)


def exact_neighbors_of(
    X: torch.Tensor, queries: torch.Tensor, k: int, *, metric: Metric
) -> tuple[torch.Tensor, torch.Tensor]:
    """Finds the exact neighbours of some rows among all others.

    Args:
        X: Finite values, shape (n, d).
        queries: Which rows, shape (m,), int64.
        k: Number of neighbours, in [1, n − 1].
        metric: The distance.

    Returns:
        Indices (int64) and distances (float32), each of shape (m, k), distances ascending.
    """
    indices = torch.empty(len(queries), k, dtype=torch.int64, device=X.device)
    dists = torch.empty(len(queries), k, dtype=torch.float32, device=X.device)
    points = as_euclidean(X, metric)
    step = max(1, _CHUNK_ELEMENTS // len(X))
    for start in range(0, len(queries), step):
        chunk = slice(start, start + step)
        asked = queries[chunk]
        block = _compare(X, asked, metric) if points is None else _expand(points, asked)
        block[torch.arange(len(block), device=X.device), asked] = torch.inf
        nearest, indices[chunk] = torch.topk(block, k, dim=1, largest=False)
        if points is not None:
            # what rounding leaves of equal rows is no distance
            nearest = torch.where(nearest > 1e-14 * points[asked].square().sum(1)[:, None], nearest, 0)
            nearest = from_euclidean(nearest, metric)
        dists[chunk] = nearest.to(torch.float32)
    return indices, dists


def _expand(points: torch.Tensor, asked: torch.Tensor) -> torch.Tensor:
    """Squared Euclidean distances as ‖a‖² + ‖b‖² − 2ab, shape (m, n)."""
    sq_norms = points.square().sum(dim=1)
    return torch.addmm(sq_norms, points[asked], points.T, alpha=-2).add_(sq_norms[asked, None])


def _compare(X: torch.Tensor, asked: torch.Tensor, metric: Metric) -> torch.Tensor:
    """Distances by SciPy, shape (m, n)."""
    rows = as_numpy(X.to(torch.float64))
    name: Any = "cityblock" if metric in ("manhattan", "l1") else metric
    # what SciPy would estimate from a chunk must come from all rows
    known: dict[str, Any] = {}
    if metric == "seuclidean":
        known["V"] = rows.var(axis=0, ddof=1)
    elif metric == "mahalanobis":
        known["VI"] = np.linalg.inv(np.atleast_2d(np.cov(rows, rowvar=False)))
    return as_tensor(scipy.spatial.distance.cdist(rows[as_numpy(asked)], rows, name, **known)).to(X.device)
