"""Differentiable distances in the embedding."""

from __future__ import annotations

from typing import Any, ClassVar

import torch

from paradime._registry import RELATIONS
from paradime.functional import condensed_distances, paired_distances, pairwise_distances
from paradime.relationdata import (
    EuclideanPairsTensor,
    EuclideanRelationTensor,
    FlatRelationTensor,
    RelationData,
    SquareRelationTensor,
    TriangularRelationTensor,
)
from paradime.relations.base import Relations, require_points
from paradime.transforms import (
    RelationTransform,
    ToFlatArray,
    ToFlatTensor,
    ToSquareArray,
    ToSquareTensor,
    ToTriangularArray,
    ToTriangularTensor,
)
from paradime.types import BinaryTensorFun
from paradime.utils.convert import as_tensor

__all__ = ["DifferentiablePDist", "DistsFromTo"]


_CONVERSIONS = (
    ToFlatArray,
    ToFlatTensor,
    ToSquareArray,
    ToSquareTensor,
    ToTriangularArray,
    ToTriangularTensor,
)


@RELATIONS.register("pdistdiff")
class DifferentiablePDist(Relations):
    """Distances between all pairs of points of a batch, each pair once; differentiable.

    Args:
        p: Order of the Minkowski distance, used without ``metric``; also ``metric_p``.
        metric: A name (``"euclidean"``, ``"sqeuclidean"``, ``"manhattan"``, ``"chebyshev"``, ``"cosine"``), or
            a function of two (b, b, d) tensors, which have point i and point j at (i, j), that returns the (b, b)
            distances along their last dimension. The result of a function is square, and need not be symmetric.
        transform: One transform, or several that are applied in order.
        data_key: The entry of the batch whose embedding is used.

    Example:
        >>> import torch
        >>> DifferentiablePDist().compute_relations(torch.tensor([[0.0], [3.0], [4.0]])).data
        tensor([3., 4., 1.])
    """

    def __init__(
        self,
        p: float = 2,
        metric: str | BinaryTensorFun | None = None,
        transform: RelationTransform | list[RelationTransform] | None = None,
        data_key: str = "main",
    ) -> None:
        super().__init__(transform, data_key)
        _check_name(metric)
        if not p >= 0:
            raise ValueError(f"p must not be negative, got {p}. 2 is the Euclidean distance.")
        self.p = p
        self.metric = metric

    @property
    def metric_p(self) -> float:
        """The order ``p`` under its name in version 1."""
        return self.p

    @metric_p.setter
    def metric_p(self, p: float) -> None:
        self.p = p

    @property
    def are_distances(self) -> bool:
        """Whether the values of the transformed result are lengths in the embedding."""
        only_conversions = all(isinstance(transform, _CONVERSIONS) for transform in self.transform)
        return only_conversions and self.metric in (None, "euclidean", "manhattan", "chebyshev")

    def compute_relations(self, X: Any = None, **kwargs: Any) -> RelationData:
        """Computes the distances of points, shape (b, d).

        Returns:
            The transformed distances. Transforms get the triangular layout, or square if the metric is a function.

        Raises:
            ValueError: If a function as metric returns another shape than (b, b).
        """
        require_points(X, "DifferentiablePDist")
        points = as_tensor(X)
        if callable(self.metric):
            return self.apply_transforms(SquareRelationTensor._of(pairwise_distances(points, self.metric)))
        if self.metric == "euclidean" or (self.metric is None and self.p == 2):
            return self.apply_transforms(EuclideanRelationTensor(points))
        dists = condensed_distances(points, p=self.p, metric=self.metric)
        return self.apply_transforms(TriangularRelationTensor._of(dists))


@RELATIONS.register("fromto")
class DistsFromTo(Relations):
    """Distances between the two points of each pair of a batch; differentiable.

    Args:
        metric: A name (``"euclidean"``, ``"sqeuclidean"``, ``"manhattan"``, ``"chebyshev"``, ``"cosine"``), or
            a function of two (m, d) tensors that returns the m distances of their rows.
        transform: One transform, or several that are applied in order.
        data_key: The entry of the batch whose embedding is used.

    Example:
        >>> import torch
        >>> pairs = torch.tensor([[[0.0], [1.0]], [[3.0], [1.0]]])
        >>> DistsFromTo().compute_relations(pairs).data
        tensor([3., 0.])
    """

    levels: ClassVar[frozenset[str]] = frozenset({"batch"})
    needs: ClassVar[str] = "pairs"

    def __init__(
        self,
        metric: str | BinaryTensorFun | None = None,
        transform: RelationTransform | list[RelationTransform] | None = None,
        data_key: str = "main",
    ) -> None:
        super().__init__(transform, data_key)
        _check_name(metric)
        self.metric = metric

    def compute_relations(self, X: Any = None, **kwargs: Any) -> RelationData:
        """Computes the transformed distances of pairs, shape (2, m, d); transforms get the flat layout.

        Raises:
            ValueError: If ``X`` does not consist of two arrays of the same shape.
        """
        require_points(X, "DistsFromTo")
        if len(X) != 2 or X[0].shape != X[1].shape:
            shapes = [tuple(points.shape) for points in X]
            raise ValueError(
                f"DistsFromTo compares pairs: X must have shape (2, m, d), got arrays of shapes {shapes}. "
                "Pass the first and the second points of the pairs."
            )
        if self.metric in (None, "euclidean") and isinstance(X, torch.Tensor):
            return self.apply_transforms(EuclideanPairsTensor(X))
        return self.apply_transforms(FlatRelationTensor._of(paired_distances(X[0], X[1], metric=self.metric)))


def _check_name(metric: str | BinaryTensorFun | None) -> None:
    """Raises a ValueError if a metric's name is unknown."""
    if isinstance(metric, str):
        one = torch.ones(1, 1)
        paired_distances(one, one, metric=metric)
