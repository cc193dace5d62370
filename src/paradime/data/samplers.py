"""Samplers: what the batches of a phase are made of."""

from __future__ import annotations

import functools
import math
from collections.abc import Iterator, Mapping
from typing import Any, ClassVar, Protocol, runtime_checkable

import torch

from paradime.data.batch import Batch, Entry, Pass
from paradime.data.dataset import Dataset
from paradime.data.edges import NegSampledEdgeDataset

__all__ = ["EdgeSampler", "ItemSampler", "Sampler", "StatefulSampler", "slices_of_pass"]


class Sampler(Protocol):
    """Makes the batches of an epoch."""

    provides: ClassVar[frozenset[str]]
    """What its batches hold: ``"items"``, ``"pairs"``, or both."""

    def __len__(self) -> int:
        """Returns the number of batches in an epoch."""

    def epoch(self, generator: torch.Generator | None) -> Iterator[Batch]:
        """Draws the batches of one epoch.

        Args:
            generator: Source of randomness, on the data set's device; torch's global one if ``None``.
        """


@runtime_checkable
class StatefulSampler(Sampler, Protocol):
    """A sampler whose epochs depend on earlier ones otherwise than by the generator; checkpoints store its state.

    What a sampler draws in its first epoch and keeps need not be part of the state: that epoch is drawn again.
    """

    def state_dict(self) -> dict[str, Any]:
        """Returns what follows from the epochs so far: numbers, texts, and lists and dicts of such."""

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Takes what :meth:`state_dict` returned."""


def slices_of_pass(n: int, batch_size: int) -> list[slice]:
    """Cuts n rows into batches; a last batch of a single row is merged into the one before.

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
    """Batches of rows, each row once a pass, in random order.

    Args:
        dataset: The points.
        batch_size: Rows in a batch, at least 1; more than there are rows means all of them.
        batches_per_epoch: Batches in an epoch, over as many passes as that takes; one pass if −1. A
            last batch of a single row is merged into the one before: no relation exists within it.
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
            number = i % length
            if number == 0:
                order = torch.randperm(len(indices), device=indices.device, generator=generator)
                # what is done for a whole pass pays if most of it is used
                whole = (
                    Pass([order[rows] for rows in self._slices]) if 2 * (self._n_batches - i) > length else None
                )
            part_of = None if whole is None else (whole, number)
            rows = order[self._slices[number]]
            if not self._dataset.projections:
                yield Batch(self._dataset.rows(rows), part_of=part_of)
                continue
            # wide rows are read by those who ask for them: the model has its own
            entries: dict[str, Entry] = {
                name: functools.partial(values.index_select, 0, rows) for name, values in self._dataset.items()
            }
            yield Batch(entries, part_of=part_of, projections=self._dataset.projections)


class EdgeSampler:
    """Batches of edges, drawn in proportion to their weights, with random negatives.

    Args:
        edges: The edges.
        batch_size: Positive edges in a batch, at least 1.
        batches_per_epoch: Batches in an epoch; if −1, as many as let an epoch see about n pairs, i.e.
            n/(r + 1) positive edges for r negatives each.
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
