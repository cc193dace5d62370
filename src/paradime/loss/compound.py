"""Weighted sums of losses."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch

from paradime.data import Batch
from paradime.loss.base import BatchRelations, GlobalRelations, Loss, Trial
from paradime.loss.sharing import SharedEncodings
from paradime.types import FloatArray

__all__ = ["CompoundLoss"]


class CompoundLoss(Loss):
    """A weighted sum of losses, which may be compound themselves.

    Args:
        losses: The components, at least one.
        weights: One finite number a component; 1 each if ``None``.
        name: The loss's name in histories.

    Raises:
        ValueError: If there is no component, or the numbers of components and weights differ.
    """

    def __init__(
        self,
        losses: Sequence[Loss],
        weights: Sequence[float] | None = None,
        name: str | None = None,
    ) -> None:
        super().__init__(name)
        if not losses:
            raise ValueError("a CompoundLoss needs at least one loss, got none.")
        weights = [1.0] * len(losses) if weights is None else [float(weight) for weight in weights]
        if len(weights) != len(losses) or not np.isfinite(weights).all():
            raise ValueError(
                f"weights must be one finite number a loss, got {weights} for {len(losses)} "
                f"losses {[loss.name for loss in losses]}."
            )
        self.losses = torch.nn.ModuleList(losses)
        self.weights = weights
        # kept here and not read from the components: these may serve in several sums and phases
        self._steps: list[torch.Tensor] = []
        self._rows: list[list[float]] = [[] for _ in losses]
        self._last_epoch = torch.zeros(0, len(losses))

    def forward(
        self,
        model: torch.nn.Module,
        global_relations: GlobalRelations,
        batch_relations: BatchRelations,
        batch: Batch,
        device: torch.device,
    ) -> torch.Tensor:
        weighted = []
        with SharedEncodings(model) as shared:
            for weight, loss in zip(self.weights, self.losses, strict=True):
                shared.begin_loss()
                weighted.append(weight * loss(model, global_relations, batch_relations, batch, device))
        stacked = torch.stack(weighted)
        # kept on the device, a few numbers a step, and read once an epoch
        self._steps.append(stacked.detach())
        return stacked.sum()

    def check_setup(self, trial: Trial) -> None:
        for loss in self._components():
            loss.check_setup(trial)

    def checkpoint(self) -> None:
        super().checkpoint()
        self._last_epoch = torch.stack(self._steps).cpu() if self._steps else torch.zeros(0, len(self._rows))
        self._steps.clear()
        for row, value in zip(self._rows, self._last_epoch.sum(dim=0).tolist(), strict=True):
            row.append(value)
        for loss in self._components():
            loss.checkpoint()

    def detailed_history(self) -> FloatArray:
        """Returns the weighted loss of each component in each epoch, shape (components, epochs)."""
        return np.array(self._rows)

    def first_failure(self) -> tuple[int, list[str]] | None:
        """Returns the first batch of the last epoch whose loss was not finite, and the components at fault.

        Returns:
            The batch's number from 0 and the names, or ``None`` if all were finite.
        """
        failed = ~self._last_epoch.isfinite()
        if not bool(failed.any()):
            return None
        batch = int(failed.any(dim=1).nonzero()[0])
        return batch, [
            name for name, at_fault in zip(self.component_names(), failed[batch], strict=True) if at_fault
        ]

    def component_names(self) -> list[str]:
        """Returns the names of the components, in the order of :meth:`detailed_history`."""
        return [loss.name for loss in self._components()]

    def _components(self) -> list[Loss]:
        return list(self.losses)  # type: ignore[arg-type]
