"""Transforms that change only the layout; see the ``to_…`` methods of ``RelationData``."""

from __future__ import annotations

from paradime.relationdata import RelationData
from paradime.transforms.base import RelationTransform

__all__ = [
    "ToFlatArray",
    "ToFlatTensor",
    "ToNeighborTuple",
    "ToSparseArray",
    "ToSquareArray",
    "ToSquareTensor",
    "ToTriangularArray",
    "ToTriangularTensor",
]


class ToFlatArray(RelationTransform):
    """Converts to a plain list of values, as NumPy array."""

    def transform(self, reldata: RelationData) -> RelationData:
        return reldata.to_flat_array()


class ToFlatTensor(RelationTransform):
    """Converts to a plain list of values, as tensor."""

    def transform(self, reldata: RelationData) -> RelationData:
        return reldata.to_flat_tensor()


class ToSquareArray(RelationTransform):
    """Converts to the full n × n matrix, as NumPy array."""

    def transform(self, reldata: RelationData) -> RelationData:
        return reldata.to_square_array()


class ToSquareTensor(RelationTransform):
    """Converts to the full n × n matrix, as tensor."""

    def transform(self, reldata: RelationData) -> RelationData:
        return reldata.to_square_tensor()


class ToTriangularArray(RelationTransform):
    """Converts symmetric relations to one entry per pair, as NumPy array."""

    def transform(self, reldata: RelationData) -> RelationData:
        return reldata.to_triangular_array()


class ToTriangularTensor(RelationTransform):
    """Converts symmetric relations to one entry per pair, as tensor."""

    def transform(self, reldata: RelationData) -> RelationData:
        return reldata.to_triangular_tensor()


class ToNeighborTuple(RelationTransform):
    """Converts to neighbour indices and values."""

    def transform(self, reldata: RelationData) -> RelationData:
        return reldata.to_neighbor_tuple()


class ToSparseArray(RelationTransform):
    """Converts to a SciPy CSR matrix."""

    def transform(self, reldata: RelationData) -> RelationData:
        return reldata.to_sparse_array()
