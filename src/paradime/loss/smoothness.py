"""The loss of smoothness in time or along a graph."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

import torch

from paradime._registry import LOSSES
from paradime.data import Batch
from paradime.exceptions import UnsupportedConfigurationError
from paradime.functional import dirichlet_energy, nearness
from paradime.loss.base import GlobalRelations, Trial
from paradime.loss.embedding import EmbeddingLoss, check_relations, single_column
from paradime.utils.arguments import check_positive

__all__ = ["SmoothnessLoss"]


@LOSSES.register("smoothness")
class SmoothnessLoss(EmbeddingLoss):
    """Embeds rows near each other if they are near in time or connected in a graph.

    The loss is the mean squared distance of such pairs relative to that of all pairs in the batch, so that a
    smaller scale of the embedding does not lower it. It is 1 if the pairs are as far apart as all pairs.

    Args:
        time_key: The entry with times. Pairs are weighted by exp(−(Δt/scale)²/2).
        relation_key: Alternatively, the global relations ≥ 0 that are the weights of the pairs.
        scale: The time > 0 within which rows are near. By default, it is half of the median time span of five
            successive rows of the batch, so that about four rows are near.
        data_key: The entry to embed.
        embedding_method: The model's method for embedding.
        name: The name of the loss in histories.

    Raises:
        ValueError: If not exactly one of ``time_key`` and ``relation_key`` is given, or ``scale`` is not positive;
            before training, if there is not one time per row.
        RelationsNotComputedError: Before training, if these relations do not exist.

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
                f"time_key={time_key!r} and relation_key={relation_key!r}. Pass one of them."
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
            # integers such as seconds since 1970 have more digits than float32
            times = times.to(torch.int64) - times[0]
        return dirichlet_energy(embedded, nearness(times.to(embedded.dtype), self.scale))

    def check_setup(self, trial: Trial) -> None:
        super().check_setup(trial)
        if self.relation_key is not None:
            check_relations(self, trial, self.relation_key)
        if self.time_key is not None:
            single_column(self, trial.dataset, self.time_key)
