"""Losses that learn from labels."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

import torch

from paradime._registry import LOSS_FUNCTIONS, LOSSES
from paradime.data import Batch, Dataset
from paradime.loss.base import BatchRelations, GlobalRelations, Loss, Trial, as_batch, check_shape
from paradime.types import BinaryTensorFun

__all__ = ["ClassificationLoss"]

UNLABELLED = -1
"""The label of rows that have none."""
_IGNORED = -100  # torch's label for the same

LOSS_FUNCTIONS.add("cross entropy", torch.nn.functional.cross_entropy)


@LOSSES.register("classification")
class ClassificationLoss(Loss):
    """Compares predicted class scores with labels.

    Args:
        loss_function: Takes scores (b, n_classes) and labels (b,), int64; cross-entropy if ``None``.
        data_key: The entry that is classified.
        label_key: The entry that holds the labels, in [0, n_classes), or −1 for rows without a label, which are
            left out: the loss is that of the others, and 0 for a batch that has none.
        classification_method: The method of the model that scores classes.
        name: The loss's name in histories.

    Raises:
        ValueError: Before training, if the model's output has not one row of scores a point, or if labels
            are no class numbers.
    """

    grammar: ClassVar[Mapping[str, tuple[str, ...]]] = {
        "func": ("loss_function",),
        "data": ("data_key", "label_key"),
        "methods": ("classification_method",),
    }

    def __init__(
        self,
        loss_function: BinaryTensorFun | None = None,
        data_key: str = "main",
        label_key: str = "labels",
        classification_method: str = "classify",
        name: str | None = None,
    ) -> None:
        super().__init__(name)
        self.loss_function = loss_function
        self.data_key = data_key
        self.label_key = label_key
        self.classification_method = classification_method
        self._partly_labelled = False

    def forward(
        self,
        model: torch.nn.Module,
        global_relations: GlobalRelations,
        batch_relations: BatchRelations,
        batch: Batch,
        device: torch.device,
    ) -> torch.Tensor:
        scores = as_batch(batch).encode(model, self.classification_method, self.data_key, device)
        labels = batch[self.label_key].to(device=device, dtype=torch.int64)
        if self.loss_function is None or self.loss_function is torch.nn.functional.cross_entropy:
            return _mean_cross_entropy(scores, labels)
        if not self._partly_labelled:
            return self.loss_function(scores, labels)
        # a function that may know nothing of missing labels gets the rows that have one; this waits for the device
        rows = (labels != UNLABELLED).nonzero().squeeze(1)
        if len(rows) == 0:
            nothing: torch.Tensor = 0 * scores.sum()
            return nothing
        return self.loss_function(scores.index_select(0, rows), labels.index_select(0, rows))

    def n_outputs(self, dataset: Dataset) -> int | None:
        if self.label_key not in dataset or dataset[self.label_key].is_floating_point():
            return None
        return max(1, int(dataset[self.label_key].max()) + 1)

    def check_setup(self, trial: Trial) -> None:
        labels = trial.dataset[self.label_key]
        if labels.is_floating_point():
            raise ValueError(
                f"loss {self.name!r}: labels {self.label_key!r} must be integers, got {labels.dtype}. "
                "Number the classes from 0."
            )
        scores = trial.encode(self.classification_method, self.data_key)
        check_shape(
            f"loss {self.name!r}: the model's class scores",
            scores,
            (len(trial.batch["indices"]), -1),
            f"Check method {self.classification_method!r} of model {type(trial.model).__name__}.",
        )
        self._partly_labelled = labels.ndim == 1 and bool((labels == UNLABELLED).any())
        ignored = getattr(self.loss_function, "ignore_index", _IGNORED)
        used = labels[(labels != ignored) & (labels != UNLABELLED)]
        if len(used) and not (used.min() >= 0 and used.max() < scores.shape[1]):
            raise ValueError(
                f"loss {self.name!r}: labels {self.label_key!r} must lie in [0, {scores.shape[1]}), the model's "
                f"number of class scores, got labels from {int(used.min())} to {int(used.max())}. "
                f"Number the classes from 0; {UNLABELLED} stands for no label."
            )


def _mean_cross_entropy(scores: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
    labels = torch.where(labels == _IGNORED, UNLABELLED, labels)
    total = torch.nn.functional.cross_entropy(scores, labels, ignore_index=UNLABELLED, reduction="sum")
    return total / (labels != UNLABELLED).sum().clamp_min(1)
