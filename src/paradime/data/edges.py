"""Edges of a graph of relations, with random negatives."""

from __future__ import annotations

import functools
from typing import Any

import torch

from paradime.data.batch import Batch
from paradime.data.dataset import Dataset
from paradime.data.pairs import batch_of_pairs, graph_of
from paradime.functional import (
    cumulative_blocks,
    draw_from_blocks,
    draw_others,
    draw_others_by_weight,
    draw_others_of_batch,
)
from paradime.relationdata import RelationData
from paradime.types import AnyArray, Data
from paradime.utils.arguments import check_choice, check_integer
from paradime.utils.convert import as_numpy

__all__ = ["NegSampledEdgeDataset"]

_NEGATIVES = ("random", "batch", "degree")
_DEGREE_POWER = 0.75


class NegSampledEdgeDataset:
    """The edges of a graph of relations, each with negative pairs of its first point and random other points.

    Args:
        dataset: The points.
        relations: The graph: each relation that is not zero is the weight of an edge.
        neg_sampling_rate: Number of negatives r per edge, at least 0.
        data_key: The entry of the data set for ``"from_to_data"``.
        seed: Seed of the negatives; torch's global generator if ``None``.
        negatives: ``"random"`` draws them from all points; ``"batch"`` from the points of the batch's other
            edges, so that b edges have at most 2b distinct points (if these are too few, negatives are drawn from
            all points); ``"degree"`` from all points with probabilities proportional to the power 3/4 of their
            degree, which is the sum of the weights of their edges (Tang et al., "Visualizing large-scale and
            high-dimensional data", 2016, section 3.2.2).

    A sparse graph's weights and columns are shared with ``relations``, which must not be changed.

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
        check_integer("neg_sampling_rate", neg_sampling_rate, 0, remedy="5 suits most data.")
        graph = graph_of(relations)
        graph.check_points(len(self.dataset))
        check_choice("negatives", negatives, _NEGATIVES)
        device = self.dataset["indices"].device
        self._starts, self._cols, self._weights = graph.to(device)
        self._cumulative = cumulative_blocks(self._weights)
        self._powers = self._degree_powers() if negatives == "degree" else None
        self.negatives = negatives
        self.neg_sampling_rate = neg_sampling_rate
        self.data_key = data_key
        # on the CPU there is no synchronisation cost, and encoding each row once is cheaper
        self._static = device.type != "cpu"
        self._generator = None if seed is None else torch.Generator(device).manual_seed(seed)

    def __len__(self) -> int:
        return len(self._weights)

    @functools.cached_property
    def rows(self) -> torch.Tensor:
        """First points of all edges, shape (m,), int64; computed on first access."""
        return torch.repeat_interleave(self._starts.diff())

    @functools.cached_property
    def cols(self) -> torch.Tensor:
        """Second points of all edges, shape (m,), int64; computed on first access."""
        return self._cols.to(torch.int64)

    @property
    def weights(self) -> AnyArray:
        """Weights of all edges, shape (m,), in the order of :attr:`rows` and :attr:`cols`."""
        return as_numpy(self._weights)

    def __getitem__(self, edges: Any) -> Batch:
        """Returns the batch of one edge, or of several given by a list, slice or tensor."""
        chosen = torch.arange(len(self), device=self._cols.device)[edges].reshape(-1)
        return self.batch(chosen, generator=self._generator)

    def sample(self, size: int, *, generator: torch.Generator | None = None) -> Batch:
        """Draws edges with replacement, in proportion to their weights, and returns their batch.

        Args:
            size: Number of positive edges b.
            generator: Source of randomness; torch's global generator if ``None``.
        """
        edges = draw_from_blocks(self._weights, self._cumulative, size, generator=generator)
        return self.batch(edges, generator=generator)

    def batch(self, edges: torch.Tensor, *, generator: torch.Generator | None = None) -> Batch:
        """Returns the batch of some edges.

        Args:
            edges: Indices of the edges, shape (b,), int64.
            generator: Source of randomness for the negatives.
        """
        firsts = torch.searchsorted(self._starts, edges, right=True) - 1
        seconds = self._cols[edges].to(torch.int64)
        others = torch.cat((seconds[:, None], self._draw_negatives(firsts, seconds, generator)), dim=1)
        return batch_of_pairs(
            self.dataset,
            firsts,
            others,
            {"near": 1, "far": self.neg_sampling_rate},
            data_key=self.data_key,
            static=self._static,
        )

    def _draw_negatives(
        self, firsts: torch.Tensor, seconds: torch.Tensor, generator: torch.Generator | None
    ) -> torch.Tensor:
        n, rate = len(self.dataset), self.neg_sampling_rate
        if self.negatives == "batch":
            return draw_others_of_batch(firsts, seconds, n, rate, generator=generator)
        if self._powers is not None:
            return draw_others_by_weight(firsts, *self._powers, rate, generator=generator)
        return draw_others(firsts, n, rate, generator=generator)

    def _degree_powers(self) -> tuple[torch.Tensor, torch.Tensor]:
        """Returns the sampling weights of negatives, shape (n,), and their cumulative sums."""
        n, weights = len(self.dataset), self._weights.to(torch.float64)
        rows = torch.repeat_interleave(self._starts.diff(), output_size=len(weights))
        degrees = weights.new_zeros(n).index_add_(0, rows, weights).index_add_(0, self._cols, weights)
        # only the ratios matter; division by the largest prevents overflow
        powers = (degrees / degrees.max()).pow_(_DEGREE_POWER)
        return powers, cumulative_blocks(powers)
