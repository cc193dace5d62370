"""Transforms of relations, which take a container and return a new one."""

from paradime.transforms.base import Functional, Identity, RelationTransform
from paradime.transforms.calibration import (
    AdaptiveNeighborhoodRescale,
    ConnectivityBasedRescale,
    PerplexityBasedRescale,
)
from paradime.transforms.conversion import (
    Normalize,
    NormalizeRows,
    Symmetrize,
    ToFlatArray,
    ToFlatTensor,
    ToNeighborTuple,
    ToSparseArray,
    ToSquareArray,
    ToSquareTensor,
    ToTriangularArray,
    ToTriangularTensor,
    ZeroDiagonal,
)
from paradime.transforms.kernels import LocalScaling, ModifiedCauchyTransform, StudentTTransform

__all__ = [
    "AdaptiveNeighborhoodRescale",
    "ConnectivityBasedRescale",
    "Functional",
    "Identity",
    "LocalScaling",
    "ModifiedCauchyTransform",
    "Normalize",
    "NormalizeRows",
    "PerplexityBasedRescale",
    "RelationTransform",
    "StudentTTransform",
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
