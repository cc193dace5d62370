"""The loss of autoencoders."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

import torch

from paradime._registry import LOSS_FUNCTIONS, LOSSES
from paradime.data import Batch
from paradime.loss.base import (
    BatchRelations,
    GlobalRelations,
    Loss,
    Trial,
    as_batch,
    check_shape,
    is_squared_error,
)
from paradime.models import EmbeddingModel, resolve_method, viewed
from paradime.types import BinaryTensorFun

__all__ = ["ReconstructionLoss"]

LOSS_FUNCTIONS.add("mse", torch.nn.functional.mse_loss)


@LOSSES.register("reconstruction")
class ReconstructionLoss(Loss):
    """Compares points with their reconstructions by the model.

    For a decoder that standardises, the mean squared error is that of standardised rows, so that all columns have
    the same weight, whatever their units. Other functions receive rows and reconstructions in the units of the
    data.

    Args:
        loss_function: A function of points and reconstructions, both (b, …); mean squared error if ``None``.
        data_key: The entry to reconstruct.
        encoding_method: The model's method for encoding.
        decoding_method: The model's method for decoding.
        name: The name of the loss in histories.

    Raises:
        ValueError: Before training, if reconstructions and points differ in shape.
    """

    spec_arguments: ClassVar[Mapping[str, tuple[str, ...]]] = {
        "func": ("loss_function",),
        "data": ("data_key",),
        "methods": ("encoding_method", "decoding_method"),
    }

    def __init__(
        self,
        loss_function: BinaryTensorFun | None = None,
        data_key: str = "main",
        encoding_method: str = "encode",
        decoding_method: str = "decode",
        name: str | None = None,
    ) -> None:
        super().__init__(name)
        self.loss_function = loss_function
        self.data_key = data_key
        self.encoding_method = encoding_method
        self.decoding_method = decoding_method

    def forward(
        self,
        model: torch.nn.Module,
        global_relations: GlobalRelations,
        batch_relations: BatchRelations,
        batch: Batch,
        device: torch.device,
    ) -> torch.Tensor:
        code = as_batch(batch).encode(model, self.encoding_method, self.data_key, device)
        rows = batch[self.data_key].to(device)
        if self._compares_standardized(model):
            decoder: Any = model.decoder
            return torch.nn.functional.mse_loss(decoder.as_standardized(rows), model.decode_standardized(code))  # type: ignore[operator]
        reconstructed = resolve_method(model, self.decoding_method)(code)
        compare = torch.nn.functional.mse_loss if self.loss_function is None else self.loss_function
        return compare(rows, reconstructed)

    def _compares_standardized(self, model: torch.nn.Module) -> bool:
        return (
            (self.loss_function is None or is_squared_error(self.loss_function))
            and self.decoding_method == "decode"
            and type(viewed(model)) is EmbeddingModel
            and bool(model.standardizes)
        )

    def check_setup(self, trial: Trial) -> None:
        code = trial.encode(self.encoding_method, self.data_key)
        check_shape(
            f"loss {self.name!r}: the model's reconstruction",
            resolve_method(trial.model, self.decoding_method)(code),
            tuple(trial.batch[self.data_key].shape),
            f"Check method {self.decoding_method!r} of model {type(trial.model).__name__}.",
        )
