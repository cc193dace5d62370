"""The protocol of neighbour searches, and what several of them share."""

from __future__ import annotations

from typing import ClassVar, Protocol

import torch

from paradime.types import Metric

__all__ = ["NeighborBackend", "as_euclidean", "centered", "from_euclidean", "without_self"]

_ON_DIRECTIONS = ("cosine", "correlation")


class NeighborBackend(Protocol):
    """Finds the k nearest neighbours of every row."""

    name: ClassVar[str]

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


def centered(X: torch.Tensor) -> torch.Tensor:
    """Returns rows in double precision with the columns' means removed.

    Distances do not change, and formulas that expand ‖a − b‖² keep their precision far from the origin.
    """
    X = X.to(torch.float64)
    return X - X.mean(dim=0)


def as_euclidean(X: torch.Tensor, metric: Metric) -> torch.Tensor | None:
    """Returns rows whose Euclidean distances have the order of ``metric``, or ``None`` if there are none.

    Args:
        X: Shape (n, d).
        metric: The distance.

    Returns:
        Shape (n, d), float64.
    """
    if metric in ("euclidean", "sqeuclidean", "l2"):
        return centered(X)
    if metric not in _ON_DIRECTIONS:
        return None
    X = X.to(torch.float64)
    if metric == "correlation":
        X = X - X.mean(dim=1, keepdim=True)
    norms = torch.linalg.vector_norm(X, dim=1, keepdim=True)
    # a row of zeros has no direction: it stays at the origin, at cosine distance 1/2 of every other
    return X / torch.where(norms > 0, norms, 1)


def from_euclidean(sq_dists: torch.Tensor, metric: Metric) -> torch.Tensor:
    """Turns squared distances of :func:`as_euclidean` rows into distances of ``metric``, float32."""
    if metric == "sqeuclidean":
        return sq_dists.to(torch.float32)
    if metric in _ON_DIRECTIONS:
        return (sq_dists / 2).to(torch.float32)
    return sq_dists.sqrt().to(torch.float32)


def without_self(indices: torch.Tensor, dists: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Removes each point from its own neighbours, or else its last neighbour.

    A duplicate may stand before the point itself, or push it out: it is found by index, never by position.

    Args:
        indices: Neighbours of every point, possibly with itself, shape (n, k + 1).
        dists: Distances, shape (n, k + 1).

    Returns:
        Indices and distances, each of shape (n, k), in the same order.
    """
    own = indices == torch.arange(len(indices), device=indices.device)[:, None]
    own[:, -1] |= ~own.any(dim=1)
    shape = len(indices), indices.shape[1] - 1
    return indices[~own].view(shape), dists[~own].view(shape)
