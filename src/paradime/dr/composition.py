"""How users compose a routine after it is made: phases, losses, data."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Literal, Self

import torch

from paradime.data import DerivedData, Sampling
from paradime.dr.additions import AddedLoss
from paradime.dr.blocks import Additions, Blocks
from paradime.loss import Loss
from paradime.loss.weights import Weight
from paradime.training import TrainingPhase, determine_losses

__all__ = ["Composed"]


class Composed:
    """The part of a routine that takes further building blocks; what is added stays when it is fitted again."""

    @property
    def _blocks(self) -> Blocks:
        raise NotImplementedError

    @property
    def _additions(self) -> Additions:
        raise NotImplementedError

    def _working(self) -> contextlib.AbstractContextManager[None]:
        raise NotImplementedError

    def set_training_defaults(  # noqa: D417  a phase documents its settings
        self,
        training_phase: TrainingPhase | None = None,
        epochs: int | Literal["auto"] | None = None,
        batch_size: int | Literal["auto"] | None = None,
        batches_per_epoch: int | None = None,
        sampling: str | Sampling | None = None,
        edge_rel_key: str | None = None,
        neg_sampling_rate: int | None = None,
        loss_keys: Sequence[str] | None = None,
        loss_weights: Sequence[Weight] | Literal["balanced"] | None = None,
        optimizer: Callable[..., torch.optim.Optimizer] | None = None,
        learning_rate: float | None = None,
        report_interval: int | None = None,
        **settings: Any,
    ) -> None:
        """Sets the defaults of the phases that are added afterwards.

        Args:
            training_phase: A phase whose settings are the new defaults; the present ones if ``None``.
            **settings: Further settings of a :class:`TrainingPhase` to change.

        The other arguments are settings of a :class:`TrainingPhase`, too; those that are ``None`` stay.
        """
        changes = _said(locals())
        base = training_phase or self._blocks.training_defaults
        self._blocks.training_defaults = self._additions.defaults = base.replace(**changes)

    def add_training_phase(  # noqa: D417  a phase documents its settings
        self,
        training_phase: TrainingPhase | None = None,
        name: str | None = None,
        epochs: int | Literal["auto"] | None = None,
        batch_size: int | Literal["auto"] | None = None,
        batches_per_epoch: int | None = None,
        sampling: str | Sampling | None = None,
        edge_rel_key: str | None = None,
        neg_sampling_rate: int | None = None,
        loss_keys: Sequence[str] | None = None,
        loss_weights: Sequence[Weight] | Literal["balanced"] | None = None,
        optimizer: Callable[..., torch.optim.Optimizer] | None = None,
        learning_rate: float | None = None,
        report_interval: int | None = None,
        **settings: Any,
    ) -> None:
        """Adds a training phase.

        Args:
            training_phase: The phase; one with the training defaults if ``None``.
            **settings: Further settings of a :class:`TrainingPhase` to change.

        The other arguments are settings of a :class:`TrainingPhase`, too; those that are ``None`` stay.

        Raises:
            TypeError: If ``training_phase`` is none.
            ValueError: If a setting is out of range.
        """
        changes = _said(locals())
        phase = training_phase
        if phase is not None and not isinstance(phase, TrainingPhase):
            raise TypeError(
                f"a training phase must be a TrainingPhase, got {type(phase).__name__}. "
                "Pass settings by name: add_training_phase(epochs=10)."
            )
        if phase is None:
            phase = self._blocks.training_defaults.replace(**changes)
        elif changes:
            phase = phase.replace(**changes)
        determine_losses([phase], self._blocks.losses)
        self._blocks.training_phases.append(phase)
        self._additions.phases.append(phase)

    def add_loss(
        self,
        key: str,
        loss: Loss,
        weight: float | Sequence[float] | None = None,
        *,
        share: float | None = None,
        phases: Sequence[str] | None = None,
    ) -> Self:
        """Adds a loss to the objective.

        Args:
            key: Its key.
            loss: The loss.
            weight: Its weight beside those of the others, or a pair (start, end) between which it changes; 1 if
                neither this nor ``share`` is given.
            share: Its share of the gradient, in (0, 1), instead of a weight: 0.2 means that the others keep 0.8,
                whatever the scale of the losses and the data.
            phases: The names of the phases that it is added to; all but those that only teach positions if
                ``None``.

        Returns:
            This routine.

        Raises:
            TypeError: If it is no loss.
            UnsupportedConfigurationError: If the key is taken, or there is no phase to add it to.
            ValueError: If weight and share are both given, or the share is out of range.

        Example:
            >>> from paradime.loss import ReconstructionLoss
            >>> from paradime.routines import ParametricTSNE
            >>> routine = ParametricTSNE().add_loss("decode", ReconstructionLoss(), share=0.2)
            >>> routine.training_phases[-1].loss_keys
            ['embedding', 'decode']
        """
        added = AddedLoss(key, loss, weight, share, phases)
        added.apply(self._blocks.losses, self._blocks.training_phases)
        self._additions.losses.append(added)
        return self

    # -- data and relations ---------------------------------------------------------------------------

    def add_data(self, data: Mapping[str, Any]) -> None:
        """Adds entries to the data set, or recipes for them.

        Args:
            data: Arrays of shape (n, …) or :class:`DerivedData`, by key. Recipes are computed when training
                begins, or by :meth:`compute_derived_data`.

        Raises:
            TypeError: If an entry is no array of numbers.
            ValueError: If an entry is not finite, or has another number of rows.
        """
        with self._working():
            self._blocks.workspace.add(data)
        self._additions.recipes.update({k: entry for k, entry in data.items() if isinstance(entry, DerivedData)})

    def compute_derived_data(self, only: str | Iterable[str] | None = None) -> None:
        """Computes derived data, with the relations and data that these are computed from.

        Args:
            only: Which entries, by key; ``"rel_based"`` for those that are computed from relations, ``"other"``
                for those that are not; all that are not computed yet if ``None``.

        Raises:
            NoDatasetRegisteredError: If there are no data.
            UnsupportedConfigurationError: If something is computed from what does not exist.
        """
        with self._working():
            self._blocks.workspace.compute_derived(only)

    def compute_global_relations(self, force: bool = False) -> None:
        """Computes the global relations, with the data that these are computed from.

        Args:
            force: Whether to compute again those that are there already.

        Raises:
            NoDatasetRegisteredError: If there are no data.
            UnsupportedConfigurationError: If something is computed from what does not exist.
        """
        with self._working():
            self._blocks.workspace.compute_relations(force=force)


def _said(given: Mapping[str, Any]) -> dict[str, Any]:
    """Returns the settings among a method's arguments, its ``locals()``, without those that are ``None``."""
    others = ("self", "training_phase", "settings")
    said = {name: value for name, value in given.items() if name not in others and value is not None}
    return {**said, **given["settings"]}
