"""What can be known to fail before training starts, and is said then."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from typing import cast

import torch

from paradime._registry import did_you_mean
from paradime.data import Batch, Dataset
from paradime.exceptions import (
    LossNotDeterminedError,
    ParaDimeError,
    RelationsNotComputedError,
    UnsupportedConfigurationError,
)
from paradime.loss import CompoundLoss, Loss, Trial
from paradime.relationdata import RelationData
from paradime.relations import Relations
from paradime.training.phase import TrainingPhase
from paradime.utils.arguments import check_instance

__all__ = ["check_phase", "choose_losses", "determine_losses", "named_loss", "try_losses"]

_REMEDIES = {
    "pairs": "Use sampling='negative_edge', or a sampling of pairs such as ContrastivePairs().",
    "mid pairs": "Use sampling=NearMidFarPairs().",
}


def choose_losses(phase: TrainingPhase, losses: Mapping[str, Loss]) -> CompoundLoss:
    """Returns the weighted sum of losses that a phase names.

    Raises:
        LossNotDeterminedError: If there is no loss of a key.
    """
    for key in phase.loss_keys:
        if key not in losses:
            raise LossNotDeterminedError(
                f"training phase {phase.name!r} asks for loss {key!r}, which does not exist. "
                f"{did_you_mean(key, losses)}"
            )
    shares = None if phase.loss_shares is None else [phase.loss_shares.get(key) for key in phase.loss_keys]
    return CompoundLoss(
        [losses[key] for key in phase.loss_keys], phase.loss_weights, name=phase.name, shares=shares
    )


def named_loss(phase: TrainingPhase, objective: CompoundLoss) -> Loss:
    """Returns the loss that a phase names, if it is one without a weight; else the weighted sum of all of them."""
    if len(objective.losses) > 1 or phase.loss_weights or phase.loss_shares:
        return objective
    return cast("Loss", objective.losses[0])


def determine_losses(phases: Iterable[TrainingPhase], losses: Mapping[str, Loss]) -> None:
    """Tells phases which losses their keys mean, except those that know it and those that name a missing loss."""
    for phase in phases:
        if phase.loss is None and all(key in losses for key in phase.loss_keys):
            phase.loss = named_loss(phase, choose_losses(phase, losses))


def check_phase(
    phase: TrainingPhase,
    losses: Mapping[str, Loss],
    global_relations: Collection[str],
    batch_relations: Mapping[str, Relations],
) -> None:
    """Checks what can be checked without data: settings, keys, and that batches hold what losses compare.

    Args:
        phase: The phase.
        losses: Losses by key.
        global_relations: The keys of the global relations.
        batch_relations: Batch relations by key.

    Raises:
        LossNotDeterminedError: If there is no loss of a key.
        RelationsNotComputedError: If edges of relations are to be sampled that do not exist.
        UnsupportedConfigurationError: If losses and sampling do not fit together.
        ValueError: If a setting is out of range.
    """
    check_instance("training_phase", phase, TrainingPhase, remedy="Pass TrainingPhase(epochs=…).")
    phase.check()
    plan = phase.plan()
    for key in plan.relation_keys():
        if key not in global_relations:
            raise RelationsNotComputedError(
                f"training phase {phase.name!r} samples edges of global relations {key!r}, "
                f"which do not exist. {did_you_mean(key, global_relations)}"
            )
    provided = plan.provides
    for loss in choose_losses(phase, losses).modules():
        if isinstance(loss, Loss) and loss.needs(batch_relations) not in provided:
            raise UnsupportedConfigurationError(
                f"training phase {phase.name!r}: loss {loss.name!r} compares {loss.needs(batch_relations)}, but "
                f"sampling={phase.sampling!r} provides {' and '.join(sorted(provided))}. "
                f"{_REMEDIES.get(loss.needs(batch_relations), 'Choose another sampling.')}"
            )


def try_losses(
    phase: TrainingPhase,
    losses: Mapping[str, Loss],
    model: torch.nn.Module,
    dataset: Dataset,
    global_relations: Mapping[str, RelationData],
    batch_relations: Mapping[str, Relations],
    device: torch.device,
) -> None:
    """Tries the losses of a phase on two rows; the model is left in evaluation mode.

    Raises:
        ValueError: If the model does not take the data, or its output has another shape than a loss needs.
    """
    batch = Batch(dataset.rows(torch.arange(min(2, len(dataset)), device=dataset["indices"].device)))
    model.eval()
    try:
        with torch.no_grad():
            trial = Trial(model, global_relations, batch_relations, batch, device, dataset)
            choose_losses(phase, losses).check_setup(trial)
    except RuntimeError as error:
        if isinstance(error, (ParaDimeError, NotImplementedError)):
            raise
        shapes = {key: tuple(rows.shape[1:]) for key, rows in dataset.items() if rows.is_floating_point()}
        raise ValueError(
            f"training phase {phase.name!r}: model {type(model).__name__} fails on rows of shape {shapes}: {error}"
        ) from error
