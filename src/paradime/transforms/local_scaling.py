"""Selection of neighbours by locally scaled distances."""

from __future__ import annotations

from typing import ClassVar

import torch

from paradime._registry import TRANSFORMS
from paradime.relationdata import NeighborRelationTuple, RelationData
from paradime.transforms.base import RelationTransform
from paradime.utils.arguments import check_integer

__all__ = ["LocalScaling"]


@TRANSFORMS.register("local scaling")
class LocalScaling(RelationTransform):
    """Selects the nearest neighbours by d²/(σᵢ σⱼ), as in PaCMAP, and sets their relations to 1.

    σᵢ is the mean distance of point i to its 4th to 6th neighbour, which compensates for different densities.

    Args:
        n_neighbors: Number of neighbours per point, at least 1; all stored ones if there are fewer.
        n_extra: Number of further candidates, at least 0.

    Raises:
        ValueError: If a number is out of range.

    Source: Wang et al., "Understanding how dimension reduction tools work: PaCMAP", 2021, section 4.1.

    Example:
        >>> LocalScaling(1)(([[1, 2], [0, 2], [1, 0]], [[1.0, 3.0], [1.0, 2.0], [2.0, 3.0]])).data[0].tolist()
        [[1], [0], [1]]
    """

    _SCALE: ClassVar[slice] = slice(3, 6)

    def __init__(self, n_neighbors: int = 10, n_extra: int = 50) -> None:
        check_integer("n_neighbors", n_neighbors, remedy="10 suits most data.")
        check_integer("n_extra", n_extra, 0, remedy="50 suits most data.")
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
        # σᵢ is the same for all distances in a row, so that it has no effect on their order
        scaled = dists / self._scales(dists).sqrt()[stored.indices]
        selected = scaled.topk(min(self.n_neighbors, k), dim=1, largest=False, sorted=True).indices
        indices, exists = stored.indices.gather(1, selected), dists.gather(1, selected).isfinite()
        # rows with fewer neighbours are padded with the point itself, at 0
        return NeighborRelationTuple._of(torch.where(exists, indices, own), exists.to(stored.values.dtype))

    def _scales(self, dists: torch.Tensor) -> torch.Tensor:
        """Returns σ > 0, shape (n,); rows with fewer than 6 neighbours use the last ones."""
        nearest = dists.topk(min(self._SCALE.stop, dists.shape[1]), dim=1, largest=False, sorted=True).values
        exists = nearest.isfinite()
        # missing neighbours are replaced by the farthest of the row
        farthest = torch.where(exists, nearest, 0).amax(dim=1, keepdim=True)
        used = torch.where(exists, nearest, farthest)[:, self._SCALE]
        scales = farthest.squeeze(1) if used.shape[1] == 0 else used.mean(dim=1)
        return scales.clamp_min(torch.finfo(dists.dtype).tiny)
