"""How users compose a routine after it is made: phases, losses, data."""

from __future__ import annotations

import contextlib
import inspect
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any, Literal, Self

import torch

from paradime.data import DerivedData, Sampling
from paradime.dr.additions import AddedLoss
from paradime.dr.blocks import COMPONENTS, Additions, Blocks
from paradime.exceptions import UnsupportedConfigurationError
from paradime.loss import Loss
from paradime.loss.weights import Weight
from paradime.training import TrainingPhase, determine_losses

__all__ = ["Composed"]

_REMEDY = "routine.{0} = {{**routine.{0}, 'key': …}}"
_REMEDIES = {"training_phases": "routine.training_phases = [first, second.replace(epochs=…)]"}


class Composed:
    """The part of a routine that takes further building blocks; what is added stays when it is fitted again."""

    @property
    def _blocks(self) -> Blocks:
        raise NotImplementedError

    @property
    def _additions(self) -> Additions:
        raise NotImplementedError

    def _data_added(self, data: Mapping[str, Any]) -> None:
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
        with self._composing() as blocks:
            determine_losses([phase], blocks.losses)
            blocks.training_phases.append(phase)
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
            >>> from paradime import ParametricTSNE
            >>> routine = ParametricTSNE().add_loss("decode", ReconstructionLoss(), share=0.2)
            >>> routine.training_phases[-1].loss_keys
            ['embedding', 'decode']
        """
        added = AddedLoss(key, loss, weight, share, phases)
        with self._composing() as blocks:
            added.apply(blocks.losses, blocks.training_phases)
        self._additions.losses.append(added)
        return self

    # -- components that were set, or changed in place ------------------------------------------------

    @contextlib.contextmanager
    def _composing(self) -> Iterator[Blocks]:
        """Within the block, changes of the components are not taken for a user's own."""
        blocks, changed = self._blocks, self._changed_components()
        yield blocks
        blocks.remember_components(name for name in COMPONENTS if name not in changed)

    def _set_components(self) -> dict[str, Any]:
        """Returns the components that were set though they are no parameters, such as those of a preset."""
        known = inspect.signature(type(self)).parameters
        return {name: self.__dict__[name] for name in COMPONENTS if name in self.__dict__ and name not in known}

    def _changed_components(self) -> list[str]:
        """Returns the names of the components that were changed in place."""
        if "_blocks" not in self.__dict__:
            return []
        given = self.__dict__.get("training_phases") or ()
        return self._blocks.changed_components([*given, *self._additions.phases])

    def _require_made_components(self, by: str) -> None:
        """Raises UnsupportedConfigurationError if components were changed in place, and would be made anew.

        Args:
            by: What makes them anew.
        """
        for name in self._changed_components():
            raise UnsupportedConfigurationError(
                f"{name} of this {type(self).__name__} were changed in place, and {by} makes them anew. Set them "
                f"as a whole, {_REMEDIES.get(name, _REMEDY).format(name)}; or call train(X), which trains what "
                "there is."
            )

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
        with self._working(), self._composing() as blocks:
            blocks.workspace.add(data)
            self._data_added(data)
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
