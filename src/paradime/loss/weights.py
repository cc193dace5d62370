"""Weights of a sum of losses: constant, changing linearly, or balancing gradients."""

from __future__ import annotations

import collections
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeAlias

import numpy as np
import torch

from paradime.utils.ranks import current_ranks

__all__ = ["BalancedWeights", "GroupedWeights", "LinearWeights", "Weight", "Weighting", "shared_gradient_norms"]

_MIN_WINDOW = 5

Weight: TypeAlias = float | Sequence[float]
"""A number, or a pair (start, end) of a weight that changes linearly."""


class Weighting(ABC):
    """The rule for the weights of a sum of losses."""

    @abstractmethod
    def weigh(
        self, values: Sequence[torch.Tensor], parameters: Callable[[], Sequence[torch.Tensor]]
    ) -> torch.Tensor:
        """Multiplies the losses of a step by their weights.

        Args:
            values: The k losses, scalars with their graphs.
            parameters: Returns the trained parameters; called only if they are needed.

        Returns:
            The weighted losses, shape (k,).
        """

    @abstractmethod
    def numbers(self) -> list[float]:
        """Returns the k current weights; may wait for the device."""

    @abstractmethod
    def at(self, progress: float) -> None:
        """Sets the weights that change during training.

        Args:
            progress: The completed fraction of the steps, in [0, 1].
        """

    @abstractmethod
    def state_dict(self) -> dict[str, Any]:
        """Returns the state of the training so far."""

    @abstractmethod
    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Sets the state that :meth:`state_dict` returned for weights with the same settings."""


class LinearWeights(Weighting):
    """Weights that are constant, or change linearly.

    Args:
        weights: For each component a finite number, or a pair (start, end) of finite numbers.

    Raises:
        TypeError: If a weight is neither a number nor a pair.
        ValueError: If a weight is not finite, or a sequence of another length.

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
    r"""Weights under which each component's gradient norm is a given share of the sum of the norms.

    Let :math:`n_i` be the median of the last gradient norms of component i, and :math:`N_i` the largest value of
    this median so far. Then

    .. math:: w_i \propto s_i / \max(n_i, \varepsilon N_i),

    scaled such that the component with the largest share has weight 1. The scale of the losses and of the data
    has no effect. The gradient of a component at its minimum vanishes: the floor ε limits its weight.

    Args:
        shares: The gradient share of each component, positive; they need not sum to 1.
        floor: The floor ε in (0, 1].
        window: The largest number of measurements in the median, at least 5. At first, when norms change fast, it
            is a third of the measurements.
        interval: Steps between two measurements, at least 1. The first steps are all measured; the distance then
            grows to this value. The default is not an integer, so that not always the same batch of an epoch is
            measured.

    Source: Chen et al., "GradNorm", 2018, for the balance of gradient norms. There, weights are learned; here,
        they
    are computed from the norms.

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
        """Returns the current weights on the device, shape (k,), or ``None`` before the first measurement."""
        return self._weights

    def numbers(self) -> list[float]:
        return [1.0] * len(self.shares) if self._weights is None else self._weights.tolist()

    def at(self, progress: float) -> None:
        # the weights depend on the gradients only
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
        """Updates the weights with the norms of a step, shape (k,), without waiting for the device."""
        # a loss that is not finite must not change the weights of the others; training reports it
        self._norms.append(torch.where(norms.isfinite(), norms, torch.nan))
        self._n_measured += 1
        window = max(_MIN_WINDOW, self._n_measured // 3)
        recent = torch.stack(tuple(self._norms)[-window:])
        # a median, since gradients of small batches are many times as long and would dominate a mean
        typical = recent.nanmedian(dim=0).values
        typical = torch.where(typical > 0, typical, recent.nanmean(dim=0)).nan_to_num()
        self._largest = typical if self._largest is None else torch.maximum(self._largest, typical)
        bounded = torch.maximum(typical, self.floor * self._largest)
        shares = norms.new_tensor(self.shares)
        # components that never had a gradient are weighted by their share
        has_gradient = bounded > 0
        reference = torch.where(has_gradient, shares, -1).argmax(dim=0, keepdim=True)
        per_norm = shares / torch.where(has_gradient, bounded, 1)
        scaled = per_norm / per_norm.gather(0, reference)
        self._weights = torch.where(has_gradient, scaled, shares / shares.max())


class GroupedWeights(Weighting):
    """Weights of which some are given, and others follow from gradient shares.

    The components without a gradient share are summed with their weights, and this sum has the remaining share.

    Args:
        weights: A number or a pair (start, end) for each component; without effect for those with a share.
        shares: The gradient share of each component, in (0, 1), or ``None``; they sum to less than 1.

    Example:
        >>> x = torch.tensor(3.0, requires_grad=True)
        >>> weighting = GroupedWeights([2, 1, 1], [None, None, 0.2])
        >>> weighting.weigh([x, x, 1000 * x], lambda: [x]).tolist()
        [6.0, 3.0, 2.25]
    """

    def __init__(self, weights: Sequence[Weight], shares: Sequence[float | None]) -> None:
        given = [share for share in shares if share is not None]
        self._own = LinearWeights(weights)
        self._balance = BalancedWeights([1 - sum(given), *given])
        # the index of each component in the balance: 0 for the sum, or an index of its own
        numbers = iter(range(1, len(given) + 1))
        self._groups = [0 if share is None else next(numbers) for share in shares]

    def weigh(
        self, values: Sequence[torch.Tensor], parameters: Callable[[], Sequence[torch.Tensor]]
    ) -> torch.Tensor:
        # not of the stacked losses, which all depend on the parameters of all
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
    """Returns the norms of the losses' gradients with respect to the parameters on which several losses depend.

    For a loss that shares no parameter with another, it is the norm with respect to all its parameters, and for a
    loss without parameters 0.

    Args:
        values: The k losses, scalars with their graphs, which are retained.
        parameters: Distinct parameters.

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
    # of several processes that train together, each has the gradients of its share of the rows
    current_ranks().average([part for parts in gradients for part in parts if part is not None])
    several = [sum(part is not None for part in parts) > 1 for parts in zip(*gradients, strict=True)]
    norms = []
    for value, parts in zip(values, gradients, strict=True):
        known = [part for part in parts if part is not None]
        shared = [part for part, is_shared in zip(parts, several, strict=True) if part is not None and is_shared]
        selected = shared or known
        norm = torch.nn.utils.get_total_norm(selected) if selected else value.new_zeros(())
        norms.append(norm.detach().to(value.device, value.dtype))
    return torch.stack(norms)


def _ends(weight: Any) -> tuple[float, float]:
    if not isinstance(weight, (list, tuple)):
        weight = (weight, weight)
    if len(weight) != 2:
        raise ValueError(f"a changing weight must be a pair (start, end), got {weight!r}.")
    start, end = (float(number) for number in weight)
    if not (np.isfinite(start) and np.isfinite(end)):
        raise ValueError(f"a weight must be finite, got {weight!r}.")
    return start, end
