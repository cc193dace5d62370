"""One entry for all layouts."""

from __future__ import annotations

from typing import Any

import scipy.sparse
import torch

from paradime.functional import points_of_condensed
from paradime.relationdata.base import RelationData
from paradime.relationdata.flat import FlatRelationArray, FlatRelationTensor
from paradime.relationdata.neighbors import NeighborRelationTuple
from paradime.relationdata.sparse import SparseRelationArray
from paradime.relationdata.square import SquareRelationArray, SquareRelationTensor
from paradime.relationdata.triangular import TriangularRelationArray, TriangularRelationTensor
from paradime.utils.convert import as_tensor

__all__ = ["relation_factory"]


def relation_factory(relations: Any, force_flat: bool = False) -> RelationData:
    """Puts relations into the container that fits their shape and kind.

    Args:
        relations: One of: a container, which is returned as it is; a pair (indices, values) of neighbours,
            each (n, k); a SciPy sparse matrix (n, n); an array or tensor of shape (n, n), (n(n − 1)/2,),
            or (m,).
        force_flat: Whether one-dimensional input is a plain list even if its length would fit a triangle.

    Returns:
        The container: an ``Array`` for NumPy arrays and lists, a ``Tensor`` for tensors.

    Raises:
        ValueError: If no layout fits.

    Example:
        >>> relation_factory(torch.ones(3))
        TriangularRelationTensor(n_points=3, stored=3)
        >>> relation_factory(torch.ones(3), force_flat=True)
        FlatRelationTensor(stored=3)
    """
    if isinstance(relations, RelationData):
        return relations
    if scipy.sparse.issparse(relations):
        return SparseRelationArray(relations)
    if isinstance(relations, tuple) and len(relations) == 2:
        return NeighborRelationTuple(relations)
    is_tensor, tensor = isinstance(relations, torch.Tensor), as_tensor(relations)
    if tensor.ndim == 2:
        return (SquareRelationTensor if is_tensor else SquareRelationArray)(tensor)
    if tensor.ndim == 1:
        if force_flat or points_of_condensed(len(tensor)) is None:
            return (FlatRelationTensor if is_tensor else FlatRelationArray)(tensor)
        return (TriangularRelationTensor if is_tensor else TriangularRelationArray)(tensor)
    raise ValueError(
        "relations must be a square matrix, a condensed or flat vector, a pair (indices, values) of "
        f"neighbours, or a SciPy sparse matrix, got shape {tuple(tensor.shape)}."
    )
