"""Search among rows that are read in blocks, with faiss in inverted lists, and its measured recall."""

from __future__ import annotations

import logging
import math
from typing import Any

import torch

from paradime.neighbors.backend import without_self
from paradime.neighbors.euclidean import EuclideanRows, is_euclidean
from paradime.neighbors.exact import Trial
from paradime.neighbors.faiss import PROMISED_RECALL, WANTED_RECALL, FaissBackend, query, threads_of_torch
from paradime.types import Metric
from paradime.utils.convert import as_numpy
from paradime.utils.ranks import current_ranks
from paradime.utils.rows import Rows

__all__ = ["searched_on_disk", "suits_search_on_disk"]

log = logging.getLogger(__name__)

_TRIAL_ROWS = 300
_ROWS_PER_LIST = 64  # rows of the sample that the lists are trained on
_STORED_BYTES = 1 << 28  # of the rows in the lists; above, they are stored in half precision
_QUERY_ELEMENTS = 1 << 20


def suits_search_on_disk(rows: Rows, metric: Metric, backend: str, few: int) -> bool:
    """Returns whether rows are searched in blocks: those of files, more than ``few``, by a Euclidean metric."""
    stays = not rows.in_memory and not rows.is_sparse
    wanted = backend in ("auto", "faiss") and is_euclidean(metric)
    return stays and wanted and len(rows) > few and FaissBackend().available()


def searched_on_disk(
    rows: Rows, k: int, *, metric: Metric, random_state: int = 0
) -> tuple[torch.Tensor, torch.Tensor]:
    """Finds neighbours of rows, of which only a few megabytes are in memory at a time.

    Lists are trained on a sample, rows are added and searched in blocks, and the number of lists that are probed
    grows until the recall on sampled rows suffices. In memory are the rows in the lists (4 bytes per number; 2 if
    these would take more than 256 MB, with distances of rows that are rounded so) and the result. Of several
    processes, each has all lists and searches a share of the rows.

    Args:
        rows: The rows, shape (n, d).
        k: Number of neighbours.
        metric: Euclidean, cosine or correlation distance.
        random_state: Seed of the sample and of the lists.

    Returns:
        Indices and distances, shape (n, k), int64 and float32.
    """
    points = EuclideanRows(rows, metric)
    generator = torch.Generator().manual_seed(random_state)
    sample = torch.randperm(len(rows), generator=generator)[:_TRIAL_ROWS].sort().values
    with threads_of_torch():
        trial = _trial(points, sample, k)
        index = _lists(points, generator, random_state)
        queries = as_numpy(points.around(points.center(), sample))
        while True:
            recall = trial.recall(points, query(index, queries, k + 1)[0])
            if recall >= WANTED_RECALL or index.nprobe >= index.nlist:
                break
            index.nprobe = min(index.nprobe + (index.nprobe + 1) // 2, index.nlist)
        log.debug("faiss: %d of %d lists probed, recall %.4f", index.nprobe, index.nlist, recall)
        if recall < PROMISED_RECALL:
            log.warning(
                "neighbours of rows on disk have a recall of %.3f, less than %g: precision of the lists does not "
                "distinguish nearer rows.",
                recall,
                PROMISED_RECALL,
            )
        return _searched(index, points, k)


def _trial(points: EuclideanRows, queries: torch.Tensor, k: int) -> Trial:
    """Returns sampled rows with their exact neighbours, by a comparison with all rows, block by block."""
    center = points.center()
    own = points.at(queries).to(torch.float64) - center
    best = torch.full((len(queries), k), torch.inf, dtype=torch.float64)
    nearest = torch.zeros(len(queries), k, dtype=torch.int64)
    for chunk in points.chunks():
        block = points.at(chunk).to(torch.float64) - center
        sq_dists = torch.cdist(own, block, compute_mode="use_mm_for_euclid_dist").square_()
        inside = ((queries >= chunk.start) & (queries < chunk.stop)).nonzero().squeeze(1)
        sq_dists[inside, queries[inside] - chunk.start] = torch.inf
        values, places = sq_dists.topk(min(k, len(block)), dim=1, largest=False)
        values, places = torch.cat((best, values), dim=1), torch.cat((nearest, places + chunk.start), dim=1)
        best, order = values.topk(k, dim=1, largest=False)
        nearest = places.gather(1, order)
    pairs = queries.repeat_interleave(k), nearest.flatten()
    # by differences, as the recall computes them
    exact = points.distances(points.pair_sq_dists(*pairs)).view(len(queries), k)
    return Trial(queries, nearest, exact.amax(dim=1))


def _lists(points: EuclideanRows, generator: torch.Generator, random_state: int) -> Any:
    import faiss

    n, d = len(points), points.dim
    n_lists = max(1, min(4 * math.isqrt(n), n // 40))
    index: Any
    if 4 * n * d <= _STORED_BYTES:
        index = faiss.IndexIVFFlat(faiss.IndexFlatL2(d), d, n_lists)
    else:
        half = faiss.ScalarQuantizer.QT_fp16
        index = faiss.IndexIVFScalarQuantizer(faiss.IndexFlatL2(d), d, n_lists, half, faiss.METRIC_L2, False)
    index.cp.seed, index.cp.niter, index.cp.max_points_per_centroid = random_state, 8, _ROWS_PER_LIST
    sample = torch.randperm(n, generator=generator)[: _ROWS_PER_LIST * n_lists].sort().values
    center = points.center()
    index.train(as_numpy(points.around(center, sample)))
    for chunk in points.chunks():
        index.add(as_numpy(points.around(center, chunk)))
    index.nprobe = min(2, n_lists)
    return index


def _searched(index: Any, points: EuclideanRows, k: int) -> tuple[torch.Tensor, torch.Tensor]:
    n, ranks = len(points), current_ranks()
    share = ranks.share(n)
    n_own = share.stop - share.start
    indices, dists = torch.empty(n_own, k, dtype=torch.int64), torch.empty(n_own, k, dtype=torch.float32)
    step, center = max(1, _QUERY_ELEMENTS // (k + 1)), points.center()
    for start in range(share.start, share.stop, step):
        chunk = slice(start, min(start + step, share.stop))
        found = query(index, as_numpy(points.around(center, chunk)), k + 1)
        own = slice(chunk.start - share.start, chunk.stop - share.start)
        indices[own], sq_dists = without_self(*found, torch.arange(chunk.start, chunk.stop))
        dists[own] = points.distances(sq_dists.clamp_min_(0))
    return ranks.gather(indices, n), ranks.gather(dists, n)
