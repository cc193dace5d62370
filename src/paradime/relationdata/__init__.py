"""Containers for relations between points, one per layout, with a common interface."""

from paradime.relationdata.base import RelationData, relation_factory
from paradime.relationdata.dense import (
    FlatRelationArray,
    FlatRelationTensor,
    SquareRelationArray,
    SquareRelationTensor,
    TriangularRelationArray,
    TriangularRelationTensor,
)
from paradime.relationdata.euclidean import EuclideanPairsTensor, EuclideanRelationTensor, KernelRelationTensor
from paradime.relationdata.neighbors import NeighborRelationTuple
from paradime.relationdata.sparse import SparseRelationArray

__all__ = [
    "EuclideanPairsTensor",
    "EuclideanRelationTensor",
    "FlatRelationArray",
    "FlatRelationTensor",
    "KernelRelationTensor",
    "NeighborRelationTuple",
    "RelationData",
    "SparseRelationArray",
    "SquareRelationArray",
    "SquareRelationTensor",
    "TriangularRelationArray",
    "TriangularRelationTensor",
    "relation_factory",
]
