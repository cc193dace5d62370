"""Exact search, which compares all pairs in chunks of rows, and trials, which measure other searches by it."""

from __future__ import annotations

from typing import ClassVar, NamedTuple

import torch

from paradime.neighbors.euclidean import EuclideanRows, is_euclidean
from paradime.neighbors.metrics import comparison_of, is_metric, nearest_in
from paradime.neighbors.products import Nearest, nearest_in_block, sq_norms_of
from paradime.types import Metric
from paradime.utils.convert import as_numpy
from paradime.utils.parallel import parallel_map, part_size
from paradime.utils.ranks import current_ranks

__all__ = ["ExactBackend", "Trial", "exact_neighbors_of"]

_CHUNK_ELEMENTS = 1 << 22  # 16 MB of distances in single precision, which fit into the cache
_CUDA_CHUNK_ELEMENTS = 1 << 28
_FEW_COLUMNS = 32
_ROWS = 600
_SAME = 1 + 1e-5


class ExactBackend:
    """Exact search that compares all pairs, in a time quadratic in n."""

    name: ClassVar[str] = "exact"
    library: ClassVar[str | None] = None

    def available(self) -> bool:
        """Returns True, because no library is needed."""
        return True

    def supports(self, metric: Metric) -> bool:
        """Returns True for all metrics of :func:`~paradime.neighbors.metrics.check_metric`, and for functions."""
        return callable(metric) or is_metric(metric)

    def search(
        self, X: torch.Tensor, k: int, *, metric: Metric, random_state: int = 0
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Finds neighbours, see :meth:`NeighborBackend.search`; the search is deterministic."""
        return exact_neighbors_of(X, torch.arange(len(X), device=X.device), k, metric=metric)


def exact_neighbors_of(
    X: torch.Tensor, queries: torch.Tensor, k: int, *, metric: Metric
) -> tuple[torch.Tensor, torch.Tensor]:
    """Finds the exact neighbours of query rows among all others.

    Products in single precision find candidates; rows whose result is uncertain because of rounding are searched
    again in double precision, and then by differences.

    Args:
        X: Finite values, shape (n, d).
        queries: Indices of the query rows, shape (m,), int64.
        k: Number of neighbours, in [1, n − 1].
        metric: The metric.

    Returns:
        Indices (int64) and distances (float32), each of shape (m, k), distances ascending.
    """
    n_queries, ranks = len(queries), current_ranks()
    queries = queries[ranks.share(n_queries)]
    indices = torch.empty(len(queries), k, dtype=torch.int64, device=X.device)
    dists = torch.empty(len(queries), k, dtype=torch.float32, device=X.device)
    search = _Products(EuclideanRows(X, metric)) if is_euclidean(metric) else _Comparisons(X, metric)
    step = max(1, part_size(_CUDA_CHUNK_ELEMENTS if X.is_cuda else _CHUNK_ELEMENTS, X.device) // len(X))
    chunks = [slice(start, start + step) for start in range(0, len(queries), step)]

    # a metric that is a user's function need not be ready for several threads
    n_parts = len(chunks) if isinstance(search, _Products) else 1
    with parallel_map(n_parts, X.device) as apply:
        results = apply(lambda chunk: search.nearest(queries[chunk], k), chunks)
        for chunk, (nearest, nearest_dists) in zip(chunks, results, strict=True):
            indices[chunk], dists[chunk] = nearest, nearest_dists
    return ranks.gather(indices, n_queries), ranks.gather(dists, n_queries)


class _Products:
    """Compares rows by matrix products."""

    def __init__(self, points: EuclideanRows) -> None:
        self.points = points
        # with few columns, products are cheap, and double precision leaves few uncertain rows
        self.rows = points.centered(torch.float64 if points.dim <= _FEW_COLUMNS else torch.float32)
        self.sq_norms = sq_norms_of(self.rows)

    def nearest(self, queries: torch.Tensor, k: int) -> tuple[torch.Tensor, torch.Tensor]:
        """Returns indices and distances of the nearest rows, each of shape (m, k)."""
        block = torch.addmm(self.sq_norms, self.rows[queries], self.rows.T, alpha=-2)
        nearest = nearest_in_block(self.points, queries, None, block, self.sq_norms[queries], k)
        for search_again in (self._in_double_precision, self._by_differences):
            uncertain = (~nearest.certain).nonzero().squeeze(1)
            # half the rows at a time, because double precision takes twice the memory
            for chunk in torch.split(uncertain, max(1, len(queries) // 2)) if len(uncertain) else ():
                for old, new in zip(nearest, search_again(queries[chunk], k), strict=True):
                    old[chunk] = new
        return nearest.indices, self.points.distances(nearest.sq_dists)

    def _in_double_precision(self, queries: torch.Tensor, k: int) -> Nearest:
        center = self.points.center()
        query_rows = self.points.at(queries).to(torch.float64) - center
        block = torch.empty(len(queries), len(self.points), dtype=torch.float64, device=query_rows.device)
        for chunk in self.points.chunks():
            rows = self.points.at(chunk).to(torch.float64) - center
            block[:, chunk] = torch.addmm(sq_norms_of(rows), query_rows, rows.T, alpha=-2)
        return nearest_in_block(self.points, queries, None, block, sq_norms_of(query_rows), k)

    def _by_differences(self, queries: torch.Tensor, k: int) -> Nearest:
        all_rows = torch.arange(len(self.points), device=queries.device)
        smallest = []
        for row in queries:
            sq_dists = self.points.pair_sq_dists(row.expand(len(all_rows)), all_rows)
            sq_dists[row] = torch.inf
            smallest.append(sq_dists.topk(k, largest=False))
        values, indices = (torch.stack(column) for column in zip(*smallest, strict=True))
        return Nearest(indices, values, torch.ones_like(queries, dtype=torch.bool))


class _Comparisons:
    """Compares transformed rows with SciPy; see :class:`~paradime.neighbors.metrics.Comparison`."""

    def __init__(self, X: torch.Tensor, metric: Metric) -> None:
        self.metric = metric
        self.comparison = comparison_of(metric)
        self.rows = self.comparison.prepare(as_numpy(X.to(torch.float64)))
        self.device = X.device

    def nearest(self, queries: torch.Tensor, k: int) -> tuple[torch.Tensor, torch.Tensor]:
        """Returns indices and distances of the nearest rows, each of shape (m, k)."""
        own = as_numpy(queries)
        block = self.comparison.between(self.rows[own], self.rows)
        indices, dists = nearest_in(block, own, k, self.metric)
        return indices.to(self.device), dists.to(self.device, torch.float32)


class Trial(NamedTuple):
    """Rows with their true neighbours.

    Attributes:
        rows: Indices of the rows, shape (m,).
        neighbors: Their true neighbours, shape (m, k).
        farthest: Distances to the last of these, shape (m,).
    """

    rows: torch.Tensor
    neighbors: torch.Tensor
    farthest: torch.Tensor

    @classmethod
    def drawn(
        cls, X: torch.Tensor, k: int, metric: Metric, generator: torch.Generator, n_rows: int = _ROWS
    ) -> Trial:
        """Draws rows and finds their neighbours by exact search.

        Args:
            X: The points, shape (n, d).
            k: Number of neighbours.
            metric: The metric.
            generator: Draws the rows.
            n_rows: Number of rows.
        """
        rows = torch.randperm(len(X), generator=generator)[:n_rows].to(X.device)
        neighbors, dists = exact_neighbors_of(X, rows, k, metric=metric)
        return cls(rows, neighbors, dists[:, -1])

    def informative(self) -> torch.Tensor:
        """Returns which rows have a unique neighbourhood, (m,), unlike rows with more than k duplicates."""
        return self.farthest > 0

    def recall(self, points: EuclideanRows, indices: torch.Tensor) -> float:
        """Returns the recall of a search: its neighbours that are no farther than the k-th true one.

        Any of several equally far points counts as a true neighbour.

        Args:
            points: All points.
            indices: Neighbours found for the rows of this trial, shape (m, q); the row itself and repeated indices
                are ignored.
        """
        indices = indices.sort(dim=1).values
        pairs = self.rows.repeat_interleave(indices.shape[1]), indices.flatten()
        dists = points.distances(points.pair_sq_dists(*pairs)).view(indices.shape)
        near = (dists <= self.farthest[:, None] * _SAME) & (indices != self.rows[:, None])
        near[:, 1:] &= indices.diff(dim=1) != 0
        return float(near.sum(dim=1).clamp(max=self.neighbors.shape[1]).sum()) / self.neighbors.numel()
