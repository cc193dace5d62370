"""What is made and checked before the first step of a training."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch

from paradime.data import check_fields
from paradime.dr.components import Components
from paradime.dr.estimator import Estimator
from paradime.dr.network import n_outputs
from paradime.dr.targets import Targets
from paradime.exceptions import UnsupportedConfigurationError
from paradime.training import TrainingPhase, check_phase, choose_losses, try_losses

__all__ = ["check_and_compute", "spare_parameters"]


def check_and_compute(
    blocks: Components, phases: Sequence[TrainingPhase], key: str, targets: Targets | None
) -> torch.nn.Module:
    """Checks all phases, computes what they need of the data, and tries their losses; returns the model.

    Args:
        blocks: The building blocks, with a data set.
        phases: The phases that will be run.
        key: The entry of the data set that is embedded.
        targets: What ``y`` was.

    Raises:
        UnsupportedConfigurationError: If there is no phase, or building blocks do not fit together.
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
    main = choose_losses(phases[-1], blocks.losses)
    blocks.network.take_unit(main.embedding_distance(dataset, workspace.relation_data, blocks.batch_relations))
    parts = workspace.relation_data, blocks.batch_relations, blocks.device
    for phase in phases:
        try_losses(phase, blocks.losses, model, dataset, *parts)
    return model


def _required_model(blocks: Components, key: str, targets: Targets | None) -> torch.nn.Module:
    dataset = blocks.workspace.require_dataset()
    needed = n_outputs(blocks.losses.values(), dataset)
    if needed is not None and targets is not None and targets.classes is not None:
        needed = max(needed, len(targets.classes))  # also of classes that come later
    # whether it centres rows is decided before they are converted for it
    model = blocks.network.require(dataset[key], key, needed)
    # other models than those that centre rows are prepared with what they will get
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
