"""Sampling of pairs of a point and a neighbour, for losses with negatives from the batch."""

from __future__ import annotations

import dataclasses
import itertools
import math
from collections.abc import Iterator, Mapping
from typing import ClassVar, Literal

import torch

from paradime._registry import SAMPLINGS
from paradime.data.batch import Batch
from paradime.data.dataset import Dataset
from paradime.data.pairs import batch_of_pairs, graph_of
from paradime.data.sampling import Sampler, Sampling, slices_of_pass
from paradime.functional import cumulative_blocks, cumulative_rows, draw_from_blocks, draw_from_rows
from paradime.relationdata import RelationData
from paradime.utils.arguments import check_choice

__all__ = ["ContrastivePairs", "ContrastiveSampler"]

_ANCHORS = ("rows", "edges")
_AT_ONCE = 1 << 16  # number of pairs per draw, which amortises the fixed cost of a draw


class ContrastiveSampler:
    """Batches of pairs of a point and one of its neighbours; see :class:`ContrastivePairs`.

    Args:
        dataset: The points.
        relations: The graph that pairs are drawn from.
        batch_size: Number of pairs per batch, at least 1.
        batches_per_epoch: Number of batches per epoch; if −1, that of one pass over the rows.
        anchors: ``"rows"`` or ``"edges"``.

    Raises:
        ValueError: If there is no edge, a weight is negative, or the numbers of points differ.
    """

    provides: ClassVar[frozenset[str]] = frozenset({"items", "pairs"})

    def __init__(
        self,
        dataset: Dataset,
        relations: RelationData,
        batch_size: int,
        batches_per_epoch: int = -1,
        *,
        anchors: str = "rows",
    ) -> None:
        self._dataset = dataset
        graph = graph_of(relations)
        graph.check_points(len(dataset))
        # this checks the weights also for anchors="rows"
        blocks = cumulative_blocks(graph.weights)
        device = dataset["indices"].device
        self._starts, self._cols, self._weights = graph.to(device)
        # points without neighbours cannot be anchors
        self._anchors = self._starts.diff().nonzero().squeeze(1)
        self._by_edges = anchors == "edges"
        self._cumulative = blocks.to(device) if self._by_edges else cumulative_rows(self._starts, self._weights)
        self._slices = slices_of_pass(len(self._anchors), batch_size)
        self._batch_size = batch_size
        # on the CPU there is no synchronisation cost, and encoding each row once is cheaper
        self._static = device.type != "cpu"
        pass_length = math.ceil(len(dataset) / batch_size) if self._by_edges else len(self._slices)
        self._n_batches = pass_length if batches_per_epoch < 0 else batches_per_epoch

    def __len__(self) -> int:
        return self._n_batches

    def epoch(self, generator: torch.Generator | None) -> Iterator[Batch]:
        """Draws the batches of one epoch."""
        draw = self._edges if self._by_edges else self._rows
        for firsts, seconds in itertools.islice(draw(generator), self._n_batches):
            yield batch_of_pairs(self._dataset, firsts, seconds[:, None], {"near": 1}, static=self._static)

    def _rows(self, generator: torch.Generator | None) -> Iterator[tuple[torch.Tensor, torch.Tensor]]:
        """Draws pairs of each anchor and one of its neighbours, pass after pass without end."""
        n = len(self._anchors)
        length = max(1, min(_AT_ONCE // self._batch_size, self._n_batches))
        while True:
            order = torch.randperm(n, device=self._anchors.device, generator=generator)
            for first in range(0, len(self._slices), length):
                batches = self._slices[first : first + length]
                begin = batches[0].start
                firsts = self._anchors.index_select(0, order[begin : batches[-1].stop])
                # sorted, so that memory is read sequentially
                in_order, positions = firsts.sort()
                entries = draw_from_rows(in_order, self._starts, self._cumulative, generator=generator)
                seconds = torch.empty_like(firsts)
                seconds[positions] = self._cols.index_select(0, entries).to(torch.int64)
                for rows in batches:
                    batch = slice(rows.start - begin, rows.stop - begin)
                    yield firsts[batch], seconds[batch]

    def _edges(self, generator: torch.Generator | None) -> Iterator[tuple[torch.Tensor, torch.Tensor]]:
        """Draws edges in proportion to their weights, without end."""
        size = self._batch_size
        length = max(1, min(_AT_ONCE // size, self._n_batches))
        while True:
            entries = draw_from_blocks(self._weights, self._cumulative, length * size, generator=generator)
            firsts = torch.searchsorted(self._starts, entries, right=True) - 1
            seconds = self._cols.index_select(0, entries).to(torch.int64)
            yield from zip(torch.split(firsts, size), torch.split(seconds, size), strict=True)


@SAMPLINGS.register("contrastive")
@dataclasses.dataclass(frozen=True)
class ContrastivePairs(Sampling):
    """Samples batches of pairs of a point and one of its neighbours; losses take their negatives from the batch.

    Args:
        rel_key: The global relations whose edges are the pairs.
        anchors: ``"rows"``: each pass has every row once, in random order, with one of its neighbours, drawn in
            proportion to the relations; rows without neighbours are left out. ``"edges"``: edges are drawn in
            proportion to the relations, so that rows with larger relations occur more often.

    Raises:
        ValueError: If ``anchors`` is unknown.

    Source: Damrich et al., "From t-SNE to UMAP with contrastive learning", 2023, section 3.

    Example:
        >>> from paradime.relationdata import relation_factory
        >>> graph = relation_factory([[0.0, 1.0, 0.0], [1.0, 0.0, 0.0], [0.0, 1.0, 0.0]])
        >>> sampler = ContrastivePairs().make(Dataset(torch.eye(3)), {"rel": graph}, batch_size=3)
        >>> sorted((int(i), int(j)) for b in sampler.epoch(None) for i, j in zip(b["row"], b["col"]))
        [(0, 1), (1, 0), (2, 1)]
    """

    rel_key: str = "rel"
    anchors: Literal["rows", "edges"] = "rows"

    provides: ClassVar[frozenset[str]] = ContrastiveSampler.provides

    def __post_init__(self) -> None:
        check_choice("anchors", self.anchors, _ANCHORS)

    def relation_keys(self) -> tuple[str, ...]:
        return (self.rel_key,)

    def make(
        self,
        dataset: Dataset,
        global_relations: Mapping[str, RelationData],
        *,
        batch_size: int,
        batches_per_epoch: int = -1,
    ) -> Sampler:
        graph = global_relations[self.rel_key]
        return ContrastiveSampler(dataset, graph, batch_size, batches_per_epoch, anchors=self.anchors)
