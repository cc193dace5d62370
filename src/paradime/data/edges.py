"""Edges of a graph of relations, with negatives drawn at random."""

from __future__ import annotations

from typing import Any

import torch

from paradime.data.batch import Batch
from paradime.data.dataset import Dataset
from paradime.functional import cumulative_weights, draw_others, draw_weighted
from paradime.relationdata import RelationData
from paradime.types import Data

__all__ = ["NegSampledEdgeDataset"]


class NegSampledEdgeDataset:
    """The edges of a graph of relations; each comes with pairs of its first point and random other points.

    Args:
        dataset: The points.
        relations: The graph: an edge is a relation that is not zero, its weight the relation.
        neg_sampling_rate: Number of negatives r for each edge, at least 0.
        data_key: The entry of the data set that ``"from_to_data"`` is made of.
        seed: Seed of the negatives; torch's global generator if ``None``.

    Raises:
        ValueError: If there is no edge, a weight is negative, or the numbers of points differ.

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
    ) -> None:
        self.dataset = dataset if isinstance(dataset, Dataset) else Dataset(dataset)
        if neg_sampling_rate < 0:
            raise ValueError(f"neg_sampling_rate must be at least 0, got {neg_sampling_rate}.")
        if relations.n_points != len(self.dataset):
            raise ValueError(
                f"relations and data must have the same number of points, got {relations.n_points} "
                f"and {len(self.dataset)}."
            )
        device = self.dataset["indices"].device
        self.rows, self.cols, weights = (part.to(device) for part in relations.edges())
        self._cumulative = cumulative_weights(weights)
        self.neg_sampling_rate = neg_sampling_rate
        self.data_key = data_key
        self._generator = None if seed is None else torch.Generator(device).manual_seed(seed)

    def __len__(self) -> int:
        return len(self.rows)

    def __getitem__(self, edges: Any) -> Batch:
        """Returns the batch of one edge, or of several given by a list, slice or tensor."""
        chosen = torch.arange(len(self), device=self.rows.device)[edges].reshape(-1)
        return self.batch(chosen, generator=self._generator)

    def sample(self, size: int, *, generator: torch.Generator | None = None) -> Batch:
        """Draws edges with replacement, in proportion to their weights, and returns their batch.

        Args:
            size: Number of positive edges b.
            generator: Source of randomness; torch's global one if ``None``.
        """
        return self.batch(draw_weighted(self._cumulative, size, generator=generator), generator=generator)

    def batch(self, edges: torch.Tensor, *, generator: torch.Generator | None = None) -> Batch:
        """Returns the batch of some edges.

        Args:
            edges: Which edges, shape (b,), int64.
            generator: Source of randomness for the negatives.
        """
        positive, rate = self.rows[edges], self.neg_sampling_rate
        negatives = draw_others(positive, len(self.dataset), rate, generator=generator)
        rows = positive.repeat_interleave(rate + 1)
        cols = torch.cat((self.cols[edges, None], negatives), dim=1).reshape(-1)
        rel = rows.new_zeros((len(edges), rate + 1), dtype=torch.float32)
        rel[:, 0] = 1
        ends = torch.stack((rows, cols))
        points, positions = torch.unique(ends, return_inverse=True)
        return Batch(
            {
                **self.dataset.rows(points),
                "row": rows,
                "col": cols,
                "rel": rel.reshape(-1),
                # large, and most losses embed the unique rows instead: made when asked for
                "from_to_data": lambda: self.dataset[self.data_key][ends],
            },
            pair_positions=positions,
        )
