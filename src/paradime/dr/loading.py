"""A routine made of what was saved."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import torch

from paradime.dr.archive import BLOCKS, HELD_OUT, NAMED_IN_FILE, is_composed
from paradime.dr.components import Overrides
from paradime.dr.fitted import FittedState
from paradime.dr.inputs import Targets
from paradime.dr.overrides import AddedLoss
from paradime.exceptions import CUDANotAvailableError, ModelFileError
from paradime.persistence.saved import REFINED, Saved
from paradime.persistence.values import Decoder, vocabulary_with
from paradime.persistence.weights import restored_model, take_weights, tie
from paradime.refinement import RefinedMap
from paradime.spec import Vocabulary, build, parse_spec
from paradime.training import resolve_device

__all__ = ["restored"]

_FORMER_DEFAULTS = {"refine": False}  # of parameters that files from before they existed lack


def restored(
    kind: Any,
    saved: Saved,
    *,
    model: torch.nn.Module | None,
    allow_imports: tuple[str, ...],
    device: str | torch.device,
) -> Any:
    """Makes a routine that is as the one that was saved, but for its data.

    Args:
        kind: Its class.
        saved: What was saved.
        model: A module that gets the weights, where nothing tells how the model is made.
        allow_imports: What may be imported.
        device: Where it computes.

    Raises:
        ModelFileError: If what was saved contradicts itself.
        ValueError: If a model is missing, or names may not be imported.
    """
    config, vocabulary = saved.config, vocabulary_with(allow_imports)
    network = _network(saved, model, vocabulary)
    decoder = Decoder(vocabulary, saved.state, network)
    parameters = {
        **{name: value for name, value in _FORMER_DEFAULTS.items() if name in kind._get_param_names()},
        **decoder.decode(config.parameters),
        **_blocks_of_text(kind, saved, vocabulary),
    }
    takes_device = "device" in kind._get_param_names()
    if takes_device:
        parameters |= _place(parameters, device)
    routine = kind(**parameters)
    if not takes_device:  # its constructor says where
        for name, value in _place(routine._stored, device).items():
            setattr(routine, name, value)
    fitted = config.fitted
    # what the target is decides on the heads and losses of a preset
    routine._fitted = FittedState(targets=_targets(fitted.targets))
    routine._overrides = _overrides(saved, decoder, vocabulary)
    blocks = routine._components
    blocks.network.restore(network.to(blocks.device), fitted.row_shape)
    for key, loss in blocks.losses.items() if config.with_training else ():
        loss.load_state_dict(saved.tensors(f"losses/{key}/"))
    blocks.history.records = decoder.decode(saved.history)
    blocks.trained = True
    _remember(routine, saved, decoder)
    return routine


def _network(saved: Saved, model: torch.nn.Module | None, vocabulary: Vocabulary) -> torch.nn.Module:
    described = saved.config.architecture
    if model is not None:
        take_weights(model, saved.weights, saved.path)
        network = model
    elif described.get("kind") == "given":
        raise ValueError(
            f"{saved.path}: was saved without how its model is made. Pass a module that takes the weights: "
            "paradime.load(path, model=…)."
        )
    else:
        network = restored_model(described, saved.weights, vocabulary, saved.path)
    tie(network, saved.config.tied)
    for name, parameter in network.named_parameters():
        parameter.requires_grad_(name not in saved.config.frozen)
    return network


def _blocks_of_text(kind: Any, saved: Saved, vocabulary: Vocabulary) -> dict[str, Any]:
    """The components of a composed routine; a preset makes its own."""
    if not is_composed(kind) or not saved.config.with_training:
        return {}
    made = build(parse_spec(saved.spec, vocabulary), vocabulary)
    return {name: part for name, part in made.items() if name in BLOCKS}


def _place(parameters: Mapping[str, Any], device: str | torch.device) -> dict[str, Any]:
    """Parameters that say where to compute, if those that were saved do not mean the same."""
    wanted = resolve_device(device)
    try:
        meant = resolve_device(parameters.get("device"), use_cuda=parameters.get("use_cuda", False))
    except (CUDANotAvailableError, ValueError):
        meant = None
    if meant == wanted:
        return {}
    return {"device": device, **({"use_cuda": False} if "use_cuda" in parameters else {})}


def _targets(saved: Mapping[str, Any] | None) -> Targets | None:
    if saved is None:
        return None
    classes = saved["classes"]
    if classes is not None:
        dtype = np.dtype(classes["dtype"])
        if dtype.kind not in "biufUSMO":  # earlier versions took dates as classes
            raise ModelFileError(f"classes must be numbers or strings, got type {dtype}. Save the routine again.")
        values = classes["values"]
        if not all(isinstance(value, (str, int, float)) for value in values):
            raise ModelFileError("classes must be strings and numbers. Save the routine again.")
        classes = np.array(values, dtype=object).astype(dtype)
    return Targets(saved["kind"], classes, float(saved["mean"]), float(saved["scale"]))


def _overrides(saved: Saved, decoder: Decoder, vocabulary: Vocabulary) -> Overrides:
    added = saved.config.overrides
    losses = decoder.decode(added.get("losses", []))
    made: dict[str, Any] = {}
    if losses or added.get("recipes"):
        made = build(parse_spec(saved.spec, vocabulary), vocabulary)
    return Overrides(
        phases=decoder.decode(added.get("phases", [])),
        losses=[AddedLoss(loss=made["losses"][loss["key"]], **loss) for loss in losses],
        recipes={key: made["derived_data"][key] for key in added.get("recipes", [])},
        defaults=decoder.decode(added.get("defaults")),
    )


def _remember(routine: Any, saved: Saved, decoder: Decoder) -> None:
    fitted = saved.config.fitted
    attributes = {name: decoder.decode(value) for name, value in fitted.attributes.items()}
    ranges, names = saved.tensors("ranges/"), fitted.feature_names
    routine._fitted = FittedState(
        row_shape=tuple(fitted.row_shape),
        feature_names=None if names is None else np.array(names, dtype=object),
        targets=_targets(fitted.targets),
        n_rows_seen=fitted.n_rows,
        drift=attributes.pop("drift_", None),
        metadata=decoder.decode(saved.config.metadata),
        ranges=(ranges["low"], ranges["high"]),
        source=attributes.pop("_anndata_source", None),
        refined=_refined(saved, routine._components.model),
    )
    if fitted.output is not None:
        routine.set_output(transform=fitted.output)
    held_out = saved.state.get(HELD_OUT)
    routine._components.held_out_indices = None if held_out is None else held_out.numpy()
    for name, value in attributes.items():
        if not _is_free(routine, name):
            raise ModelFileError(f"{saved.path}: {name[:40]!r} cannot be an attribute of a saved routine.")
        setattr(routine, name, value)


def _refined(saved: Saved, model: torch.nn.Module | None) -> RefinedMap | None:
    state = saved.tensors(REFINED)
    try:
        return RefinedMap.from_state(state, model) if state else None
    except (KeyError, ValueError, RuntimeError, TypeError) as error:
        raise ModelFileError(f"{saved.path}: the refined map cannot be read: {error}") from error


def _is_free(routine: Any, name: str) -> bool:
    """Whether a file may set an attribute: no method, no parameter, nothing that was made already."""
    taken = {*routine.get_params(), *NAMED_IN_FILE, *routine.unsaved_attributes}
    of_class = getattr(type(routine), name, None)
    return name.isidentifier() and name not in taken and not (callable(of_class) or hasattr(of_class, "__get__"))
