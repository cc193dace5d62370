"""The protocol of neighbour searches, and what several of them share."""

from __future__ import annotations

from typing import ClassVar, Protocol

import torch

from paradime.types import Metric

__all__ = ["NeighborBackend", "without_self"]


class NeighborBackend(Protocol):
    """Finds the k nearest neighbours of every row."""

    name: ClassVar[str]
    library: ClassVar[str | None]
    """The library that it needs, as the package index calls it; ``None`` if it needs none."""

    def available(self) -> bool:
        """Returns whether the library that this backend needs is installed."""

    def supports(self, metric: Metric) -> bool:
        """Returns whether this backend knows a metric."""

    def search(
        self, X: torch.Tensor, k: int, *, metric: Metric, random_state: int
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Finds neighbours.

        Args:
            X: Finite values, shape (n, d).
            k: Number of neighbours, in [1, n − 1]; a point is no neighbour of itself.
            metric: The distance.
            random_state: Seed, for searches that draw at random.

        Returns:
            Indices (int64) and distances (float32), each of shape (n, k), distances ascending.
        """


def without_self(
    indices: torch.Tensor, dists: torch.Tensor, own: torch.Tensor | None = None
) -> tuple[torch.Tensor, torch.Tensor]:
    """Removes each point from its own neighbours, or else its last neighbour.

    A duplicate may stand before the point itself, or push it out: it is found by index, never by position.

    Args:
        indices: Neighbours of every point, possibly with itself, shape (m, k + 1).
        dists: Distances, shape (m, k + 1).
        own: The points' own indices, shape (m,); 0, 1, … if ``None``.

    Returns:
        Indices and distances, each of shape (m, k), in the same order.
    """
    if own is None:
        own = torch.arange(len(indices), device=indices.device)
    left_out = indices == own[:, None]
    left_out[:, -1] |= ~left_out.any(dim=1)
    shape = len(indices), indices.shape[1] - 1
    return indices[~left_out].view(shape), dists[~left_out].view(shape)
