"""Losses and constraints that a user adds to the objective of a routine."""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Mapping, MutableMapping, MutableSequence, Sequence

from paradime._registry import did_you_mean
from paradime.constraints import Constraint
from paradime.exceptions import UnsupportedConfigurationError
from paradime.loss import Loss, PositionLoss
from paradime.training import TrainingPhase
from paradime.utils.arguments import check_instance, check_within

__all__ = ["AddedLoss", "added_constraint", "teaches_positions"]

_USUAL_SHARE = 0.2  # of the gradient: tilts the embedding


def teaches_positions(phase: TrainingPhase, losses: Mapping[str, Loss]) -> bool:
    """Whether in a phase the model only learns initial positions."""
    return all(isinstance(losses.get(key), PositionLoss) for key in phase.loss_keys)


@dataclasses.dataclass(frozen=True)
class AddedLoss:
    """A loss, what it counts, and where.

    Args:
        key: The loss's key.
        loss: The loss.
        weight: Its weight; 1 if neither this nor ``share`` is given.
        share: Its share of the gradient, in (0, 1).
        phases: The names of the phases; all but those that only learn positions if ``None``.

    Raises:
        TypeError: If it is no loss.
        ValueError: If weight and share are both given, or the share is out of range.
    """

    key: str
    loss: Loss
    weight: float | Sequence[float] | None = None
    share: float | None = None
    phases: Sequence[str] | None = None

    def __post_init__(self) -> None:
        remedy = "The key comes first: add_loss('name', loss)."
        check_instance("key", self.key, str, remedy=remedy)
        check_instance("loss", self.loss, Loss, remedy=remedy)
        if self.weight is not None and self.share is not None:
            raise ValueError(f"loss {self.key!r} takes a weight or a share, got both. Leave one out.")
        if self.share is not None:
            check_within("share", self.share, "(0, 1)")

    def apply(self, losses: MutableMapping[str, Loss], phases: MutableSequence[TrainingPhase]) -> None:
        """Adds the loss to losses and to the objectives of phases.

        Raises:
            UnsupportedConfigurationError: If there is no phase to add it to, or the key is taken.
        """
        chosen = self._choose(losses, phases)
        if self.key in losses and losses[self.key] is not self.loss:
            raise UnsupportedConfigurationError(f"there is a loss {self.key!r} already. Choose another name.")
        # computed first: if a phase refuses the loss, no phase is changed
        extended = [self._extended(phases[i]) for i in chosen]
        losses[self.key] = self.loss
        for i, phase in zip(chosen, extended, strict=True):
            phases[i] = phase

    def _choose(self, losses: Mapping[str, Loss], phases: Sequence[TrainingPhase]) -> list[int]:
        names = [phase.name for phase in phases]
        if self.phases is not None:
            for name in self.phases:
                if name not in names:
                    raise UnsupportedConfigurationError(
                        f"no training phase {name!r}. {did_you_mean(name, map(str, names))}"
                    )
            return [i for i, name in enumerate(names) if name in self.phases]
        chosen = [i for i, phase in enumerate(phases) if not teaches_positions(phase, losses)]
        if not chosen:
            raise UnsupportedConfigurationError(
                f"there is no training phase to add loss {self.key!r} to. Add a phase first, or name one."
            )
        return chosen

    def _extended(self, phase: TrainingPhase) -> TrainingPhase:
        keys, weights, shares = [*phase.loss_keys, self.key], phase.loss_weights, phase.loss_shares
        if self.share is not None:
            held = 1 - self.share
            return phase.replace(
                loss_keys=keys,
                loss_weights=weights if weights in (None, "balanced") else [*weights, 1.0],
                loss_shares={
                    **{key: round(held * part, 6) for key, part in _shares(phase).items()},
                    self.key: self.share,
                },
            )
        if weights == "balanced" or shares is not None:
            raise UnsupportedConfigurationError(
                f"training phase {phase.name!r} balances its losses: loss {self.key!r} needs a share instead of a "
                "weight, add_loss(…, share=0.2)."
            )
        weight = 1.0 if self.weight is None else self.weight
        return phase.replace(loss_keys=keys, loss_weights=[*(weights or [1.0] * len(phase.loss_keys)), weight])


def _shares(phase: TrainingPhase) -> dict[str, float]:
    """Returns the present shares of a phase's losses; those that have none hold the rest together."""
    if phase.loss_weights == "balanced":
        given = phase.loss_shares or dict.fromkeys(phase.loss_keys, 1.0)
        total = sum(given.values())
        return {key: part / total for key, part in given.items()}
    return dict(phase.loss_shares or {})


def added_constraint(
    constraint: Constraint,
    present: Mapping[str, Loss],
    *,
    key: str | None,
    weight: float | Sequence[float] | None,
    share: float | None,
    phases: Sequence[str] | None,
) -> AddedLoss:
    """Returns a constraint as a loss that is added; see ``ParametricDR.add_constraint``.

    Args:
        constraint: The constraint.
        present: The losses that are there, by key.
        key: Its key; one that is free is chosen if ``None``.
        weight: Its weight.
        share: Its gradient share; 0.2 if neither this nor a weight is given.
        phases: The names of the phases that it is added to.

    Raises:
        TypeError: If it is no constraint.
        UnsupportedConfigurationError: If it contradicts another one.
        ValueError: If an exact constraint has a weight or a share.
    """
    if not isinstance(constraint, Constraint):
        raise TypeError(
            f"a constraint must be a Constraint, got {type(constraint).__name__}. Add a loss by add_loss(key, …)."
        )
    free = (constraint.key if i == 1 else f"{constraint.key} {i}" for i in itertools.count(1))
    key = key or next(name for name in free if name not in present)
    others = {name: loss for name, loss in present.items() if isinstance(loss, Constraint)}
    constraint.check_beside(others)
    for other in others.values():  # a contradiction is the matter of one of both
        other.check_beside({key: constraint})
    if not constraint.exact:
        share = _USUAL_SHARE if weight is None and share is None else share
        return AddedLoss(key, constraint, weight, share, phases)
    if weight is not None or share is not None:
        raise ValueError(
            f"an exact constraint is no loss and takes neither weight nor share, got weight={weight!r} and "
            f"share={share!r}. Leave them out."
        )
    return AddedLoss(key, constraint, phases=())
