"""The loss that preserves global structure."""

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
    """Correlates distances in the embedding with distances in the data, whatever their scale.

    The loss is 1 − Pearson's correlation over pairs of the batch. In combination with a loss of neighbourhoods, it
    determines the arrangement of clusters.

    Args:
        metric: The distance between rows of data, see :class:`~paradime.loss.StressLoss`.
        data_key: The entry to embed.
        embedding_method: The model's method for embedding.
        n_points: The largest number of points of the batch to compare, evenly spaced in it, at least 3; all if
            ``None``. A hundred suffice to estimate the correlation at a negligible cost.
        name: The name of the loss in histories.

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
            selected = torch.arange(self.n_points, device=embedded.device) * len(embedded) // self.n_points
            embedded = embedded.index_select(0, selected)
            entry = batch[self.data_key]
            rows = {self.data_key: entry.index_select(0, selected.to(entry.device))}
        distances = batch_distances(rows, self.data_key, self.metric, embedded)
        return 1 - pearson(condensed_distances(embedded), distances)

    def check_setup(self, trial: Trial) -> None:
        super().check_setup(trial)
        try_distances(trial, self.data_key, self.metric)
