"""What further losses add to the gradient of free positions."""

from __future__ import annotations

import functools
import itertools
from collections.abc import Iterator, Mapping
from typing import Any

import torch

from paradime.data import Batch, Dataset
from paradime.loss import Loss
from paradime.models import view_of
from paradime.refinement.reference import ReferenceRows
from paradime.relationdata import RelationData
from paradime.relations import Relations
from paradime.training import TrainingPhase

__all__ = ["Guidance"]

_STEPS_A_PASS = 20  # in which the gradient of every row is computed anew
_EMBEDDING, _HEADS, _ON_ROWS = ("forward", "embed"), ("decode", "decode_standardized"), "classify"


class Guidance:
    """The gradient of guiding losses with respect to free positions.

    Losses see the model of the training, whose embedding is replaced: of a training row, it is the row's free
    position. Heads, such as a classifier, are given positions in the scale of the network's map, which they have
    learned. Batches are those of the phase. The last gradient of each row is kept, so that a few batches a step
    guide all rows.

    Args:
        model: The network.
        phase: The phase that the network was trained with, whose batches guide.
        losses: Losses by key.
        weights: The weight of each guiding loss, by key, where the loss that free positions follow has 1.
        dataset: The points.
        data_key: The entry that is embedded.
        reference: The points' keys, by which their positions are found.
        global_relations: Relations between all points, by key.
        batch_relations: How to compute relations between embedded points, by key.
        center: The centre of the network's map.
        factor: By what the network's map was scaled.
        device: Where the network is.
        generator: Draws the batches.
    """

    def __init__(
        self,
        model: torch.nn.Module,
        phase: TrainingPhase,
        losses: Mapping[str, Loss],
        weights: Mapping[str, float],
        dataset: Dataset,
        data_key: str,
        reference: ReferenceRows,
        global_relations: Mapping[str, RelationData],
        batch_relations: Mapping[str, Relations],
        *,
        center: torch.Tensor,
        factor: float,
        device: torch.device,
        generator: torch.Generator | None,
    ) -> None:
        self._losses, self._weights = losses, weights
        self._relations = global_relations, batch_relations
        self._reference, self._device = reference, device
        self._center, self._factor = center, factor
        n = len(dataset)
        size = phase.budget(n).batch_size
        sampler = phase.plan().make(dataset.to(device), global_relations, batch_size=size)
        self._batches: Iterator[Batch] = itertools.chain.from_iterable(
            sampler.epoch(generator) for _ in itertools.count()
        )
        self._per_step = max(1, round(n / (size * _STEPS_A_PASS)))
        self._model = view_of(model, (*_EMBEDDING, *_HEADS, _ON_ROWS), self._replaced)
        self._for_head = False
        self._positions = torch.empty(0)
        self._gradients = torch.zeros(n, len(center))
        self._share = min(1.0, size / n)

    def __call__(self, positions: torch.Tensor) -> torch.Tensor:
        """Returns the gradient of the guiding losses at free positions, shape (n, d)."""
        for batch in itertools.islice(self._batches, self._per_step):
            self._positions = positions.detach().requires_grad_()
            value = 0 * self._positions.sum()
            for key, weight in self._weights.items():
                loss = self._losses[key].evaluate(self._model, *self._relations, batch, self._device)
                value = value + weight * loss.to(value.device)
            (gradient,) = torch.autograd.grad(value, self._positions)
            # a row is in a batch now and then: on average, its gradient is that share of the one in a batch
            changed = gradient.abs().sum(dim=1) > 0
            self._gradients[changed] = gradient[changed] * self._share
        return self._gradients

    def _replaced(self, name: str, method: Any) -> Any:
        """Returns what a method of the network does with free positions."""
        if name in _HEADS:  # they know the network's map
            return lambda positions: method(self._in_network_map(positions))
        if name == _ON_ROWS:
            return functools.partial(self._of_head, method)
        return self._embed

    def _of_head(self, method: Any, rows: torch.Tensor) -> Any:
        self._for_head = True
        try:
            return method(rows)
        finally:
            self._for_head = False

    def _embed(self, rows: torch.Tensor) -> torch.Tensor:
        found = self._reference.find(rows)
        if bool((found < 0).any()):
            raise ValueError(
                "a loss embeds other rows than those of the training, which have no free positions. Leave refine "
                "out."
            )
        own = self._positions.index_select(0, found)
        return (self._in_network_map(own) if self._for_head else own).to(rows.device)

    def _in_network_map(self, positions: torch.Tensor) -> torch.Tensor:
        return positions / self._factor + self._center.to(positions.device)
