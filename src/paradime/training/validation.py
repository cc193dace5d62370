"""What is measured on held-out rows while a model is trained."""

from __future__ import annotations

import copy
import math
import warnings
from collections.abc import Collection, Mapping
from typing import Any, cast

import torch

from paradime.data import Batch, Dataset, Items, Sampler
from paradime.loss import Loss
from paradime.models import Projection
from paradime.relationdata import RelationData
from paradime.relations import Relations
from paradime.training.callbacks import Callback
from paradime.training.inference import evaluating
from paradime.training.quality import HeldOutQuality, metric_of, nearest_training_rows
from paradime.training.state import HeldOutScores, PhaseSettings, TrainingState
from paradime.training.workspace import Workspace

__all__ = ["Validation"]

_N_NEIGHBORS = 5  # an entry of a held-out row is derived from so many training rows
_PAIRS_A_ROW = 2  # at least so many positive pairs for each row, because a loss of few pairs is noisy


class Validation(Callback):
    """Measures held-out rows after the epochs; what it finds is ``state.validation``.

    Nothing of it takes part in the training, and the training's random numbers are the same without it.

    - Relations are computed between the held-out rows alone, by copies of the training's recipes. Recipes that
      refuse so few rows are left out, and with them the losses that need them.
    - Entries that are derived from the training rows, such as initial positions, are not derived anew: the
      positions would be others, turned or mirrored. A held-out row gets the mean of its nearest training rows, or
      for whole numbers the value of the nearest one, unless the entry was given.

    Args:
        rows: The held-out rows.
        workspace: The training rows, with what was computed from them.
        batch_relations: How to compute the relations between embedded points, by key.
        data_key: The entry that is embedded.
        every: Epochs between measurements, at least 1; the last epoch of a phase is measured, too.
        positions: Entries of the training rows that hold initial positions, which held-out rows get as if they
            were derived.

    Attributes:
        rows: The held-out rows, with all entries.
        relation_data: The relations between them, by key.
    """

    def __init__(
        self,
        rows: Dataset,
        workspace: Workspace,
        batch_relations: Mapping[str, Relations],
        *,
        data_key: str = "main",
        every: int = 1,
        positions: Collection[str] = (),
    ) -> None:
        training, metric = workspace.require_dataset(), metric_of(workspace.global_relations)
        self.every, self._device, self._data_key = every, workspace.device, data_key
        self._projections: dict[str, Projection] = {}
        self.rows = _with_derived_entries(
            rows, training, {*workspace.derived_data, *positions}, data_key=data_key, metric=metric
        )
        self.relation_data: dict[str, RelationData] = {}
        self._refused: dict[str, str] = {}
        for key, recipe in workspace.global_relations.items():
            self._compute(key, recipe)
        self._batch_relations = batch_relations
        self._quality = HeldOutQuality(self.rows, training, data_key=data_key, metric=metric)
        # the sampler of the present phase
        self._sampler: Sampler | None = None
        self._measurable: dict[str, int] = {}
        self._last_epoch = 0

    def _compute(self, key: str, recipe: Relations) -> None:
        try:
            # a copy, because the recipe keeps its results for the training rows
            alone = Workspace({}, {key: copy.deepcopy(recipe)}, self.rows, device=self._device)
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", UserWarning)  # fewer neighbours than usual are expected here
                alone.compute_relations()
        except Exception as error:  # training continues without this entry, whatever the recipe raises
            self._refused[key] = str(error)
        else:
            self.relation_data.update(alone.relation_data)

    def on_phase_begin(self, state: TrainingState) -> None:
        phase, budget = state.phase, state.phase.budget(state.n_rows)
        rows = self.rows.to(self._device)
        if not phase.compile:
            rows.project(self._data_key, state.model, self._projections)
        self._sampler, self._last_epoch = self._sampler_of(phase, rows, budget.batch_size), budget.epochs - 1
        with evaluating(state.model, self._device):
            self._measurable = self._find_measurable(state, self._batches()[0])
        state.measured = frozenset({"validation_quality"} | ({"validation_loss"} if self._measurable else set()))

    def on_epoch_end(self, state: TrainingState) -> None:
        state.validation = None
        if state.epoch % self.every and state.epoch != self._last_epoch:
            return
        with evaluating(state.model, self._device):
            losses = self._losses(state)
            quality = self._quality.of(state.model, self._device)
        state.validation = HeldOutScores(sum(losses.values()) if losses else None, losses, quality)

    def _sampler_of(self, phase: PhaseSettings, rows: Dataset, batch_size: int) -> Sampler:
        """Makes the sampler of the held-out rows; one of rows where pairs cannot be drawn."""
        plan = phase.plan()
        if not set(plan.relation_keys()) <= set(self.relation_data):
            plan = Items()
        sampler = plan.make(rows, self.relation_data, batch_size=batch_size)
        least = math.ceil(_PAIRS_A_ROW * len(rows) / batch_size)
        if plan.relation_keys() and len(sampler) < least:
            return plan.make(rows, self.relation_data, batch_size=batch_size, batches_per_epoch=least)
        return sampler

    def _batches(self) -> list[Batch]:
        # the same batches each time, so that values are comparable
        assert self._sampler is not None
        return list(self._sampler.epoch(torch.Generator(self._device).manual_seed(0)))

    def _find_measurable(self, state: TrainingState, batch: Batch) -> dict[str, int]:
        """Returns the components that can be computed for held-out rows, with their places; warns of others."""
        found: dict[str, int] = {}
        for place, key in enumerate(state.phase.loss_keys):
            try:
                self._value(state, place, batch)
            except Exception as error:  # training continues, whatever a loss raises
                refused = "".join(f" Relations {key!r}: {reason}" for key, reason in self._refused.items())
                warnings.warn(
                    f"training phase {state.phase.name!r}: the held-out loss leaves out {key!r}, which cannot be "
                    f"computed for {len(self.rows)} held-out rows: {type(error).__name__}: {error}{refused}",
                    stacklevel=2,
                )
            else:
                found[key] = place
        return found

    def _losses(self, state: TrainingState) -> dict[str, float]:
        """Returns the weighted components, as sums over as many batches as an epoch of the training has."""
        assert state.objective is not None
        if not self._measurable:
            return {}
        weights = state.objective.weight_history()[:, -1]
        batches = self._batches()
        sums = [sum(self._value(state, place, batch) for batch in batches) for place in self._measurable.values()]
        means = (torch.stack([torch.as_tensor(value) for value in sums]) / len(batches)).tolist()
        return {
            key: float(weights[place]) * state.n_batches * mean
            for (key, place), mean in zip(self._measurable.items(), means, strict=True)
        }

    def _value(self, state: TrainingState, place: int, batch: Batch) -> torch.Tensor:
        assert state.objective is not None
        loss = cast("Loss", state.objective.losses[place])
        parts = self.relation_data, self._batch_relations, batch, self._device
        # a user's loss may have an attribute with the name of this method
        return Loss.evaluate(loss, state.model, *parts).detach()


def _with_derived_entries(
    held_out: Dataset,
    training: Dataset,
    derived: Collection[str],
    *,
    data_key: str,
    metric: str = "euclidean",
) -> Dataset:
    """Returns held-out rows with what was derived from the training rows, of the nearest of these.

    Args:
        held_out: The held-out rows.
        training: The training rows, with all entries.
        derived: The keys of derived entries.
        data_key: The entry by which rows are near.
        metric: How distances are measured.

    Returns:
        The data set, with the entries that were missing: floating-point numbers are the mean of the 5 nearest
        training rows, others the value of the nearest.
    """
    missing = [key for key in training if key in derived and key not in held_out]
    if not missing:
        return held_out
    near = nearest_training_rows(held_out, training, _N_NEIGHBORS, data_key=data_key, metric=metric)
    made = held_out.subset(torch.arange(len(held_out)))
    made.add({key: _of_nearest(training[key], near) for key in missing})
    return made


def _of_nearest(values: Any, near: torch.Tensor) -> torch.Tensor:
    chosen: torch.Tensor = values[near.to(values.device)]
    return chosen.mean(dim=1) if values.is_floating_point() else chosen[:, 0]
