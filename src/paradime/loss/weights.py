"""Weights of a sum of losses: constant, changing with the progress of training, or balancing gradients."""

from __future__ import annotations

import collections
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeAlias

import numpy as np
import torch

__all__ = ["BalancedWeights", "GroupedWeights", "LinearWeights", "Weight", "Weighting", "shared_gradient_norms"]

_LEAST_WINDOW = 5

Weight: TypeAlias = float | Sequence[float]
"""A number, or a pair (start, end) that the weight goes through linearly."""


class Weighting(ABC):
    """How the components of a sum are weighed."""

    @abstractmethod
    def weigh(
        self, values: Sequence[torch.Tensor], parameters: Callable[[], Sequence[torch.Tensor]]
    ) -> torch.Tensor:
        """Weighs the components' losses in a step.

        Args:
            values: The k losses, scalars with their graphs.
            parameters: Returns what is trained; called only by who needs it.

        Returns:
            The weighted losses, shape (k,).
        """

    @abstractmethod
    def numbers(self) -> list[float]:
        """Returns the present weights, k numbers; may wait for the device."""

    @abstractmethod
    def at(self, progress: float) -> None:
        """Tells how much of the training is done.

        Args:
            progress: The share of the steps that are done, in [0, 1].
        """

    @abstractmethod
    def state_dict(self) -> dict[str, Any]:
        """Returns what follows from the training so far."""

    @abstractmethod
    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Takes what :meth:`state_dict` returned of weights with the same settings."""


class LinearWeights(Weighting):
    """Weights that stay as they are, or change linearly from a start to an end.

    Args:
        weights: A finite number or a pair (start, end) of such for each component.

    Raises:
        TypeError: If a weight is neither a number nor a pair.
        ValueError: If a weight is not finite, or a sequence other than a pair.

    Example:
        >>> weighting = LinearWeights([2, (1000, 0)])
        >>> weighting.at(0.25)
        >>> weighting.numbers()
        [2.0, 750.0]
    """

    def __init__(self, weights: Sequence[Weight]) -> None:
        ends = [_ends(weight) for weight in weights]
        self._current = [start for start, _ in ends]
        self._ramps = [(i, start, end) for i, (start, end) in enumerate(ends) if start != end]

    def weigh(
        self, values: Sequence[torch.Tensor], parameters: Callable[[], Sequence[torch.Tensor]]
    ) -> torch.Tensor:
        return torch.stack([weight * value for weight, value in zip(self._current, values, strict=True)])

    def numbers(self) -> list[float]:
        return self._current

    def at(self, progress: float) -> None:
        for i, start, end in self._ramps:
            self._current[i] = (1 - progress) * start + progress * end

    def state_dict(self) -> dict[str, Any]:
        return {"current": list(self._current)}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        self._current = list(state["current"])


class BalancedWeights(Weighting):
    r"""Weights under which the components' gradients keep given shares of the sum of their norms.

    With :math:`n_i` the median of the last norms of component i's gradient, and :math:`N_i` the largest that this
    median has been,

    .. math:: w_i \propto s_i / \max(n_i, \varepsilon N_i),

    scaled such that the component with the largest share has weight 1. Neither the scale of a loss nor that of
    the data matters. A component that has reached its minimum has no gradient left: the bound ε keeps its weight
    from growing without end.

    Args:
        shares: The share of each component, positive; they need not sum to 1.
        floor: The bound ε in (0, 1].
        window: Of how many measurements the median is taken at most, at least 5; of a third of them at first, when
            norms change fast.
        interval: Steps between two measurements, at least 1. The first steps are all measured, later ones more and
            more rarely until this is reached. No whole number, so that it is not always the same batch of an epoch
            that is measured.

    Source: the idea to balance gradient norms is of Chen et al., "GradNorm", 2018, where weights are learned;
    here they follow from the norms.

    Example:
        >>> x = torch.tensor(3.0, requires_grad=True)
        >>> weighting = BalancedWeights([0.8, 0.2])
        >>> weighted = weighting.weigh([x**2, 1000 * x], lambda: [x])
        >>> torch.autograd.grad(weighted[0], x, retain_graph=True), torch.autograd.grad(weighted[1], x)
        ((tensor(6.),), (tensor(1.5000),))
    """

    def __init__(
        self, shares: Sequence[float], *, floor: float = 0.01, window: int = 15, interval: float = 7.3
    ) -> None:
        self.shares = shares
        self.floor = floor
        self.window = window
        self.interval = interval
        self._step = 0
        self._next = 0.0
        self._n_measured = 0
        self._norms: collections.deque[torch.Tensor] = collections.deque(maxlen=window)
        self._largest: torch.Tensor | None = None
        self._weights: torch.Tensor | None = None

    def weigh(
        self, values: Sequence[torch.Tensor], parameters: Callable[[], Sequence[torch.Tensor]]
    ) -> torch.Tensor:
        stacked = torch.stack(list(values))
        if torch.is_grad_enabled() and stacked.requires_grad:
            if self._step >= self._next:
                self._update(shared_gradient_norms(values, parameters()))
                self._next += max(1.0, min(self._next / 10, self.interval))
            self._step += 1
        return stacked if self._weights is None else self._weights * stacked

    def factors(self) -> torch.Tensor | None:
        """Returns the present weights on the device, shape (k,), or ``None`` before the first measurement."""
        return self._weights

    def numbers(self) -> list[float]:
        return [1.0] * len(self.shares) if self._weights is None else self._weights.tolist()

    def at(self, progress: float) -> None:
        # the weights follow the gradients alone
        pass

    def state_dict(self) -> dict[str, Any]:
        return {
            "step": self._step,
            "next": self._next,
            "n_measured": self._n_measured,
            "norms": list(self._norms),
            "largest": self._largest,
            "weights": self._weights,
        }

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        self._step, self._next, self._n_measured = state["step"], state["next"], state["n_measured"]
        self._norms = collections.deque(state["norms"], maxlen=self.window)
        self._largest, self._weights = state["largest"], state["weights"]

    def _update(self, norms: torch.Tensor) -> None:
        """Takes in the norms of a step, shape (k,), and finds the weights; nothing is read from the device."""
        # a loss that is not finite is reported as such, and must not spoil the weights of the others
        self._norms.append(torch.where(norms.isfinite(), norms, torch.nan))
        self._n_measured += 1
        window = max(_LEAST_WINDOW, self._n_measured // 3)
        recent = torch.stack(tuple(self._norms)[-window:])
        # small batches have gradients many times as long, which would rule a mean
        typical = recent.nanmedian(dim=0).values
        typical = torch.where(typical > 0, typical, recent.nanmean(dim=0)).nan_to_num()
        self._largest = typical if self._largest is None else torch.maximum(self._largest, typical)
        bounded = torch.maximum(typical, self.floor * self._largest)
        shares = norms.new_tensor(self.shares)
        # what never had a gradient gets the weight of its share
        alive = bounded > 0
        reference = torch.where(alive, shares, -1).argmax(dim=0, keepdim=True)
        per_norm = shares / torch.where(alive, bounded, 1)
        scaled = per_norm / per_norm.gather(0, reference)
        self._weights = torch.where(alive, scaled, shares / shares.max())


class GroupedWeights(Weighting):
    """Weights of which some are given, and others are such that their components keep shares of the gradient.

    The components without a share of their own are added up with their weights, and hold what the shares of the
    others leave.

    Args:
        weights: A number or a pair (start, end) for each component; of no meaning for those with a share.
        shares: The share of each component, in (0, 1), or ``None``; they sum to less than 1.

    Example:
        >>> x = torch.tensor(3.0, requires_grad=True)
        >>> weighting = GroupedWeights([2, 1, 1], [None, None, 0.2])
        >>> weighting.weigh([x, x, 1000 * x], lambda: [x]).tolist()
        [6.0, 3.0, 2.25]
    """

    def __init__(self, weights: Sequence[Weight], shares: Sequence[float | None]) -> None:
        held = [share for share in shares if share is not None]
        self._own = LinearWeights(weights)
        self._balance = BalancedWeights([1 - sum(held), *held])
        # which of the balance's components each is part of: the first, or one of its own
        numbers = iter(range(1, len(held) + 1))
        self._groups = [0 if share is None else next(numbers) for share in shares]

    def weigh(
        self, values: Sequence[torch.Tensor], parameters: Callable[[], Sequence[torch.Tensor]]
    ) -> torch.Tensor:
        # not of the stacked losses: each would seem to reach the parameters of all
        own = [weight * value for weight, value in zip(self._own.numbers(), values, strict=True)]
        sums: list[Any] = [0] * (max(self._groups) + 1)
        for group, value in zip(self._groups, own, strict=True):
            sums[group] = sums[group] + value
        self._balance.weigh(sums, parameters)
        factors = self._balance.factors()
        weighted = torch.stack(own)
        return weighted if factors is None else weighted * torch.stack([factors[group] for group in self._groups])

    def numbers(self) -> list[float]:
        factors = self._balance.numbers()
        return [factors[group] * weight for group, weight in zip(self._groups, self._own.numbers(), strict=True)]

    def at(self, progress: float) -> None:
        self._own.at(progress)

    def state_dict(self) -> dict[str, Any]:
        return {"own": self._own.state_dict(), "balance": self._balance.state_dict()}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        self._own.load_state_dict(state["own"])
        self._balance.load_state_dict(state["balance"])


def shared_gradient_norms(values: Sequence[torch.Tensor], parameters: Sequence[torch.Tensor]) -> torch.Tensor:
    """Norms of the losses' gradients with respect to the parameters that several of them reach.

    A loss that shares no parameter with another has the norm with respect to all that it reaches, and one that
    reaches none has 0.

    Args:
        values: The k losses, scalars with their graphs, which are kept.
        parameters: What may be reached; each once.

    Returns:
        Shape (k,), without a graph.

    Example:
        >>> shared, own = torch.ones(4, requires_grad=True), torch.ones(9, requires_grad=True)
        >>> shared_gradient_norms([shared.sum() + own.sum(), 3 * shared.sum()], [shared, own])
        tensor([2., 6.])
    """
    gradients = [
        torch.autograd.grad(value, parameters, retain_graph=True, allow_unused=True)
        if value.requires_grad and parameters
        else [None] * len(parameters)
        for value in values
    ]
    several = [sum(part is not None for part in parts) > 1 for parts in zip(*gradients, strict=True)]
    norms = []
    for value, parts in zip(values, gradients, strict=True):
        reached = [part for part in parts if part is not None]
        shared = [part for part, is_shared in zip(parts, several, strict=True) if part is not None and is_shared]
        chosen = shared or reached
        norm = torch.nn.utils.get_total_norm(chosen) if chosen else value.new_zeros(())
        norms.append(norm.detach().to(value.device, value.dtype))
    return torch.stack(norms)


def _ends(weight: Any) -> tuple[float, float]:
    if not isinstance(weight, (list, tuple)):
        weight = (weight, weight)
    if len(weight) != 2:
        raise ValueError(f"a weight that changes is a pair (start, end), got {weight!r}.")
    start, end = (float(number) for number in weight)
    if not (np.isfinite(start) and np.isfinite(end)):
        raise ValueError(f"a weight must be finite, got {weight!r}.")
    return start, end
