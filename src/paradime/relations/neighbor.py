"""Distances between each point and its nearest neighbours."""

from __future__ import annotations

import logging
import warnings
from typing import Any, ClassVar

import numpy as np
import scipy.sparse
import torch

from paradime._registry import RELATIONS
from paradime.data.columns import power_of
from paradime.neighbors import (
    check_search,
    given_neighbors,
    measured_recall,
    nearest_neighbors,
    neighbors_of_distances,
    neighbors_of_graph,
)
from paradime.neighbors.given import check_square, looks_like_membership, looks_like_similarities
from paradime.relationdata import NeighborRelationTuple, RelationData
from paradime.relations.base import Relations, require_points
from paradime.transforms import RelationTransform
from paradime.types import Metric
from paradime.utils.arguments import check_integer
from paradime.utils.autograd import copyable
from paradime.utils.logging import report, verbosely
from paradime.utils.rows import Rows, rows_of

__all__ = ["NeighborBasedPDist"]

log = logging.getLogger(__name__)


@RELATIONS.register("neighbor")
class NeighborBasedPDist(Relations):
    """Distances between each point and its nearest neighbours; other distances are not stored.

    Each row begins with the point itself at distance 0, as in version 1. Transforms that rescale rows ignore it.

    Args:
        n_neighbors: Number of other points k ≥ 1. If ``None``, the number that the first transform with such a
            number needs (3 × perplexity, or the connectivity's ``n_neighbors``), else 5 % of n.
        metric: ``"euclidean"`` (also ``None``), ``"cosine"``, ``"manhattan"``, another metric of SciPy or
            PyNNDescent, or a function of two rows. ``"haversine"`` takes two columns, latitude and longitude in
            radians.
        transform: One transform, or several that are applied in order.
        data_key: The entry of the data set from which the distances are computed.
        verbose: Whether to log progress.
        backend: The search, ``"auto"``, ``"exact"``, ``"blocks"``, ``"faiss"`` or ``"pynndescent"``.
        random_state: Seed of randomised searches.
        precomputed: Precomputed neighbours instead of a search: a pair of indices and distances, each of shape
            (n, k); a SciPy sparse matrix (n, n) of the distances to neighbours; or a dense matrix (n, n) of all
            distances. Points themselves are removed, and the ``n_neighbors`` nearest others are used.
        include_self: Whether each row begins with the point itself.
        measure_recall: Whether to measure the recall of the search on 500 sampled rows, and store it in
            ``recall`` (otherwise ``None``).

    Raises:
        ValueError: If the metric's or backend's name is unknown; if a transform is not possible for the number of
            points, e.g. perplexity ≥ n; or if precomputed neighbours do not match the points, or are fewer than
            ``n_neighbors``.

    Example:
        >>> NeighborBasedPDist(1).compute_relations([[0.0], [3.0], [4.0]]).data[0].tolist()
        [[0, 1], [1, 2], [2, 1]]
        >>> NeighborBasedPDist(1, include_self=False).compute_relations([[0.0], [3.0], [4.0]]).data[0].tolist()
        [[1], [2], [1]]
    """

    levels: ClassVar[frozenset[str]] = frozenset({"global"})
    full_precision: ClassVar[bool] = True
    on_cuda: ClassVar[bool] = True

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
        precomputed: Any = None,
        include_self: bool = True,
        measure_recall: bool = False,
    ) -> None:
        super().__init__(transform, data_key)
        if n_neighbors is not None:
            check_integer("n_neighbors", n_neighbors, remedy="15 suits most data.")
        _check_parts(precomputed)
        check_search(metric, backend)
        self.n_neighbors = n_neighbors
        self.metric = metric
        self.verbose = verbose
        self.backend = backend
        self.random_state = random_state
        self.precomputed = copyable(precomputed)
        self.include_self = include_self
        self.measure_recall = measure_recall
        self.recall: float | None = None

    def compute_relations(self, X: Any = None, **kwargs: Any) -> RelationData:
        """Computes the transformed distances of points, shape (n, d); transforms get neighbours, shape (n, 1 + k).

        Sparse points are not made dense. With precomputed neighbours ``X`` may be ``None``, unless the recall is
        measured.
        """
        if self.precomputed is None or self.measure_recall:
            require_points(X, "NeighborBasedPDist")
        points = None if X is None else rows_of(X).flat()
        n = len(points) if points is not None else _n_points(self.precomputed)
        for transform in self.transform:
            transform.check_points(n)
        with verbosely(self.verbose):
            neighbors = self._given(n, points) if self.precomputed is not None else self._searched(points)
            self.recall = self._measured(points, neighbors[0])
        indices, dists = (tensor.cpu() for tensor in neighbors)
        del neighbors
        if self.include_self:
            indices = torch.cat((torch.arange(n)[:, None], indices), dim=1)
            dists = torch.nn.functional.pad(dists, (1, 0))
        return self.apply_transforms(NeighborRelationTuple._of(indices, dists))

    def summed_power(self) -> int | None:
        """Returns 2 for Euclidean and 1 for Manhattan distances that are not precomputed, else ``None``."""
        return None if self.precomputed is not None else power_of(self.metric)

    def _searched(self, points: Rows | None) -> tuple[torch.Tensor, torch.Tensor]:
        assert points is not None
        report(log, "Indexing nearest neighbors.")
        k, n = self._wanted(len(points)), len(points)
        if self.n_neighbors is None and k > n - 1 > 0:
            transform = next(t for t in self.transform if t.neighbors_wanted() is not None)
            warnings.warn(
                f"{type(transform).__name__} needs {k} neighbours, got {n} points with {n - 1} others each; "
                f"n_neighbors reduced to n-1 = {n - 1}.",
                stacklevel=4,
            )
            k = n - 1
        return nearest_neighbors(
            points,
            k,
            metric=self.metric or "euclidean",
            backend=self.backend,
            random_state=self.random_state,
        )

    def _given(self, n: int, points: Rows | None) -> tuple[torch.Tensor, torch.Tensor]:
        assert self.precomputed is not None
        if _n_points(self.precomputed) != n:
            raise ValueError(
                f"precomputed neighbours must have one row per point, {n} in all, got "
                f"{_n_points(self.precomputed)}. Pass those of the training rows; or none, so that neighbours are "
                "searched, as for update and partial_fit (of a preset, set_params(precomputed_knn=None))."
            )
        indices, dists = self._as_lists(n)
        k = indices.shape[1]
        n_used = self.n_neighbors or self._needed_by_transform() or k
        self._check_number(k, n_used, n)
        if looks_like_membership(dists):
            warnings.warn(
                f"precomputed distances between neighbours are all {int(dists[0, 0])}, like those of a graph that "
                "shows which points are neighbours, but not how near they are. Pass distances: "
                'kneighbors_graph(X, k, mode="distance") instead of mode="connectivity".',
                stacklevel=4,
            )
        correlation = None if points is None else looks_like_similarities(points, indices, dists)
        if correlation is not None:
            warnings.warn(
                f"precomputed distances must increase with those of the rows, got rank correlation "
                f"{correlation:.2f}: they look like similarities. Pass distances, such as 1 - S or -log(S) for "
                "similarities S.",
                stacklevel=4,
            )
        return indices[:, :n_used].contiguous(), dists[:, :n_used].contiguous()

    def _check_number(self, k: int, n_used: int, n: int) -> None:
        """Raises an error for too few precomputed neighbours, and warns if there are fewer than usual."""
        needs = (transform.neighbors_needed() for transform in self.transform)
        needed = self.n_neighbors or next((need for need in needs if need is not None), 1)
        # one less is accepted for transforms, because some lists count the point itself
        available = k + (self.n_neighbors is None)
        lower = "n_neighbors" if self.n_neighbors else "n_neighbors or the perplexity, from which this follows"
        message = f"be at least {n_used} other points per row, got {k}. Pass more, or lower {lower}."
        if k < n - 1 and available < needed:
            raise ValueError(f"precomputed neighbours must {message}")
        if k < n - 1 and available < n_used:
            warnings.warn(f"precomputed neighbours should {message}", stacklevel=5)

    def _as_lists(self, n: int) -> tuple[torch.Tensor, torch.Tensor]:
        if scipy.sparse.issparse(self.precomputed):
            return given_neighbors(*neighbors_of_graph(self.precomputed))
        if not _is_pair(self.precomputed):
            return neighbors_of_distances(self.precomputed, self._wanted(n))
        return given_neighbors(*self.precomputed)

    def _measured(self, points: Rows | None, indices: torch.Tensor) -> float | None:
        if not self.measure_recall:
            return None
        assert points is not None
        recall = measured_recall(
            points, indices.to(points.device), metric=self.metric or "euclidean", random_state=self.random_state
        )
        report(log, f"Recall of the {indices.shape[1]} nearest neighbors: {recall:.4f}.")
        return recall

    def neighbors_wanted(self) -> int | None:
        """Returns the number of neighbours to search, or ``None`` if it follows from the number of points."""
        return self.n_neighbors or self._needed_by_transform()

    def _needed_by_transform(self) -> int | None:
        numbers = (transform.neighbors_wanted() for transform in self.transform)
        return next((k for k in numbers if k is not None), None)

    def _wanted(self, n: int) -> int:
        if self.n_neighbors is not None:
            return self.n_neighbors
        for transform in self.transform:
            wanted = transform.neighbors_wanted()
            if wanted is not None:
                # limited to the other points without a warning, unless the transform needs more
                return min(wanted, max(n - 1, transform.neighbors_needed() or 1))
        return max(1, round(0.05 * n))


def _is_pair(precomputed: Any) -> bool:
    """Returns whether something is a pair (indices, distances), instead of a matrix, also as nested lists."""
    if isinstance(precomputed, tuple):
        return len(precomputed) == 2
    return isinstance(precomputed, list) and len(precomputed) == 2 and np.ndim(precomputed[0]) == 2


def _check_parts(precomputed: Any) -> None:
    if precomputed is None or _is_pair(precomputed):
        return
    if isinstance(precomputed, tuple) or (not scipy.sparse.issparse(precomputed) and np.ndim(precomputed) != 2):
        is_sequence = isinstance(precomputed, (tuple, list))
        received = f"{len(precomputed)} parts" if is_sequence else type(precomputed).__name__
        raise ValueError(
            "precomputed must be a sparse or a square matrix of distances, or a pair (indices, distances), "
            f"got {received}. Pass one of these."
        )
    check_square(tuple(np.shape(precomputed)))


def _n_points(precomputed: Any) -> int:
    if precomputed is None:
        return 0
    return len(precomputed[0]) if _is_pair(precomputed) else int(np.shape(precomputed)[0])
