"""What is measured on held-out rows while a model is trained."""

from __future__ import annotations

import copy
import math
import warnings
from collections.abc import Collection, Mapping
from typing import cast

import torch

from paradime.data import Batch, Dataset, Items, Sampler
from paradime.loss import Loss
from paradime.models import Projection
from paradime.relationdata import RelationData
from paradime.relations import Relations
from paradime.training.heldout import with_derived_entries
from paradime.training.inference import evaluating
from paradime.training.phase import TrainingPhase
from paradime.training.quality import HeldOutQuality, metric_of
from paradime.training.state import HeldOutScores
from paradime.training.workspace import Workspace

__all__ = ["PhaseValidation", "Validation"]

_PAIRS_A_ROW = 2  # positive pairs, at least: few of them, as small batches have them, say little


class Validation:
    """Held-out rows, with what losses need to know of them.

    Nothing of it takes part in the training, and the training's random numbers are the same without it.

    - Relations are computed between the held-out rows alone, by copies of the training's recipes. Recipes that
      refuse so few rows are left out, and with them the losses that need them.
    - Entries that are derived from the training rows, such as initial positions, are not derived anew: the
      positions would be others, turned or mirrored. A held-out row gets the mean of its nearest training rows, or
      for whole numbers the value of the nearest one, unless the entry was given.

    Args:
        rows: The held-out rows.
        workspace: The training rows, with what was computed from them.
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
        *,
        data_key: str = "main",
        every: int = 1,
        positions: Collection[str] = (),
    ) -> None:
        training, metric = workspace.require_dataset(), metric_of(workspace.global_relations)
        self.every, self.device, self.data_key = every, workspace.device, data_key
        self.projections: dict[str, Projection] = {}
        self.rows = with_derived_entries(
            rows, training, {*workspace.derived_data, *positions}, data_key=data_key, metric=metric
        )
        self.relation_data: dict[str, RelationData] = {}
        self._refused: dict[str, str] = {}
        for key, recipe in workspace.global_relations.items():
            self._compute(key, recipe)
        self._quality = HeldOutQuality(self.rows, training, data_key=data_key, metric=metric)

    def _compute(self, key: str, recipe: Relations) -> None:
        try:
            # the recipe itself keeps what it found out about the training rows
            alone = Workspace({}, {key: copy.deepcopy(recipe)}, self.rows, device=self.device)
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", UserWarning)  # such as fewer neighbours, which is as it should be
                alone.compute_relations()
        except Exception as error:  # whatever a recipe raises: training goes on without it
            self._refused[key] = str(error)
        else:
            self.relation_data.update(alone.relation_data)

    def begin(
        self,
        phase: TrainingPhase,
        model: torch.nn.Module,
        batch_relations: Mapping[str, Relations],
        *,
        n_batches: int,
        n_rows: int,
    ) -> PhaseValidation:
        """Prepares the measurements of a phase, whose loss is known.

        Args:
            phase: The phase.
            model: The model.
            batch_relations: How to compute the relations between embedded points, by key.
            n_batches: The number of batches in an epoch of the training.
            n_rows: The number of training rows.
        """
        return PhaseValidation(self, phase, model, batch_relations, n_batches=n_batches, n_rows=n_rows)

    def sampler(self, phase: TrainingPhase, rows: Dataset, batch_size: int) -> Sampler:
        """Makes the sampler of the held-out rows; one of rows where pairs cannot be drawn."""
        plan = phase.plan()
        if not set(plan.relation_keys()) <= set(self.relation_data):
            plan = Items()
        sampler = plan.make(rows, self.relation_data, batch_size=batch_size)
        least = math.ceil(_PAIRS_A_ROW * len(rows) / batch_size)
        if plan.relation_keys() and len(sampler) < least:
            return plan.make(rows, self.relation_data, batch_size=batch_size, batches_per_epoch=least)
        return sampler

    def reason(self, error: Exception) -> str:
        """Returns why a loss cannot be computed: its error, and which relations were refused."""
        refused = "".join(f" Relations {key!r}: {reason}" for key, reason in self._refused.items())
        return f"{type(error).__name__}: {error}{refused}"

    def quality(self, model: torch.nn.Module) -> float:
        """Measures the neighbours preserved."""
        return self._quality.of(model, self.device)


class PhaseValidation:
    """Measures a model after the epochs of a phase; see :meth:`Validation.begin`.

    Attributes:
        figures: What is measured: ``"validation_quality"``, and ``"validation_loss"`` if any component can be
            computed for held-out rows.
    """

    def __init__(
        self,
        validation: Validation,
        phase: TrainingPhase,
        model: torch.nn.Module,
        batch_relations: Mapping[str, Relations],
        *,
        n_batches: int,
        n_rows: int,
    ) -> None:
        budget = phase.budget(n_rows)
        self._validation, self._phase, self._model = validation, phase, model
        self._batch_relations, self._n_batches, self._last = batch_relations, n_batches, budget.epochs - 1
        rows = validation.rows.to(validation.device)
        if not phase.compile:
            rows.project(validation.data_key, model, validation.projections)
        self._sampler = validation.sampler(phase, rows, budget.batch_size)
        self._measured: dict[str, int] = {}
        with evaluating(model, validation.device):
            first = next(iter(self._batches()))
            self._measured = self._measurable(first)
        self.figures = {"validation_quality"} | ({"validation_loss"} if self._measured else set())

    def __call__(self, epoch: int) -> HeldOutScores | None:
        """Measures the model; returns ``None`` after epochs for which nothing is to be measured."""
        if epoch % self._validation.every and epoch != self._last:
            return None
        with evaluating(self._model, self._validation.device):
            losses = self._losses()
            quality = self._validation.quality(self._model)
        return HeldOutScores(sum(losses.values()) if losses else None, losses, quality)

    def _batches(self) -> list[Batch]:
        # the same ones each time, so that values are comparable
        generator = torch.Generator(self._validation.device).manual_seed(0)
        return list(self._sampler.epoch(generator))

    def _measurable(self, batch: Batch) -> dict[str, int]:
        """Returns the components that can be computed for held-out rows, with their places; warns of others."""
        found: dict[str, int] = {}
        for place, key in enumerate(self._phase.loss_keys):
            try:
                self._value(place, batch)
            except Exception as error:  # whatever a loss raises: training goes on
                warnings.warn(
                    f"training phase {self._phase.name!r}: the held-out loss leaves out {key!r}, which cannot be "
                    f"computed for {len(self._validation.rows)} held-out rows: {self._validation.reason(error)}",
                    stacklevel=2,
                )
            else:
                found[key] = place
        return found

    def _losses(self) -> dict[str, float]:
        assert self._phase.objective is not None
        if not self._measured:
            return {}
        weights = self._phase.objective.weight_history()[:, -1]
        batches = self._batches()
        sums = [sum(self._value(place, batch) for batch in batches) for place in self._measured.values()]
        means = (torch.stack([torch.as_tensor(value) for value in sums]) / len(batches)).tolist()
        return {
            key: float(weights[place]) * self._n_batches * mean
            for (key, place), mean in zip(self._measured.items(), means, strict=True)
        }

    def _value(self, place: int, batch: Batch) -> torch.Tensor:
        assert self._phase.objective is not None
        loss = cast("Loss", self._phase.objective.losses[place])
        parts = self._validation.relation_data, self._batch_relations, batch, self._validation.device
        # an attribute of a user's loss may have the method's name
        return Loss.evaluate(loss, self._model, *parts).detach()
