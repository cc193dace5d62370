"""Samplings: settings of what the batches of a phase are made of, from which samplers are made."""

from __future__ import annotations

import dataclasses
from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import ClassVar, Literal

from paradime._registry import SAMPLINGS
from paradime.data.dataset import Dataset
from paradime.data.edges import NegSampledEdgeDataset
from paradime.data.samplers import EdgeSampler, ItemSampler, Sampler
from paradime.relationdata import RelationData

__all__ = ["Edges", "Items", "Sampling"]


class Sampling(ABC):
    """What the batches of a phase are made of. Subclass it as a frozen dataclass and write :meth:`make`."""

    provides: ClassVar[frozenset[str]]
    """What the batches hold: ``"items"``, ``"pairs"``, or both."""

    phase_name: ClassVar[str | None] = None
    """How ``TrainingPhase(sampling=…)`` calls it, if its settings are settings of the phase themselves."""

    def relation_keys(self) -> tuple[str, ...]:
        """Returns the keys of the global relations that it draws from."""
        return ()

    @abstractmethod
    def make(
        self,
        dataset: Dataset,
        global_relations: Mapping[str, RelationData],
        *,
        batch_size: int,
        batches_per_epoch: int = -1,
    ) -> Sampler:
        """Makes the sampler.

        Args:
            dataset: The points, on the device where batches are wanted.
            global_relations: Relations between all points, by key.
            batch_size: Rows in a batch, or positive pairs, or whatever a sampling counts; at least 1.
            batches_per_epoch: Batches in an epoch; one pass over the data if −1.
        """


@SAMPLINGS.register("item")
@dataclasses.dataclass(frozen=True)
class Items(Sampling):
    """Batches of rows, each row once a pass, in random order."""

    provides: ClassVar[frozenset[str]] = ItemSampler.provides
    phase_name: ClassVar[str | None] = "standard"

    def make(
        self,
        dataset: Dataset,
        global_relations: Mapping[str, RelationData],
        *,
        batch_size: int,
        batches_per_epoch: int = -1,
    ) -> Sampler:
        return ItemSampler(dataset, batch_size, batches_per_epoch)


@SAMPLINGS.register("edge")
@dataclasses.dataclass(frozen=True)
class Edges(Sampling):
    """Batches of edges of global relations, drawn in proportion to their weights, with negatives.

    Args:
        edge_rel_key: The global relations whose edges are sampled.
        neg_sampling_rate: Negatives for each edge, at least 0.
        negatives: Where the negatives come from: ``"random"``, ``"batch"`` or ``"degree"``; see
            :class:`~paradime.data.NegSampledEdgeDataset`.
    """

    edge_rel_key: str = "rel"
    neg_sampling_rate: int = 5
    negatives: Literal["random", "batch", "degree"] = "random"

    provides: ClassVar[frozenset[str]] = EdgeSampler.provides
    phase_name: ClassVar[str | None] = "negative_edge"

    def relation_keys(self) -> tuple[str, ...]:
        return (self.edge_rel_key,)

    def make(
        self,
        dataset: Dataset,
        global_relations: Mapping[str, RelationData],
        *,
        batch_size: int,
        batches_per_epoch: int = -1,
    ) -> Sampler:
        graph = global_relations[self.edge_rel_key]
        edges = NegSampledEdgeDataset(dataset, graph, self.neg_sampling_rate, negatives=self.negatives)
        return EdgeSampler(edges, batch_size, batches_per_epoch)
