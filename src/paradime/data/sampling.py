"""Samplings: the settings from which the samplers of a phase are made."""

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
    """Settings of a sampler. Subclass it as a frozen dataclass and write :meth:`make`."""

    provides: ClassVar[frozenset[str]]
    """Content of the batches: ``"items"``, ``"pairs"``, or both."""

    phase_name: ClassVar[str | None] = None
    """Its name in ``TrainingPhase(sampling=…)``, if its settings are parameters of the phase."""

    def relation_keys(self) -> tuple[str, ...]:
        """Returns the keys of the global relations that are sampled."""
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
            dataset: The points, on the device of the batches.
            global_relations: Relations between all points, by key.
            batch_size: Number of rows, or of positive pairs, per batch, at least 1.
            batches_per_epoch: Number of batches per epoch; that of one pass over the data if −1.
        """


@SAMPLINGS.register("item")
@dataclasses.dataclass(frozen=True)
class Items(Sampling):
    """Samples batches of rows in random order, each row once per pass."""

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
    """Samples batches of edges of global relations in proportion to their weights, with negatives.

    Args:
        edge_rel_key: The global relations whose edges are sampled.
        neg_sampling_rate: Number of negatives per edge, at least 0.
        negatives: Source of the negatives: ``"random"``, ``"batch"`` or ``"degree"``; see
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
