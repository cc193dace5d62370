"""The map of a routine, refined once its network is trained."""

from __future__ import annotations

import logging
import numbers
import time
import warnings
from typing import Any

import torch

from paradime.dr.estimator import Estimator
from paradime.dr.inference import apply_model
from paradime.dr.inputs import embedded_entry
from paradime.exceptions import UnsupportedConfigurationError
from paradime.loss import PositionLoss
from paradime.models import EmbeddingModel
from paradime.refinement import (
    MOST_DIMENSIONS,
    Attraction,
    FreePositions,
    Guidance,
    Objective,
    RefinedMap,
    find_objective,
    neighbor_probabilities,
    scaled_start,
)
from paradime.training import Trainer, TrainingPhase
from paradime.training.budget import AUTO
from paradime.training.execution import StepThreads
from paradime.utils.arguments import shown
from paradime.utils.logging import report
from paradime.utils.seed import seeded

__all__ = ["is_refinable", "refined_map", "sampled_map"]

log = logging.getLogger(__name__)

_WORK_PER_ROW = 200  # of a step, as StepThreads counts it: several threads from 30,000 rows on
_STEPS = 250
_POSITIONS = "refined positions"  # the entry, and the loss that teaches them
_OF_TARGETS = "labels"  # the loss of y, which free positions follow as well as a network does
_SHARE_OF_EPOCHS = 0.5
_SHARE = 0.5  # of the gradient that other shares leave


def is_refinable(routine: Estimator) -> bool:
    """Returns whether the map of a routine will be refined; called before its network is trained.

    With ``refine="auto"``, it is not where losses or phases that were changed have no objective for it, nor where
    a loss that was added has a share of the gradient, as constraints have, which free positions would follow less.

    Raises:
        UnsupportedConfigurationError: If no phase has an objective that positions can follow, and it must.
        ValueError: If the map has too many dimensions.
    """
    if not routine._refines():
        return False
    blocks = routine._components
    try:
        objective = find_objective(
            blocks.training_phases, blocks.losses, blocks.batch_relations, type(routine).__name__
        )
    except UnsupportedConfigurationError:
        if routine.refine == AUTO:
            return False
        raise
    if routine.refine == AUTO and set(objective.phase.loss_shares or {}) - {_OF_TARGETS}:
        return False
    n_dims: Any = getattr(routine, "n_components", getattr(routine, "out_dim", 2))
    if n_dims > MOST_DIMENSIONS:
        raise ValueError(
            f"refine=True is for maps of 1 to {MOST_DIMENSIONS} dimensions, got {n_dims}. Leave refine out: with "
            "more dimensions, a network has the freedom that it needs."
        )
    return True


def refined_map(routine: Estimator) -> RefinedMap:
    """Moves the positions of the training rows freely, from where the network has them.

    Raises:
        KeyboardInterrupt: If Ctrl-C ended it, unless what was reached is to be kept.
    """
    blocks, owner = routine._components, type(routine).__name__
    dataset, model = blocks.workspace.require_dataset(), blocks.model
    assert model is not None
    key, seed = embedded_entry(dataset, routine.data_key), blocks.training_seed(routine.random_state)
    objective = find_objective(blocks.training_phases, blocks.losses, blocks.batch_relations, owner)
    relations = blocks.workspace.relation_data[objective.relation_key]
    attraction = Attraction.of(neighbor_probabilities(relations, by_rows=objective.by_rows))
    by_network = apply_model(blocks, dataset[key], "embed", routine._fitted, owner=owner, refine=False)
    metric = getattr(blocks.global_relations.get(objective.relation_key), "metric", None) or "euclidean"
    made = RefinedMap.of(dataset[key], by_network, attraction.perplexity, metric).with_conditions(model)
    start, center, factor = scaled_start(made.positions)
    project = None
    if made.conditions is not None:  # they are in the unit of the network's map
        start, center, factor = made.positions, torch.zeros_like(center), 1.0
        project = made.conditions.projection_of(dataset[key], made.unit)
    generator = None if seed is None else torch.Generator(blocks.device).manual_seed(seed)
    guidance = None
    weights = objective.guiding_weights(blocks.history.records)
    if weights:
        guidance = Guidance(
            model,
            objective.phase,
            blocks.losses,
            weights,
            dataset,
            key,
            made.reference,
            blocks.workspace.relation_data,
            blocks.batch_relations,
            center=center,
            factor=factor,
            device=blocks.device,
            generator=generator,
        )
    free = FreePositions(start, attraction, guidance, project)
    began = time.perf_counter()
    with seeded(seed, blocks.device), StepThreads(blocks.device, _WORK_PER_ROW) as threads:
        threads.choose(len(start))
        _move(free, routine)
    report(
        log,
        f"refined the positions of {len(start)} rows in {time.perf_counter() - began:.1f} s: divergence "
        f"{free.divergence():.4g}.",
    )
    refined = made.with_positions(free.positions)
    _distill(routine, objective, refined.positions)
    return refined


