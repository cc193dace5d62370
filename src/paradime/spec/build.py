"""Building blocks from checked specifications."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from typing import Any

from paradime._registry import (
    DATA_FUNCTIONS,
    LOSS_FUNCTIONS,
    LOSSES,
    OPTIMIZERS,
    RELATIONS,
    TRANSFORMS,
    did_you_mean,
)
from paradime.data import DerivedData
from paradime.exceptions import SpecificationError
from paradime.loss import Loss
from paradime.relations import Relations
from paradime.spec.schema import LossSpec, PhaseSpec, RelationsSpec, RoutineSpec
from paradime.training import TrainingPhase

__all__ = ["build"]

_SAMPLINGS = {"item": "standard", "edge": "negative_edge"}


def build(spec: RoutineSpec) -> dict[str, Any]:
    """Makes the building blocks of a routine.

    Args:
        spec: A checked specification.

    Returns:
        Arguments of ``ParametricDR``: ``derived_data``, ``global_relations``, ``batch_relations``, ``losses``,
        ``training_phases``.

    Raises:
        SpecificationError: If options do not fit, or a name is used that does not exist; the message starts with
            the place.
    """
    relations: dict[str, dict[str, Relations]] = {"global": {}, "batch": {}}
    for i, entry in enumerate(spec.relations):
        relations[entry.level][entry.name] = _relations(entry, f"relations[{i}]")
    losses = {entry.name: _loss(entry, f"losses[{i}]", relations) for i, entry in enumerate(spec.losses)}
    return {
        "derived_data": {
            entry.name: DerivedData(DATA_FUNCTIONS[entry.func], entry.keys, **entry.options)
            for entry in spec.derived_data
        },
        "global_relations": relations["global"],
        "batch_relations": relations["batch"],
        "losses": losses,
        "training_phases": [
            _phase(entry, f"training phases[{i}]", losses) for i, entry in enumerate(spec.training_phases)
        ],
    }


def _relations(entry: RelationsSpec, path: str) -> Relations:
    kind = RELATIONS[entry.type]
    transforms = [
        _call(TRANSFORMS[part.type], part.options, f"{path}.transforms[{i}]")
        for i, part in enumerate(entry.transforms)
    ]
    offered = {"transform": transforms, "data_key": entry.field}
    taken = {name: value for name, value in offered.items() if name in _arguments(kind)}
    made: Relations = _call(kind, {**taken, **entry.options}, path)
    if entry.level not in made.levels:
        raise SpecificationError(
            f"{path}.level: relations of type {entry.type!r} are for the level "
            f"{' or '.join(sorted(made.levels))}, got {entry.level!r}."
        )
    return made


def _loss(entry: LossSpec, path: str, relations: Mapping[str, Mapping[str, Relations]]) -> Loss:
    kind = LOSSES[entry.type]
    given = {name: getattr(entry.keys, name) for name in ("data", "rels", "methods")}
    if entry.func is not None:
        given["func"] = [LOSS_FUNCTIONS[entry.func]]
    arguments: dict[str, Any] = {}
    for name, values in given.items():
        names = kind.grammar.get(name, ())
        if len(values) > len(names):
            place = path if name == "func" else f"{path}.keys"
            raise SpecificationError(
                f"{place}.{name}: a loss of type {entry.type!r} takes {list(names) or 'none'}, got {len(values)}."
            )
        arguments.update(zip(names, values, strict=False))
    for level, name in zip(("global", "batch"), entry.keys.rels, strict=False):
        if name not in relations[level]:
            raise SpecificationError(
                f"{path}.keys.rels: unknown {level} relations {name!r}. {did_you_mean(name, relations[level])}"
            )
    offered = {"name": entry.name} if "name" in _arguments(kind) else {}
    made: Loss = _call(kind, {**offered, **arguments, **entry.options}, path)
    return made


def _phase(entry: PhaseSpec, path: str, losses: Mapping[str, Loss]) -> TrainingPhase:
    for name in entry.loss.components:
        if name not in losses:
            raise SpecificationError(
                f"{path}.loss.components: unknown loss {name!r}. {did_you_mean(name, losses)}"
            )
    optimizer = dict(entry.optimizer.options)
    if "lr" in optimizer:
        optimizer["learning_rate"] = optimizer.pop("lr")
    known = _arguments(TrainingPhase)
    for name in entry.sampling.options:
        if name not in known:
            raise SpecificationError(
                f"{path}.sampling.options.{name}: unknown option {name!r}. {did_you_mean(name, known)}"
            )
    taken = _arguments(OPTIMIZERS[entry.optimizer.type])
    for name in set(optimizer) - {"learning_rate", *taken}:
        raise SpecificationError(
            f"{path}.optimizer.options.{name}: unknown option {name!r}. {did_you_mean(name, taken)}"
        )
    settings = {
        "name": entry.name,
        "epochs": entry.epochs,
        "sampling": _SAMPLINGS[entry.sampling.type],
        "optimizer": OPTIMIZERS[entry.optimizer.type],
        "loss_keys": entry.loss.components,
        "loss_weights": entry.loss.weights,
        "precision": entry.precision,
        "compile": entry.compile,
        **entry.sampling.options,
        **optimizer,
    }
    made: TrainingPhase = _call(TrainingPhase, settings, path)
    return made


def _arguments(function: Callable[..., Any]) -> list[str]:
    kinds = inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.KEYWORD_ONLY
    return [p.name for p in inspect.signature(function).parameters.values() if p.kind in kinds]


def _call(function: Callable[..., Any], arguments: Mapping[str, Any], path: str) -> Any:
    """Calls a constructor; what it refuses is an error of the specification at this place."""
    parameters = inspect.signature(function).parameters.values()
    takes_more = any(p.kind is inspect.Parameter.VAR_KEYWORD for p in parameters)
    extra = getattr(function, "extra_options", None)
    if not takes_more or extra is not None:
        for name in arguments:
            if name not in {*_arguments(function), *(extra or ())}:
                raise SpecificationError(
                    f"{path}.options.{name}: unknown option {name!r}. {did_you_mean(name, _arguments(function))}"
                )
    try:
        return function(**arguments)
    except (TypeError, ValueError) as error:
        raise SpecificationError(f"{path}: {error}") from error
