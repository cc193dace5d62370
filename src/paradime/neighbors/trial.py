"""Sampled rows whose true neighbours are known, which tell how well a search does."""

from __future__ import annotations

from typing import NamedTuple

import torch

from paradime.neighbors.euclidean import EuclideanRows
from paradime.neighbors.exact import exact_neighbors_of
from paradime.types import Metric

__all__ = ["Trial"]

_ROWS = 600
_SAME = 1 + 1e-5


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
            metric: The distance.
            generator: Draws the rows.
            n_rows: How many.
        """
        rows = torch.randperm(len(X), generator=generator)[:n_rows].to(X.device)
        neighbors, dists = exact_neighbors_of(X, rows, k, metric=metric)
        return cls(rows, neighbors, dists[:, -1])

    def telling(self) -> torch.Tensor:
        """Which rows tell where neighbours are: those with more than k copies have neighbours everywhere, (m,)."""
        return self.farthest > 0

    def recall(self, points: EuclideanRows, found: torch.Tensor) -> float:
        """Returns the share of neighbours found that are no farther than the k-th true one.

        Where several are equally far, a search may return any of these.

        Args:
            points: All points.
            found: Indices found for the rows of this trial, shape (m, q); the row itself does not count, nor does
                an index that comes twice.
        """
        found = found.sort(dim=1).values
        pairs = self.rows.repeat_interleave(found.shape[1]), found.flatten()
        dists = points.distances(points.pair_sq_dists(*pairs)).view(found.shape)
        near = (dists <= self.farthest[:, None] * _SAME) & (found != self.rows[:, None])
        near[:, 1:] &= found.diff(dim=1) != 0
        return float(near.sum(dim=1).clamp(max=self.neighbors.shape[1]).sum()) / self.neighbors.numel()
