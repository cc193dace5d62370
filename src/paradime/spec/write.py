"""Specifications from building blocks: the way back."""

from __future__ import annotations

import dataclasses
import inspect
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import torch

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
from paradime.spec.options import options_of
from paradime.spec.schema import LATEST_VERSION
from paradime.spec.vocabulary import Vocabulary
from paradime.training import Schedule, TrainingPhase

__all__ = ["write"]

_LARGEST_WHOLE = 1e6
_LONGEST = 10_000  # numbers in an array: more belong into the data


def write(
    *,
    derived_data: Mapping[str, DerivedData],
    global_relations: Mapping[str, Relations],
    batch_relations: Mapping[str, Relations],
    losses: Mapping[str, Loss],
    training_phases: Sequence[TrainingPhase],
    model: ModelRecipe | None = None,
    data_fields: Sequence[DataField] = (),
    vocabulary: Vocabulary | None = None,
) -> dict[str, Any]:
    """Writes building blocks as a specification; what has its default is left out.

    Args:
        derived_data: Recipes for further entries of the data set, by key.
        global_relations: Relations between all points, by key.
        batch_relations: Relations between embedded points, by key.
        losses: Losses by key.
        training_phases: The phases, in order.
        model: The recipe of the model; left out if ``None``.
        data_fields: What the data must have.
        vocabulary: The names that it may use; those of the registries if ``None``.

    Returns:
        Nested mappings and lists of texts and numbers, such that building them gives the same blocks.

    Raises:
        SpecificationError: If a part has no name, or an argument that a text cannot hold; the message starts with
            the place, and says what to do.
    """
    writer = _Writer(vocabulary or Vocabulary())
    levels = ("global", global_relations), ("batch", batch_relations)
    relations = [(level, key, entry) for level, entries in levels for key, entry in entries.items()]
    made = {
        "version": LATEST_VERSION,
        "data": [_settings(entry, f"data[{i}]") for i, entry in enumerate(data_fields)],
        "derived data": [
            writer.derived(key, entry, f"derived data[{i}]") for i, (key, entry) in enumerate(derived_data.items())
        ],
        "relations": [writer.relations(*entry, f"relations[{i}]") for i, entry in enumerate(relations)],
        "model": {} if model is None else writer.model(model),
        "losses": [writer.loss(key, entry, f"losses[{i}]") for i, (key, entry) in enumerate(losses.items())],
        "training phases": [
            writer.phase(entry, f"training phases[{i}]") for i, entry in enumerate(training_phases)
        ],
    }
    return {key: part for key, part in made.items() if part}