def sampled_map(routine: Estimator, reference_rows: Any) -> RefinedMap | None:
    """Returns the refined map of a routine, if it has one, with so many of its rows, or all if ``None``.

    Raises:
        ValueError: If the number is not positive, or given without there being a refined map.
    """
    refined = routine._fitted.refined
    if reference_rows is None:
        return refined
    if isinstance(reference_rows, bool) or not isinstance(reference_rows, numbers.Integral) or reference_rows < 1:
        raise ValueError(
            "reference_rows must be a positive integer, or None for all training rows, got "
            f"{shown(reference_rows)}."
        )
    if refined is None:
        raise ValueError(
            f"reference_rows={reference_rows} is for refined maps, which hold training rows, and this "
            f"{type(routine).__name__} has none. Leave it out, or fit with refine=True."
        )
    return refined.sample(int(reference_rows))


def _distill(routine: Any, objective: Objective, positions: torch.Tensor) -> None:
    """Lets the network know the refined positions, so that both maps become one.

    A network that the routine made is replaced by one that holds positions. Any other, and heads, are trained
    further, by their own losses and by the refined positions: by these alone, a network would learn those of the
    training rows by heart, and embed new rows worse.
    """
    blocks = routine._components
    dataset = blocks.workspace.require_dataset().subset(slice(None))
    n_epochs = objective.phase.budget(len(dataset)).epochs
    if n_epochs == 0:  # the network is to stay as it is
        return
    rows = dataset[embedded_entry(dataset, routine.data_key)]
    if blocks.network.hold(rows, positions) and not isinstance(blocks.model, EmbeddingModel):
        return  # without a decoder or classifier, nothing is left to learn
    dataset.add({_POSITIONS: positions})
    key, phase = embedded_entry(dataset, routine.data_key), objective.phase
    loss = PositionLoss(data_key=key, position_key=_POSITIONS, name=_POSITIONS)
    shorter = phase.replace(
        name="distillation",
        epochs=max(1, round(_SHARE_OF_EPOCHS * n_epochs)),
        loss_keys=[*phase.loss_keys, _POSITIONS],
        **_with_positions(phase),
    )
    Trainer(
        blocks.model,
        {**blocks.losses, _POSITIONS: loss},
        dataset,
        blocks.device,
        global_relations=blocks.workspace.relation_data,
        batch_relations=blocks.batch_relations,
        data_key=key,
        seed=blocks.training_seed(routine.random_state),
        callbacks=[blocks.history],
        on_interrupt=routine.on_interrupt,
    ).run([shorter])


def _with_positions(phase: TrainingPhase) -> dict[str, Any]:
    """Returns weights and shares of a phase's losses, among which the one of positions has half of the rest."""
    weights, given = phase.loss_weights, dict(phase.loss_shares or {})
    if weights == "balanced":  # there is no rest: all losses have shares, which need not sum to 1
        given = given or dict.fromkeys(phase.loss_keys, 1.0)
        return {"loss_weights": weights, "loss_shares": {**given, _POSITIONS: sum(given.values())}}
    further = None if weights is None else [*weights, 1.0]
    return {"loss_weights": further, "loss_shares": {**given, _POSITIONS: _SHARE * (1 - sum(given.values()))}}


def _move(free: FreePositions, routine: Any) -> None:
    for step in range(_STEPS):
        try:
            free.step()
        except KeyboardInterrupt:
            if routine.on_interrupt != "keep":
                raise
            warnings.warn(
                f"the refinement was interrupted after step {step} of {_STEPS}. The positions reached until then "
                "are kept: on_interrupt='keep'.",
                stacklevel=2,
            )
            return
