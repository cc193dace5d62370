"""Relations as a graph, and batches of pairs."""

from __future__ import annotations

import functools
from collections.abc import Mapping
from typing import NamedTuple

import torch

from paradime.data.batch import Batch, Entry, PairPositions
from paradime.data.dataset import Dataset
from paradime.relationdata import RelationData
from paradime.utils.convert import as_tensor

__all__ = ["KINDS", "Graph", "batch_of_pairs", "distinct_points", "graph_of"]

KINDS = ("near", "mid", "far")
"""Kinds of pairs; the entry ``"kind"`` of a batch has indices into this tuple."""

_MOST_POINTS_A_POINT = 16


def batch_of_pairs(
    dataset: Dataset,
    firsts: torch.Tensor,
    others: torch.Tensor,
    kinds: Mapping[str, int],
    *,
    data_key: str = "main",
    static: bool = False,
) -> Batch:
    """Makes a batch of pairs.

    In a batch that is not static, each distinct point is encoded once. In a static batch, the second points of
    pairs are encoded with repetitions, because reading the number of distinct points would synchronise with the
    device. The entries at the distinct rows are then computed on first access.

    Args:
        dataset: The points.
        firsts: First points, shape (b,), int64.
        others: Second points of the pairs of each first point, shape (b, k), int64: near, then mid-near, then far.
        kinds: Number of pairs per first point of each of :data:`KINDS`, in this order, k in all.
        data_key: The entry for ``"from_to_data"``.
        static: Whether all shapes must be independent of the drawn points.

    Returns:
        A batch with ``"row"``, ``"col"``, ``"rel"`` (0 for far pairs, else 1) and ``"kind"`` of length b k.
    """
    cols = others.reshape(-1)
    n_each = others.shape[1]
    ends = torch.cat((firsts, cols))
    distinct = functools.cache(lambda: distinct_points(ends, len(dataset)))
    if not static:
        distinct()
    positions = functools.cache(lambda: _of_pairs(distinct()[1], len(firsts), n_each))
    entries: dict[str, Entry] = {
        name: functools.partial(lambda values: values.index_select(0, distinct()[0]), values)
        for name, values in dataset.items()
    }
    pairs: dict[str, Entry] = {
        "row": lambda: firsts.repeat_interleave(n_each),
        "col": cols,
        "rel": lambda: _targets(others, kinds),
        "kind": lambda: _kind_indices(others, kinds),
        # computed on first access: it is large, and most losses embed the distinct rows instead
        "from_to_data": lambda: dataset[data_key][torch.stack((firsts.repeat_interleave(n_each), cols))],
    }
    if not static:
        of_points = PairPositions(positions(), kinds=dict(kinds))
        return Batch({**entries, **pairs}, pairs=of_points, projections=dataset.projections)
    of_ends = PairPositions(
        _of_pairs(torch.arange(len(ends), device=ends.device), len(firsts), n_each),
        rows=lambda name: dataset[name].index_select(0, ends),
        in_batch=positions,
        indices=lambda: ends,
        kinds=dict(kinds),
    )
    return Batch({**entries, **pairs}, pairs=of_ends, projections=dataset.projections)


def _of_pairs(positions: torch.Tensor, n_firsts: int, n_each: int) -> torch.Tensor:
    """Returns the positions of both points of each pair, (2, b k), from those of first points, then of others."""
    return torch.stack((positions[:n_firsts].repeat_interleave(n_each), positions[n_firsts:]))


def _targets(others: torch.Tensor, kinds: Mapping[str, int]) -> torch.Tensor:
    targets = torch.ones(others.shape, dtype=torch.float32, device=others.device)
    targets[:, others.shape[1] - kinds.get("far", 0) :] = 0
    return targets.reshape(-1)


def _kind_indices(others: torch.Tensor, kinds: Mapping[str, int]) -> torch.Tensor:
    indices, start = torch.empty_like(others), 0
    for index, kind in enumerate(KINDS):
        count = kinds.get(kind, 0)
        indices[:, start : start + count] = index
        start += count
    return indices.reshape(-1)


def distinct_points(points: torch.Tensor, n: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Returns the sorted distinct indices of points out of n, and the position of each index among them.

    Example:
        >>> distinct_points(torch.tensor([5, 2, 5]), 6)
        (tensor([2, 5]), tensor([1, 0, 1]))
    """
    if n > _MOST_POINTS_A_POINT * len(points):
        return torch.unique(points, return_inverse=True)  # type: ignore[no-any-return]
    # a table of all points is cheaper than sorting
    occurs = torch.zeros(n, dtype=torch.bool, device=points.device).index_fill_(0, points, True)
    distinct = occurs.nonzero().squeeze(1)
    table = torch.empty(n, dtype=torch.int64, device=points.device)
    table[distinct] = torch.arange(len(distinct), device=points.device)
    return distinct, table.index_select(0, points)


class Graph(NamedTuple):
    """The edges of a graph, sorted by first point; an edge is a relation that is not zero.

    Attributes:
        starts: Start of each row in ``cols``, and the end of the last row, shape (n + 1,), int64.
        cols: Second points of the edges, shape (m,), int32 or int64.
        weights: The relations, shape (m,).
    """

    starts: torch.Tensor
    cols: torch.Tensor
    weights: torch.Tensor

    def to(self, device: torch.device) -> Graph:
        """Returns the graph on a device; tensors on this device are shared."""
        return Graph(*(tensor.to(device) for tensor in self))

    def check_points(self, n_points: int) -> None:
        """Raises a ValueError if the graph has another number of points."""
        if len(self.starts) - 1 != n_points:
            raise ValueError(
                f"relations and data must have the same number of points, got {len(self.starts) - 1} "
                f"and {n_points}. Compute the relations from the same data."
            )


def graph_of(relations: RelationData) -> Graph:
    """Returns the graph of relations, which shares columns and weights with them if possible."""
    matrix = relations.to_sparse_array().data
    if matrix.count_nonzero() < matrix.nnz:
        matrix = matrix.copy()
        matrix.eliminate_zeros()
    return Graph(as_tensor(matrix.indptr).to(torch.int64), as_tensor(matrix.indices), as_tensor(matrix.data))
