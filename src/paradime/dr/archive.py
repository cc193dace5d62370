"""What is saved of a routine."""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from typing import Any

import numpy as np
import torch

from paradime.dr.inputs import Targets, embedded_entry
from paradime.dr.refining import sampled_map
from paradime.exceptions import SpecificationError, UnsupportedConfigurationError
from paradime.loss import trained_state
from paradime.persistence.architecture import GIVEN, describe_model
from paradime.persistence.config import Config, Fitted
from paradime.persistence.load import PLACES
from paradime.persistence.saved import REFINED, Saved
from paradime.persistence.values import Encoder, vocabulary_with
from paradime.persistence.weights import frozen_names, tied_names
from paradime.utils.annotations import as_lists

__all__ = [
    "BLOCKS",
    "HELD_OUT",
    "NAMED_IN_FILE",
    "REFINED",
    "class_name",
    "further_attributes",
    "is_composed",
    "ranges_of",
    "saved_of",
]

BLOCKS = (
    "derived_data",
    "global_relations",
    "batch_relations",
    "losses",
    "training_phases",
    "data_fields",
)
"""Parameters of a composed routine that its specification has."""

NAMED_IN_FILE = frozenset(
    {"_made_components", "_overrides", "_fitted", "_handed_on", "_returns_tensors", "_sklearn_output_config"}
    | {"_components"}
    | {"_ranges", "_row_shape", "_targets", "feature_names_in_", "metadata_", "n_features_in_", "n_samples_seen_"}
)
"""Attributes of a fitted routine, now or earlier, for which the file's format has places of their own."""

_OF_CONSTRUCTOR = ("model", "device", "dataset", "training_defaults", *BLOCKS)
"""What the constructor of a subclass decides that has no such parameters, and decides again when it is loaded."""

_DRIFT, _SOURCE = "drift_", "_anndata_source"  # as attributes of a file

HELD_OUT = "held out"
_SAMPLED_ROWS, _SAMPLED_ELEMENTS = 500, 4_000_000
_LOW, _HIGH = 0.02, 0.98
_ONLY_FOR_TRAINING = ("callbacks", "training_defaults")


def saved_of(
    routine: Any,
    *,
    model: bool,
    training: bool,
    allow_imports: tuple[str, ...],
    metadata: Mapping[str, Any] | None,
    reference_rows: int | None,
) -> Saved:
    """Returns what is saved of a trained routine; see ``save``.

    Raises:
        ValueError: If a part cannot be saved.
    """
    if training:
        _refuse_set_components(routine, allow_imports)
    blocks, vocabulary = routine._components, vocabulary_with(allow_imports)
    encoder = Encoder(vocabulary, blocks.model)
    row_shape: tuple[int, ...] = tuple(routine._fitted.row_shape)
    parameters, left_out = _parameters(routine, encoder, training)
    config = Config(
        routine=class_name(type(routine)),
        parameters=parameters,
        architecture=describe_model(blocks.model, row_shape, vocabulary, blocks.network.recipe)
        if model
        else dict(GIVEN),
        frozen=frozen_names(blocks.model),
        tied=tied_names(blocks.model),
        fitted=_fitted(routine, row_shape, encoder),
        overrides=_overrides(routine, encoder) if training else {},
        with_training=training,
        left_out=left_out,
        metadata=_metadata(routine, metadata, encoder),
    )
    state = dict(zip(("ranges/low", "ranges/high"), ranges_of(routine), strict=True))
    if blocks.held_out_indices is not None:
        state[HELD_OUT] = torch.from_numpy(np.array(blocks.held_out_indices))
    for key, loss in blocks.losses.items() if training else ():
        state |= {f"losses/{key}/{name}": part for name, part in trained_state(loss).items()}
    refined = sampled_map(routine, reference_rows)
    if refined is not None:
        state |= {REFINED + name: part for name, part in refined.state().items()}
    return Saved(
        config=config,
        weights=dict(blocks.model.state_dict()),
        state={**state, **encoder.tensors},
        spec=_spec(routine, vocabulary.allow_imports, needed=training and _needs_spec(routine)),
        history=encoder.encode(blocks.history.records, "history"),
    )


