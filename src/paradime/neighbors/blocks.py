"""Approximate search in clusters of points, by matrix products of whole clusters."""

from __future__ import annotations

import logging
import math
from dataclasses import dataclass
from typing import ClassVar, NamedTuple

import torch

from paradime.functional import k_means, nearest_center
from paradime.neighbors.euclidean import EuclideanRows, is_euclidean
from paradime.neighbors.exact import Trial
from paradime.neighbors.products import (
    Nearest,
    expanded,
    nearest_in_block,
    smallest,
    smallest_columns,
    sq_norms_of,
)
from paradime.types import Metric
from paradime.utils.parallel import parallel_map, part_size
from paradime.utils.ranks import current_ranks

__all__ = ["BlocksBackend", "sketch_of", "split_into_lists"]

log = logging.getLogger(__name__)

_WANTED_RECALL = 0.992
_AIM = 0.996  # leaves a margin to 0.99 for losses of the sketch and the sampling error
_SKETCH_AIM = 0.98  # lower, because the other rows of a list contribute candidates
_SKETCH_TRIAL_ROWS = 200
_BLOCK_ELEMENTS = 1 << 22
_FEW_COLUMNS = 128
_SKETCH_COLUMNS = 64
_MOST_CANDIDATES = 512
_LIST_SIZE = 256
_STEPS = 8
_SAMPLE_PER_LIST = 40
_LARGEST = 4  # largest size of a list, relative to the intended mean


@dataclass(frozen=True)
class _Lists:
    """Points in lists.

    Attributes:
        members: Indices of all points, list by list, shape (n,).
        bounds: Start of each list in ``members``, and end of the last one, n_lists + 1 numbers.
        centers: The lists' means, shape (n_lists, d).
        of_point: Index of the list of each point, shape (n,).
    """

    members: torch.Tensor
    bounds: list[int]
    centers: torch.Tensor
    of_point: torch.Tensor

    def __len__(self) -> int:
        return len(self.centers)

    def of(self, number: int) -> torch.Tensor:
        """Returns the points of a list."""
        return self.members[self.bounds[number] : self.bounds[number + 1]]

    def sq_dists_from(self, numbers: torch.Tensor) -> torch.Tensor:
        """Returns squared distances from the centres of given lists to all, −1 to their own, (m, n_lists)."""
        given = self.centers[numbers]
        sq_dists = torch.cdist(given, self.centers, compute_mode="donot_use_mm_for_euclid_dist").square_()
        return sq_dists.scatter_(1, numbers[:, None], -1)

    def near(self, number: int, n_lists: int, n_points: int) -> torch.Tensor:
        """Returns the points of a list and of the nearest other lists, at least ``n_points``."""
        sq_dists = self.sq_dists_from(torch.tensor([number], device=self.centers.device))[0]
        order = sq_dists.argsort(stable=True).tolist()
        members, total = [], 0
        for rank, other in enumerate(order):
            if rank >= n_lists and total >= n_points:
                break
            members.append(self.of(other))
            total += len(members[-1])
        return torch.cat(members)


