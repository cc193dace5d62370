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

    Cross-entropy (``None``, ``torch.nn.functional.cross_entropy`` or a ``torch.nn.CrossEntropyLoss``) takes class
    numbers in [0, n_classes), or −1 for rows without a label, which are left out: the loss is that of the others,
    and 0 for a batch that has none. It also takes probabilities of the classes, shape (b, n_classes).

    Any other function takes labels of any kind as they are, for example 0.0 and 1.0 for
    ``torch.nn.BCEWithLogitsLoss()``; a label of −1 is left to it. Integers arrive as int64.

    Args:
        loss_function: Takes scores (b, n_classes) and labels (b, …); cross-entropy if ``None``.
        data_key: The entry that is classified.
        label_key: The entry that holds the labels.
        classification_method: The method of the model that scores classes.
        name: The loss's name in histories.

    Raises:
        ValueError: Before training, if the model's output has not one row of scores per point, or if labels
            for cross-entropy are neither class numbers nor probabilities.
    """

    spec_arguments: ClassVar[Mapping[str, tuple[str, ...]]] = {
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
        labels = batch[self.label_key].to(device)
        function = torch.nn.functional.cross_entropy if self.loss_function is None else self.loss_function
        if not labels.is_floating_point() and (self._is_cross_entropy or labels.dtype != torch.bool):
            labels = labels.to(torch.int64)
        if labels.is_floating_point() or not self._is_cross_entropy:
            return function(scores, labels)
        if function is torch.nn.functional.cross_entropy:
            return _mean_cross_entropy(scores, labels)
        if not self._partly_labelled:
            return function(scores, labels)
        # cross-entropy with settings of its own gets the rows that have a label; this waits for the device
        rows = (labels != UNLABELLED).nonzero().squeeze(1)
        if len(rows) == 0:
            nothing: torch.Tensor = 0 * scores.sum()
            return nothing
        return function(scores.index_select(0, rows), labels.index_select(0, rows))

    @property
    def _is_cross_entropy(self) -> bool:
        """Whether labels are class numbers, of which −1 stands for none, or probabilities."""
        known = self.loss_function in (None, torch.nn.functional.cross_entropy)
        return known or isinstance(self.loss_function, torch.nn.CrossEntropyLoss)

    def n_outputs(self, dataset: Dataset) -> int | None:
        if self.label_key not in dataset:
            return None
        labels = dataset[self.label_key]
        if labels.ndim == 2:
            return int(labels.shape[1])
        return None if labels.is_floating_point() else max(1, int(labels.max()) + 1)

    def check_setup(self, trial: Trial) -> None:
        scores, n_rows = trial.encode(self.classification_method, self.data_key), len(trial.batch["indices"])
        # functions other than cross-entropy may want scores of any shape
        ndim = 2 if self._is_cross_entropy else max(1, getattr(scores, "ndim", 1))
        check_shape(
            f"loss {self.name!r}: the model's class scores",
            scores,
            (n_rows, *[-1] * (ndim - 1)),
            f"Check method {self.classification_method!r} of model {type(trial.model).__name__}.",
        )
        if self._is_cross_entropy:
            self._check_classes(trial.dataset[self.label_key], scores.shape[1])

    def _check_classes(self, labels: torch.Tensor, n_scores: int) -> None:
        if labels.is_floating_point():
            if labels.shape[1:] == (n_scores,):
                return
            raise ValueError(
                f"loss {self.name!r}: labels {self.label_key!r} must be integers, got {labels.dtype}. Number the "
                f"classes from 0, or pass the probabilities of the {n_scores} classes, shape (n, {n_scores})."
            )
        self._partly_labelled = labels.ndim == 1 and bool((labels == UNLABELLED).any())
        ignored = getattr(self.loss_function, "ignore_index", _IGNORED)
        used = labels[(labels != ignored) & (labels != UNLABELLED)]
        if len(used) and not (used.min() >= 0 and used.max() < n_scores):
            raise ValueError(
                f"loss {self.name!r}: labels {self.label_key!r} must lie in [0, {n_scores}), the model's "
                f"number of class scores, got labels from {int(used.min())} to {int(used.max())}. "
                f"Number the classes from 0; {UNLABELLED} stands for no label."
            )


def _mean_cross_entropy(scores: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
    labels = torch.where(labels == _IGNORED, UNLABELLED, labels)
    total = torch.nn.functional.cross_entropy(scores, labels, ignore_index=UNLABELLED, reduction="sum")
    return total / (labels != UNLABELLED).sum().clamp_min(1)
