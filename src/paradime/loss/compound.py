"""Weighted sums of losses."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal

import numpy as np
import torch

from paradime._registry import did_you_mean
from paradime.data import Batch, Dataset
from paradime.loss.base import BatchRelations, GlobalRelations, Loss, Trial
from paradime.loss.weights import BalancedWeights, GroupedWeights, LinearWeights, Weight, Weighting
from paradime.models import SharedEncodings

__all__ = ["CompoundLoss"]

_RULE = "weights must be one finite number per loss"


class CompoundLoss(Loss):
    """A weighted sum of losses, which may be compound losses.

    Args:
        losses: The components, at least one.
        weights: One finite number per component; 1 each if ``None``. For a pair (start, end), the weight changes
            linearly during training. With ``"balanced"``, weights follow from the gradients, such that each
            component has its gradient share (GradNorm): its share of the sum of the gradient norms, whatever the
            scale of the losses and the data.
        name: The name of the loss in histories.
        shares: The gradient shares of the components, positive, for ``weights="balanced"``; equal if ``None``.
            In combination with weights, the shares of some components, in (0, 1), and ``None`` for the others,
            which have the remaining share together.

    Raises:
        ValueError: If there is no component, the numbers of components and weights or shares differ, or a weight
            or share is out of range.

    Example:
        >>> from paradime.loss import PositionLoss, ReconstructionLoss
        >>> loss = CompoundLoss([PositionLoss(), ReconstructionLoss()], [1, (1000, 0)])
        >>> loss.at(0.5)
        >>> loss.weights
        [1.0, 500.0]
    """

    def __init__(
        self,
        losses: Sequence[Loss],
        weights: Sequence[Weight] | Literal["balanced"] | None = None,
        name: str | None = None,
        *,
        shares: Sequence[float | None] | None = None,
    ) -> None:
        super().__init__(name)
        if not losses:
            raise ValueError("a CompoundLoss needs at least one loss, got none.")
        self.losses = torch.nn.ModuleList(losses)
        self.shares = shares
        self._given = weights
        self._reset_history()

    def _reset_history(self) -> None:
        super()._reset_history()
        n = len(self.losses)
        self._weighting = self._make_weighting(self._given)
        # not read from the components, which may be part of several sums and phases
        self._steps: list[torch.Tensor] = []
        self._rows: list[list[float]] = [[] for _ in range(n)]
        self._weight_rows: list[list[float]] = [[] for _ in range(n)]
        self._last_epoch = torch.zeros(0, n)

    def get_extra_state(self) -> dict[str, Any]:
        return {
            **super().get_extra_state(),
            "weighting": self._weighting.state_dict(),
            "steps": torch.stack(self._steps) if self._steps else None,
            "rows": [list(row) for row in self._rows],
            "weight_rows": [list(row) for row in self._weight_rows],
            "last_epoch": self._last_epoch,
        }

    def set_extra_state(self, state: Mapping[str, Any]) -> None:
        super().set_extra_state(state)
        self._weighting.load_state_dict(state["weighting"])
        self._steps = [] if state["steps"] is None else list(state["steps"].unbind())
        self._rows = [list(row) for row in state["rows"]]
        self._weight_rows = [list(row) for row in state["weight_rows"]]
        self._last_epoch = state["last_epoch"]

    def _make_weighting(self, weights: Sequence[Weight] | str | None) -> Weighting:
        names, shares = self.component_names(), self.shares
        if isinstance(weights, str) and weights != "balanced":
            raise ValueError(f"unknown weights {weights!r}. {did_you_mean(weights, ['balanced'])}")
        if shares is not None and len(shares) != len(names):
            raise ValueError(f"shares must be one number per loss, got {shares} for {len(names)} losses {names}.")
        complete = shares is not None and None not in shares
        if complete and weights is not None and not isinstance(weights, str):
            raise ValueError(
                f"weights must not be combined with shares of all losses, got {weights} and {shares}. "
                "Leave one of them out."
            )
        if isinstance(weights, str) or complete:
            return self._balanced(shares or [1.0] * len(names))
        given = [1.0] * len(names) if weights is None else list(weights)
        if len(given) != len(names):
            raise ValueError(f"{_RULE}, got {given} for {len(names)} losses {names}.")
        try:
            return LinearWeights(given) if shares is None else GroupedWeights(given, self._partial(shares))
        except (TypeError, ValueError) as error:
            raise ValueError(f"{_RULE}, got {given} for {len(names)} losses {names}: {error}") from error

    def _balanced(self, shares: Sequence[float | None]) -> Weighting:
        positive = [share for share in shares if share is not None and 0 < share < np.inf]
        if len(positive) != len(self.losses):
            raise ValueError(
                f"shares must be one positive number per loss, got {shares} for {len(self.losses)} losses "
                f"{self.component_names()}."
            )
        # a single component has the whole gradient
        return BalancedWeights(positive) if len(positive) > 1 else LinearWeights([1.0])

    def _partial(self, shares: Sequence[float | None]) -> Sequence[float | None]:
        given = [share for share in shares if share is not None]
        if not all(share > 0 for share in given) or not sum(given) < 1:
            raise ValueError(f"shares beside weights must be positive and sum to less than 1, got {shares}.")
        return shares

    @property
    def weights(self) -> list[float]:
        """The current weights. Reading balanced weights waits for the device."""
        return self._weighting.numbers()

    @weights.setter
    def weights(self, weights: Sequence[Weight] | Literal["balanced"] | None) -> None:
        self._given, self._weighting = weights, self._make_weighting(weights)

    def at(self, progress: float) -> None:
        """Sets the weights that change during training.

        Args:
            progress: The completed fraction of the steps, in [0, 1].
        """
        self._weighting.at(progress)
        for loss in self._components():
            if isinstance(loss, CompoundLoss):
                loss.at(progress)

    def forward(
        self,
        model: torch.nn.Module,
        global_relations: GlobalRelations,
        batch_relations: BatchRelations,
        batch: Batch,
        device: torch.device,
    ) -> torch.Tensor:
        values = []
        with SharedEncodings(model) as shared:
            for loss in self.losses:
                shared.begin_loss()
                values.append(loss(shared.model, global_relations, batch_relations, batch, device))
        weighted = self._weighting.weigh(values, lambda: self._trained_with(model))
        if not self._is_evaluating:
            # keep a few numbers per step on the device, and read them once per epoch
            self._steps.append(weighted.detach())
        return weighted.sum()

    def _trained_with(self, model: torch.nn.Module) -> list[torch.nn.Parameter]:
        # a loss may contain the model, but each parameter counts once
        of_model = model.parameters() if isinstance(model, torch.nn.Module) else ()
        return [p for p in dict.fromkeys((*of_model, *self.parameters())) if p.requires_grad]

    def embedding_distance(
        self, dataset: Dataset, global_relations: GlobalRelations, batch_relations: BatchRelations
    ) -> float | None:
        lengths = (
            loss.embedding_distance(dataset, global_relations, batch_relations) for loss in self._components()
        )
        return next((length for length in lengths if length is not None), None)

    def check_setup(self, trial: Trial) -> None:
        for loss in self._components():
            loss.check_setup(trial)

    def checkpoint(self) -> None:
        super().checkpoint()
        self._last_epoch = torch.stack(self._steps).cpu() if self._steps else torch.zeros(0, len(self._rows))
        self._steps.clear()
        for row, value in zip(self._rows, self._last_epoch.sum(dim=0).tolist(), strict=True):
            row.append(value)
        for row, weight in zip(self._weight_rows, self.weights, strict=True):
            row.append(weight)
        for loss in self._components():
            loss.checkpoint()

    def detailed_history(self) -> torch.Tensor:
        """Returns the weighted loss of each component in each epoch, shape (components, epochs)."""
        return torch.tensor(self._rows)

    def weight_history(self) -> torch.Tensor:
        """Returns the weight of each component at the end of each epoch, shape (components, epochs)."""
        return torch.tensor(self._weight_rows)

    def first_failure(self) -> tuple[int, list[str]] | None:
        """Returns the first batch of the last epoch with a loss that is not finite, and the failing components.

        Returns:
            The index of the batch and the names of the components, or ``None`` if all losses were finite.
        """
        failed = ~self._last_epoch.isfinite()
        if not bool(failed.any()):
            return None
        batch = int(failed.any(dim=1).nonzero()[0])
        return batch, [
            name for name, has_failed in zip(self.component_names(), failed[batch], strict=True) if has_failed
        ]

    def component_names(self) -> list[str]:
        """Returns the names of the components, in the order of :meth:`detailed_history`."""
        return [loss.name for loss in self._components()]

    def _components(self) -> list[Loss]:
        return list(self.losses)  # type: ignore[arg-type]
