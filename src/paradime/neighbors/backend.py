"""The protocol of neighbour searches, and a shared helper."""

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
        """Returns whether this backend supports a metric."""

    def search(
        self, X: torch.Tensor, k: int, *, metric: Metric, random_state: int
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Finds neighbours.

        Args:
            X: Finite values, shape (n, d).
            k: Number of neighbours, in [1, n − 1]; a point is not its own neighbour.
            metric: The metric.
            random_state: Seed of randomised searches.

        Returns:
            Indices (int64) and distances (float32), each of shape (n, k), distances ascending.
        """


def without_self(
    indices: torch.Tensor, dists: torch.Tensor, own: torch.Tensor | None = None
) -> tuple[torch.Tensor, torch.Tensor]:
    """Removes each point from its own neighbours; if it is not among them, removes the last neighbour.

    The point is recognised by its index, because a duplicate may precede or replace it.

    Args:
        indices: Neighbours of every point, with or without itself, shape (m, k + 1).
        dists: Distances, shape (m, k + 1).
        own: The points' own indices, shape (m,); 0, 1, … if ``None``.

    Returns:
        Indices and distances, each of shape (m, k), in the same order.
    """
    if own is None:
        own = torch.arange(len(indices), device=indices.device)
    removed = indices == own[:, None]
    removed[:, -1] |= ~removed.any(dim=1)
    shape = len(indices), indices.shape[1] - 1
    return indices[~removed].view(shape), dists[~removed].view(shape)
