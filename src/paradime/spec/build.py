"""Components from checked specifications."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeVar

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
)
from paradime.data import DataField, DerivedData
from paradime.exceptions import SpecificationError
from paradime.loss import Loss
from paradime.models import ModelRecipe
from paradime.relations import Relations
from paradime.spec.components import (
    DerivedDataSpec,
    LossSpec,
    ModelSpec,
    RelationsSpec,
    SamplingSpec,
    ScheduleSpec,
)
from paradime.spec.construct import call, check_call, check_known, try_model, try_optimizer
from paradime.spec.options import options_of
from paradime.spec.schema import PhaseSpec, RoutineSpec
from paradime.spec.vocabulary import Vocabulary
from paradime.training import EarlyStopping, TrainingPhase

__all__ = ["build"]

E = TypeVar("E")
B = TypeVar("B")


def build(spec: RoutineSpec, vocabulary: Vocabulary | None = None) -> dict[str, Any]:
    """Makes the components of a routine.

    Args:
        spec: A checked specification.
        vocabulary: The names that it may use; those of the registries if ``None``.

    Returns:
        Arguments of ``ParametricDR``: ``derived_data``, ``global_relations``, ``batch_relations``, ``losses``,
        ``training_phases``, and, if the specification has them, ``model``, ``data_fields`` and ``refine``.

    Raises:
        SpecificationError: If an option or a name is wrong; the message has a line for each mistake, which starts
            with the place.
    """
    return _Builder(vocabulary or Vocabulary()).routine(spec)


class _Builder:
    """Makes each part of a specification; there is no branch for any single component."""

    def __init__(self, vocabulary: Vocabulary) -> None:
        self._find = vocabulary.find
        self._mistakes: list[str] = []
        self._relation_names: dict[str, list[str]] = {"global": [], "batch": []}

    def routine(self, spec: RoutineSpec) -> dict[str, Any]:
        for entry in spec.relations:
            self._relation_names[entry.level].append(entry.name)
        self._loss_names = [entry.name for entry in spec.losses]
        derived = self._all(self._derived, spec.derived_data, "derived data")
        relations = self._all(self._relations, spec.relations, "relations")
        losses = self._all(self._loss, spec.losses, "losses")
        made: dict[str, Any] = {
            "derived_data": {e.name: part for e, part in zip(spec.derived_data, derived, strict=True)},
            **{
                f"{level}_relations": {
                    e.name: part for e, part in zip(spec.relations, relations, strict=True) if e.level == level
                }
                for level in self._relation_names
            },
            "losses": dict(zip(self._loss_names, losses, strict=True)),
            "training_phases": self._all(self._phase, spec.training_phases, "training phases"),
        }
        if spec.model is not None:
            made["model"] = self._all(self._model, [spec.model], "model")[0]
        if spec.refine:
            made["refine"] = True
        if spec.data:
            made["data_fields"] = [DataField(**entry.model_dump()) for entry in spec.data]
        if self._mistakes:
            raise SpecificationError("\n".join(self._mistakes))
        return made

    def _all(self, make: Callable[[E, str], B], entries: Sequence[E], section: str) -> list[B]:
        """Makes all entries of a section, and collects their mistakes."""
        made: list[Any] = []
        for i, entry in enumerate(entries):
            try:
                made.append(make(entry, f"{section}[{i}]"))
            except SpecificationError as error:
                made.append(None)
                self._mistakes.append(str(error))
        return made

    def _derived(self, entry: DerivedDataSpec, path: str) -> DerivedData:
        function = self._find(DATA_FUNCTIONS, entry.func)
        for i, (kind, key) in enumerate(entry.keys):
            if kind == "rels":
                check_known(key, self._relation_names["global"], "global relations", f"{path}.keys[{i}]")
        check_call(function, (kind for kind, _ in entry.keys), entry.options, entry.func, path)
        return DerivedData(function, entry.keys, **entry.options)

    def _model(self, entry: ModelSpec, path: str) -> ModelRecipe:
        settings = {"options": entry.options, "decoder": entry.decoder, "classifier": entry.classifier}
        made: ModelRecipe = call(ModelRecipe, {"kind": self._find(MODELS, entry.type), **settings}, "model")
        try_model(made)
        return made

    def _relations(self, entry: RelationsSpec, path: str) -> Relations:
        kind = self._find(RELATIONS, entry.type)
        transforms = [
            call(self._find(TRANSFORMS, part.type), part.options, f"{path}.transforms[{i}]")
            for i, part in enumerate(entry.transforms)
        ]
        offered = {"transform": transforms, "data_key": entry.field}
        taken = {name: value for name, value in offered.items() if name in options_of(kind)}
        self._refuse_ignored(entry, taken, path)
        made: Relations = call(kind, {**taken, **entry.options}, path)
        if entry.level not in made.levels:
            raise SpecificationError(
                f"{path}.level: the level of relations of type {entry.type!r} must be "
                f"{' or '.join(sorted(made.levels))}, got {entry.level!r}."
            )
        return made

    def _refuse_ignored(self, entry: RelationsSpec, taken: Mapping[str, Any], path: str) -> None:
        for key, argument, is_given in (
            ("transforms", "transform", bool(entry.transforms)),
            ("field", "data_key", entry.field != "main"),
        ):
            if is_given and argument not in taken:
                raise SpecificationError(
                    f"{path}.{key}: relations of type {entry.type!r} take none, since their class has no "
                    f"argument {argument!r}. Leave it out."
                )

    def _loss(self, entry: LossSpec, path: str) -> Loss:
        kind = self._find(LOSSES, entry.type)
        given: dict[str, list[Any]] = {name: getattr(entry.keys, name) for name in ("data", "rels", "methods")}
        if entry.func is not None:
            given["func"] = [self._find(LOSS_FUNCTIONS, entry.func)]
        arguments: dict[str, Any] = {}
        for name, values in given.items():
            names = kind.spec_arguments.get(name, ())
            if len(values) > len(names):
                place = path if name == "func" else f"{path}.keys"
                raise SpecificationError(
                    f"{place}.{name}: a loss of type {entry.type!r} takes {list(names) or 'none'}, "
                    f"got {len(values)} entries. Leave the others out."
                )
            arguments.update(zip(names, values, strict=False))
        for name in arguments:
            if name in entry.options:
                raise SpecificationError(
                    f"{path}.options.{name}: must be given once, got it also by 'keys'. Leave one out."
                )
        offered = {"name": entry.name} if "name" in options_of(kind) else {}
        places = {
            argument: ".func" if name == "func" else f".keys.{name}"
            for name, names in kind.spec_arguments.items()
            for argument in names
        }
        made: Loss = call(kind, {**offered, **arguments, **entry.options}, path, places)
        for level, argument in zip(self._relation_names, kind.spec_arguments.get("rels", ()), strict=False):
            key = getattr(made, argument, None)
            if isinstance(key, str):
                check_known(key, self._relation_names[level], f"{level} relations", f"{path}.keys.rels")
        return made

    def _phase(self, entry: PhaseSpec, path: str) -> TrainingPhase:
        for name in entry.loss.components:
            check_known(name, self._loss_names, "loss", f"{path}.loss.components")
        optimizer = dict(entry.optimizer.options)
        if "lr" in optimizer:
            if "learning_rate" in optimizer:
                raise SpecificationError(
                    f"{path}.optimizer.options.lr: must be given once, got also 'learning_rate'. Leave one out."
                )
            optimizer["learning_rate"] = optimizer.pop("lr")
        stopping = entry.early_stopping
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
            "early_stopping": None
            if stopping is None
            else call(EarlyStopping, stopping, f"{path}.early stopping"),
            "callbacks": [
                call(self._find(CALLBACKS, part.type), part.options, f"{path}.callbacks[{i}]")
                for i, part in enumerate(entry.callbacks)
            ],
            **self._sampling(entry.sampling, f"{path}.sampling"),
            **optimizer,
        }
        if entry.report_interval is not None:
            settings["report_interval"] = entry.report_interval
        made: TrainingPhase = call(TrainingPhase, settings, path)
        try_optimizer(made, f"{path}.optimizer")
        for key in made.plan().relation_keys():
            check_known(key, self._relation_names["global"], "global relations", f"{path}.sampling.options")
        return made

    def _schedule(self, entry: ScheduleSpec, path: str) -> Any:
        # the name suffices if there are no options
        return call(self._find(SCHEDULES, entry.type), entry.options, path) if entry.options else entry.type

    def _sampling(self, entry: SamplingSpec, path: str) -> dict[str, Any]:
        """Returns settings of the phase."""
        kind = self._find(SAMPLINGS, entry.type)
        of_phase = {name: value for name, value in entry.options.items() if name in SamplingSpec.also}
        own = {name: value for name, value in entry.options.items() if name not in of_phase}
        if kind.phase_name is not None:
            return {**of_phase, "sampling": kind.phase_name, **own}
        return {**of_phase, "sampling": call(kind, own, path)}
