"""The loop that runs a training phase."""

from __future__ import annotations

import contextlib
import copy
import itertools
import time
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
from paradime.training.early_stopping import Watch
from paradime.training.execution import Execution
from paradime.training.phase import TrainingPhase
from paradime.training.run import Run
from paradime.training.schedules import ScheduledRates, make_schedule
from paradime.training.validation import Validation
from paradime.utils.autograd import recording_gradients

__all__ = ["run_phase"]


@recording_gradients()
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
    validation: Validation | None = None,
) -> None:
    """Trains a model for one phase; ``phase.objective`` holds the history afterwards.

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
        validation: What is measured on held-out rows after an epoch; nothing if ``None``.

    Raises:
        LossNotDeterminedError: If there is no loss of a key.
        UnsupportedConfigurationError: If losses, sampling and model do not fit together.
        ValueError: If the model's output has another shape than a loss needs.
        TrainingDivergedError: If the loss is not finite; the model then has the weights of the last good epoch.
    """
    check_phase(phase, losses, global_relations, batch_relations)
    local = dataset.to(device)
    try_losses(phase, losses, model, local, global_relations, batch_relations, device)
    phase.objective = choose_losses(phase, losses).to(device)
    budget = phase.budget(len(dataset))
    sampler = phase.plan().make(
        local, global_relations, batch_size=budget.batch_size, batches_per_epoch=budget.batches_per_epoch
    )
    state = _at_start(state or TrainingState(model, [phase], phase, len(dataset)), phase, len(sampler))
    if not phase.compile:
        local.project(state.data_key, model, dataset.projections)
    parameters = _trainable(model, phase.objective)
    optimizer = phase.make_optimizer(parameters)
    rates = ScheduledRates(make_schedule(phase.schedule), optimizer)
    state.optimizer, state.dataset = optimizer, dataset
    execution = Execution(model, device, precision=phase.precision, compile=phase.compile)
    measure = None
    if validation is not None:
        measure = validation.begin(phase, model, batch_relations, n_batches=len(sampler), n_rows=len(dataset))
    watch = state.watch = Watch(phase, set() if measure is None else measure.figures)
    run = state.run = state.run or Run(generator, device)
    n_steps = budget.epochs * max(1, len(sampler))
    with _in_training(state, callbacks) as heard, run.interruption:
        notify(heard, "phase_begin", state)
        run.begin_phase(state, sampler, heard)
        steps = itertools.count(run.n_epochs_done * len(sampler) + run.n_batches_done)
        # one that goes on may have been told to stop
        epochs = range(run.n_epochs_done, run.n_epochs_done if state.stop else budget.epochs)
        for state.epoch in epochs:
            last_good = _copied_state(model)
            started = time.perf_counter()
            notify(heard, "epoch_begin", state)
            with execution.active():
                for state.batch in run.batches():
                    notify(heard, "batch_begin", state)
                    with run.changing():
                        progress = min(1.0, next(steps) / n_steps)
                        rates.at(progress)
                        phase.objective.at(progress)
                        loss = phase.objective(model, global_relations, batch_relations, state.batch, device)
                        _step(loss, optimizer, parameters, phase.clip_norm)
                    state.loss = loss.detach()
                    run.count_step()
                    notify(heard, "batch_end", state)
                    run.interruption.check()
            with run.changing():
                phase.objective.checkpoint()
                state.epoch_loss = phase.objective.history[-1]
                state.seconds = time.perf_counter() - started  # the device is waited for by reading the loss
                _refuse_divergence(phase, state, parameters, last_good)
                state.validation = None if measure is None else measure(state.epoch)
                watch.observe(state)
            run.end_epoch()
            notify(heard, "epoch_end", state)
            run.interruption.check()
            if state.stop:
                break
        watch.restore(state)
        notify(heard, "phase_end", state)
    run.end_phase()


def _copied_state(model: torch.nn.Module) -> dict[str, Any]:
    # tensor by tensor: copy.deepcopy takes longer than a step of a small network, and epochs may be that short
    state = model.state_dict()
    for name, value in state.items():
        state[name] = value.clone() if isinstance(value, torch.Tensor) else copy.deepcopy(value)
    return state


def _at_start(state: TrainingState, phase: TrainingPhase, n_batches: int) -> TrainingState:
    state.phase, state.n_batches, state.stop = phase, n_batches, False
    state.epoch, state.loss, state.epoch_loss, state.validation = 0, None, None, None
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
    heard = sorted((*callbacks, *own), key=lambda callback: callback.is_last)
    state.model.train()
    try:
        state.phases = [state.phase]
        notify(own, "train_begin", state)
        state.phases = all_phases
        yield heard
    except KeyboardInterrupt:
        notify(heard, "interrupt", state)
        raise
    finally:
        state.model.eval()
        state.batch, state.phases = None, [state.phase]
        try:
            notify(own, "train_end", state)
        finally:
            state.phases = all_phases


def _trainable(model: torch.nn.Module, loss: Loss) -> list[torch.nn.Parameter]:
    for owner in (model, loss):
        for name, held in itertools.chain(owner.named_parameters(), owner.named_buffers()):
            if held.is_inference():
                raise UnsupportedConfigurationError(
                    f"{type(owner).__name__} must be made outside torch.inference_mode(), which makes weights "
                    f"that cannot be trained, got such a tensor {name!r}. Make it before entering that mode."
                )
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
    assert phase.objective is not None
    failure = phase.objective.first_failure()
    # one number for all weights: reading each would wait for the device as often
    weights_sum = torch.stack([p.detach().sum() for p in parameters]).sum()
    if failure is None and bool(weights_sum.isfinite()):
        return
    state.model.load_state_dict(last_good)
    if state.run is not None:
        state.run.undo_epoch()
    what = "the weights are not finite any more, though the loss is: a gradient is infinite or NaN"
    if failure is not None:
        batch, guilty = failure
        what = f"batch {batch}: the loss is not finite (component {', '.join(map(repr, guilty))})"
    raise TrainingDivergedError(
        f"training phase {phase.name!r}, epoch {state.epoch}, {what}. The weights from before this epoch were "
        "restored. Lower the learning rate, or check the loss and the scale of the data."
    )
