"""Specifications from components."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
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
    Registry,
)
from paradime.data import DataField, DerivedData
from paradime.exceptions import SpecificationError
from paradime.loss import Loss
from paradime.models import ModelRecipe
from paradime.relations import Relations
from paradime.spec.build import build
from paradime.spec.formats import place_of
from paradime.spec.options import options_of
from paradime.spec.read import parse_spec
from paradime.spec.schema import LATEST_VERSION
from paradime.spec.settings import attribute_of, plain, settings_of, without_empty
from paradime.spec.values import shown
from paradime.spec.vocabulary import Vocabulary
from paradime.training import EarlyStopping, Schedule, TrainingPhase

__all__ = ["write"]


def write(
    *,
    derived_data: Mapping[str, DerivedData],
    global_relations: Mapping[str, Relations],
    batch_relations: Mapping[str, Relations],
    losses: Mapping[str, Loss],
    training_phases: Sequence[TrainingPhase],
    model: ModelRecipe | None = None,
    data_fields: Sequence[DataField] = (),
    refine: bool = False,
    vocabulary: Vocabulary | None = None,
) -> dict[str, Any]:
    """Writes components as a specification, without values that are the default.

    Args:
        derived_data: Recipes for further entries of the data set, by key.
        global_relations: Relations between all points, by key.
        batch_relations: Relations between embedded points, by key.
        losses: Losses by key.
        training_phases: The phases, in order.
        model: The recipe of the model; left out if ``None``.
        data_fields: Requirements on the data.
        refine: Whether the map is refined once the phases are over.
        vocabulary: The names that it may use; those of the registries if ``None``.

    Returns:
        Nested mappings and lists of strings and numbers; building them gives the same components.

    Raises:
        SpecificationError: If a part has no name, or an argument that YAML cannot express; the message starts with
            the place, and has a remedy.
    """
    parts: dict[str, Any] = {
        "derived_data": derived_data,
        "global_relations": global_relations,
        "batch_relations": batch_relations,
        "losses": losses,
        "training_phases": training_phases,
        "data_fields": data_fields,
        "model": model,
        "refine": refine,
    }
    known = vocabulary or Vocabulary()
    spec = _Writer(known).routine(**parts)
    _read_back(spec, known)
    return spec


def _read_back(spec: dict[str, Any], vocabulary: Vocabulary) -> None:
    """Refuses a specification that cannot be read, or that has another meaning, as classes of users may cause.

    Raises:
        SpecificationError: With the place.
    """
    try:
        again = _Writer(vocabulary).routine(**build(parse_spec(spec, vocabulary), vocabulary))
    except SpecificationError as error:
        raise SpecificationError(f"{error}\nThe routine has no specification that can be read.") from None
    difference = _difference(spec, again, ())
    if difference is not None:
        place, written, found = difference
        raise SpecificationError(
            f"{place_of(place)}: must be read as it is written, got {shown(found)} for {shown(written)}. Store "
            "each argument of the constructor unchanged, in an attribute of the same name."
        )


def _difference(first: Any, second: Any, place: tuple[Any, ...]) -> tuple[tuple[Any, ...], Any, Any] | None:
    """Returns the first place where contents differ, and both values."""
    if isinstance(first, dict) and isinstance(second, dict):
        pairs = [(key, first.get(key), second.get(key)) for key in {**first, **second}]
    elif isinstance(first, list) and isinstance(second, list) and len(first) == len(second):
        pairs = [(i, a, b) for i, (a, b) in enumerate(zip(first, second, strict=True))]
    else:
        return None if first == second else (place, first, second)
    found = (_difference(a, b, (*place, key)) for key, a, b in pairs)
    return next((difference for difference in found if difference is not None), None)


class _Writer:
    def __init__(self, vocabulary: Vocabulary) -> None:
        self._vocabulary = vocabulary

    def routine(
        self,
        *,
        derived_data: Mapping[str, DerivedData],
        global_relations: Mapping[str, Relations],
        batch_relations: Mapping[str, Relations],
        losses: Mapping[str, Loss],
        training_phases: Sequence[TrainingPhase],
        model: ModelRecipe | None = None,
        data_fields: Sequence[DataField] = (),
        refine: bool = False,
    ) -> dict[str, Any]:
        levels = ("global", global_relations), ("batch", batch_relations)
        relations = [(level, key, entry) for level, entries in levels for key, entry in entries.items()]
        _refuse_shared_parameters(losses)
        made = {
            "version": LATEST_VERSION,
            "data": [_exactly(DataField, entry, f"data[{i}]") for i, entry in enumerate(data_fields)],
            "derived data": [
                self.derived(key, entry, f"derived data[{i}]")
                for i, (key, entry) in enumerate(derived_data.items())
            ],
            "relations": [self.relations(*entry, f"relations[{i}]") for i, entry in enumerate(relations)],
            "model": {} if model is None else self.model(model),
            "losses": [self.loss(key, entry, f"losses[{i}]") for i, (key, entry) in enumerate(losses.items())],
            "training phases": [
                self.phase(entry, f"training phases[{i}]") for i, entry in enumerate(training_phases)
            ],
            "refine": refine,
        }
        return {key: part for key, part in made.items() if part}

    def name(self, registry: Registry[Any], block: Any, path: str) -> str:
        try:
            return self._vocabulary.name_of(registry, block)
        except ValueError as error:
            raise SpecificationError(f"{path}: {error}") from None

    def component(
        self, registry: Registry[Any], block: object, path: str, hidden: Sequence[str] = ()
    ) -> dict[str, Any]:
        """Returns ``type`` and ``options`` of an instance of a class in a registry."""
        name = self.name(registry, type(block), f"{path}.type")
        numbers = registry is TRANSFORMS or registry is SAMPLINGS
        return without_empty(
            {"type": name, "options": settings_of(block, f"{path}.options", hidden, numbers=numbers)}
        )

    def short(self, registry: Registry[Any], block: object, path: str) -> dict[str, Any] | str:
        """Returns the same, or the name alone if there are no options."""
        what = self.component(registry, block, path)
        return what if "options" in what else str(what["type"])

    def derived(self, key: str, entry: DerivedData, path: str) -> dict[str, Any]:
        _refuse_subclass(DerivedData, entry, path)
        func = self.name(DATA_FUNCTIONS, entry.func, f"{path}.data func")
        keys = [list(pair) for pair in entry.type_key_tuples]
        options = {name: plain(value, f"{path}.options.{name}") for name, value in entry.kwargs.items()}
        return without_empty({"name": key, "data func": func, "keys": keys, "options": options})

    def relations(self, level: str, key: str, entry: Relations, path: str) -> dict[str, Any]:
        what = self.component(RELATIONS, entry, path, hidden=("transform", "data_key"))
        kind: Any = type(entry)
        taken = options_of(kind)  # a class may have fixed transforms and data
        transforms = [
            self.short(TRANSFORMS, part, f"{path}.transforms[{i}]")
            for i, part in enumerate(entry.transform if "transform" in taken else ())
        ]
        field = {} if entry.data_key == "main" or "data_key" not in taken else {"field": entry.data_key}
        head = {"name": key, "level": level, "type": what.pop("type"), **field}
        return without_empty({**head, **what, "transforms": transforms})

    def model(self, recipe: ModelRecipe) -> dict[str, Any]:
        name = self.name(MODELS, recipe.model_type, "model.type")
        return {key: plain(part, f"model.{key}") for key, part in recipe.spec(name=name).items()}

    def loss(self, key: str, entry: Loss, path: str) -> dict[str, Any]:
        name = self.name(LOSSES, type(entry), f"{path}.type")
        block: Any = type(entry)
        defaults = options_of(block)
        lists: dict[str, list[Any]] = {}
        taken = ["name"]
        for kind, arguments in type(entry).spec_arguments.items():
            values = [attribute_of(entry, argument, path) for argument in arguments]
            # the lists have names without gaps; arguments after another value are written as options
            known = list(itertools.takewhile(callable if kind == "func" else _is_name, values))
            taken += arguments[: len(known)]
            is_changed = any(v != defaults[a].default for a, v in zip(arguments, known, strict=False))
            if is_changed or kind in ("func", "rels"):
                lists[kind] = known
        func = lists.pop("func", [])
        return without_empty(
            {
                "name": key,
                "type": name,
                "func": self.name(LOSS_FUNCTIONS, func[0], f"{path}.func") if func else None,
                "keys": without_empty(lists),
                "options": settings_of(entry, f"{path}.options", taken, numbers=True),
            }
        )

    def phase(self, phase: TrainingPhase, path: str) -> dict[str, Any]:
        _refuse_subclass(TrainingPhase, phase, path)
        default = TrainingPhase()
        optimizer: dict[str, Any] = {"learning_rate": phase.learning_rate, **phase.optimizer_kwargs}
        loss = {"components": phase.loss_keys, "weights": phase.loss_weights, "shares": phase.loss_shares}
        others = {
            name.replace("_", " "): getattr(phase, name)
            for name in ("clip_norm", "precision", "compile", "report_interval")
            if getattr(phase, name) != getattr(default, name)
        }
        made = {
            "name": phase.name,
            "epochs": phase.epochs,
            "sampling": self._sampling(phase, default, path),
            "optimizer": {
                "type": self.name(OPTIMIZERS, phase.optimizer, f"{path}.optimizer.type"),
                "options": optimizer,
            },
            "schedule": self._schedule(phase.schedule, f"{path}.schedule"),
            "early stopping": None
            if phase.early_stopping is None
            else _exactly(EarlyStopping, phase.early_stopping, f"{path}.early stopping"),
            "callbacks": [
                self.short(CALLBACKS, entry, f"{path}.callbacks[{i}]") for i, entry in enumerate(phase.callbacks)
            ],
            **others,
            "loss": {name: value for name, value in loss.items() if value is not None},
        }
        return {
            name: plain(value, f"{path}.{name}")
            for name, value in made.items()
            if value not in (None, [], {}) or (name == "early stopping" and value is not None)
        }

    def _schedule(self, schedule: Schedule | str, path: str) -> dict[str, Any] | str | None:
        what = schedule if isinstance(schedule, str) else self.short(SCHEDULES, schedule, path)
        return None if what == "constant" else what

    def _sampling(self, phase: TrainingPhase, default: TrainingPhase, path: str) -> dict[str, Any]:
        what = self.component(SAMPLINGS, phase.plan(), f"{path}.sampling")
        of_phase = {"batch_size": phase.batch_size}
        if phase.batches_per_epoch != default.batches_per_epoch:
            of_phase["batches_per_epoch"] = phase.batches_per_epoch
        return {"type": what["type"], "options": {**of_phase, **what.get("options", {})}}


def _exactly(kind: type[Any], entry: object, path: str) -> dict[str, Any]:
    _refuse_subclass(kind, entry, path)
    return settings_of(entry, path)


def _refuse_subclass(kind: type[Any], entry: object, path: str) -> None:
    if type(entry) is not kind:
        raise SpecificationError(
            f"{path}: must be a {kind.__name__} to be written to a specification, got the subclass "
            f"{type(entry).__name__}. Use {kind.__name__} itself."
        )


def _refuse_shared_parameters(losses: Mapping[str, Loss]) -> None:
    """Refuses losses that share parameters, which a specification cannot express."""
    owners: dict[int, int] = {}
    for i, loss in enumerate(losses.values()):
        for parameter in loss.parameters():
            if owners.setdefault(id(parameter), i) != i:
                raise SpecificationError(
                    f"losses[{i}]: must have parameters of its own, got those of losses[{owners[id(parameter)]}]. "
                    "Use one loss in several phases, or make two."
                )


def _is_name(value: object) -> bool:
    return isinstance(value, str)
