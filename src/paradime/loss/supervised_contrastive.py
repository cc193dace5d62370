"""Losses of pairs and triplets by class or target: the supervised contrastive loss and the triplet loss."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar, Literal

import torch

from paradime._registry import LOSSES
from paradime.data import Batch
from paradime.functional import (
    TRIPLET_MINING,
    class_weights,
    euclidean_distances,
    log_similarities,
    squared_distances,
    target_weights,
    triplet_hinge,
    weighted_contrast,
)
from paradime.loss.base import GlobalRelations, Trial
from paradime.loss.embedding import EmbeddingLoss, rows_with_target, single_column
from paradime.utils.arguments import check_choice, check_positive

__all__ = ["SupervisedContrastiveLoss", "TripletLoss"]

_TEMPERATURES = {"cauchy": 1.0, "cosine": 0.1}
_BANDWIDTH = 0.2


@LOSSES.register("supervised contrastive")
class SupervisedContrastiveLoss(EmbeddingLoss):
    """Distinguishes the rows of the same class, or with a similar target, from the other rows of a batch.

    With s the logarithms of similarities, divided by the temperature, the loss is the mean over rows i of
    −Σⱼ wᵢⱼ log softmaxⱼ(sᵢⱼ). For integer labels, w is equal for all rows of the class. For floating-point labels,
    w decreases with their difference.

    Args:
        label_key: The entry with the labels: classes as integers, −1 for unlabelled rows, or numeric targets as
            floating-point numbers, NaN for rows without one. Rows without a label are ignored, also as negatives.
        bandwidth: The difference of targets at which w has decreased to 0.6, > 0, in standard deviations of the
            targets in the batch; 0.2 if ``None``. Classes do not use it.
        temperature: The divisor of s, > 0; by default 1 for ``"cauchy"`` and 0.1 for ``"cosine"``.
        similarity: ``"cauchy"`` for 1/(1 + d²), suited to embeddings in two dimensions; ``"cosine"`` for the
            exponential of the cosine, suited to many dimensions.
        data_key: The entry to embed.
        embedding_method: The model's method for embedding.
        name: The name of the loss in histories.

    Raises:
        ValueError: If an argument is out of range; before training, if there is not one label per row.

    Source: Khosla et al., "Supervised contrastive learning", 2020, eq. 2, for classes; Dufumier et al.,
        "Contrastive learning with continuous proxy meta-data for 3D MRI classification", 2021, for targets; Böhm,
        Berens, Kobak, "Unsupervised visualization of image datasets using contrastive learning", 2023, for the
        kernel.

    Example:
        >>> rows, labels = torch.tensor([[0.0], [1.0], [9.0]]), torch.tensor([0, 0, 1])
        >>> loss = SupervisedContrastiveLoss()
        >>> loss(torch.nn.Identity(), {}, {}, {"main": rows, "labels": labels}, torch.device("cpu"))
        tensor(0.0272)
    """

    spec_arguments: ClassVar[Mapping[str, tuple[str, ...]]] = {
        "data": ("data_key", "label_key"),
        "methods": ("embedding_method",),
    }

    in_unit = True

    def __init__(
        self,
        label_key: str = "labels",
        bandwidth: float | None = None,
        temperature: float | None = None,
        similarity: Literal["cauchy", "cosine"] = "cauchy",
        data_key: str = "main",
        embedding_method: str = "embed",
        name: str | None = None,
    ) -> None:
        super().__init__(data_key, embedding_method, name)
        check_choice("similarity", similarity, _TEMPERATURES)
        for what, value in (("bandwidth", bandwidth), ("temperature", temperature)):
            if value is not None:
                check_positive(what, value)
        self.label_key = label_key
        self.bandwidth = bandwidth
        self.temperature = temperature
        self.similarity = similarity
        self._some_miss = False

    def of_embedding(
        self, embedded: torch.Tensor, batch: Batch, global_relations: GlobalRelations
    ) -> torch.Tensor:
        labels = batch[self.label_key].to(embedded.device).reshape(-1)
        candidates = None
        if labels.is_floating_point():
            rows = rows_with_target(labels, self._some_miss)
            if rows is not None:
                if len(rows) < 2:
                    return 0 * embedded.sum()
                embedded, labels = embedded.index_select(0, rows), labels.index_select(0, rows)
            bandwidth = _BANDWIDTH if self.bandwidth is None else self.bandwidth
            weights = target_weights(labels.to(embedded.dtype), bandwidth)
        else:
            weights, candidates = class_weights(labels, dtype=embedded.dtype), labels != -1
        temperature = _TEMPERATURES[self.similarity] if self.temperature is None else self.temperature
        similarities = log_similarities(embedded, self.similarity) / temperature
        return weighted_contrast(similarities, weights, candidates=candidates)

    def check_setup(self, trial: Trial) -> None:
        super().check_setup(trial)
        labels = single_column(self, trial.dataset, self.label_key, may_miss=True)
        self._some_miss = bool(labels.isnan().any())


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
