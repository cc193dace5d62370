"""Search through faiss: inverted lists, probed as widely as the measured recall asks for."""

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
from paradime.neighbors.trial import Trial
from paradime.types import Metric
from paradime.utils.convert import as_numpy, as_tensor

__all__ = ["FaissBackend"]

log = logging.getLogger(__name__)

_PROMISED_RECALL = 0.99
_WANTED_RECALL = 0.993  # on the rows of the trial, which are a sample
_TRIAL_ROWS = 500
_QUERY_ELEMENTS = 1 << 21  # results of one query, beside which the indices and distances of all are kept


class FaissBackend:
    """Approximate search in inverted lists (Sivic and Zisserman, 2003) with a recall of at least 0.99.

    The recall is measured on sampled rows against exact search, and the number of lists that are probed is doubled
    until it suffices. Where all lists do not suffice, since single precision does not tell the points apart, the
    search by blocks takes over.
    """

    name: ClassVar[str] = "faiss"
    library: ClassVar[str | None] = "faiss-cpu"

    def available(self) -> bool:
        """Returns whether faiss is installed."""
        return importlib.util.find_spec("faiss") is not None

    def supports(self, metric: Metric) -> bool:
        """Knows the metrics that are Euclidean on transformed rows."""
        return is_euclidean(metric)

    def search(
        self, X: torch.Tensor, k: int, *, metric: Metric, random_state: int = 0
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Finds neighbours, see :meth:`NeighborBackend.search`."""
        with _threads_of_torch():
            found = self._search(X, k, metric, random_state)
        return found or BlocksBackend().search(X, k, metric=metric, random_state=random_state)

    def _search(
        self, X: torch.Tensor, k: int, metric: Metric, random_state: int
    ) -> tuple[torch.Tensor, torch.Tensor] | None:
        """Returns what is found, or ``None`` if single precision does not reach the recall."""
        points = EuclideanRows(X, metric)
        trial = Trial.drawn(X, k, metric, torch.Generator().manual_seed(random_state), _TRIAL_ROWS)
        rows = as_numpy(points.centered(torch.float32))
        index = _inverted_lists(rows, random_state)
        asked = as_numpy(trial.rows)
        while True:
            found, _ = _query(index, rows[asked], k + 1)
            recall = trial.recall(points, found.to(X.device))
            if recall >= _WANTED_RECALL or index.nprobe >= index.nlist:
                break
            index.nprobe = min(index.nprobe + (index.nprobe + 1) // 2, index.nlist)
        log.debug("faiss: %d of %d lists probed, recall %.4f", index.nprobe, index.nlist, recall)
        if recall < _PROMISED_RECALL:
            return None
        return _all_neighbors(index, rows, points, k)


@contextlib.contextmanager
def _threads_of_torch() -> Iterator[None]:
    """Within the block, faiss uses as many threads as torch does."""
    import faiss

    before = faiss.omp_get_max_threads()
    faiss.omp_set_num_threads(torch.get_num_threads())
    try:
        yield
    finally:
        faiss.omp_set_num_threads(before)


def _all_neighbors(index: Any, rows: Any, points: EuclideanRows, k: int) -> tuple[torch.Tensor, torch.Tensor]:
    indices = torch.empty(len(rows), k, dtype=torch.int64, device=points.X.device)
    dists = torch.empty(len(rows), k, dtype=torch.float32, device=points.X.device)
    step = max(1, _QUERY_ELEMENTS // (k + 1))
    for start in range(0, len(rows), step):
        part = rows[start : start + step]
        own = torch.arange(start, start + len(part))
        found, sq_dists = without_self(*_query(index, part, k + 1), own)
        chunk = slice(start, start + len(part))
        indices[chunk], dists[chunk] = found, points.distances(sq_dists.clamp_min_(0))
    return indices, dists


def _inverted_lists(rows: Any, random_state: int) -> Any:
    import faiss

    n, d = rows.shape
    n_lists = max(1, min(4 * math.isqrt(n), n // 40))
    index = faiss.IndexIVFFlat(faiss.IndexFlatL2(d), d, n_lists)
    index.cp.seed = random_state
    # the lists need not be perfect: the recall decides how many are probed
    index.cp.niter, index.cp.max_points_per_centroid = 8, 64
    index.train(rows)
    index.add(rows)
    index.nprobe = min(2, n_lists)
    return index


def _query(index: Any, rows: Any, k: int) -> tuple[torch.Tensor, torch.Tensor]:
    while True:
        sq_dists, indices = index.search(rows, k)
        # -1 stands where the probed lists hold fewer than k points
        if index.nprobe >= index.nlist or not (indices < 0).any():
            return as_tensor(indices), as_tensor(sq_dists)
        index.nprobe = min(2 * index.nprobe, index.nlist)
