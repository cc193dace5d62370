"""Sampled rows with their true neighbours, to measure the recall of a search."""

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
