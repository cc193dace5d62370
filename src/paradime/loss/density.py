"""The loss that preserves local densities."""

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
    """Preserves local densities, as in densMAP: distances to neighbours in the data and in the embedding agree.

    The loss is 1 − Pearson's correlation over the batch between the logarithms of the local radii in the data and
    those in the embedding, log(ε + Σⱼ qᵢⱼ dᵢⱼ² / Σⱼ qᵢⱼ) with q = 1/(1 + d²).

    Args:
        radius_key: The entry with the logarithms of the local radii in the data, see
            :func:`~paradime.data.local_radius`, the data function ``"local radius"``.
        data_key: The entry to embed.
        embedding_method: The model's method for embedding.
        name: The name of the loss in histories.

    Raises:
        ValueError: Before training, if there is not one radius per row.

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
        radii = batch[self.radius_key].to(device=embedded.device, dtype=embedded.dtype).reshape(-1)
        return 1 - pearson(log_radii(squared_distances(embedded)), radii)

    def check_setup(self, trial: Trial) -> None:
        super().check_setup(trial)
        single_column(self, trial.dataset, self.radius_key)
