"""The loop that runs a training phase."""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence
from typing import Any

import torch

from paradime._registry import did_you_mean
from paradime.data import Batch, Dataset, EdgeSampler, ItemSampler, NegSampledEdgeDataset, Sampler
from paradime.exceptions import (
    LossNotDeterminedError,
    RelationsNotComputedError,
    TrainingDivergedError,
    UnsupportedConfigurationError,
)
from paradime.loss import CompoundLoss, Loss
from paradime.relationdata import RelationData
from paradime.relations import Relations
from paradime.training.callbacks import Callback, TrainingState, notify
from paradime.training.phase import TrainingPhase

__all__ = ["run_phase"]

_Context = tuple[torch.nn.Module, Mapping[str, RelationData], Mapping[str, Relations]]


def run_phase(
    phase: TrainingPhase,
    *,
    model: torch.nn.Module,
    losses: Mapping[str, Loss],
    dataset: Dataset,
    global_relations: Mapping[str, RelationData],
    batch_relations: Mapping[str, Relations],
    device: torch.device,
    generator: torch.Generator | None = None,
    callbacks: Sequence[Callback] = (),
    state: TrainingState | None = None,
) -> None:
    """Trains a model for one phase; ``phase.loss`` holds the history afterwards.

    Args:
        phase: The settings.
        model: The model; on ``device``, and in evaluation mode afterwards.
        losses: The losses that the phase's keys choose from.
        dataset: The points.
        global_relations: Relations between all points, by key.
        batch_relations: How to compute the relations between embedded points, by key.
        device: Where to compute.
        generator: Source of randomness on ``device``; torch's global one if ``None``.
        callbacks: What to call during training.
        state: Where training stands; a fresh one if ``None``.

    Raises:
        LossNotDeterminedError: If there is no loss of a key.
        UnsupportedConfigurationError: If losses, sampling and model do not fit together.
        ValueError: If the model's output has another shape than a loss needs.
        TrainingDivergedError: If the loss is not finite; the model then has the weights of the last good epoch.
    """
    phase.check()
    phase.loss = _choose_losses(phase, losses).to(device)
    local = dataset.to(device)
    sampler = _make_sampler(phase, local, global_relations)
    state = state or TrainingState(model, [phase], phase)
    state.phase, state.n_batches = phase, len(sampler)
    state.epoch, state.loss, state.epoch_loss = 0, None, None
    context = model, global_relations, batch_relations
    _check_before_training(phase, sampler, context, local, device)
    parameters = _trainable(model, phase.loss)
    optimizer = phase.make_optimizer(parameters)
    model.train()
    try:
        notify(callbacks, "phase_begin", state)
        for state.epoch in range(phase.epochs):
            last_good = copy.deepcopy(model.state_dict())
            notify(callbacks, "epoch_begin", state)
            for state.batch in sampler.epoch(generator):
                notify(callbacks, "batch_begin", state)
                optimizer.zero_grad()
                loss = phase.loss(*context, state.batch, device)
                torch.autograd.backward(loss)
                optimizer.step()
                state.loss = loss.detach()
                notify(callbacks, "batch_end", state)
            phase.loss.checkpoint()
            state.epoch_loss = phase.loss.history[-1]
            _refuse_divergence(phase, state, parameters, last_good)
            notify(callbacks, "epoch_end", state)
        notify(callbacks, "phase_end", state)
    finally:
        model.eval()
        state.batch = None


def _choose_losses(phase: TrainingPhase, losses: Mapping[str, Loss]) -> CompoundLoss:
    for key in phase.loss_keys:
        if key not in losses:
            raise LossNotDeterminedError(
                f"training phase {phase.name!r} asks for loss {key!r}, which does not exist. "
                f"{did_you_mean(key, losses)}"
            )
    return CompoundLoss([losses[key] for key in phase.loss_keys], phase.loss_weights, name=phase.name)


def _make_sampler(phase: TrainingPhase, dataset: Dataset, global_relations: Mapping[str, RelationData]) -> Sampler:
    if phase.sampling == "standard":
        return ItemSampler(dataset, phase.batch_size, phase.batches_per_epoch)
    if phase.edge_rel_key not in global_relations:
        raise RelationsNotComputedError(
            f"training phase {phase.name!r} samples edges of global relations {phase.edge_rel_key!r}, "
            f"which do not exist. {did_you_mean(phase.edge_rel_key, global_relations)}"
        )
    edges = NegSampledEdgeDataset(dataset, global_relations[phase.edge_rel_key], phase.neg_sampling_rate)
    return EdgeSampler(edges, phase.batch_size, phase.batches_per_epoch)


def _check_before_training(
    phase: TrainingPhase, sampler: Sampler, context: _Context, dataset: Dataset, device: torch.device
) -> None:
    """Tries the losses on two rows, so that what cannot work fails now and with a clear message."""
    assert phase.loss is not None
    model, _, batch_relations = context
    for loss in phase.loss.modules():
        if isinstance(loss, Loss) and loss.needs(batch_relations) not in sampler.provides:
            raise UnsupportedConfigurationError(
                f"training phase {phase.name!r}: loss {loss.name!r} compares {loss.needs(batch_relations)}, but "
                f"sampling={phase.sampling!r} provides {' and '.join(sorted(sampler.provides))}. "
                "Use sampling='negative_edge'."
            )
    trial = Batch(dataset.rows(torch.arange(min(2, len(dataset)), device=dataset["indices"].device)))
    model.eval()
    with torch.no_grad():
        phase.loss.check_setup(*context, trial, device, dataset)


def _trainable(model: torch.nn.Module, loss: Loss) -> list[torch.nn.Parameter]:
    # a loss may hold the model: each parameter counts once
    unique = {id(p): p for p in (*model.parameters(), *loss.parameters()) if p.requires_grad}
    if not unique:
        raise UnsupportedConfigurationError(
            f"model {type(model).__name__} has no parameters that can be trained. Check requires_grad."
        )
    return list(unique.values())


def _refuse_divergence(
    phase: TrainingPhase,
    state: TrainingState,
    parameters: Sequence[torch.nn.Parameter],
    last_good: Mapping[str, Any],
) -> None:
    assert phase.loss is not None
    failure = phase.loss.first_failure()
    # one number for all weights: reading each would wait for the device as often
    weights_sum = torch.stack([p.detach().sum() for p in parameters]).sum()
    if failure is None and bool(weights_sum.isfinite()):
        return
    state.model.load_state_dict(last_good)
    what = "the weights are not finite any more, though the loss is: a gradient is infinite or NaN"
    if failure is not None:
        batch, guilty = failure
        what = f"batch {batch}: the loss is not finite (component {', '.join(map(repr, guilty))})"
    raise TrainingDivergedError(
        f"training phase {phase.name!r}, epoch {state.epoch}, {what}. The weights from before this epoch were "
        "restored. Lower the learning rate, or check the loss and the scale of the data."
    )
