"""What is measured on held-out rows while a model is trained."""

from __future__ import annotations

import copy
import math
import warnings
from collections.abc import Collection, Mapping
from typing import Any, cast

import numpy as np
import torch

from paradime.data import Batch, Dataset, Items, Sampler
from paradime.loss import Loss
from paradime.models import Projection, projection_for
from paradime.neighbors.metrics import canonical, comparison_of, is_metric
from paradime.relationdata import RelationData
from paradime.relations import Relations
from paradime.training.callbacks import Callback
from paradime.training.inference import embed_rows, evaluating
from paradime.training.state import HeldOutScores, PhaseSettings, TrainingState
from paradime.training.workspace import Workspace
from paradime.types import AnyArray
from paradime.utils.convert import as_numpy
from paradime.utils.rows import rows_of
from paradime.utils.sparse import without_offset

__all__ = ["Validation", "metric_of", "nearest_training_rows"]

_N_NEIGHBORS = 5  # an entry of a held-out row is derived from so many training rows
_PAIRS_A_ROW = 2  # at least so many positive pairs for each row, because a loss of few pairs is noisy
_MOST_HELD_OUT, _MOST_TRAINING, _N_NEIGHBORS = 1_000, 20_000, 15
_BASES = ("euclidean", "sqeuclidean", "cosine", "cityblock", "correlation", "chebyshev", "canberra", "braycurtis")
_SPARSE_METRICS = ("euclidean", "cosine", "manhattan")
_OF_DIFFERENCES = ("euclidean", "cityblock", "chebyshev")


class _HeldOutQuality:
    """The share of the nearest training rows of held-out rows that are the nearest in the embedding, too.

    At most 1,000 held-out rows are looked at, and at most 20,000 training rows; which ones does not depend on
    torch's generators. The neighbours in the data are found once.

    Args:
        held_out: The held-out rows.
        training: The training rows.
        data_key: The entry that is embedded.
        metric: Which rows are near in the data; see :func:`metric_of`.
    """

    def __init__(self, held_out: Dataset, training: Dataset, *, data_key: str, metric: str = "euclidean") -> None:
        self._held_out = _taken(held_out[data_key], _sample(len(held_out), _MOST_HELD_OUT))
        self._training = _taken(training[data_key], _sample(len(training), _MOST_TRAINING))
        self.n_neighbors = min(_N_NEIGHBORS, max(1, len(self._training) // 2))
        self._near = _nearest(self._training, self._held_out, self.n_neighbors, metric)

    def of(self, model: torch.nn.Module, device: torch.device) -> float:
        """Measures a model; call it within :func:`~paradime.training.inference.evaluating`.

        Returns:
            A share in [0, 1], or NaN if the embedding is not finite.
        """
        self._held_out, self._training = (_projected(model, rows) for rows in (self._held_out, self._training))
        shown, places = (embed_rows(model, rows, device).flatten(1) for rows in (self._held_out, self._training))
        if not bool(shown.isfinite().all() & places.isfinite().all()):
            return float("nan")
        found = _nearest(places, shown, self.n_neighbors, "euclidean")
        kept = (self._near[:, :, None] == found[:, None, :]).any(axis=2)
        return float(kept.mean())


def nearest_training_rows(
    held_out: Dataset, training: Dataset, n_neighbors: int, *, data_key: str, metric: str = "euclidean"
) -> torch.Tensor:
    """Returns the numbers of the nearest ones among at most 20,000 training rows, shape (m, k), nearest first."""
    places = _sample(len(training), _MOST_TRAINING)
    rows = _taken(training[data_key], places)
    near = _nearest(rows, held_out[data_key], min(n_neighbors, len(places)), metric)
    return torch.from_numpy(places[near])


def metric_of(relations: Mapping[str, Relations]) -> str:
    """Returns the metric of the first global relations whose metric compares single rows; Euclidean otherwise."""
    for relation in relations.values():
        metric = getattr(relation, "metric", None)
        if isinstance(metric, str) and is_metric(metric):
            comparison = comparison_of(metric)
            if comparison.by_row and comparison.base in _BASES:
                return str(canonical(metric))
    return "euclidean"


def _projected(model: torch.nn.Module, rows: Any) -> Any:
    """Rows that the model's first layer has seen once, where that pays."""
    found = projection_for(model, rows)
    return rows if found is None else found.rows


def _taken(rows: Any, places: AnyArray) -> Any:
    if len(places) == len(rows):
        return rows  # a sample of all rows needs no copy
    return rows_of(rows).take(torch.from_numpy(places)).stored


def _nearest(rows: Any, points: Any, n_neighbors: int, metric: str) -> AnyArray:
    from sklearn.neighbors import NearestNeighbors

    is_sparse = rows_of(rows).is_sparse
    if is_sparse and metric not in _SPARSE_METRICS:
        metric = "euclidean"
    comparison = comparison_of(metric)
    prepared = [_array_of(part) for part in (rows, points)]
    if not is_sparse and metric not in _BASES:
        prepared = [comparison.prepare(part.astype(np.float64)) for part in prepared]
    if prepared[0].dtype == np.float64 and comparison.base in _OF_DIFFERENCES:
        # squares of large numbers lose the digits in which rows differ
        prepared = without_offset(*prepared)
    search = NearestNeighbors(n_neighbors=n_neighbors, metric=comparison.base).fit(prepared[0])
    found: AnyArray = search.kneighbors(prepared[1], return_distance=False)
    return found


def _array_of(rows: Any) -> Any:
    """Returns rows as scikit-learn takes them; those far from zero are in double precision."""
    dtype = torch.float64 if rows.dtype == torch.float64 else torch.float32
    flat = rows_of(rows).flat().to("cpu", dtype)
    return flat.exported() if flat.is_sparse else as_numpy(flat.dense())


def _sample(n: int, most: int) -> AnyArray:
    """Returns the numbers of at most so many of n rows, in order."""
    if n <= most:
        return np.arange(n)
    return np.sort(np.random.default_rng(0).choice(n, most, replace=False))


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
        self._quality = _HeldOutQuality(self.rows, training, data_key=data_key, metric=metric)
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
