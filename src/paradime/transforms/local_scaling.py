"""The choice of neighbours by distances in units of the points' own scales."""

from __future__ import annotations

from typing import ClassVar

import torch

from paradime._registry import TRANSFORMS
from paradime.relationdata import NeighborRelationTuple, RelationData
from paradime.transforms.base import RelationTransform

__all__ = ["LocalScaling"]


@TRANSFORMS.register("local scaling")
class LocalScaling(RelationTransform):
    """Keeps the nearest neighbours by d²/(σᵢ σⱼ), as PaCMAP does, and sets their relations to 1.

    σᵢ is the mean distance of point i to its 4th to 6th neighbour, so that points where the data are dense and
    points where they are not become each other's neighbours on equal terms.

    Args:
        n_neighbors: Neighbours preserved of each point, at least 1; all that are stored if these are fewer.
        n_extra: Neighbours looked at beyond these, at least 0.

    Raises:
        ValueError: If a number is out of range.

    Source: Wang et al., "Understanding how dimension reduction tools work: PaCMAP", 2021, section 4.1.

    Example:
        >>> LocalScaling(1)(([[1, 2], [0, 2], [1, 0]], [[1.0, 3.0], [1.0, 2.0], [2.0, 3.0]])).data[0].tolist()
        [[1], [0], [1]]
    """

    _SCALE: ClassVar[slice] = slice(3, 6)

    def __init__(self, n_neighbors: int = 10, n_extra: int = 50) -> None:
        if n_neighbors < 1:
            raise ValueError(f"n_neighbors must be at least 1, got {n_neighbors}.")
        if n_extra < 0:
            raise ValueError(f"n_extra must be at least 0, got {n_extra}.")
        self.n_neighbors = n_neighbors
        self.n_extra = n_extra

    def neighbors_wanted(self) -> int | None:
        return self.n_neighbors + self.n_extra

    def neighbors_needed(self) -> int | None:
        return self.n_neighbors

    def transform(self, reldata: RelationData) -> RelationData:
        stored = reldata.to_neighbor_tuple().without_diagonal()
        assert isinstance(stored, NeighborRelationTuple)
        n, k = stored.indices.shape
        own = torch.arange(n, device=stored.indices.device)[:, None]
        dists = torch.where(stored.indices == own, torch.inf, stored.values)
        # in a row all distances have the same σᵢ: only the other one matters for their order
        scaled = dists / self._scales(dists).sqrt()[stored.indices]
        kept = scaled.topk(min(self.n_neighbors, k), dim=1, largest=False, sorted=True).indices
        indices, found = stored.indices.gather(1, kept), dists.gather(1, kept).isfinite()
        # rows that store too few are filled up with the point itself, at 0
        return NeighborRelationTuple._of(torch.where(found, indices, own), found.to(stored.values.dtype))

    def _scales(self, dists: torch.Tensor) -> torch.Tensor:
        """Returns σ, shape (n,): of the last neighbours there are where these are fewer, and never 0."""
        nearest = dists.topk(min(self._SCALE.stop, dists.shape[1]), dim=1, largest=False, sorted=True).values
        there = nearest.isfinite()
        # the farthest of a row that stores too few stands for those that are missing
        farthest = torch.where(there, nearest, 0).amax(dim=1, keepdim=True)
        used = torch.where(there, nearest, farthest)[:, self._SCALE]
        scales = farthest.squeeze(1) if used.shape[1] == 0 else used.mean(dim=1)
        return scales.clamp_min(torch.finfo(dists.dtype).tiny)
