"""Edges of a graph of relations, with negatives drawn at random."""

from __future__ import annotations

import functools
from typing import Any

import torch

from paradime._registry import did_you_mean
from paradime.data.batch import Batch, Entry, PairPositions
from paradime.data.dataset import Dataset
from paradime.functional import cumulative_blocks, draw_from_blocks, draw_others, draw_others_of_batch
from paradime.relationdata import RelationData
from paradime.types import Data
from paradime.utils.convert import as_tensor

__all__ = ["NegSampledEdgeDataset"]

_NEGATIVES = ("random", "batch")
_MOST_POINTS_A_POINT = 64


class NegSampledEdgeDataset:
    """The edges of a graph of relations; each comes with pairs of its first point and random other points.

    Args:
        dataset: The points.
        relations: The graph: an edge is a relation that is not zero, its weight the relation.
        neg_sampling_rate: Number of negatives r for each edge, at least 0.
        data_key: The entry of the data set that ``"from_to_data"`` is made of.
        seed: Seed of the negatives; torch's global generator if ``None``.
        negatives: ``"random"`` draws them from all points; ``"batch"`` from the points of the batch's other
            edges, so that b edges make at most 2b rows (a batch of one edge, and the rare edge whose first
            point is most of the batch, draw from all points).

    A sparse graph's weights and columns are shared with ``relations``, which must stay as they are.

    Raises:
        ValueError: If there is no edge, a weight is negative, the numbers of points differ, or ``negatives`` is
            unknown.

    Example:
        >>> from paradime.relationdata import relation_factory
        >>> graph = relation_factory([[0.0, 1.0, 0.0], [1.0, 0.0, 0.0], [0.0, 0.0, 0.0]])
        >>> edges = NegSampledEdgeDataset(torch.eye(3), graph, neg_sampling_rate=2, seed=0)
        >>> len(edges), edges[0]["rel"]
        (2, tensor([1., 0., 0.]))
    """

    def __init__(
        self,
        dataset: Dataset | Data,
        relations: RelationData,
        neg_sampling_rate: int = 5,
        data_key: str = "main",
        seed: int | None = None,
        *,
        negatives: str = "random",
    ) -> None:
        self.dataset = dataset if isinstance(dataset, Dataset) else Dataset(dataset)
        if neg_sampling_rate < 0:
            raise ValueError(f"neg_sampling_rate must be at least 0, got {neg_sampling_rate}.")
        if relations.n_points != len(self.dataset):
            raise ValueError(
                f"relations and data must have the same number of points, got {relations.n_points} "
                f"and {len(self.dataset)}."
            )
        if negatives not in _NEGATIVES:
            raise ValueError(f"unknown negatives {negatives!r}. {did_you_mean(negatives, _NEGATIVES)}")
        device = self.dataset["indices"].device
        self._starts, self._cols, self._weights = (part.to(device) for part in _graph(relations))
        self._cumulative = cumulative_blocks(self._weights)
        self.negatives = negatives
        self.neg_sampling_rate = neg_sampling_rate
        self.data_key = data_key
        # on the CPU nothing waits, and encoding each row once is cheaper
        self._static = device.type != "cpu"
        self._generator = None if seed is None else torch.Generator(device).manual_seed(seed)

    def __len__(self) -> int:
        return len(self._weights)

    @functools.cached_property
    def rows(self) -> torch.Tensor:
        """First points of all edges, shape (m,), int64; made when asked for."""
        return torch.repeat_interleave(self._starts.diff())

    @functools.cached_property
    def cols(self) -> torch.Tensor:
        """Second points of all edges, shape (m,), int64; made when asked for."""
        return self._cols.to(torch.int64)

    def __getitem__(self, edges: Any) -> Batch:
        """Returns the batch of one edge, or of several given by a list, slice or tensor."""
        chosen = torch.arange(len(self), device=self._cols.device)[edges].reshape(-1)
        return self.batch(chosen, generator=self._generator)

    def sample(self, size: int, *, generator: torch.Generator | None = None) -> Batch:
        """Draws edges with replacement, in proportion to their weights, and returns their batch.

        Args:
            size: Number of positive edges b.
            generator: Source of randomness; torch's global one if ``None``.
        """
        edges = draw_from_blocks(self._weights, self._cumulative, size, generator=generator)
        return self.batch(edges, generator=generator)

    def batch(self, edges: torch.Tensor, *, generator: torch.Generator | None = None) -> Batch:
        """Returns the batch of some edges.

        Args:
            edges: Which edges, shape (b,), int64.
            generator: Source of randomness for the negatives.
        """
        rate = self.neg_sampling_rate
        firsts = torch.searchsorted(self._starts, edges, right=True) - 1
        seconds = self._cols[edges].to(torch.int64)
        rows = firsts.repeat_interleave(rate + 1)
        cols = torch.cat((seconds[:, None], self._draw_negatives(firsts, seconds, generator)), dim=1).reshape(-1)
        rel = rows.new_zeros((len(edges), rate + 1), dtype=torch.float32)
        rel[:, 0] = 1
        ends = torch.stack((rows, cols))
        pairs: dict[str, Entry] = {
            "row": rows,
            "col": cols,
            "rel": rel.reshape(-1),
            # large, and most losses embed the unique rows instead: made when asked for
            "from_to_data": lambda: self.dataset[self.data_key][ends],
        }
        if not self._static:
            points, positions = self._distinct(firsts, cols)
            return Batch({**self.dataset.rows(points), **pairs}, pairs=PairPositions(positions))
        return self._static_batch(firsts, cols, pairs)

    def _static_batch(self, firsts: torch.Tensor, cols: torch.Tensor, pairs: dict[str, Entry]) -> Batch:
        """Encodes the first point of each edge once, and all other ends, some of which may be the same.

        How many points are distinct is known to the device only: asking for it would wait for the device. The
        entries at the distinct rows are made for those who read them.
        """
        ends = torch.cat((firsts, cols))
        distinct = functools.cache(lambda: self._distinct(firsts, cols))
        entries: dict[str, Entry] = {
            name: functools.partial(lambda values: values.index_select(0, distinct()[0]), values)
            for name, values in self.dataset.items()
        }
        places = torch.arange(len(ends), device=ends.device)
        of_firsts = places[: len(firsts)].repeat_interleave(self.neg_sampling_rate + 1)
        positions = PairPositions(
            torch.stack((of_firsts, places[len(firsts) :])),
            rows=lambda name: self.dataset[name].index_select(0, ends),
            in_batch=lambda: distinct()[1],
        )
        return Batch({**entries, **pairs}, pairs=positions)

    def _distinct(self, firsts: torch.Tensor, cols: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Returns the points of pairs in order, and where the ends of pairs stand among them, (2, b(r + 1))."""
        # a first point is the same for an edge and its negatives: looked up once
        points, positions = _unique(torch.cat((firsts, cols)), len(self.dataset))
        of_firsts, of_cols = positions[: len(firsts)], positions[len(firsts) :]
        return points, torch.stack((of_firsts.repeat_interleave(self.neg_sampling_rate + 1), of_cols))

    def _draw_negatives(
        self, firsts: torch.Tensor, seconds: torch.Tensor, generator: torch.Generator | None
    ) -> torch.Tensor:
        n, rate = len(self.dataset), self.neg_sampling_rate
        if self.negatives == "batch":
            return draw_others_of_batch(firsts, seconds, n, rate, generator=generator)
        return draw_others(firsts, n, rate, generator=generator)


def _unique(points: torch.Tensor, n: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Returns the distinct ones of some of n points in order, and where each stands among them."""
    if n > _MOST_POINTS_A_POINT * len(points):
        return torch.unique(points, return_inverse=True)  # type: ignore[no-any-return]
    # a table of all points costs less than sorting some of them
    occurs = torch.zeros(n, dtype=torch.bool, device=points.device).index_fill_(0, points, True)
    distinct = occurs.nonzero().squeeze(1)
    table = torch.empty(n, dtype=torch.int64, device=points.device)
    table[distinct] = torch.arange(len(distinct), device=points.device)
    return distinct, table.index_select(0, points)


def _graph(relations: RelationData) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Returns the starts of the rows, int64, and columns and weights of the edges, shared where they can be."""
    matrix = relations.to_sparse_array().data
    if matrix.count_nonzero() < matrix.nnz:
        matrix = matrix.copy()
        matrix.eliminate_zeros()
    return as_tensor(matrix.indptr).to(torch.int64), as_tensor(matrix.indices), as_tensor(matrix.data)