def split_into_lists(rows: torch.Tensor, size: int, generator: torch.Generator) -> _Lists:
    """Splits points into lists of nearby points and of about the same size.

    Much larger lists are split once more by k-means, and then by position, so that duplicates are split too.

    Args:
        rows: Centred points, shape (n, d).
        size: The mean size of a list.
        generator: Draws the first centres.
    """
    labels = _clusters(rows, max(1, len(rows) // size), generator)
    counts = torch.bincount(labels)
    n_lists = len(counts)
    for label in (counts > _LARGEST * size).nonzero().flatten().tolist():
        members = (labels == label).nonzero().squeeze(1)
        sub_labels = _clusters(rows[members], math.ceil(len(members) / size), generator)
        # clusters that are still too large are split by position
        order = sub_labels.argsort(stable=True)
        position = torch.empty_like(order).scatter_(0, order, torch.arange(len(order), device=order.device))
        sizes = torch.bincount(sub_labels)
        position -= (sizes.cumsum(0) - sizes)[sub_labels]
        pieces = torch.stack([sub_labels, position // (_LARGEST * size)], dim=1)
        _, sub_labels = torch.unique(pieces, dim=0, return_inverse=True)
        labels[members] = n_lists + sub_labels
        n_lists += int(sub_labels.max()) + 1
    _, labels = torch.unique(labels, return_inverse=True)
    return _lists(rows, labels)


def _lists(rows: torch.Tensor, labels: torch.Tensor) -> _Lists:
    sizes = torch.bincount(labels)
    sums = torch.zeros(len(sizes), rows.shape[1], dtype=torch.float64, device=rows.device)
    sums.index_add_(0, labels, rows.to(torch.float64))
    centers = sums / sizes.clamp(min=1)[:, None]
    return _Lists(labels.argsort(stable=True), [0, *sizes.cumsum(0).tolist()], centers, labels)


def _clusters(rows: torch.Tensor, n_clusters: int, generator: torch.Generator) -> torch.Tensor:
    """Returns the indices of k-means clusters, shape (n,), fitted to a sample."""
    drawn = torch.randperm(len(rows), generator=generator)[: _SAMPLE_PER_LIST * n_clusters].to(rows.device)
    return nearest_center(rows, k_means(rows[drawn], n_clusters, steps=_STEPS))


class BlocksBackend:
    """Approximate search with one matrix product per list of nearby points, and a recall of at least 0.99.

    The points are split into lists by k-means. One product compares all points of a list with those of the nearest
    lists; the number of lists is chosen so that they contain the true neighbours of sampled rows. With many
    columns, products of the leading principal components select candidates first.
    """

    name: ClassVar[str] = "blocks"
    library: ClassVar[str | None] = None

    def available(self) -> bool:
        """Returns True, because no library is needed."""
        return True

    def supports(self, metric: Metric) -> bool:
        """Returns whether a metric is Euclidean on transformed rows."""
        return is_euclidean(metric)

    def search(
        self, X: torch.Tensor, k: int, *, metric: Metric, random_state: int = 0
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Finds neighbours, see :meth:`NeighborBackend.search`."""
        generator = torch.Generator().manual_seed(random_state)
        points = EuclideanRows(X, metric)
        trial = Trial.drawn(X, k, metric, generator)
        sketched = points.dim > _FEW_COLUMNS
        rows = sketch_of(points, _SKETCH_COLUMNS, generator) if sketched else points.centered(points.dtype)
        lists = split_into_lists(rows, _LIST_SIZE, generator)
        n_lists = _lists_needed(lists, trial)
        n_candidates = _candidates_needed(rows, trial) if sketched else 0
        while True:
            search = _Search(points, k, lists, n_lists, rows if n_candidates else None, n_candidates)
            indices, dists = search.all()
            recall = trial.recall(points, indices[trial.rows])
            log.debug(
                "blocks: %d of %d lists, %d candidates, recall %.4f", n_lists, len(lists), n_candidates, recall
            )
            if recall >= _WANTED_RECALL or (n_lists >= len(lists) and not n_candidates):
                return indices, dists
            # with too many candidates, the sketch saves nothing and is left out
            n_candidates = 2 * n_candidates if n_candidates < _MOST_CANDIDATES else 0
            n_lists = min(2 * n_lists, len(lists))


class _Search(NamedTuple):
    """The settings of a search, which are the same for all lists; there are candidates only with a sketch."""

    points: EuclideanRows
    k: int
    lists: _Lists
    n_lists: int
    sketch: torch.Tensor | None
    n_candidates: int

    def all(self) -> tuple[torch.Tensor, torch.Tensor]:
        """Returns indices and distances for all points, each of shape (n, k)."""
        shape, device = (len(self.points), self.k), self.points.X.device
        indices = torch.empty(shape, dtype=torch.int64, device=device)
        dists = torch.empty(shape, dtype=torch.float32, device=device)
        # each part of a list converts all others: up to four threads, parts are as large as on one
        most = min(_BLOCK_ELEMENTS, part_size(4 * _BLOCK_ELEMENTS, device))

        def search_list(number: int) -> None:
            others = self.lists.near(number, self.n_lists, self.k + 1)
            for queries in torch.split(self.lists.of(number), max(1, most // len(others))):
                nearest = self.nearest(number, queries, others)
                indices[queries], dists[queries] = nearest.indices, self.points.distances(nearest.sq_dists)

        ranks, n_points = current_ranks(), len(self.points)
        numbers = range(len(self.lists))[ranks.share(len(self.lists))]
        with parallel_map(len(numbers), device) as apply:
            list(apply(search_list, numbers))
        if ranks.size > 1:
            bounds = self.lists.bounds
            sizes = [bounds[one.stop] - bounds[one.start] for one in ranks.shares(len(self.lists))]
            own = self.lists.members[bounds[numbers.start] : bounds[numbers.stop]]
            for of_points in (indices, dists):
                of_points[self.lists.members] = ranks.gather(of_points[own], n_points, sizes=sizes)
        return indices, dists

    def nearest(self, number: int, queries: torch.Tensor, others: torch.Tensor) -> Nearest:
        """Finds the nearest of the other points to rows of one list."""
        if self.sketch is not None:
            others = others[self._candidates(number, queries, others)]
        center = self.points.at(queries).mean(dim=0)
        rows = self.points.around(center, queries)
        block = expanded(rows, self.points.around(center, others))
        nearest = nearest_in_block(self.points, queries, others, block, sq_norms_of(rows), self.k, in_order=False)
        uncertain = (~nearest.certain).nonzero().squeeze(1)
        if len(uncertain):
            better = self._in_double_precision(center, queries[uncertain], others)
            for old, new in zip(nearest, better, strict=True):
                old[uncertain] = new
        return nearest

    def _candidates(self, number: int, queries: torch.Tensor, others: torch.Tensor) -> torch.Tensor:
        assert self.sketch is not None
        center = self.lists.centers[number].to(self.sketch.dtype)
        query_rows, other_rows = (
            (self.sketch.index_select(0, rows) - center).to(torch.float32) for rows in (queries, others)
        )
        # one more, because each row is its own candidate
        return smallest_columns(expanded(query_rows, other_rows), max(self.n_candidates, self.k) + 1)

    def _in_double_precision(self, center: torch.Tensor, queries: torch.Tensor, others: torch.Tensor) -> Nearest:
        query_rows, other_rows = (self.points.at(rows).to(torch.float64) - center for rows in (queries, others))
        block = expanded(query_rows, other_rows)
        return nearest_in_block(self.points, queries, others, block, sq_norms_of(query_rows), self.k)


def _lists_needed(lists: _Lists, trial: Trial) -> int:
    """Returns the number of nearest lists that contain enough of the true neighbours."""
    own, of_neighbors = lists.of_point[trial.rows], lists.of_point[trial.neighbors]
    sq_dists = lists.sq_dists_from(own)
    ranks = torch.searchsorted(sq_dists.sort(dim=1).values, sq_dists.gather(1, of_neighbors))
    return 1 + _quantile(ranks[trial.informative()], _AIM)


def _candidates_needed(rows: torch.Tensor, trial: Trial) -> int:
    """Returns the number of nearest rows of the sketch that contain enough of the true neighbours."""
    informative = trial.informative().nonzero().squeeze(1)[:_SKETCH_TRIAL_ROWS]
    queries, true_neighbors, ranks = trial.rows[informative], trial.neighbors[informative], []
    n_nearest = min(_MOST_CANDIDATES, len(rows))
    for chunk, neighbors in zip(torch.split(queries, 50), torch.split(true_neighbors, 50), strict=True):
        block = expanded(rows[chunk], rows)
        nearest = smallest(block, n_nearest)[0].sort(dim=1).values
        ranks.append(torch.searchsorted(nearest, block.gather(1, neighbors).contiguous()))
    return 1 + _quantile(torch.cat(ranks), _SKETCH_AIM)


def _quantile(ranks: torch.Tensor, share: float) -> int:
    """Returns the rank up to which a share of the ranks lies; 0 if there are none."""
    ordered = ranks.flatten().sort().values
    return int(ordered[int(share * (len(ordered) - 1))]) if len(ordered) else 0


_SAMPLE_ROWS = 4000


def sketch_of(points: EuclideanRows, n_columns: int, generator: torch.Generator) -> torch.Tensor:
    """Projects points onto the leading principal components of a sample.

    Args:
        points: n points with d columns.
        n_columns: Number of components, at most d.
        generator: Draws the sample.

    Returns:
        Shape (n, n_columns), centred, in the points' dtype.
    """
    drawn = torch.randperm(len(points), generator=generator)[:_SAMPLE_ROWS].to(points.X.device)
    center = points.center()
    sample = points.at(drawn).to(torch.float64) - center
    _, directions = torch.linalg.eigh(sample.T @ sample)
    directions, center = directions[:, -n_columns:].to(points.dtype), center.to(points.dtype)
    sketch = torch.empty(len(points), directions.shape[1], dtype=points.dtype, device=points.X.device)
    for chunk in points.chunks():
        sketch[chunk] = (points.at(chunk) - center) @ directions
    return sketch
