"""Containers for relations between points, one per layout, with a common interface."""

from paradime.relationdata.base import RelationData, relation_factory
from paradime.relationdata.euclidean import EuclideanPairsTensor, EuclideanRelationTensor, KernelRelationTensor
from paradime.relationdata.flat import FlatRelationArray, FlatRelationTensor
from paradime.relationdata.neighbors import NeighborRelationTuple
from paradime.relationdata.sparse import SparseRelationArray
from paradime.relationdata.square import SquareRelationArray, SquareRelationTensor
from paradime.relationdata.triangular import TriangularRelationArray, TriangularRelationTensor

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
