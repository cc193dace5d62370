"""Exact search by comparing all pairs, in chunks of rows."""

from __future__ import annotations

from typing import ClassVar

import torch

from paradime.neighbors.euclidean import EuclideanRows, is_euclidean
from paradime.neighbors.metrics import comparison_of, is_metric, nearest_in
from paradime.neighbors.products import Nearest, nearest_in_block, sq_norms_of
from paradime.types import Metric
from paradime.utils.convert import as_numpy

__all__ = ["ExactBackend", "exact_neighbors_of"]

_CHUNK_ELEMENTS = 1 << 22  # 16 MB of distances in single precision, which stay near the processor
_CUDA_CHUNK_ELEMENTS = 1 << 28
_FEW_COLUMNS = 32


class ExactBackend:
    """Compares all pairs; the result is exact, the time quadratic in n."""

    name: ClassVar[str] = "exact"
    library: ClassVar[str | None] = None

    def available(self) -> bool:
        """Always, since nothing more is needed."""
        return True

    def supports(self, metric: Metric) -> bool:
        """Knows all metrics, see :func:`~paradime.neighbors.metrics.check_metric`, and functions of two rows."""
        return callable(metric) or is_metric(metric)

    def search(
        self, X: torch.Tensor, k: int, *, metric: Metric, random_state: int = 0
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Finds neighbours, see :meth:`NeighborBackend.search`; nothing is random here."""
        return exact_neighbors_of(X, torch.arange(len(X), device=X.device), k, metric=metric)


def exact_neighbors_of(
    X: torch.Tensor, queries: torch.Tensor, k: int, *, metric: Metric
) -> tuple[torch.Tensor, torch.Tensor]:
    """Finds the exact neighbours of some rows among all others.

    Products in single precision find candidates; rows that rounding leaves in doubt are searched again in double
    precision, and by differences where that does not suffice.

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
    search = _Products(EuclideanRows(X, metric)) if is_euclidean(metric) else _Comparisons(X, metric)
    step = max(1, (_CUDA_CHUNK_ELEMENTS if X.is_cuda else _CHUNK_ELEMENTS) // len(X))
    for start in range(0, len(queries), step):
        chunk = slice(start, start + step)
        indices[chunk], dists[chunk] = search.nearest(queries[chunk], k)
    return indices, dists


class _Products:
    """Compares rows by products."""

    def __init__(self, points: EuclideanRows) -> None:
        self.points = points
        # with few columns products cost little, and double precision leaves next to nothing to be repaired
        self.rows = points.centered(torch.float64 if points.dim <= _FEW_COLUMNS else torch.float32)
        self.sq_norms = sq_norms_of(self.rows)

    def nearest(self, asked: torch.Tensor, k: int) -> tuple[torch.Tensor, torch.Tensor]:
        """Returns indices and distances of the nearest rows, each of shape (m, k)."""
        block = torch.addmm(self.sq_norms, self.rows[asked], self.rows.T, alpha=-2)
        found = nearest_in_block(self.points, asked, None, block, self.sq_norms[asked], k)
        for search_again in (self._in_double_precision, self._by_differences):
            doubtful = (~found.certain).nonzero().squeeze(1)
            # half the rows at a time, since double precision takes twice the memory
            for part in torch.split(doubtful, max(1, len(asked) // 2)) if len(doubtful) else ():
                for old, new in zip(found, search_again(asked[part], k), strict=True):
                    old[part] = new
        return found.indices, self.points.distances(found.sq_dists)

    def _in_double_precision(self, asked: torch.Tensor, k: int) -> Nearest:
        center = self.points.center()
        mine = self.points.at(asked).to(torch.float64) - center
        block = torch.empty(len(asked), len(self.points), dtype=torch.float64, device=mine.device)
        for chunk in self.points.chunks():
            rows = self.points.at(chunk).to(torch.float64) - center
            block[:, chunk] = torch.addmm(sq_norms_of(rows), mine, rows.T, alpha=-2)
        return nearest_in_block(self.points, asked, None, block, sq_norms_of(mine), k)

    def _by_differences(self, asked: torch.Tensor, k: int) -> Nearest:
        everyone = torch.arange(len(self.points), device=asked.device)
        parts = []
        for row in asked:
            sq_dists = self.points.pair_sq_dists(row.expand(len(everyone)), everyone)
            sq_dists[row] = torch.inf
            parts.append(sq_dists.topk(k, largest=False))
        values, indices = (torch.stack(part) for part in zip(*parts, strict=True))
        return Nearest(indices, values, torch.ones_like(asked, dtype=torch.bool))


class _Comparisons:
    """Compares rows by SciPy, after they are transformed as the metric asks for."""

    def __init__(self, X: torch.Tensor, metric: Metric) -> None:
        self.metric = metric
        self.comparison = comparison_of(metric)
        self.rows = self.comparison.prepare(as_numpy(X.to(torch.float64)))
        self.device = X.device

    def nearest(self, asked: torch.Tensor, k: int) -> tuple[torch.Tensor, torch.Tensor]:
        """Returns indices and distances of the nearest rows, each of shape (m, k)."""
        own = as_numpy(asked)
        block = self.comparison.between(self.rows[own], self.rows)
        indices, dists = nearest_in(block, own, k, self.metric)
        return indices.to(self.device), dists.to(self.device, torch.float32)
