"""Losses of predicted classes and numbers."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

import torch

from paradime._registry import LOSS_FUNCTIONS, LOSSES
from paradime.data import Batch, Dataset
from paradime.loss.base import BatchRelations, GlobalRelations, Loss, Trial, as_batch, check_shape
from paradime.loss.embedding import rows_with_target, single_column
from paradime.types import BinaryTensorFun
from paradime.utils.targets import UNLABELED

__all__ = ["ClassificationLoss", "RegressionLoss"]

_IGNORED = -100  # torch's value for UNLABELED

LOSS_FUNCTIONS.add("cross entropy", torch.nn.functional.cross_entropy)
LOSS_FUNCTIONS.add("mae", torch.nn.functional.l1_loss)
LOSS_FUNCTIONS.add("huber", torch.nn.functional.huber_loss)
LOSS_FUNCTIONS.add("bce", torch.nn.functional.binary_cross_entropy_with_logits)


@LOSSES.register("classification")
class ClassificationLoss(Loss):
    """Compares predicted class scores with labels.

    Labels for cross-entropy (``None``, ``torch.nn.functional.cross_entropy`` or ``torch.nn.CrossEntropyLoss``) are
    class codes in [0, n_classes), or −1 for rows without a label. These rows are ignored; for a batch without
    labels, the loss is 0. Probabilities of the classes, shape (b, n_classes), are also supported.

    Other functions receive the labels unchanged, also −1; for example 0.0 and 1.0 for
    ``torch.nn.BCEWithLogitsLoss()``. Integers are converted to int64.

    Args:
        loss_function: A function of scores (b, n_classes) and labels (b, …); cross-entropy if ``None``.
        data_key: The entry to classify.
        label_key: The entry with the labels.
        classification_method: The model's method for class scores.
        name: The name of the loss in histories.

    Raises:
        ValueError: Before training, if the model's output does not have one row per point, or labels for
            cross-entropy are neither class codes nor probabilities.
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
        self._some_unlabeled = False

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
        if not self._some_unlabeled:
            return function(scores, labels)
        # select the rows with a label for cross-entropy with other settings; this waits for the device
        rows = (labels != UNLABELED).nonzero().squeeze(1)
        if len(rows) == 0:
            zero: torch.Tensor = 0 * scores.sum()
            return zero
        return function(scores.index_select(0, rows), labels.index_select(0, rows))

    @property
    def _is_cross_entropy(self) -> bool:
        """Whether the function is cross-entropy, whose labels are class codes or probabilities."""
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
        # other functions may need scores of any shape
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
        self._some_unlabeled = labels.ndim == 1 and bool((labels == UNLABELED).any())
        ignored = getattr(self.loss_function, "ignore_index", _IGNORED)
        known = labels[(labels != ignored) & (labels != UNLABELED)]
        if len(known) and not (known.min() >= 0 and known.max() < n_scores):
            raise ValueError(
                f"loss {self.name!r}: labels {self.label_key!r} must lie in [0, {n_scores}), the model's "
                f"number of class scores, got labels from {int(known.min())} to {int(known.max())}. "
                f"Number the classes from 0; {UNLABELED} means unlabelled."
            )


def _mean_cross_entropy(scores: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
    labels = torch.where(labels == _IGNORED, UNLABELED, labels)
    total = torch.nn.functional.cross_entropy(scores, labels, ignore_index=UNLABELED, reduction="sum")
    return total / (labels != UNLABELED).sum().clamp_min(1)


@LOSSES.register("regression")
class RegressionLoss(Loss):
    """Compares one predicted number per row with a target.

    Rows whose target is missing (NaN) are ignored; for a batch without targets, the loss is 0.

    Args:
        loss_function: A function of predictions and targets, both (b,); mean squared error if ``None``.
        data_key: The entry from which targets are predicted.
        target_key: The entry with the targets, one number per row. They are not scaled: scale them to moderate
            values.
        regression_method: The model's method for prediction, with one output column.
        name: The name of the loss in histories.

    Raises:
        ValueError: Before training, if the model's output or the targets are not one number per row.

    Example:
        >>> entries = {"main": torch.tensor([[1.0], [2.0]]), "labels": torch.tensor([1.0, 4.0])}
        >>> loss = RegressionLoss(regression_method="forward")
        >>> loss(torch.nn.Identity(), {}, {}, entries, torch.device("cpu"))
        tensor(2.)
    """

    spec_arguments: ClassVar[Mapping[str, tuple[str, ...]]] = {
        "func": ("loss_function",),
        "data": ("data_key", "target_key"),
        "methods": ("regression_method",),
    }

    def __init__(
        self,
        loss_function: BinaryTensorFun | None = None,
        data_key: str = "main",
        target_key: str = "labels",
        regression_method: str = "classify",
        name: str | None = None,
    ) -> None:
        super().__init__(name)
        self.loss_function = loss_function
        self.data_key = data_key
        self.target_key = target_key
        self.regression_method = regression_method
        self._some_miss = False

    def forward(
        self,
        model: torch.nn.Module,
        global_relations: GlobalRelations,
        batch_relations: BatchRelations,
        batch: Batch,
        device: torch.device,
    ) -> torch.Tensor:
        predicted = as_batch(batch).encode(model, self.regression_method, self.data_key, device).reshape(-1)
        targets = batch[self.target_key].to(device=device, dtype=predicted.dtype).reshape(-1)
        rows = rows_with_target(targets, self._some_miss)
        if rows is not None:
            if not len(rows):
                zero: torch.Tensor = 0 * predicted.sum()
                return zero
            predicted, targets = predicted.index_select(0, rows), targets.index_select(0, rows)
        compare = torch.nn.functional.mse_loss if self.loss_function is None else self.loss_function
        return compare(predicted, targets)

    def n_outputs(self, dataset: Dataset) -> int | None:
        return 1

    def check_setup(self, trial: Trial) -> None:
        targets = single_column(self, trial.dataset, self.target_key, may_miss=True)
        self._some_miss = bool(targets.isnan().any())
        check_shape(
            f"loss {self.name!r}: the model's prediction",
            trial.encode(self.regression_method, self.data_key),
            (len(trial.batch["indices"]), 1),
            f"Let method {self.regression_method!r} of model {type(trial.model).__name__} return one column.",
        )
