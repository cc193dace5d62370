"""What is made and checked before the first step of a training."""

from __future__ import annotations

import os
import warnings
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import torch

from paradime.constraints import Constraint
from paradime.data import Dataset, check_fields
from paradime.dr.components import Components
from paradime.dr.estimator import Estimator
from paradime.dr.inputs import Targets
from paradime.dr.network import n_outputs
from paradime.exceptions import UnsupportedConfigurationError
from paradime.training import (
    Callback,
    Checkpoints,
    TrainingPhase,
    check_phase,
    checked_callbacks,
    choose_losses,
    describe_data,
    describe_model,
    describe_phases,
    describe_relations,
    describe_settings,
    differences,
    find_checkpoint,
    read_checkpoint,
    try_losses,
)

__all__ = ["check_and_compute", "description_of", "give_data", "read_resumed", "spare_parameters"]

_NOT_COMPARED = ("verbose", "warm_start", "on_interrupt", "device", "use_cuda", "random_state")
_MOST_DIFFERENCES = 5


def check_and_compute(
    blocks: Components, phases: Sequence[TrainingPhase], key: str, targets: Targets | None
) -> torch.nn.Module:
    """Checks all phases, computes what they need of the data, and tries their losses; returns the model.

    Args:
        blocks: The components, with a data set.
        phases: The phases that will be run.
        key: The entry of the data set that is embedded.
        targets: What ``y`` was.

    Raises:
        UnsupportedConfigurationError: If there is no phase, or components do not fit together.
        LossNotDeterminedError: If a phase asks for a loss that does not exist.
        ValueError: If there are less than two rows, or rows do not fit the model.
    """
    if not phases:
        raise UnsupportedConfigurationError("there is no training phase. Add one: add_training_phase(epochs=…).")
    workspace = blocks.workspace
    dataset = workspace.require_dataset()
    check_fields(blocks.data_fields, dataset)
    model = _required_model(blocks, key, targets)
    if len(dataset) < 2:
        raise ValueError(f"training needs at least 2 samples, got {len(dataset)} sample(s).")
    for phase in phases:
        check_phase(phase, blocks.losses, workspace.global_relations, blocks.batch_relations)
    workspace.compute_derived()
    workspace.compute_relations()
    workspace.agree()
    main = choose_losses(phases[-1], blocks.losses)
    blocks.network.take_unit(main.embedding_distance(dataset, workspace.relation_data, blocks.batch_relations))
    parts = workspace.relation_data, blocks.batch_relations, blocks.device
    for phase in phases:
        try_losses(phase, blocks.losses, model, dataset, *parts)
    return model


def give_data(constraints: Mapping[str, Constraint], dataset: Dataset, targets: Targets | None) -> None:
    """Gives constraints the rows that ``fit`` was given, before any of them are held out.

    Args:
        constraints: The constraints by key.
        dataset: All rows.
        targets: What ``y`` was.

    Raises:
        UnsupportedConfigurationError: If two of them contradict each other.
    """
    classes = None if targets is None or targets.classes is None else targets.classes.tolist()
    for key, constraint in constraints.items():
        constraint.check_beside({name: other for name, other in constraints.items() if name != key})
        constraint.take_data(dataset, classes)


def _required_model(blocks: Components, key: str, targets: Targets | None) -> torch.nn.Module:
    dataset = blocks.workspace.require_dataset()
    blocks.network.satisfy([one for one in blocks.constraints().values() if one.exact], dataset)
    needed = n_outputs(blocks.losses.values(), dataset)
    if needed is not None and targets is not None and targets.classes is not None:
        needed = max(needed, len(targets.classes))  # classes of later parts of the data get an output, too
    # the network decides whether it centres rows before rows are converted for it
    model = blocks.network.require(dataset[key], key, needed)
    # models that do not centre rows are prepared with the rows that they will get
    dataset.warn_of_lost_digits(key, model)
    dataset.suit(key, model)
    blocks.network.prepare(dataset[key], dataset.in_need(key))
    for entries in (dataset, blocks.held_out):
        if entries is not None:
            entries.suit(key, model)
    return model.to(blocks.device)


def spare_parameters(routine: Estimator) -> None:
    """Lets ``fit`` train copies of losses and phases that are parameters, which it must not change.

    Copies share the parameters that losses train, which may be the model's.
    """
    parameters, blocks = routine.get_params(deep=False), routine._components
    set_by_hand = routine._set_components()
    losses = set_by_hand.get("losses", parameters.get("losses"))
    phases = set_by_hand.get("training_phases", parameters.get("training_phases")) or ()
    given = losses.values() if isinstance(losses, Mapping) else [losses]
    for key, loss in blocks.losses.items():
        if any(loss is one for one in given):
            blocks.losses[key] = loss.without_history()
    for i, phase in enumerate(blocks.training_phases):
        if any(phase is one for one in phases):
            blocks.training_phases[i] = phase.replace()
    blocks.remember_components()


def read_resumed(
    routine: Estimator, resume_from: str | os.PathLike[str] | None, callbacks: Sequence[Callback]
) -> dict[str, Any] | None:
    """Reads the checkpoint from which a training goes on; ``None`` without one.

    Args:
        routine: The routine; components that are not made yet stay so, since they may draw a seed.
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


def description_of(
    routine: Estimator,
    phases: Sequence[TrainingPhase],
    callbacks: Sequence[Callback],
    resumed: Mapping[str, Any] | None,
) -> dict[str, Any] | None:
    """Describes what a training is made of, for checkpoints; ``None`` where nobody needs that.

    Args:
        routine: The routine, whose components hold all that is computed of the data.
        phases: The phases.
        callbacks: What is called during training.
        resumed: What a checkpoint holds, from which the training goes on, or ``None``.

    Raises:
        ValueError: If the checkpoint is of another training.
    """
    all_callbacks = [*callbacks, *(one for phase in phases for one in phase.callbacks)]
    if resumed is None and not any(isinstance(one, Checkpoints) for one in all_callbacks):
        return None
    blocks = routine._components
    dataset = blocks.workspace.require_dataset()
    assert blocks.model is not None
    settings = {name: value for name, value in routine.get_params().items() if name not in _NOT_COMPARED}
    described = {
        "data": describe_data(dataset, list(blocks.derived_data)),
        "parameters": describe_settings(settings),
        "random_state": blocks.training_seed(routine.random_state),
        "model": describe_model(blocks.model),
        "phases": describe_phases([phase for phase in phases if phase.epochs != 0], len(dataset)),
        "relations": describe_relations(blocks.workspace.relation_data),
    }
    if resumed is not None:
        _compare(described, resumed["description"])
    return described


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
