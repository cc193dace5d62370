"""Transforms of the matrix as a whole, and transforms that change only its layout."""

from __future__ import annotations

from paradime._registry import TRANSFORMS
from paradime.relationdata import RelationData
from paradime.transforms.base import RelationTransform

__all__ = [
    "Normalize",
    "NormalizeRows",
    "Symmetrize",
    "ToFlatArray",
    "ToFlatTensor",
    "ToNeighborTuple",
    "ToSparseArray",
    "ToSquareArray",
    "ToSquareTensor",
    "ToTriangularArray",
    "ToTriangularTensor",
    "ZeroDiagonal",
]


@TRANSFORMS.register("symmetrize")
class Symmetrize(RelationTransform):
    """Makes relations symmetric.

    Args:
        subtract_product: Whether to take the fuzzy union M + Mᵀ − M∘Mᵀ instead of the mean ½(M + Mᵀ).

    Source: van der Maaten and Hinton, "Visualizing data using t-SNE", 2008, section 3.1 (mean); McInnes et
    al., "UMAP", 2018, section 3.1 (union).

    Example:
        >>> import numpy as np
        >>> Symmetrize()(np.array([[0.0, 1.0], [0.0, 0.0]])).data
        array([[0. , 0.5],
               [0.5, 0. ]])
    """

    def __init__(self, subtract_product: bool = False) -> None:
        self.subtract_product = subtract_product

    def transform(self, reldata: RelationData) -> RelationData:
        return reldata.symmetrized(subtract_product=self.subtract_product)


@TRANSFORMS.register("normalize rows")
class NormalizeRows(RelationTransform):
    """Rescales the relations of each point to sum to 1; a row of zeros is not changed.

    Example:
        >>> import numpy as np
        >>> NormalizeRows()(np.array([[0.0, 2.0], [0.0, 0.0]])).data
        array([[0., 1.],
               [0., 0.]])
    """

    def transform(self, reldata: RelationData) -> RelationData:
        return reldata.row_normalized()


@TRANSFORMS.register("normalize")
class Normalize(RelationTransform):
    """Rescales relations such that the full n × n matrix sums to 1, in any layout.

    Example:
        >>> Normalize()([1.0, 1.0, 2.0]).data
        array([0.125, 0.125, 0.25 ])
    """

    def transform(self, reldata: RelationData) -> RelationData:
        return reldata.normalized()


@TRANSFORMS.register("zero diagonal")
class ZeroDiagonal(RelationTransform):
    """Sets the relation of each point to itself to zero."""

    def transform(self, reldata: RelationData) -> RelationData:
        return reldata.without_diagonal()


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