def _refuse_set_components(routine: Any, allow_imports: tuple[str, ...]) -> None:
    """Refuses a routine whose components are not those of its parameters, of which it is made again."""
    if is_composed(type(routine)):
        return
    routine._require_made_components("saving")
    names = list(routine._set_components())
    if names and not _is_made_alike(routine, names, allow_imports):
        raise UnsupportedConfigurationError(
            f"{', '.join(names)} of this {type(routine).__name__} were set by hand, and it is saved by its "
            "parameters. Save what embeds alone, save(path, training=False)."
        )


def _is_made_alike(routine: Any, names: list[str], allow_imports: tuple[str, ...]) -> bool:
    """Whether the class's constructor makes the same components, as that of a subclass of ParametricDR may."""
    again = type(routine)(**routine.get_params())
    if set(again._set_components()) != set(names):
        return False
    first, second = (_spec(one, allow_imports, needed=True) for one in (routine, again))
    sections = [{**(spec or {}), "model": None} for spec in (first, second)]
    return sections[0] == sections[1]


def class_name(kind: type) -> str:
    """Returns the name under which a class is saved, ``"module:Class"``; of ours, that of the public module."""
    for place in PLACES:
        if getattr(importlib.import_module(place), kind.__name__, None) is kind:
            return f"{place}:{kind.__name__}"
    return f"{kind.__module__}:{kind.__qualname__}"


def is_composed(kind: Any) -> bool:
    """Whether a class takes components as parameters; presets make them of others."""
    return "losses" in kind._get_param_names()


def ranges_of(routine: Any) -> tuple[torch.Tensor, torch.Tensor]:
    """Returns the usual ranges of the columns: of the data, or as they were saved of a routine that was loaded."""
    dataset = routine._components.dataset
    if dataset is not None:
        return column_ranges(dataset[embedded_entry(dataset, routine.data_key)])
    shape, known = routine._fitted.row_shape, routine._fitted.ranges
    return (-torch.ones(shape), torch.ones(shape)) if known is None else known


