"""The loss that lets the embedding run smoothly in time or along a graph."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

import torch

from paradime._registry import LOSSES
from paradime.data import Batch
from paradime.exceptions import UnsupportedConfigurationError
from paradime.functional import dirichlet_energy, nearness
from paradime.loss.base import GlobalRelations, Trial
from paradime.loss.embedding import EmbeddingLoss, check_positive, check_relations, single_column

__all__ = ["SmoothnessLoss"]


@LOSSES.register("smoothness")
class SmoothnessLoss(EmbeddingLoss):
    """Puts rows that follow each other in time, or are joined in a graph, near each other.

    The loss is the mean squared distance of such pairs relative to that of all pairs of the batch, so that
    shrinking the embedding does not lower it: 1 where the pairs lie as far apart as any.

    Args:
        time_key: The entry that holds times. Each row's pairs are weighted by exp(−(Δt/scale)²/2).
        relation_key: Instead, the global relations ≥ 0 whose entries weight the pairs.
        scale: The time > 0 within which rows count as near. ``None`` chooses it for each batch such that about
            four rows lie within it: half of the median time that five successive rows span.
        data_key: The entry that is embedded.
        embedding_method: The method of the model that embeds.
        name: The loss's name in histories.

    Raises:
        ValueError: If not exactly one of ``time_key`` and ``relation_key`` is given, or ``scale`` is not positive;
            before training, if times are not one number a row.
        RelationsNotComputedError: Before training, if there are no such relations.

    Source: Belkin and Niyogi, "Laplacian eigenmaps for dimensionality reduction and data representation", 2003,
        for the energy of a graph.

    Example:
        >>> entries = {"main": torch.tensor([[0.0], [1.0], [2.0]]), "hour": torch.tensor([0.0, 1.0, 2.0])}
        >>> loss = SmoothnessLoss("hour", scale=0.1)
        >>> loss(torch.nn.Identity(), {}, {}, entries, torch.device("cpu"))
        tensor(0.5000)
    """

    spec_arguments: ClassVar[Mapping[str, tuple[str, ...]]] = {
        "data": ("data_key", "time_key"),
        "rels": ("relation_key",),
        "methods": ("embedding_method",),
    }

    def __init__(
        self,
        time_key: str | None = None,
        relation_key: str | None = None,
        scale: float | None = None,
        data_key: str = "main",
        embedding_method: str = "embed",
        name: str | None = None,
    ) -> None:
        super().__init__(data_key, embedding_method, name)
        if (time_key is None) == (relation_key is None):
            raise UnsupportedConfigurationError(
                "a SmoothnessLoss needs either time_key or relation_key, got "
                f"time_key={time_key!r} and relation_key={relation_key!r}. Give one of them."
            )
        if scale is not None:
            check_positive("scale", scale)
        self.time_key = time_key
        self.relation_key = relation_key
        self.scale = scale

    def of_embedding(
        self, embedded: torch.Tensor, batch: Batch, global_relations: GlobalRelations
    ) -> torch.Tensor:
        if self.relation_key is not None:
            weights = global_relations[self.relation_key].sub(batch["indices"])
            return dirichlet_energy(embedded, weights.to(embedded.device, embedded.dtype))
        assert self.time_key is not None
        times = batch[self.time_key].to(embedded.device).reshape(-1)
        if not times.is_floating_point():
            # seconds since 1970, say, have more digits than single precision holds
            times = times.to(torch.int64) - times[0]
        return dirichlet_energy(embedded, nearness(times.to(embedded.dtype), self.scale))

    def check_setup(self, trial: Trial) -> None:
        super().check_setup(trial)
        if self.relation_key is not None:
            check_relations(self, trial, self.relation_key)
        if self.time_key is not None:
            single_column(self, trial.dataset, self.time_key)
