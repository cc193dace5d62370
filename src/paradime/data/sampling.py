"""Samplings, the settings of a phase, and the samplers that draw its batches."""

from __future__ import annotations

import dataclasses
import functools
import math
from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping
from typing import Any, ClassVar, Literal, Protocol, runtime_checkable

import torch

from paradime._registry import SAMPLINGS
from paradime.data.batch import Batch, Entry, Pass
from paradime.data.dataset import Dataset
from paradime.data.edges import NegSampledEdgeDataset
from paradime.relationdata import RelationData

__all__ = [
    "EdgeSampler",
    "Edges",
    "ItemSampler",
    "Items",
    "Sampler",
    "Sampling",
    "StatefulSampler",
    "slices_of_pass",
]


class Sampler(Protocol):
    """Draws the batches of an epoch."""

    provides: ClassVar[frozenset[str]]
    """Content of the batches: ``"items"``, ``"pairs"``, or both."""

    def __len__(self) -> int:
        """Returns the number of batches in an epoch."""

    def epoch(self, generator: torch.Generator | None) -> Iterator[Batch]:
        """Draws the batches of one epoch.

        Args:
            generator: Source of randomness, on the data set's device; torch's global generator if ``None``.
        """


@runtime_checkable
class StatefulSampler(Sampler, Protocol):
    """A sampler whose epochs depend on earlier epochs beyond the generator; checkpoints store its state.

    Values that are drawn once, in the first epoch, need not be part of the state: the first epoch is repeated.
    """

    def state_dict(self) -> dict[str, Any]:
        """Returns the state after the epochs so far: numbers, strings, and lists and dicts of these."""

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Restores the result of :meth:`state_dict`."""


def slices_of_pass(n: int, batch_size: int) -> list[slice]:
    """Splits n rows into batches; a last batch of a single row is merged into the one before.

    Example:
        >>> slices_of_pass(5, 2)
        [slice(0, 2, None), slice(2, 5, None)]
    """
    size = min(batch_size, n)
    starts = list(range(0, n, size))
    if n - starts[-1] == 1 and len(starts) > 1 and size > 1:
        starts.pop()
    return [slice(a, b) for a, b in zip(starts, [*starts[1:], n], strict=True)]


class ItemSampler:
    """Draws batches of rows in random order, each row once per pass.

    Args:
        dataset: The points.
        batch_size: Number of rows per batch, at least 1; all rows if there are fewer.
        batches_per_epoch: Number of batches per epoch, over as many passes as needed; that of one pass if −1. A
            last batch of a single row, which has no relations, is merged into the one before.
    """

    provides: ClassVar[frozenset[str]] = frozenset({"items"})

    def __init__(self, dataset: Dataset, batch_size: int, batches_per_epoch: int = -1) -> None:
        self._dataset = dataset
        self._slices = slices_of_pass(len(dataset), batch_size)
        self._n_batches = len(self._slices) if batches_per_epoch < 0 else batches_per_epoch

    def __len__(self) -> int:
        return self._n_batches

    def epoch(self, generator: torch.Generator | None) -> Iterator[Batch]:
        """Draws the batches of one epoch."""
        indices = self._dataset["indices"]
        length = len(self._slices)
        for i in range(self._n_batches):
            position = i % length
            if position == 0:
                order = torch.randperm(len(indices), device=indices.device, generator=generator)
                # computations for a whole pass save time if most of its batches are used
                is_mostly_used = 2 * (self._n_batches - i) > length
                whole_pass = Pass([order[rows] for rows in self._slices]) if is_mostly_used else None
            part_of = None if whole_pass is None else (whole_pass, position)
            rows = order[self._slices[position]]
            if not self._dataset.projections:
                yield Batch(self._dataset.rows(rows), part_of=part_of)
                continue
            # the model uses the projections, so that wide rows are read only on access
            entries: dict[str, Entry] = {
                name: functools.partial(values.index_select, 0, rows) for name, values in self._dataset.items()
            }
            yield Batch(entries, part_of=part_of, projections=self._dataset.projections)


class EdgeSampler:
    """Draws batches of edges in proportion to their weights, with random negatives.

    Args:
        edges: The edges.
        batch_size: Number of positive edges per batch, at least 1.
        batches_per_epoch: Number of batches per epoch; if −1, an epoch has about n pairs, i.e. n/(r + 1) positive
            edges with r negatives each.
    """

    provides: ClassVar[frozenset[str]] = frozenset({"items", "pairs"})

    def __init__(self, edges: NegSampledEdgeDataset, batch_size: int, batches_per_epoch: int = -1) -> None:
        self._edges = edges
        self._batch_size = batch_size
        positives = len(edges.dataset) / (edges.neg_sampling_rate + 1)
        pass_length = max(1, math.ceil(positives / batch_size))
        self._n_batches = pass_length if batches_per_epoch < 0 else batches_per_epoch

    def __len__(self) -> int:
        return self._n_batches

    def epoch(self, generator: torch.Generator | None) -> Iterator[Batch]:
        """Draws the batches of one epoch."""
        for _ in range(self._n_batches):
            yield self._edges.sample(self._batch_size, generator=generator)


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