def column_ranges(rows: Any) -> tuple[torch.Tensor, torch.Tensor]:
    """Returns the usual range of each column: quantiles of a sample, which disclose no row.

    Args:
        rows: Shape (n, …); sparse rows, too.

    Returns:
        Two tensors of the shape of a row, float32.

    Example:
        >>> low, high = column_ranges(torch.arange(101.0)[:, None])
        >>> round(float(low)), round(float(high))
        (2, 98)
    """
    width = max(1, rows.numel() // max(1, len(rows)))
    n = min(len(rows), _SAMPLED_ROWS, max(10, _SAMPLED_ELEMENTS // width))
    chosen = torch.linspace(0, len(rows) - 1, n).long()
    sample = rows[chosen.to(rows.device)].to("cpu", torch.float32)
    ordered = sample.sort(dim=0).values
    low, high = (ordered[round(part * (n - 1))].clone() for part in (_LOW, _HIGH))
    return low, high


def probes(routine: Any, n: int) -> torch.Tensor:
    """Returns rows within the usual ranges of the columns of the training, always the same, shape (n, …)."""
    low, high = ranges_of(routine)
    generator = torch.Generator().manual_seed(0)
    return low + (high - low) * torch.rand(n, *low.shape, generator=generator)


def _needs_spec(routine: Any) -> bool:
    added = routine._overrides
    return is_composed(type(routine)) or bool(added.losses or added.recipes)


def _spec(routine: Any, allow_imports: tuple[str, ...], *, needed: bool) -> dict[str, Any] | None:
    """Returns the specification of a routine; presets, which are made of their parameters, need none."""
    mistake = None
    for with_model in (True, False):
        try:
            made: dict[str, Any] = routine.to_spec(format="dict", model=with_model, allow_imports=allow_imports)
        except SpecificationError as error:
            mistake = error
        else:
            return made
    if not needed:
        return None
    raise SpecificationError(
        f"{mistake}\nSo what trains this {type(routine).__name__} cannot be saved. Mend that; or save what embeds "
        "alone, save(path, training=False)."
    ) from mistake


def _parameters(routine: Any, encoder: Encoder, training: bool) -> tuple[dict[str, Any], list[str]]:
    made: dict[str, Any] = {}
    left_out = routine._parameters_not_saved()
    chosen = {name: value for name, value in routine._parameters_as_saved().items() if name not in left_out}
    composed = is_composed(type(routine))
    given = routine.get_params()
    left_out = [name for name in given if name in left_out and given[name] is not None]
    for name, value in chosen.items():
        if composed and name in BLOCKS:
            continue
        if name == "random_state" and not (value is None or isinstance(value, (int, np.integer))):
            value = routine._components.seed  # a generator cannot be saved, what was drawn of it can
        if not training and (name in _ONLY_FOR_TRAINING or (name == "metric" and callable(value))):
            left_out += [name] if value is not None else []
            continue
        if not isinstance(value, (np.generic, np.ndarray, torch.Tensor, list, tuple, dict)):
            value = as_lists(value)  # such as a range or a column of a data frame
        try:
            made[name] = encoder.encode(value, f"the parameter {name!r}")
        except ValueError as error:
            remedy = (
                "Register its class, @paradime.spec.register(…), or pass allow_imports=[…] for its module; or "
                "leave out what only training needs, save(path, training=False)."
            )
            raise type(error)(f"{error} {remedy}") from error
    return made, left_out


def further_attributes(routine: Any) -> dict[str, Any]:
    """Returns what a fitted routine holds beside its parameters and what the file's format has names for.

    Attributes of subclasses are among them, so that what nobody thought of is saved, or refused.
    """
    others = {
        *routine.get_params(),
        *_OF_CONSTRUCTOR,
        *NAMED_IN_FILE,
        *routine.unsaved_attributes,
        *routine._set_components(),
    }
    of_data = {_DRIFT: routine._fitted.drift, _SOURCE: routine._fitted.source}
    known = {name: value for name, value in of_data.items() if value is not None}
    return {**{name: value for name, value in routine._stored.items() if name not in others}, **known}


def _attributes(routine: Any, encoder: Encoder) -> dict[str, Any]:
    made: dict[str, Any] = {}
    for name, value in further_attributes(routine).items():
        try:
            made[name] = encoder.encode(value, f"the attribute {name!r}")
        except ValueError as error:
            raise type(error)(
                f"{error} Delete it before saving; or, if a loaded {type(routine).__name__} can do without it, "
                "name it in the class's unsaved_attributes."
            ) from error
    return made


def _fitted(routine: Any, row_shape: tuple[int, ...], encoder: Encoder) -> Fitted:
    fitted, names = routine._fitted, routine._fitted.feature_names
    output = getattr(routine, "_sklearn_output_config", {}).get("transform")
    floats = [part.dtype for part in routine._components.model.parameters() if part.is_floating_point()]
    return Fitted(
        row_shape=row_shape,
        dtype=str(floats[0] if floats else torch.float32).removeprefix("torch."),
        feature_names=None if names is None else [str(name) for name in names],
        targets=_targets(fitted.targets),
        output="torch" if routine._returns_tensors else output,
        n_rows=fitted.n_rows_seen,
        attributes=_attributes(routine, encoder),
    )


def _targets(targets: Targets | None) -> dict[str, Any] | None:
    if targets is None:
        return None
    written: dict[str, Any] = {"kind": targets.kind, "mean": targets.mean, "scale": targets.scale, "classes": None}
    if targets.classes is not None:
        classes = targets.classes
        # JSON has no bytes, only strings
        plain = classes.astype(str) if classes.dtype.kind == "S" else classes
        written["classes"] = {"dtype": classes.dtype.str, "values": plain.tolist()}
    return written


def _overrides(routine: Any, encoder: Encoder) -> dict[str, Any]:
    """What was added by methods; of a composed routine, the specification has most of it."""
    added = routine._overrides
    made = {"defaults": encoder.encode(added.defaults, "the training defaults")}
    if not is_composed(type(routine)):
        made["phases"] = encoder.encode(added.phases, "the phases that were added")
        made["recipes"] = list(added.recipes)
        made["losses"] = [
            encoder.encode(
                {"key": loss.key, "weight": loss.weight, "share": loss.share, "phases": loss.phases},
                f"the loss {loss.key!r}",
            )
            for loss in added.losses
        ]
    return made


def _metadata(routine: Any, metadata: Mapping[str, Any] | None, encoder: Encoder) -> Any:
    chosen = (routine._fitted.metadata or {}) if metadata is None else metadata
    if not isinstance(chosen, Mapping) or not all(isinstance(key, str) for key in chosen):
        raise TypeError(f"metadata must be a dict with strings as keys, got {type(chosen).__name__}.")
    return encoder.encode(dict(chosen), "metadata")
