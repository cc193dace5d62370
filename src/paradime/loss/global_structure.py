"""The loss that keeps the large arrangement of the data."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

import torch

from paradime._registry import LOSSES
from paradime.data import Batch
from paradime.functional import condensed_distances, pearson
from paradime.loss.base import GlobalRelations, Trial
from paradime.loss.embedding import EmbeddingLoss
from paradime.loss.stress import batch_distances, check_metric, try_distances
from paradime.types import BinaryTensorFun

__all__ = ["GlobalStructureLoss"]


@LOSSES.register("global structure")
class GlobalStructureLoss(EmbeddingLoss):
    """Lets distances in the embedding be correlated with distances in the data, whatever their scale.

    The loss is 1 − Pearson's correlation over pairs of the batch. Beside a loss of neighbourhoods, it decides
    where the clusters go.

    Args:
        metric: The distance between rows of data, see :class:`~paradime.loss.StressLoss`.
        data_key: The entry that is embedded.
        embedding_method: The method of the model that embeds.
        n_points: At most so many points of the batch are compared, evenly spread over it, at least 3; all of them
            if ``None``. A correlation is found well enough with a hundred, whose pairs cost next to nothing.
        name: The loss's name in histories.

    Raises:
        ValueError: If the metric is unknown, or ``n_points`` is less than 3.

    Source: Kobak and Berens, "The art of using t-SNE for single-cell transcriptomics", 2019, for the correlation
        of distances as a measure of global structure.

    Example:
        >>> rows = torch.tensor([[0.0, 0.0], [0.0, 1.0], [3.0, 0.0]])
        >>> GlobalStructureLoss()(torch.nn.Identity(), {}, {}, {"main": rows}, torch.device("cpu")) < 1e-6
        tensor(True)
    """

    spec_arguments: ClassVar[Mapping[str, tuple[str, ...]]] = {
        "data": ("data_key",),
        "methods": ("embedding_method",),
    }

    in_unit = True

    def __init__(
        self,
        metric: str | BinaryTensorFun = "euclidean",
        data_key: str = "main",
        embedding_method: str = "embed",
        n_points: int | None = None,
        name: str | None = None,
    ) -> None:
        super().__init__(data_key, embedding_method, name)
        check_metric(metric)
        if n_points is not None and n_points < 3:
            raise ValueError(f"n_points must be at least 3, or None for all of the batch, got {n_points!r}.")
        self.metric = metric
        self.n_points = n_points

    def of_embedding(
        self, embedded: torch.Tensor, batch: Batch, global_relations: GlobalRelations
    ) -> torch.Tensor:
        rows: Mapping[str, torch.Tensor] = batch
        if self.n_points is not None and len(embedded) > self.n_points:
            chosen = torch.arange(self.n_points, device=embedded.device) * len(embedded) // self.n_points
            embedded = embedded.index_select(0, chosen)
            entry = batch[self.data_key]
            rows = {self.data_key: entry.index_select(0, chosen.to(entry.device))}
        wanted = batch_distances(rows, self.data_key, self.metric, embedded)
        return 1 - pearson(condensed_distances(embedded), wanted)

    def check_setup(self, trial: Trial) -> None:
        super().check_setup(trial)
        try_distances(trial, self.data_key, self.metric)
