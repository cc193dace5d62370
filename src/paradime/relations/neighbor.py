"""Distances between each point and its nearest neighbours."""

from __future__ import annotations

import logging
from typing import Any, ClassVar

from paradime._registry import RELATIONS
from paradime.neighbors import nearest_neighbors
from paradime.relationdata import NeighborRelationTuple, RelationData
from paradime.relations.base import Relations, require_points
from paradime.transforms import RelationTransform
from paradime.types import Metric
from paradime.utils.convert import as_tensor
from paradime.utils.logging import report

__all__ = ["NeighborBasedPDist"]

log = logging.getLogger(__name__)


@RELATIONS.register("neighbor")
class NeighborBasedPDist(Relations):
    """Distances between each point and its nearest neighbours; those to all others count as not stored.

    Args:
        n_neighbors: Number of neighbours k ≥ 1. If ``None``: what the first transform that needs neighbours
            asks for (3 × perplexity, or the connectivity's ``n_neighbors``), else 5 % of n.
        metric: ``"euclidean"`` (also ``None``), ``"cosine"``, ``"manhattan"``, another name that SciPy or
            PyNNDescent knows, or a function of two rows.
        transform: One transform, or several that are applied in order.
        data_key: The entry of the data set that the distances are computed of.
        verbose: Whether to log what is done.
        backend: The search, ``"auto"``, ``"exact"``, ``"faiss"`` or ``"pynndescent"``.
        random_state: Seed, for searches that draw at random.

    Raises:
        ValueError: If a transform does not suit the number of points, e.g. perplexity ≥ n.

    Example:
        >>> NeighborBasedPDist(1).compute_relations([[0.0], [3.0], [4.0]]).data[0].tolist()
        [[1], [2], [1]]
    """

    levels: ClassVar[frozenset[str]] = frozenset({"global"})
    full_precision: ClassVar[bool] = True

    def __init__(
        self,
        n_neighbors: int | None = None,
        metric: Metric | None = None,
        transform: RelationTransform | list[RelationTransform] | None = None,
        data_key: str = "main",
        verbose: bool = False,
        *,
        backend: str = "auto",
        random_state: int = 0,
    ) -> None:
        super().__init__(transform, data_key)
        if n_neighbors is not None and n_neighbors < 1:
            raise ValueError(f"n_neighbors must be at least 1, got {n_neighbors}.")
        self.n_neighbors = n_neighbors
        self.metric = metric
        self.verbose = verbose
        self.backend = backend
        self.random_state = random_state

    def compute_relations(self, X: Any = None, **kwargs: Any) -> RelationData:
        """Computes the distances of points, shape (n, d); transformed, in the neighbor layout before."""
        require_points(X, "NeighborBasedPDist")
        points = as_tensor(X)
        for transform in self.transform:
            transform.check_points(len(points))
        report(log, "Indexing nearest neighbors.", verbose=self.verbose)
        indices, dists = nearest_neighbors(
            points.reshape(len(points), -1),
            self._wanted(len(points)),
            metric=self.metric or "euclidean",
            backend=self.backend,
            random_state=self.random_state,
        )
        return self.apply_transforms(NeighborRelationTuple._of(indices.cpu(), dists.cpu()))

    def _wanted(self, n: int) -> int:
        if self.n_neighbors is not None:
            return self.n_neighbors
        asked = (transform.neighbors_wanted() for transform in self.transform)
        return next((k for k in asked if k is not None), max(1, round(0.05 * n)))
