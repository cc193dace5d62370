"""Sampling of near, mid-near and far pairs of each point, as in PaCMAP."""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Iterator, Mapping
from typing import ClassVar, Literal

import torch

from paradime._registry import SAMPLINGS
from paradime.data.batch import Batch
from paradime.data.dataset import Dataset
from paradime.data.pairs import batch_of_pairs, graph_of
from paradime.data.sampling import Sampler, Sampling, slices_of_pass
from paradime.functional import (
    cumulative_blocks,
    draw_others,
    draw_others_of_batch,
    draw_run_of_rows,
    second_nearest_of_random,
    shuffled_rows,
)
from paradime.relationdata import RelationData
from paradime.utils.arguments import check_choice, check_integer
from paradime.utils.rows import rows_of

__all__ = ["NearMidFarPairs", "NearMidFarSampler"]

_FAR = ("random", "batch")


@SAMPLINGS.register("near mid far")
@dataclasses.dataclass(frozen=True)
class NearMidFarPairs(Sampling):
    """Samples batches of points, each with near, mid-near and far pairs, as in PaCMAP.

    Each pass has every row once, in random order; rows without neighbours are left out. Batches have ``"kind"``
    (0 near, 1 mid-near, 2 far) in addition to ``"row"``, ``"col"`` and ``"rel"`` (0 for far pairs, else 1). The
    default numbers are those of the paper: half as many mid-near pairs as near pairs, and twice as many far pairs.

    Args:
        near_key: The global relations whose edges are the near pairs; their weights are ignored.
        n_near: Number of near pairs per point, at least 1; they are distinct if the row has enough edges.
        n_mid: Number of mid-near pairs per point, at least 0: each with the second nearest of six random points
            in the data. They are drawn once per phase.
        n_far: Number of far pairs per point, at least 0.
        far: Source of far points: ``"random"`` for all points, or ``"batch"`` for the points of the batch's other
            pairs, which need no further encoding.
        data_key: The entry in which distances to mid-near points are computed.

    Raises:
        ValueError: If a number is out of range, or ``far`` is unknown.

    Source: Wang et al., "Understanding how dimension reduction tools work: PaCMAP", 2021, section 4.

    Example:
        >>> from paradime.relationdata import relation_factory
        >>> graph = relation_factory([[0.0, 1.0, 0.0], [1.0, 0.0, 0.0], [0.0, 1.0, 0.0]])
        >>> plan = NearMidFarPairs(n_near=1, n_mid=1, n_far=2)
        >>> (batch,) = plan.make(Dataset(torch.eye(3)), {"rel": graph}, batch_size=3).epoch(None)
        >>> batch["kind"].reshape(3, 4).tolist()
        [[0, 1, 2, 2], [0, 1, 2, 2], [0, 1, 2, 2]]
    """

    near_key: str = "rel"
    n_near: int = 10
    n_mid: int = 5
    n_far: int = 20
    far: Literal["random", "batch"] = "random"
    data_key: str = "main"

    provides: ClassVar[frozenset[str]] = frozenset({"items", "pairs", "mid pairs"})

    def __post_init__(self) -> None:
        for name, least in (("n_near", 1), ("n_mid", 0), ("n_far", 0)):
            usual = f"The default is {getattr(type(self), name)}."
            check_integer(name, getattr(self, name), least, remedy=usual)
        check_choice("far", self.far, _FAR)

    def relation_keys(self) -> tuple[str, ...]:
        return (self.near_key,)

    def make(
        self,
        dataset: Dataset,
        global_relations: Mapping[str, RelationData],
        *,
        batch_size: int,
        batches_per_epoch: int = -1,
    ) -> Sampler:
        return NearMidFarSampler(dataset, global_relations[self.near_key], self, batch_size, batches_per_epoch)


class NearMidFarSampler:
    """Batches of points with their pairs; see :class:`NearMidFarPairs`.

    Args:
        dataset: The points.
        relations: The graph whose edges are the near pairs.
        plan: The settings of the pairs.
        batch_size: Number of points per batch, at least 1.
        batches_per_epoch: Number of batches per epoch; that of one pass over the rows if −1.

    Raises:
        ValueError: If there is no edge, or the numbers of points differ.
    """

    provides: ClassVar[frozenset[str]] = NearMidFarPairs.provides

    def __init__(
        self,
        dataset: Dataset,
        relations: RelationData,
        plan: NearMidFarPairs,
        batch_size: int,
        batches_per_epoch: int = -1,
    ) -> None:
        self._dataset, self._plan = dataset, plan
        graph = graph_of(relations)
        graph.check_points(len(dataset))
        cumulative_blocks(graph.weights)  # raises an error for a graph without edges
        device = dataset["indices"].device
        self._starts, self._cols, _ = graph.to(device)
        counts = self._starts.diff()
        self._anchors = counts.nonzero().squeeze(1)
        self._chooses = int(counts.max()) > plan.n_near
        self._mid: torch.Tensor | None = None
        self._slices = slices_of_pass(len(self._anchors), batch_size)
        self._n_batches = len(self._slices) if batches_per_epoch < 0 else batches_per_epoch
        # on the CPU there is no synchronisation cost, and encoding each row once is cheaper
        self._static = device.type != "cpu"
        self._kinds = {"near": plan.n_near, "mid": plan.n_mid, "far": plan.n_far}

    def __len__(self) -> int:
        return self._n_batches

    def epoch(self, generator: torch.Generator | None) -> Iterator[Batch]:
        """Draws the batches of one epoch."""
        mid = self._drawn_once(generator)
        for firsts in itertools.islice(self._passes(generator), self._n_batches):
            entries = draw_run_of_rows(firsts, self._starts, self._plan.n_near, generator=generator)
            near = self._cols[entries].to(torch.int64)
            attracted = torch.cat((near, mid.index_select(0, firsts)), dim=1)
            others = torch.cat((attracted, self._far(firsts, attracted, generator)), dim=1)
            yield batch_of_pairs(self._dataset, firsts, others, self._kinds, static=self._static)

    def _drawn_once(self, generator: torch.Generator | None) -> torch.Tensor:
        """Draws the order of neighbours and the mid-near points, which are the same for all epochs."""
        if self._mid is None:
            if self._chooses:
                self._cols = shuffled_rows(self._starts, self._cols, generator=generator)
            rows = rows_of(self._dataset[self._plan.data_key])
            points = rows.dense() if rows.in_memory else torch.empty(len(rows), 0, device=rows.device)
            sq_dists = None if rows.in_memory else rows.sq_dists
            self._mid = second_nearest_of_random(points, self._plan.n_mid, generator=generator, sq_dists=sq_dists)
        return self._mid

    def _passes(self, generator: torch.Generator | None) -> Iterator[torch.Tensor]:
        while True:
            order = torch.randperm(len(self._anchors), device=self._anchors.device, generator=generator)
            order = self._anchors.index_select(0, order)
            for batch in self._slices:
                yield order[batch]

    def _far(
        self, firsts: torch.Tensor, attracted: torch.Tensor, generator: torch.Generator | None
    ) -> torch.Tensor:
        n, size = len(self._dataset), self._plan.n_far
        if self._plan.far == "batch":
            return draw_others_of_batch(firsts, attracted, n, size, generator=generator)
        return draw_others(firsts, n, size, generator=generator)
