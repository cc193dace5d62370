"""Search through faiss: inverted lists, probed as widely as the measured recall asks for."""

from __future__ import annotations

import importlib.util
import logging
import math
from typing import Any, ClassVar

import torch

from paradime.neighbors.backend import as_euclidean, from_euclidean, without_self
from paradime.neighbors.recall import measured_recall
from paradime.types import Metric
from paradime.utils.convert import as_numpy, as_tensor

__all__ = ["FaissBackend"]

log = logging.getLogger(__name__)

_WANTED_RECALL = 0.99
_TRIAL_ROWS = 200


class FaissBackend:
    """Approximate search in inverted lists (Sivic and Zisserman, 2003) with a recall of at least 0.99.

    The recall is measured on sampled rows against exact search, and the number of lists that are probed is
    doubled until it suffices.
    """

    name: ClassVar[str] = "faiss"

    def available(self) -> bool:
        """Returns whether faiss is installed."""
        return importlib.util.find_spec("faiss") is not None

    def supports(self, metric: Metric) -> bool:
        """Knows the metrics that are Euclidean on transformed rows."""
        return metric in ("euclidean", "sqeuclidean", "l2", "cosine", "correlation")

    def search(
        self, X: torch.Tensor, k: int, *, metric: Metric, random_state: int = 0
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Finds neighbours, see :meth:`NeighborBackend.search`."""
        transformed = as_euclidean(X, metric)
        assert transformed is not None
        points = transformed.to(torch.float32)
        index = _inverted_lists(points, random_state)
        generator = torch.Generator().manual_seed(random_state)
        trial = torch.randperm(len(points), generator=generator)[:_TRIAL_ROWS]
        while True:
            found, _ = _query(index, points[trial], k + 1)
            # the row itself is among those found, but never among the exact ones: it does not count
            recall = measured_recall(points, found, rows=trial, n_neighbors=k, metric="euclidean")
            if recall >= _WANTED_RECALL or index.nprobe >= index.nlist:
                break
            index.nprobe = min(2 * index.nprobe, index.nlist)
        log.debug("faiss: %d of %d lists probed, recall %.4f", index.nprobe, index.nlist, recall)
        indices, sq_dists = without_self(*_query(index, points, k + 1))
        return indices.to(X.device), from_euclidean(sq_dists.clamp_min_(0), metric).to(X.device)


def _inverted_lists(points: torch.Tensor, random_state: int) -> Any:
    import faiss

    rows = as_numpy(points)
    n, d = rows.shape
    n_lists = max(1, min(4 * math.isqrt(n), n // 40))
    index = faiss.IndexIVFFlat(faiss.IndexFlatL2(d), d, n_lists)
    index.cp.seed = random_state
    index.cp.niter = 10
    index.train(rows)
    index.add(rows)
    index.nprobe = min(8, n_lists)
    return index


def _query(index: Any, points: torch.Tensor, k: int) -> tuple[torch.Tensor, torch.Tensor]:
    while True:
        sq_dists, indices = index.search(as_numpy(points), k)
        # -1 stands where the probed lists hold fewer than k points
        if index.nprobe >= index.nlist or not (indices < 0).any():
            return as_tensor(indices), as_tensor(sq_dists)
        index.nprobe = min(2 * index.nprobe, index.nlist)
