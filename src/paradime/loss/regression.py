"""The loss of predicted numbers."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

import torch

from paradime._registry import LOSS_FUNCTIONS, LOSSES
from paradime.data import Batch, Dataset
from paradime.loss.base import BatchRelations, GlobalRelations, Loss, Trial, as_batch, check_shape
from paradime.loss.embedding import rows_with_target, single_column
from paradime.types import BinaryTensorFun

__all__ = ["RegressionLoss"]

LOSS_FUNCTIONS.add("mae", torch.nn.functional.l1_loss)
LOSS_FUNCTIONS.add("huber", torch.nn.functional.huber_loss)
LOSS_FUNCTIONS.add("bce", torch.nn.functional.binary_cross_entropy_with_logits)


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
