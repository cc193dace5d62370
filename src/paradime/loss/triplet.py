"""The triplet loss of classes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar, Literal

import torch

from paradime._registry import LOSSES
from paradime.data import Batch
from paradime.functional import TRIPLET_MINING, euclidean_distances, squared_distances, triplet_hinge
from paradime.loss.base import GlobalRelations, Trial
from paradime.loss.embedding import EmbeddingLoss, check_choice, check_positive, single_column

__all__ = ["TripletLoss"]


@LOSSES.register("triplet")
class TripletLoss(EmbeddingLoss):
    """Makes each row nearer to the rows of its class than to rows of other classes, by a margin.

    The loss is the mean of max(0, d(anchor, positive) − d(anchor, negative) + margin) over the selected triplets
    of the batch, and 0 without triplets.

    Args:
        label_key: The entry with the classes as integers; rows with −1 are unlabelled and ignored.
        margin: The margin, > 0, in the unit of the embedding.
        mining: The selection of triplets: ``"all"``; ``"semihard"``, for each pair of a class the nearest negative
            farther than the positive; ``"hard"``, for each anchor the farthest positive and the nearest negative,
            suited to many dimensions, since in two it may collapse all classes.
        data_key: The entry to embed.
        embedding_method: The model's method for embedding.
        name: The name of the loss in histories.

    Raises:
        ValueError: If an argument is out of range; before training, if labels are not integers.

    Source: Schroff, Kalenichenko, Philbin, "FaceNet", 2015; Hermans, Beyer, Leibe, "In defense of the triplet
        loss", 2017.

    Example:
        >>> entries = {"main": torch.tensor([[0.0], [1.0], [1.5]]), "labels": torch.tensor([0, 0, 1])}
        >>> TripletLoss(mining="hard")(torch.nn.Identity(), {}, {}, entries, torch.device("cpu"))
        tensor(1.)
    """

    spec_arguments: ClassVar[Mapping[str, tuple[str, ...]]] = {
        "data": ("data_key", "label_key"),
        "methods": ("embedding_method",),
    }

    def __init__(
        self,
        label_key: str = "labels",
        margin: float = 1.0,
        mining: Literal["all", "semihard", "hard"] = "semihard",
        data_key: str = "main",
        embedding_method: str = "embed",
        name: str | None = None,
    ) -> None:
        super().__init__(data_key, embedding_method, name)
        check_positive("margin", margin)
        check_choice("mining", mining, TRIPLET_MINING)
        self.label_key = label_key
        self.margin = margin
        self.mining = mining

    def of_embedding(
        self, embedded: torch.Tensor, batch: Batch, global_relations: GlobalRelations
    ) -> torch.Tensor:
        labels = batch[self.label_key].to(embedded.device).reshape(-1)
        distances = euclidean_distances(squared_distances(embedded))
        return triplet_hinge(distances, labels, margin=self.margin, mining=self.mining)

    def check_setup(self, trial: Trial) -> None:
        super().check_setup(trial)
        labels = single_column(self, trial.dataset, self.label_key)
        if labels.is_floating_point():
            raise ValueError(
                f"loss {self.name!r}: labels {self.label_key!r} must be integers, got {labels.dtype}. "
                "Number the classes; for numeric targets, use SupervisedContrastiveLoss."
            )
