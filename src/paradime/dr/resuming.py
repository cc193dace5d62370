"""Trainings that end before their time, and those that go on where one ended."""

from __future__ import annotations

import os
import warnings
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Literal

import torch

from paradime.dr.components import Components
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

__all__ = ["begin_run", "read_resumed", "report_interruption"]

_NOT_COMPARED = ("verbose", "warm_start", "on_interrupt", "device", "use_cuda", "random_state")
_MOST_DIFFERENCES = 5


def read_resumed(
    routine: Estimator, resume_from: str | os.PathLike[str] | None, callbacks: Sequence[Callback]
) -> dict[str, Any] | None:
    """Reads the checkpoint from which a training goes on; ``None`` without one.

    Args:
        routine: The routine; building blocks that are not made yet stay so, since they may draw a seed.
        resume_from: The checkpoint, or its folder.
        callbacks: What is called during training, in addition to the routine's own.

    Raises:
        ValueError: If ``on_interrupt`` is none of the two, or there is no checkpoint.
        ModelFileError: If the checkpoint is damaged.
    """
    if routine.on_interrupt not in ("raise", "keep"):
        raise ValueError(f"on_interrupt must be 'raise' or 'keep', got {routine.on_interrupt!r}.")
    called = [*checked_callbacks(routine.callbacks), *checked_callbacks(callbacks)]
    found = None if resume_from is None else find_checkpoint(resume_from, called)
    blocks = routine._made_components
    return None if found is None else read_checkpoint(found, None if blocks is None else blocks.device)


def begin_run(
    blocks: Components,
    parameters: Mapping[str, Any],
    phases: Sequence[TrainingPhase],
    callbacks: Sequence[Callback],
    generator: torch.Generator | None,
    resumed: Mapping[str, Any] | None,
) -> Run:
    """Begins a training, or goes on with one that was made of the same.

    Args:
        blocks: The building blocks, with all that is computed of the data.
        parameters: The routine's parameters.
        phases: The phases.
        callbacks: What is called during training.
        generator: Draws what is drawn.
        resumed: What a checkpoint holds, or ``None``.

    Raises:
        ValueError: If the checkpoint is of another training.
    """
    all_callbacks = [*callbacks, *(one for phase in phases for one in phase.callbacks)]
    if resumed is None and not any(isinstance(one, Checkpoints) for one in all_callbacks):
        return Run(generator, blocks.device)
    description = _describe(blocks, parameters, phases, None if generator is None else generator.initial_seed())
    if resumed is None:
        return Run(generator, blocks.device, description=description)
    _compare(description, resumed["description"])
    return Run(generator, blocks.device, description=description, resumed=resumed["state"])


def _describe(
    blocks: Components, parameters: Mapping[str, Any], phases: Sequence[TrainingPhase], seed: int | None
) -> dict[str, Any]:
    dataset = blocks.workspace.require_dataset()
    assert blocks.model is not None
    settings = {name: value for name, value in parameters.items() if name not in _NOT_COMPARED}
    return {
        "data": describe_data(dataset, list(blocks.derived_data)),
        "parameters": describe_settings(settings),
        "random_state": seed,
        "model": describe_model(blocks.model),
        "phases": describe_phases(phases, len(dataset)),
        "relations": describe_relations(blocks.workspace.relation_data),
    }


def report_interruption(state: TrainingState, on_interrupt: Literal["raise", "keep"]) -> None:
    """Warns where the training was stopped, or raises the KeyboardInterrupt that is being handled again."""
    assert state.run is not None
    if on_interrupt == "raise" or not state.run.n_steps:
        raise
    epochs = state.phase.budget(state.n_rows).epochs
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
