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

_RULE = "weights must be one finite number a loss"


class CompoundLoss(Loss):
    """A weighted sum of losses, which may be compound themselves.

    Args:
        losses: The components, at least one.
        weights: One finite number a component; 1 each if ``None``. A pair (start, end) instead of a number
            changes linearly during training. ``"balanced"`` finds weights under which each component keeps its
            share of the gradient, whatever the scale of the losses and the data.
        name: The loss's name in histories.
        shares: The components' shares of the gradient, positive, for ``weights="balanced"``; equal if ``None``.
            Beside given weights, the shares of some components, in (0, 1), with ``None`` for the others, which
            hold the rest together.

    Raises:
        ValueError: If there is no component, or the numbers of components and weights or shares differ.

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
        self._forget()

    def _forget(self) -> None:
        super()._forget()
        n = len(self.losses)
        self._weighting = self._make_weighting(self._given)
        # kept here and not read from the components: these may serve in several sums and phases
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
            raise ValueError(f"shares must be one a loss, got {shares} for {len(names)} losses {names}.")
        complete = shares is not None and None not in shares
        if complete and weights is not None and not isinstance(weights, str):
            raise ValueError(
                f"weights {weights} have no meaning beside shares {shares} of all losses. Leave one of them out."
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
                f"shares must be one positive number a loss, got {shares} for {len(self.losses)} losses "
                f"{self.component_names()}."
            )
        # a single component has all of the gradient
        return BalancedWeights(positive) if len(positive) > 1 else LinearWeights([1.0])

    def _partial(self, shares: Sequence[float | None]) -> Sequence[float | None]:
        held = [share for share in shares if share is not None]
        if not all(share > 0 for share in held) or not sum(held) < 1:
            raise ValueError(f"shares beside given weights must be positive and sum to less than 1, got {shares}.")
        return shares

    @property
    def weights(self) -> list[float]:
        """The present weights; reading those that are balanced waits for the device."""
        return self._weighting.numbers()

    @weights.setter
    def weights(self, weights: Sequence[Weight] | Literal["balanced"] | None) -> None:
        self._given, self._weighting = weights, self._make_weighting(weights)

    def at(self, progress: float) -> None:
        """Tells how much of the training is done, which weights that change follow.

        Args:
            progress: The share of the steps that are done, in [0, 1].
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
        if self._counts:
            # kept on the device, a few numbers a step, and read once an epoch
            self._steps.append(weighted.detach())
        return weighted.sum()

    def _trained_with(self, model: torch.nn.Module) -> list[torch.nn.Parameter]:
        # a loss may hold the model: each parameter counts once
        own = model.parameters() if isinstance(model, torch.nn.Module) else ()
        return [p for p in dict.fromkeys((*own, *self.parameters())) if p.requires_grad]

    def embedding_distance(
        self, dataset: Dataset, global_relations: GlobalRelations, batch_relations: BatchRelations
    ) -> float | None:
        found = (
            loss.embedding_distance(dataset, global_relations, batch_relations) for loss in self._components()
        )
        return next((length for length in found if length is not None), None)

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
