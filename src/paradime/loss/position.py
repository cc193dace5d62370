"""Losses of given positions: of all rows, or of anchors."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import ClassVar

import torch

from paradime._registry import LOSSES
from paradime.data import Batch, Dataset, checked_rows
from paradime.functional import magnitude
from paradime.loss.base import (
    BatchRelations,
    GlobalRelations,
    Loss,
    Trial,
    as_batch,
    check_shape,
    is_squared_error,
)
from paradime.loss.embedding import typical_length
from paradime.models import as_input, resolve_method, unit_of
from paradime.types import BinaryTensorFun, TensorLike
from paradime.utils.arguments import check_integer
from paradime.utils.autograd import copyable

__all__ = ["AnchorLoss", "PositionLoss", "anchored_loss", "spread_of"]

_RESOLUTION = 1e-4  # in units of the positions' spread: above rounding errors, and invisible


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


@LOSSES.register("anchor")
class AnchorLoss(Loss):
    """The mean squared distance of anchors from their positions, in the model's unit if it has one.

    Anchors are rows that need not be in the data set. With rows and positions of an earlier training, a training
    on new data does not move the embedding. Distances below 1/10,000 of the positions' spread count as zero.
    Otherwise, a model that has computed the positions itself would have a gradient of rounding errors, which
    gradient shares amplify.

    Args:
        anchors: Rows as in the model's input, shape (m, …).
        positions: Their positions, shape (m, out_dim).
        max_rows: The largest number of anchors per step, at least 1; successive steps use different ones.
        embedding_method: The model's method for embedding.
        name: The name of the loss in histories.

    Raises:
        TypeError: If anchors or positions are not arrays of numbers.
        ValueError: If an argument is out of range or not finite; before training, if the model's embedding does
            not have the shape of the positions.

    Example:
        >>> loss = AnchorLoss([[1.0, 2.0]], [[1.0, 0.0]])
        >>> loss(torch.nn.Identity(), {}, {}, {}, torch.device("cpu"))
        tensor(4.)
    """

    spec_arguments: ClassVar[Mapping[str, tuple[str, ...]]] = {"methods": ("embedding_method",)}
    state_attributes: ClassVar[tuple[str, ...]] = ("_next",)

    def __init__(
        self,
        anchors: TensorLike,
        positions: TensorLike,
        max_rows: int = 512,
        embedding_method: str = "embed",
        name: str | None = None,
    ) -> None:
        super().__init__(name)
        rows, targets = checked_rows("anchors", anchors), checked_rows("positions", positions)
        if targets.ndim != 2 or len(rows) != len(targets):
            raise ValueError(
                f"positions must have one row per anchor, shape ({len(rows)}, out_dim), got "
                f"{tuple(targets.shape)}. Pass the positions of these anchors."
            )
        check_integer("max_rows", max_rows)
        self.anchors = copyable(anchors)
        self.positions = copyable(positions)
        self.max_rows = max_rows
        self.embedding_method = embedding_method
        self._next = 0
        self._on_device: dict[torch.device, tuple[torch.Tensor, torch.Tensor, torch.Tensor]] = {}

    def forward(
        self,
        model: torch.nn.Module,
        global_relations: GlobalRelations,
        batch_relations: BatchRelations,
        batch: Batch,
        device: torch.device,
    ) -> torch.Tensor:
        rows, positions = self._next_anchors(device)
        *_, spread = self._tensors(device)
        unit = unit_of(model)
        embedded: torch.Tensor = resolve_method(model, self.embedding_method)(as_input(model, rows))
        return anchored_loss(embedded, positions, unit, spread)

    def _tensors(self, device: torch.device) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        """Returns the anchors, their positions, and the spread of the positions."""
        if device not in self._on_device:
            rows, positions = (
                _on(device, checked_rows(name, values))
                for name, values in (("anchors", self.anchors), ("positions", self.positions))
            )
            positions = positions.to(torch.float32)
            self._on_device = {device: (rows, positions, spread_of(positions))}
        return self._on_device[device]

    def _next_anchors(self, device: torch.device) -> tuple[torch.Tensor, torch.Tensor]:
        """Returns the anchors of the next step with their positions."""
        rows, positions, _ = self._tensors(device)
        n = len(rows)
        if n <= self.max_rows:
            return rows, positions
        indices = torch.arange(self._next, self._next + self.max_rows, device=device) % n
        self._next = (self._next + self.max_rows) % n
        return rows.index_select(0, indices), positions.index_select(0, indices)

    def check_setup(self, trial: Trial) -> None:
        rows, positions, _ = self._tensors(trial.device)
        sample = rows[:2]
        check_shape(
            f"loss {self.name!r}: the model's embedding of {len(sample)} anchors",
            resolve_method(trial.model, self.embedding_method)(as_input(trial.model, sample)),
            (len(sample), positions.shape[1]),
            "It needs as many dimensions as the positions.",
        )


def anchored_loss(
    embedded: torch.Tensor, positions: torch.Tensor, unit: float, spread: torch.Tensor
) -> torch.Tensor:
    """Returns the mean squared distance of rows from their positions, without what rounding causes.

    Args:
        embedded: Shape (m, out_dim).
        positions: Where they belong, same shape.
        unit: The unit of the map.
        spread: The spread of all positions, see :func:`spread_of`.
    """
    squares = ((embedded - positions) / unit).square().sum(dim=1)
    return torch.where(squares > (_RESOLUTION * spread / unit) ** 2, squares, 0).mean()


def spread_of(positions: torch.Tensor) -> torch.Tensor:
    """Returns the root mean squared distance of positions (m, out_dim) from their mean, a scalar."""
    # in a unit in which squares are within the range of float32
    size = magnitude(positions)
    return (positions / size).var(dim=0, unbiased=False).sum().sqrt() * size


def _on(device: torch.device, values: torch.Tensor) -> torch.Tensor:
    """Moves numbers to a device, in double precision if they have it and the device supports it."""
    is_double = values.dtype == torch.float64 and device.type != "mps"
    return values.to(device, torch.float64 if is_double else torch.float32)
