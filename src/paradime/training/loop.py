"""The loop that runs a training phase."""

from __future__ import annotations

import contextlib
import copy
import itertools
import logging
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import torch

from paradime.data import Dataset
from paradime.exceptions import TrainingDivergedError, UnsupportedConfigurationError
from paradime.loss import Loss
from paradime.relationdata import RelationData
from paradime.relations import Relations
from paradime.training.callbacks import Callback, TrainingState, notify
from paradime.training.checks import check_phase, choose_losses, try_losses
from paradime.training.execution import Execution
from paradime.training.phase import TrainingPhase
from paradime.training.schedules import ScheduledRates, make_schedule
from paradime.utils.logging import report

__all__ = ["run_phase"]

log = logging.getLogger(__name__)


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
    check_phase(phase, losses, global_relations, batch_relations)
    local = dataset.to(device)
    try_losses(phase, losses, model, local, global_relations, batch_relations, device)
    phase.loss = choose_losses(phase, losses).to(device)
    extent = phase.extent(len(dataset))
    sampler = phase.plan().make(
        local, global_relations, batch_size=extent.batch_size, batches_per_epoch=extent.batches_per_epoch
    )
    state = _at_start(state or TrainingState(model, [phase], phase, len(dataset)), phase, len(sampler))
    parameters = _trainable(model, phase.loss)
    optimizer = phase.make_optimizer(parameters)
    rates = ScheduledRates(make_schedule(phase.schedule), optimizer)
    execution = Execution(model, device, precision=phase.precision, compile=phase.compile)
    steps, n_steps = itertools.count(), extent.epochs * max(1, len(sampler))
    with _in_training(state, callbacks) as heard:
        notify(heard, "phase_begin", state)
        for state.epoch in range(extent.epochs):
            last_good = copy.deepcopy(model.state_dict())
            notify(heard, "epoch_begin", state)
            with execution.active():
                for state.batch in sampler.epoch(generator):
                    notify(heard, "batch_begin", state)
                    progress = min(1.0, next(steps) / n_steps)
                    rates.at(progress)
                    phase.loss.at(progress)
                    loss = phase.loss(model, global_relations, batch_relations, state.batch, device)
                    _step(loss, optimizer, parameters, phase.clip_norm)
                    state.loss = loss.detach()
                    notify(heard, "batch_end", state)
            phase.loss.checkpoint()
            state.epoch_loss = phase.loss.history[-1]
            _refuse_divergence(phase, state, parameters, last_good)
            _stop_early(phase, state)
            notify(heard, "epoch_end", state)
            if state.stop:
                break
        notify(heard, "phase_end", state)


def _at_start(state: TrainingState, phase: TrainingPhase, n_batches: int) -> TrainingState:
    state.phase, state.n_batches, state.stop = phase, n_batches, False
    state.epoch, state.loss, state.epoch_loss = 0, None, None
    return state


def _step(
    loss: torch.Tensor,
    optimizer: torch.optim.Optimizer,
    parameters: Sequence[torch.nn.Parameter],
    clip_norm: float | None,
) -> None:
    """Takes a step down the gradient of a loss."""
    optimizer.zero_grad()
    torch.autograd.backward(loss)
    if clip_norm is not None:
        torch.nn.utils.clip_grad_norm_(parameters, clip_norm)
    optimizer.step()


@contextlib.contextmanager
def _in_training(state: TrainingState, callbacks: Sequence[Callback]) -> Iterator[Sequence[Callback]]:
    """Within the block, the model is in training mode, and the phase's own callbacks are called after the others.

    To its own callbacks, the phase is the whole training.
    """
    own, all_phases = state.phase.callbacks, state.phases
    state.model.train()
    try:
        state.phases = [state.phase]
        notify(own, "train_begin", state)
        state.phases = all_phases
        yield (*callbacks, *own)
    finally:
        state.model.eval()
        state.batch, state.phases = None, [state.phase]
        try:
            notify(own, "train_end", state)
        finally:
            state.phases = all_phases


def _stop_early(phase: TrainingPhase, state: TrainingState) -> None:
    assert phase.loss is not None
    if phase.stopping is not None and phase.stopping.ends(phase.loss.history):
        state.stop = True
        report(
            log,
            f"Training phase {phase.name!r} ends after epoch {state.epoch}: the loss has not improved by "
            f"{phase.stopping.min_delta:g} of its size for {phase.stopping.patience} epochs.",
        )


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
