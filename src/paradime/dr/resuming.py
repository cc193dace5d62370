"""Trainings that end before their time, and those that go on where one ended."""

from __future__ import annotations

import os
import warnings
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Literal, Self

import torch

from paradime.dr.blocks import Blocks
from paradime.dr.estimator import Estimator
from paradime.training import (
    Callback,
    Checkpoints,
    Run,
    TrainingPhase,
    TrainingState,
    checked_callbacks,
    describe_data,
    describe_model,
    describe_phases,
    describe_relations,
    describe_settings,
    differences,
    find_checkpoint,
    read_checkpoint,
)
from paradime.types import Data

__all__ = ["Resumed"]

_NOT_COMPARED = ("verbose", "warm_start", "on_interrupt", "device", "use_cuda", "random_state")
_MOST_DIFFERENCES = 5


class Resumed(Estimator):
    """The part of a routine that goes on from checkpoints, and knows what Ctrl-C means."""

    on_interrupt: Literal["raise", "keep"]
    callbacks: Sequence[Callback] | None

    @property
    def _blocks(self) -> Blocks:
        raise NotImplementedError

    def fit(
        self,
        X: Data,
        y: Any = None,
        *,
        validation_data: Any = None,
        callbacks: Sequence[Callback] = (),
        resume_from: str | os.PathLike[str] | None = None,
    ) -> Self:
        """Trains on data from the start, as scikit-learn calls it; :meth:`train` goes on where it was.

        Args:
            X: The data: rows, or a dict of named entries. Rows become the entry that is embedded.
            y: Targets, shape (n,), which become the entry ``"labels"``, or ``None``. Floating-point numbers are
                standardised; anything else is classes, which are numbered from 0. A missing value, or −1 among
                integers, means unlabelled: such rows are embedded, and nothing is learned of their targets.
            validation_data: Rows to measure the model on after the epochs, in place of ``validation_fraction``: as
                ``X``, or a pair of such rows and their targets. They take no part in the training.
            callbacks: What to call during training, in addition to the routine's own.
            resume_from: A checkpoint of :class:`~paradime.training.Checkpoints`, or its folder, from which the
                training goes on; data and parameters are those of the training that was interrupted.

        Raises:
            ValueError: If ``y`` is not one target a row, or not finite; if data or parameters are not those of the
                checkpoint; and as :meth:`train` does.
            ModelFileError: If the checkpoint is damaged.
        """
        # a file that is refused leaves what was learned as it is
        self._read_checkpoint(resume_from, callbacks)
        self.__dict__["_resume_from"] = resume_from  # for train, which scikit-learn's side calls
        try:
            return super().fit(X, y, validation_data=validation_data, callbacks=callbacks)
        finally:
            del self.__dict__["_resume_from"]

    def _read_checkpoint(
        self, resume_from: str | os.PathLike[str] | None, callbacks: Sequence[Callback]
    ) -> dict[str, Any] | None:
        """Reads the checkpoint from which the training goes on, or ``None``; refuses a wrong ``on_interrupt``."""
        if self.on_interrupt not in ("raise", "keep"):
            raise ValueError(f"on_interrupt must be 'raise' or 'keep', got {self.on_interrupt!r}.")
        called = [*checked_callbacks(self.callbacks), *checked_callbacks(callbacks)]
        path = self.__dict__.get("_resume_from") if resume_from is None else resume_from
        found = None if path is None else find_checkpoint(path, called)
        # blocks that are not made yet stay so: they may draw a seed
        blocks = self.__dict__.get("_blocks")
        return None if found is None else read_checkpoint(found, None if blocks is None else blocks.device)

    def _begin_run(
        self,
        phases: Sequence[TrainingPhase],
        heard: Sequence[Callback],
        generator: torch.Generator | None,
        resumed: Mapping[str, Any] | None,
    ) -> Run:
        """Begins a training, or goes on with one that was made of the same."""
        device = self._blocks.device
        all_callbacks = [*heard, *(one for phase in phases for one in phase.callbacks)]
        if resumed is None and not any(isinstance(one, Checkpoints) for one in all_callbacks):
            return Run(generator, device)
        description = self._describe(phases, None if generator is None else generator.initial_seed())
        if resumed is None:
            return Run(generator, device, description=description)
        _compare(description, resumed["description"])
        return Run(generator, device, description=description, resumed=resumed["state"])

    def _describe(self, phases: Sequence[TrainingPhase], seed: int | None) -> dict[str, Any]:
        blocks = self._blocks
        dataset = blocks.workspace.require_dataset()
        assert blocks.model is not None
        settings = {name: value for name, value in self.get_params().items() if name not in _NOT_COMPARED}
        return {
            "data": describe_data(dataset, list(blocks.derived_data)),
            "parameters": describe_settings(settings),
            "random_state": seed,
            "model": describe_model(blocks.model),
            "phases": describe_phases(phases, len(dataset)),
            "relations": describe_relations(blocks.workspace.relation_data),
        }

    def _interrupted(self, state: TrainingState) -> None:
        """Says where the training was stopped, or raises KeyboardInterrupt again."""
        assert state.run is not None
        if self.on_interrupt == "raise" or not state.run.n_steps:
            raise  # the interrupt that is being handled
        epochs = state.phase.extent(state.n_rows).epochs
        place = f"epoch {min(state.run.n_epochs_done, epochs - 1) + 1} of {epochs}"
        if state.run.n_batches_done:
            place += f", after step {state.run.n_batches_done} of {state.n_batches}"
        warnings.warn(
            f"the training was interrupted in phase {state.phase.name!r}, {place}. What was learned until then is "
            "kept: on_interrupt='keep'.",
            stacklevel=4,
        )


def _compare(here: dict[str, Any], there: Mapping[str, Any]) -> None:
    """Refuses a checkpoint of a training that was made of something else."""
    found = list(_differences(here, there))
    if found:
        shown = "; ".join(found[:_MOST_DIFFERENCES])
        more = f"; and {len(found) - _MOST_DIFFERENCES} more" if len(found) > _MOST_DIFFERENCES else ""
        raise ValueError(
            f"the checkpoint is of another training: {shown}{more}. Give the same data and parameters to go on "
            "with it; fit(X) without resume_from begins anew, warm_start=True goes on from the weights alone."
        )
    if here["relations"] != there.get("relations"):
        warnings.warn(
            "the relations that were computed again are not those of the training that was interrupted, perhaps "
            "on another machine: the training goes on, but does not take the same steps.",
            stacklevel=5,
        )


def _differences(here: Mapping[str, Any], there: Mapping[str, Any]) -> Iterator[str]:
    for name in ("data", "parameters", "random_state", "model", "phases"):
        yield from differences(here[name], there.get(name), name)
