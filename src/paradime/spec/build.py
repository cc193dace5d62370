"""Building blocks from checked specifications."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from paradime._registry import (
    CALLBACKS,
    DATA_FUNCTIONS,
    LOSS_FUNCTIONS,
    LOSSES,
    MODELS,
    OPTIMIZERS,
    RELATIONS,
    SAMPLINGS,
    SCHEDULES,
    TRANSFORMS,
    did_you_mean,
)
from paradime.data import DataField, DerivedData
from paradime.exceptions import SpecificationError
from paradime.loss import Loss
from paradime.models import ModelRecipe
from paradime.relations import Relations
from paradime.spec.components import LossSpec, ModelSpec, RelationsSpec, SamplingSpec, ScheduleSpec
from paradime.spec.options import options_of
from paradime.spec.schema import PhaseSpec, RoutineSpec
from paradime.spec.vocabulary import Vocabulary
from paradime.training import Stopping, TrainingPhase

__all__ = ["build"]


def build(spec: RoutineSpec, vocabulary: Vocabulary | None = None) -> dict[str, Any]:
    """Makes the building blocks of a routine.

    Args:
        spec: A checked specification.
        vocabulary: The names that it may use; those of the registries if ``None``.

    Returns:
        Arguments of ``ParametricDR``: ``derived_data``, ``global_relations``, ``batch_relations``, ``losses``,
        ``training_phases``, and, where the text has them, ``model`` and ``data_fields``.

    Raises:
        SpecificationError: If options do not fit, or a name is used that does not exist; the message starts with
            the place.
    """
    return _Builder(vocabulary or Vocabulary()).routine(spec)


class _Builder:
    """Makes each part of a specification; there is no branch for any single building block."""

    def __init__(self, vocabulary: Vocabulary) -> None:
        self._find = vocabulary.find

    def routine(self, spec: RoutineSpec) -> dict[str, Any]:
        relations: dict[str, dict[str, Relations]] = {"global": {}, "batch": {}}
        for i, entry in enumerate(spec.relations):
            relations[entry.level][entry.name] = self._relations(entry, f"relations[{i}]")
        losses = {e.name: self._loss(e, f"losses[{i}]", relations) for i, e in enumerate(spec.losses)}
        phases = [self._phase(e, f"training phases[{i}]", losses) for i, e in enumerate(spec.training_phases)]
        derived = {
            e.name: DerivedData(self._find(DATA_FUNCTIONS, e.func), e.keys, **e.options) for e in spec.derived_data
        }
        made = {
            "derived_data": derived,
            "global_relations": relations["global"],
            "batch_relations": relations["batch"],
            "losses": losses,
            "training_phases": phases,
        }
        if spec.model is not None:
            made["model"] = self._model(spec.model)
        if spec.data:
            made["data_fields"] = [DataField(**entry.model_dump()) for entry in spec.data]
        return made

    def _model(self, entry: ModelSpec) -> ModelRecipe:
        settings = {"options": entry.options, "decoder": entry.decoder, "classifier": entry.classifier}
        made: ModelRecipe = _call(ModelRecipe, {"kind": self._find(MODELS, entry.type), **settings}, "model")
        return made

    def _relations(self, entry: RelationsSpec, path: str) -> Relations:
        kind = self._find(RELATIONS, entry.type)
        transforms = [
            _call(self._find(TRANSFORMS, part.type), part.options, f"{path}.transforms[{i}]")
            for i, part in enumerate(entry.transforms)
        ]
        offered = {"transform": transforms, "data_key": entry.field}
        taken = {name: value for name, value in offered.items() if name in options_of(kind)}
        made: Relations = _call(kind, {**taken, **entry.options}, path)
        if entry.level not in made.levels:
            raise SpecificationError(
                f"{path}.level: relations of type {entry.type!r} are for the level "
                f"{' or '.join(sorted(made.levels))}, got {entry.level!r}."
            )
        return made

    def _loss(self, entry: LossSpec, path: str, relations: Mapping[str, Mapping[str, Relations]]) -> Loss:
        kind = self._find(LOSSES, entry.type)
        given: dict[str, list[Any]] = {name: getattr(entry.keys, name) for name in ("data", "rels", "methods")}
        if entry.func is not None:
            given["func"] = [self._find(LOSS_FUNCTIONS, entry.func)]
        arguments: dict[str, Any] = {}
        for name, values in given.items():
            names = kind.grammar.get(name, ())
            if len(values) > len(names):
                place = path if name == "func" else f"{path}.keys"
                raise SpecificationError(
                    f"{place}.{name}: a loss of type {entry.type!r} takes {list(names) or 'none'}, "
                    f"got {len(values)}."
                )
            arguments.update(zip(names, values, strict=False))
        for level, name in zip(("global", "batch"), entry.keys.rels, strict=False):
            if name not in relations[level]:
                raise SpecificationError(
                    f"{path}.keys.rels: unknown {level} relations {name!r}. {did_you_mean(name, relations[level])}"
                )
        offered = {"name": entry.name} if "name" in options_of(kind) else {}
        made: Loss = _call(kind, {**offered, **arguments, **entry.options}, path)
        return made

    def _phase(self, entry: PhaseSpec, path: str, losses: Mapping[str, Loss]) -> TrainingPhase:
        for name in entry.loss.components:
            if name not in losses:
                raise SpecificationError(
                    f"{path}.loss.components: unknown loss {name!r}. {did_you_mean(name, losses)}"
                )
        optimizer = dict(entry.optimizer.options)
        if "lr" in optimizer:
            optimizer["learning_rate"] = optimizer.pop("lr")
        stopping = entry.stopping
        settings: dict[str, Any] = {
            "name": entry.name,
            "epochs": entry.epochs,
            "loss_keys": entry.loss.components,
            "loss_weights": entry.loss.weights,
            "loss_shares": entry.loss.shares,
            "precision": entry.precision,
            "compile": entry.compile,
            "clip_norm": entry.clip_norm,
            "optimizer": self._find(OPTIMIZERS, entry.optimizer.type),
            "schedule": self._schedule(entry.schedule, f"{path}.schedule"),
            "stopping": None if stopping is None else _call(Stopping, stopping, f"{path}.stopping"),
            "callbacks": [
                _call(self._find(CALLBACKS, part.type), part.options, f"{path}.callbacks[{i}]")
                for i, part in enumerate(entry.callbacks)
            ],
            **self._sampling(entry.sampling, f"{path}.sampling"),
            **optimizer,
        }
        if entry.report_interval is not None:
            settings["report_interval"] = entry.report_interval
        made: TrainingPhase = _call(TrainingPhase, settings, path)
        return made

    def _schedule(self, entry: ScheduleSpec, path: str) -> Any:
        # a name says it all where there are no options
        return _call(self._find(SCHEDULES, entry.type), entry.options, path) if entry.options else entry.type

    def _sampling(self, entry: SamplingSpec, path: str) -> dict[str, Any]:
        """Returns settings of the phase."""
        kind = self._find(SAMPLINGS, entry.type)
        of_phase = {name: value for name, value in entry.options.items() if name in SamplingSpec.also}
        own = {name: value for name, value in entry.options.items() if name not in of_phase}
        if kind.phase_name is not None:
            return {**of_phase, "sampling": kind.phase_name, **own}
        return {**of_phase, "sampling": _call(kind, own, path)}


def _call(function: Callable[..., Any], arguments: Mapping[str, Any], path: str) -> Any:
    """Calls a constructor; what it refuses is an error of the specification at this place."""
    try:
        return function(**arguments)
    except (TypeError, ValueError) as error:
        raise SpecificationError(f"{path}: {error}") from error
