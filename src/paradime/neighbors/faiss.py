"""Approximate search with faiss in inverted lists, with a measured recall."""

from __future__ import annotations

import contextlib
import importlib.util
import logging
import math
from collections.abc import Iterator
from typing import Any, ClassVar

import torch

from paradime.neighbors.backend import without_self
from paradime.neighbors.blocks import BlocksBackend
from paradime.neighbors.euclidean import EuclideanRows, is_euclidean
from paradime.neighbors.exact import Trial
from paradime.types import Metric
from paradime.utils.convert import as_numpy, as_tensor
from paradime.utils.ranks import current_ranks

__all__ = ["PROMISED_RECALL", "WANTED_RECALL", "FaissBackend", "query", "threads_of_torch"]

log = logging.getLogger(__name__)

PROMISED_RECALL = 0.99
WANTED_RECALL = 0.993  # on the sampled rows of the trial, with a margin for the sampling error
_TRIAL_ROWS = 500
_QUERY_ELEMENTS = 1 << 21  # number of results per query, which limits the memory


class FaissBackend:
    """Approximate search in inverted lists (Sivic and Zisserman, 2003) with a recall of at least 0.99.

    The recall is measured by an exact search for sampled rows, and the number of probed lists is increased until
    it suffices. If all lists do not suffice, because single precision does not distinguish the points, the search
    by blocks is used.
    """

    name: ClassVar[str] = "faiss"
    library: ClassVar[str | None] = "faiss-cpu"

    def available(self) -> bool:
        """Returns whether faiss is installed."""
        return importlib.util.find_spec("faiss") is not None

    def supports(self, metric: Metric) -> bool:
        """Returns whether a metric is Euclidean on transformed rows."""
        return is_euclidean(metric)

    def search(
        self, X: torch.Tensor, k: int, *, metric: Metric, random_state: int = 0
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Finds neighbours, see :meth:`NeighborBackend.search`."""
        with threads_of_torch():
            result = self._search(X, k, metric, random_state)
        return result or BlocksBackend().search(X, k, metric=metric, random_state=random_state)

    def _search(
        self, X: torch.Tensor, k: int, metric: Metric, random_state: int
    ) -> tuple[torch.Tensor, torch.Tensor] | None:
        """Returns the neighbours, or ``None`` if single precision does not reach the recall."""
        points = EuclideanRows(X, metric)
        trial = Trial.drawn(X, k, metric, torch.Generator().manual_seed(random_state), _TRIAL_ROWS)
        rows = as_numpy(points.centered(torch.float32))
        index = _inverted_lists(rows, random_state)
        queries = as_numpy(trial.rows)
        while True:
            indices, _ = query(index, rows[queries], k + 1)
            recall = trial.recall(points, indices.to(X.device))
            if recall >= WANTED_RECALL or index.nprobe >= index.nlist:
                break
            index.nprobe = min(index.nprobe + (index.nprobe + 1) // 2, index.nlist)
        log.debug("faiss: %d of %d lists probed, recall %.4f", index.nprobe, index.nlist, recall)
        if recall < PROMISED_RECALL:
            return None
        return _all_neighbors(index, rows, points, k)


@contextlib.contextmanager
def threads_of_torch() -> Iterator[None]:
    """Lets faiss use as many threads as torch within the ``with`` block."""
    import faiss

    before = faiss.omp_get_max_threads()
    faiss.omp_set_num_threads(torch.get_num_threads())
    try:
        yield
    finally:
        faiss.omp_set_num_threads(before)


def _all_neighbors(index: Any, rows: Any, points: EuclideanRows, k: int) -> tuple[torch.Tensor, torch.Tensor]:
    ranks = current_ranks()
    share = ranks.share(len(rows))
    indices = torch.empty(len(rows), k, dtype=torch.int64, device=points.X.device)
    dists = torch.empty(len(rows), k, dtype=torch.float32, device=points.X.device)
    step = max(1, _QUERY_ELEMENTS // (k + 1))
    for start in range(share.start, share.stop, step):
        chunk = slice(start, min(start + step, share.stop))
        own = torch.arange(chunk.start, chunk.stop)
        indices[chunk], sq_dists = without_self(*query(index, rows[chunk], k + 1), own)
        dists[chunk] = points.distances(sq_dists.clamp_min_(0))
    return ranks.gather(indices[share], len(rows)), ranks.gather(dists[share], len(rows))


def _inverted_lists(rows: Any, random_state: int) -> Any:
    import faiss

    n, d = rows.shape
    n_lists = max(1, min(4 * math.isqrt(n), n // 40))
    index = faiss.IndexIVFFlat(faiss.IndexFlatL2(d), d, n_lists)
    index.cp.seed = random_state
    # few iterations suffice, because the number of probed lists is chosen by the recall
    index.cp.niter, index.cp.max_points_per_centroid = 8, 64
    index.train(rows)
    index.add(rows)
    index.nprobe = min(2, n_lists)
    return index


def query(index: Any, rows: Any, k: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Returns the nearest rows of an index, int64, and their squared distances, shape (m, k) each."""
    while True:
        sq_dists, indices = index.search(rows, k)
        # -1 marks missing neighbours, if the probed lists have fewer than k points
        if index.nprobe >= index.nlist or not (indices < 0).any():
            return as_tensor(indices), as_tensor(sq_dists)
        index.nprobe = min(2 * index.nprobe, index.nlist)