class _Writer:
    def __init__(self, vocabulary: Vocabulary) -> None:
        self._vocabulary = vocabulary

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
        return _without_empty(
            {"type": name, "options": _settings(block, f"{path}.options", hidden, numbers=numbers)}
        )

    def short(self, registry: Registry[Any], block: object, path: str) -> dict[str, Any] | str:
        """Returns the same, or the name alone if there are no options."""
        what = self.component(registry, block, path)
        return what if "options" in what else str(what["type"])

    def derived(self, key: str, entry: DerivedData, path: str) -> dict[str, Any]:
        func = self.name(DATA_FUNCTIONS, entry.func, f"{path}.data func")
        keys = [list(pair) for pair in entry.type_key_tuples]
        options = {name: _plain(value, f"{path}.options.{name}") for name, value in entry.kwargs.items()}
        return _without_empty({"name": key, "data func": func, "keys": keys, "options": options})

    def relations(self, level: str, key: str, entry: Relations, path: str) -> dict[str, Any]:
        what = self.component(RELATIONS, entry, path, hidden=("transform", "data_key"))
        transforms = [
            self.short(TRANSFORMS, part, f"{path}.transforms[{i}]") for i, part in enumerate(entry.transform)
        ]
        field = {} if entry.data_key == "main" else {"field": entry.data_key}
        head = {"name": key, "level": level, "type": what.pop("type"), **field}
        return _without_empty({**head, **what, "transforms": transforms})

    def model(self, recipe: ModelRecipe) -> dict[str, Any]:
        name = self.name(MODELS, recipe.model_type, "model.type")
        return {key: _plain(part, f"model.{key}") for key, part in recipe.spec(name=name).items()}

    def loss(self, key: str, entry: Loss, path: str) -> dict[str, Any]:
        name = self.name(LOSSES, type(entry), f"{path}.type")
        block: Any = type(entry)
        defaults = options_of(block)
        lists: dict[str, list[Any]] = {}
        taken = ["name"]
        for kind, arguments in type(entry).grammar.items():
            values = [_attribute(entry, argument, path) for argument in arguments]
            # the lists of a text have no gaps: what comes after one stands among the options
            known = values[: values.index(None)] if None in values else values
            taken += arguments[: len(known)]
            said = any(v != defaults[a].default for a, v in zip(arguments, known, strict=False))
            if said or kind in ("func", "rels"):
                lists[kind] = known
        func = lists.pop("func", [])
        return _without_empty(
            {
                "name": key,
                "type": name,
                "func": self.name(LOSS_FUNCTIONS, func[0], f"{path}.func") if func else None,
                "keys": _without_empty(lists),
                "options": _settings(entry, f"{path}.options", taken, numbers=True),
            }
        )

    def phase(self, phase: TrainingPhase, path: str) -> dict[str, Any]:
        default = TrainingPhase()
        optimizer: dict[str, Any] = {"learning_rate": phase.learning_rate, **phase.optimizer_kwargs}
        loss = {"components": phase.loss_keys, "weights": phase.loss_weights, "shares": phase.loss_shares}
        plain = {
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
            "stopping": None if phase.stopping is None else _settings(phase.stopping, f"{path}.stopping"),
            "callbacks": [
                self.short(CALLBACKS, entry, f"{path}.callbacks[{i}]") for i, entry in enumerate(phase.callbacks)
            ],
            **plain,
            "loss": {name: value for name, value in loss.items() if value is not None},
        }
        return {
            name: _plain(value, f"{path}.{name}")
            for name, value in made.items()
            if value not in (None, [], {}) or (name == "stopping" and value is not None)
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


def _settings(block: object, path: str, hidden: Sequence[str] = (), *, numbers: bool = False) -> dict[str, Any]:
    """Returns the constructor's arguments that differ from their defaults, as an instance keeps them.

    Args:
        block: The instance.
        path: Its place, for messages.
        hidden: Arguments to leave out.
        numbers: Whether to write numbers that have their default, too: they are what people change.
    """
    own: Callable[[], Mapping[str, Any]] | None = getattr(block, "spec_options", None)
    given = dict(own()) if own is not None else {}
    settings: dict[str, Any] = {}
    for parameter in inspect.signature(type(block)).parameters.values():
        name = parameter.name
        if name in hidden or parameter.kind is inspect.Parameter.VAR_POSITIONAL:
            continue
        value = given.pop(name) if name in given else _attribute(block, name, path)
        if parameter.kind is inspect.Parameter.VAR_KEYWORD:
            settings.update({key: _plain(part, f"{path}.{key}") for key, part in value.items()})
        elif not _equal(value, parameter.default) or (numbers and type(value) in (int, float)):
            settings[name] = _plain(value, f"{path}.{name}")
    return settings


def _attribute(block: object, name: str, path: str) -> Any:
    if not hasattr(block, name):
        raise SpecificationError(
            f"{path}: {type(block).__name__} does not keep its argument {name!r}. Store it: self.{name} = {name}."
        )
    return getattr(block, name)


def _equal(value: Any, default: Any) -> bool:
    if isinstance(value, (list, tuple)) and isinstance(default, (list, tuple)):
        return len(value) == len(default) and all(map(_equal, value, default))
    same_kind = type(value) is type(default) or {type(value), type(default)} <= {int, float}
    return value is default or (same_kind and bool(np.all(value == default)))


def _plain(value: Any, path: str) -> Any:
    """Returns a value as a text can hold it.

    Raises:
        SpecificationError: If no text can.
    """
    if isinstance(value, np.generic):
        value = value.item()
    if isinstance(value, float) and value.is_integer() and abs(value) < _LARGEST_WHOLE:
        return int(value)  # "30" reads better than "30.0", and means the same
    if value is None or isinstance(value, (bool, int, float, str)):
        return value
    if isinstance(value, torch.nn.Parameter):
        raise SpecificationError(f"{path}: a parameter that is trained cannot be written as text. Pass a number.")
    if isinstance(value, (np.ndarray, torch.Tensor)):
        if np.prod(value.shape) > _LONGEST:
            raise SpecificationError(
                f"{path}: an array of shape {tuple(value.shape)} is too long for a text. "
                "Make it an entry of the data."
            )
        return value.tolist()
    if isinstance(value, Mapping):
        return {str(key): _plain(part, f"{path}.{key}") for key, part in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(part, f"{path}[{i}]") for i, part in enumerate(value)]
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return _settings(value, path)
    raise SpecificationError(
        f"{path}: a value of type {type(value).__name__} cannot be written as text. Pass a name, number or list."
    )


def _without_empty(entry: Mapping[str, Any]) -> dict[str, Any]:
    return {key: part for key, part in entry.items() if part is not None and part != {} and part != []}
