"""Search in lists of near points by matrix products of whole lists."""

from __future__ import annotations

import logging
from typing import ClassVar, NamedTuple

import torch

from paradime.neighbors.euclidean import EuclideanRows, is_euclidean
from paradime.neighbors.lists import Lists, split_into_lists
from paradime.neighbors.products import (
    Nearest,
    expanded,
    nearest_in_block,
    smallest,
    smallest_columns,
    sq_norms_of,
)
from paradime.neighbors.trial import Trial
from paradime.types import Metric

__all__ = ["BlocksBackend", "sketch_of"]

log = logging.getLogger(__name__)

_WANTED_RECALL = 0.992
_AIM = 0.996  # what the sketch loses, and the sample's error, leave 0.99
_SKETCH_AIM = 0.98  # other rows of a list bring candidates too
_SKETCH_TRIAL_ROWS = 200
_BLOCK_ELEMENTS = 1 << 22
_FEW_COLUMNS = 128
_SKETCH_COLUMNS = 64
_MOST_CANDIDATES = 512
_LIST_SIZE = 256


class BlocksBackend:
    """Approximate search in lists of near points, one matrix product a list, with a recall of at least 0.99.

    The points are split into lists by k-means. All points of a list are compared with those of the nearest lists
    by one product; how many lists are looked at follows from where the true neighbours of sampled rows are. With
    many columns, products of the points' leading principal components select candidates first.
    """

    name: ClassVar[str] = "blocks"
    library: ClassVar[str | None] = None

    def available(self) -> bool:
        """Always, since nothing more is needed."""
        return True

    def supports(self, metric: Metric) -> bool:
        """Knows the metrics that are Euclidean on transformed rows."""
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
        n_lists = _lists_wanted(lists, trial)
        n_candidates = _candidates_wanted(rows, trial) if sketched else 0
        while True:
            search = _Search(points, k, lists, n_lists, rows if n_candidates else None, n_candidates)
            found = search.all()
            recall = trial.recall(points, found[0][trial.rows])
            log.debug(
                "blocks: %d of %d lists, %d candidates, recall %.4f", n_lists, len(lists), n_candidates, recall
            )
            if recall >= _WANTED_RECALL or (n_lists >= len(lists) and not n_candidates):
                return found
            # a sketch that does not narrow the search is left out
            n_candidates = 2 * n_candidates if n_candidates < _MOST_CANDIDATES else 0
            n_lists = min(2 * n_lists, len(lists))


class _Search(NamedTuple):
    """What is the same for all lists; without a sketch there are no candidates."""

    points: EuclideanRows
    k: int
    lists: Lists
    n_lists: int
    sketch: torch.Tensor | None
    n_candidates: int

    def all(self) -> tuple[torch.Tensor, torch.Tensor]:
        """Returns indices and distances for all points, each of shape (n, k)."""
        shape, device = (len(self.points), self.k), self.points.X.device
        indices = torch.empty(shape, dtype=torch.int64, device=device)
        dists = torch.empty(shape, dtype=torch.float32, device=device)
        for number in range(len(self.lists)):
            others = self.lists.near(number, self.n_lists, self.k + 1)
            for asked in torch.split(self.lists.of(number), max(1, _BLOCK_ELEMENTS // len(others))):
                found = self.nearest(number, asked, others)
                indices[asked], dists[asked] = found.indices, self.points.distances(found.sq_dists)
        return indices, dists

    def nearest(self, number: int, asked: torch.Tensor, others: torch.Tensor) -> Nearest:
        """Finds the nearest of some points to rows of one list."""
        if self.sketch is not None:
            others = others[self._candidates(number, asked, others)]
        center = self.points.at(asked).mean(dim=0)
        mine = self.points.around(center, asked)
        block = expanded(mine, self.points.around(center, others))
        found = nearest_in_block(self.points, asked, others, block, sq_norms_of(mine), self.k, in_order=False)
        doubtful = (~found.certain).nonzero().squeeze(1)
        if len(doubtful):
            better = self._in_double_precision(center, asked[doubtful], others)
            for old, new in zip(found, better, strict=True):
                old[doubtful] = new
        return found

    def _candidates(self, number: int, asked: torch.Tensor, others: torch.Tensor) -> torch.Tensor:
        assert self.sketch is not None
        center = self.lists.centers[number].to(self.sketch.dtype)
        mine, theirs = ((self.sketch.index_select(0, rows) - center).to(torch.float32) for rows in (asked, others))
        # each row finds itself among its candidates
        return smallest_columns(expanded(mine, theirs), max(self.n_candidates, self.k) + 1)

    def _in_double_precision(self, center: torch.Tensor, asked: torch.Tensor, others: torch.Tensor) -> Nearest:
        mine, theirs = (self.points.at(rows).to(torch.float64) - center for rows in (asked, others))
        sq_norms = sq_norms_of(mine)
        return nearest_in_block(self.points, asked, others, expanded(mine, theirs), sq_norms, self.k)


def _lists_wanted(lists: Lists, trial: Trial) -> int:
    """How many of the nearest lists hold enough of the true neighbours."""
    own, theirs = lists.of_point[trial.rows], lists.of_point[trial.neighbors]
    sq_dists = lists.sq_dists_from(own)
    ranks = torch.searchsorted(sq_dists.sort(dim=1).values, sq_dists.gather(1, theirs))
    return 1 + _share(ranks[trial.telling()], _AIM)


def _candidates_wanted(rows: torch.Tensor, trial: Trial) -> int:
    """How many nearest rows of the sketch hold enough of the true neighbours; a list's other rows add to these."""
    telling = trial.telling().nonzero().squeeze(1)[:_SKETCH_TRIAL_ROWS]
    asked, ranks = trial.rows[telling], []
    n_nearest = min(_MOST_CANDIDATES, len(rows))
    for part, neighbors in zip(torch.split(asked, 50), torch.split(trial.neighbors[telling], 50), strict=True):
        block = expanded(rows[part], rows)
        nearest = smallest(block, n_nearest)[0].sort(dim=1).values
        ranks.append(torch.searchsorted(nearest, block.gather(1, neighbors).contiguous()))
    return 1 + _share(torch.cat(ranks), _SKETCH_AIM)


def _share(ranks: torch.Tensor, share: float) -> int:
    """Returns the rank below which, or at which, a share of the ranks lies."""
    ordered = ranks.flatten().sort().values
    return int(ordered[int(share * (len(ordered) - 1))]) if len(ordered) else 0


_SAMPLE_ROWS = 4000


def sketch_of(points: EuclideanRows, n_columns: int, generator: torch.Generator) -> torch.Tensor:
    """Returns the leading principal components, as a sample of the points shows them.

    Args:
        points: n points of d columns.
        n_columns: How many components, at most d.
        generator: Draws the sample.

    Returns:
        Shape (n, n_columns), centred, of the points' type.
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
