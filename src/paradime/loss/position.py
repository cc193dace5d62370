"""The loss of given positions."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import ClassVar

import torch

from paradime._registry import LOSSES
from paradime.data import Batch, Dataset
from paradime.loss.base import (
    BatchRelations,
    GlobalRelations,
    Loss,
    Trial,
    as_batch,
    check_shape,
    is_squared_error,
    typical_length,
)
from paradime.models import unit_of
from paradime.types import BinaryTensorFun

__all__ = ["PositionLoss"]


@LOSSES.register("position")
class PositionLoss(Loss):
    """Compares embedded points with given positions.

    Args:
        loss_function: A function of the embedding and the positions, both (b, out_dim); mean squared error if
            ``None``, which is in the model's unit if it has one, so that the unit of the data has no effect.
        data_key: The entry to embed.
        position_key: The entry with the positions.
        embedding_method: The model's method for embedding.
        in_unit: Whether the positions are in the model's unit, such as components of scale 1, instead of the unit
            of the embedding.
        name: The name of the loss in histories.

    Raises:
        ValueError: Before training, if embedding and positions differ in shape.
    """

    spec_arguments: ClassVar[Mapping[str, tuple[str, ...]]] = {
        "func": ("loss_function",),
        "data": ("data_key", "position_key"),
        "methods": ("embedding_method",),
    }

    def __init__(
        self,
        loss_function: BinaryTensorFun | None = None,
        data_key: str = "main",
        position_key: str = "pos",
        embedding_method: str = "embed",
        in_unit: bool = False,
        name: str | None = None,
    ) -> None:
        super().__init__(name)
        self.loss_function = loss_function
        self.data_key = data_key
        self.position_key = position_key
        self.embedding_method = embedding_method
        self.in_unit = in_unit

    def forward(
        self,
        model: torch.nn.Module,
        global_relations: GlobalRelations,
        batch_relations: BatchRelations,
        batch: Batch,
        device: torch.device,
    ) -> torch.Tensor:
        embedded = as_batch(batch).encode(model, self.embedding_method, self.data_key, device)
        positions = batch[self.position_key].to(device)
        compare = torch.nn.functional.mse_loss if self.loss_function is None else self.loss_function
        # other functions may depend on the unit of lengths
        unit = unit_of(model) if self.in_unit or is_squared_error(compare) else 1.0
        return compare(embedded / unit, positions if self.in_unit else positions / unit)

    def embedding_distance(
        self, dataset: Dataset, global_relations: GlobalRelations, batch_relations: BatchRelations
    ) -> float | None:
        if self.in_unit:
            return None
        positions = dataset[self.position_key].flatten(1)
        deviations = positions.to("cpu", torch.float64) - positions[:1].to("cpu", torch.float64)
        length = typical_length((deviations - deviations.mean(dim=0)).norm(dim=1))
        return None if length is None else math.sqrt(2) * length

    def check_setup(self, trial: Trial) -> None:
        check_shape(
            f"loss {self.name!r}: the model's embedding",
            trial.encode(self.embedding_method, self.data_key),
            tuple(trial.batch[self.position_key].shape),
            f"It needs as many dimensions as the positions in {self.position_key!r}.",
        )
