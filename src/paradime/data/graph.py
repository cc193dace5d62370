"""Relations as a graph: rows of columns and weights."""

from __future__ import annotations

from typing import NamedTuple

import torch

from paradime.relationdata import RelationData
from paradime.utils.convert import as_tensor

__all__ = ["Graph", "graph_of"]


class Graph(NamedTuple):
    """The edges of a graph, row by row; an edge is a relation that is not zero.

    Attributes:
        starts: Where the rows start and the last one ends, shape (n + 1,), int64.
        cols: Second points of the edges, shape (m,), int32 or int64.
        weights: The relations, shape (m,).
    """

    starts: torch.Tensor
    cols: torch.Tensor
    weights: torch.Tensor

    def to(self, device: torch.device) -> Graph:
        """Returns the graph on a device; what is there already is shared."""
        return Graph(*(part.to(device) for part in self))

    def check_points(self, n_points: int) -> None:
        """Raises ValueError if the graph is one of another number of points."""
        if len(self.starts) - 1 != n_points:
            raise ValueError(
                f"relations and data must have the same number of points, got {len(self.starts) - 1} "
                f"and {n_points}."
            )


def graph_of(relations: RelationData) -> Graph:
    """Returns the graph of some relations; columns and weights are shared with them where they can be."""
    matrix = relations.to_sparse_array().data
    if matrix.count_nonzero() < matrix.nnz:
        matrix = matrix.copy()
        matrix.eliminate_zeros()
    return Graph(as_tensor(matrix.indptr).to(torch.int64), as_tensor(matrix.indices), as_tensor(matrix.data))
