"""The loss that holds anchors where they are."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

import torch

from paradime._registry import LOSSES
from paradime.data import Batch, checked_rows
from paradime.functional import magnitude
from paradime.loss.base import BatchRelations, GlobalRelations, Loss, Trial, check_shape
from paradime.models import as_input, resolve_method, unit_of
from paradime.types import TensorLike
from paradime.utils.autograd import copyable

__all__ = ["AnchorLoss"]

_RESOLUTION = 1e-4  # of the positions' spread; well above what rounding moves a point by, and invisible


@LOSSES.register("anchor")
class AnchorLoss(Loss):
    """Penalises the mean squared distance of anchors from their positions, in the model's unit if it has one.

    Anchors are rows that need not be in the data set: with those of an earlier training and where it put them,
    a training on new data leaves the map where it was. Distances below 1/10,000 of the positions' spread count as
    none: a model that computed the positions itself begins without a gradient, not with one of rounding errors,
    which a share of the gradient would magnify.

    Args:
        anchors: Rows as the model takes them, shape (m, …).
        positions: Where they belong, shape (m, out_dim).
        max_rows: The most anchors a step embeds, at least 1; steps take turns so that all are used.
        embedding_method: The method of the model that embeds.
        name: The loss's name in histories.

    Raises:
        TypeError: If anchors or positions are no arrays of numbers.
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
        rows, places = checked_rows("anchors", anchors), checked_rows("positions", positions)
        if places.ndim != 2 or len(rows) != len(places):
            raise ValueError(
                f"positions must have one row a anchor, shape ({len(rows)}, out_dim), got {tuple(places.shape)}."
            )
        if max_rows < 1:
            raise ValueError(f"max_rows must be at least 1, got {max_rows}.")
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
        rows, positions = self._turn(device)
        *_, spread = self._tensors(device)
        unit = unit_of(model)
        embedded: torch.Tensor = resolve_method(model, self.embedding_method)(as_input(model, rows))
        squares = ((embedded - positions) / unit).square().sum(dim=1)
        return torch.where(squares > (_RESOLUTION * spread / unit) ** 2, squares, 0).mean()

    def _tensors(self, device: torch.device) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        """Returns the anchors, their positions, and the spread of these."""
        if device not in self._on_device:
            rows, positions = (
                _on(device, checked_rows(name, values))
                for name, values in (("anchors", self.anchors), ("positions", self.positions))
            )
            positions = positions.to(torch.float32)
            # in a unit in which squares stay within single precision
            size = magnitude(positions)
            spread = (positions / size).var(dim=0, unbiased=False).sum().sqrt() * size
            self._on_device = {device: (rows, positions, spread)}
        return self._on_device[device]

    def _turn(self, device: torch.device) -> tuple[torch.Tensor, torch.Tensor]:
        """Returns the anchors whose turn it is, with their positions."""
        rows, positions, _ = self._tensors(device)
        n = len(rows)
        if n <= self.max_rows:
            return rows, positions
        places = torch.arange(self._next, self._next + self.max_rows, device=device) % n
        self._next = (self._next + self.max_rows) % n
        return rows.index_select(0, places), positions.index_select(0, places)

    def check_setup(self, trial: Trial) -> None:
        rows, positions, _ = self._tensors(trial.device)
        few = rows[:2]
        check_shape(
            f"loss {self.name!r}: the model's embedding of {len(few)} anchors",
            resolve_method(trial.model, self.embedding_method)(as_input(trial.model, few)),
            (len(few), positions.shape[1]),
            "It is compared with the positions: it needs as many dimensions.",
        )


def _on(device: torch.device, values: torch.Tensor) -> torch.Tensor:
    """Numbers on a device, in double precision if they come in it, and the device knows it."""
    is_double = values.dtype == torch.float64 and device.type != "mps"
    return values.to(device, torch.float64 if is_double else torch.float32)
