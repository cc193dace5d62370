"""The loss that shows where the data are dense."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

import torch

from paradime._registry import LOSSES
from paradime.data import Batch
from paradime.functional import log_radii, pearson, squared_distances
from paradime.loss.base import GlobalRelations, Trial
from paradime.loss.embedding import EmbeddingLoss, single_column

__all__ = ["DensityLoss"]


@LOSSES.register("density")
class DensityLoss(EmbeddingLoss):
    """Lets points that are far from their neighbours in the data be so in the embedding: densMAP's term.

    The loss is 1 − Pearson's correlation over the batch between the logarithms of the local radii in the data and
    those in the embedding, log(ε + Σⱼ qᵢⱼ dᵢⱼ² / Σⱼ qᵢⱼ) with q = 1/(1 + d²).

    Args:
        radius_key: The entry that holds the logarithms of the local radii in the data; see
            :func:`~paradime.data.local_radius`, the data function ``"local radius"``.
        data_key: The entry that is embedded.
        embedding_method: The method of the model that embeds.
        name: The loss's name in histories.

    Raises:
        ValueError: Before training, if the radii are not one number a row.

    Source: Narayan, Berger, Cho, "Assessing single-cell transcriptomic variability through density-preserving data
        visualization", 2021.

    Example:
        >>> entries = {"main": torch.tensor([[0.0], [0.1], [9.0]]), "radius": torch.tensor([0.0, 0.0, 5.0])}
        >>> DensityLoss()(torch.nn.Identity(), {}, {}, entries, torch.device("cpu")) < 0.01
        tensor(True)
    """

    spec_arguments: ClassVar[Mapping[str, tuple[str, ...]]] = {
        "data": ("data_key", "radius_key"),
        "methods": ("embedding_method",),
    }

    in_unit = True

    def __init__(
        self,
        radius_key: str = "radius",
        data_key: str = "main",
        embedding_method: str = "embed",
        name: str | None = None,
    ) -> None:
        super().__init__(data_key, embedding_method, name)
        self.radius_key = radius_key

    def of_embedding(
        self, embedded: torch.Tensor, batch: Batch, global_relations: GlobalRelations
    ) -> torch.Tensor:
        wanted = batch[self.radius_key].to(device=embedded.device, dtype=embedded.dtype).reshape(-1)
        return 1 - pearson(log_radii(squared_distances(embedded)), wanted)

    def check_setup(self, trial: Trial) -> None:
        super().check_setup(trial)
        single_column(self, trial.dataset, self.radius_key)
