"""Routines that are saved and loaded."""

from __future__ import annotations

import copy
import os
from collections.abc import Iterable, Mapping
from typing import Any, TypeVar

import torch

from paradime._registry import with_article
from paradime.dr.comparing import agree, embedded, probes
from paradime.dr.estimator import Estimator
from paradime.dr.exporting import required_model
from paradime.dr.parts import has_part
from paradime.dr.storing import class_name, saved_of
from paradime.exceptions import ModelFileError, UnsupportedConfigurationError
from paradime.persistence.bundle import checked_target, write_bundle
from paradime.persistence.opening import load, read_saved, restore
from paradime.persistence.saved import Saved

__all__ = ["load_as", "save"]

_COMPARED = 7  # rows
R = TypeVar("R", bound=Estimator)


def save(
    routine: Estimator,
    path: str | os.PathLike[str],
    *,
    model: bool,
    training: bool,
    allow_imports: Iterable[str],
    metadata: Mapping[str, Any] | None,
) -> None:
    """Saves what was learned and how to train further; see ``ParametricDR.save``."""
    target = checked_target(path)
    required_model(routine)
    imports = (allow_imports,) if isinstance(allow_imports, str) else tuple(allow_imports)
    saved = saved_of(routine, model=model, training=training, allow_imports=imports, metadata=metadata)
    methods = {"decode": "inverse_transform", "classify": "predict"}
    files = saved.to_files([name for part, name in methods.items() if has_part(routine, part)])
    _check_files(routine, files, given=not model, imports=imports)
    write_bundle(target, files)


def _check_files(routine: Estimator, files: Mapping[str, bytes], *, given: bool, imports: tuple[str, ...]) -> None:
    """Refuses files of which no equal routine could be made."""
    model = required_model(routine)
    named = f"the model, {with_article(type(model).__name__)},"
    substitute = copy.deepcopy(model).to("cpu") if given else None
    saved = Saved.from_files(files, "what was written")
    try:
        again = type(routine)._from_saved(saved, model=substitute, allow_imports=imports, device="cpu")
    except ModelFileError as error:
        raise UnsupportedConfigurationError(
            f"{named} was changed after it was made, so that it cannot be made again ({error}). Save without "
            "its form, save(path, model=False), and pass one when it is loaded, paradime.load(path, model=…)."
        ) from error
    rows = probes(routine, _COMPARED)
    expected, found = embedded(model, rows), embedded(required_model(again), rows)
    if not agree(expected, found, exactly=routine.device.type == "cpu"):
        raise UnsupportedConfigurationError(
            f"{named} would not embed as it does now when it is loaded: its result depends on more than its "
            "parameters, buffers, and the arguments of its constructor. Make what else it needs a buffer, "
            "register_buffer(…)."
        )


def load_as(
    kind: type[R],
    folder: str | os.PathLike[str],
    *,
    model: torch.nn.Module | None,
    allow_imports: Iterable[str],
    device: str | torch.device,
) -> R:
    """Loads a routine of a class; see ``ParametricDR.from_pretrained``."""
    saved = read_saved(folder)
    if saved.config.routine == class_name(kind):
        found = restore(kind, saved, model, allow_imports, device)
    else:
        found = load(folder, model=model, allow_imports=allow_imports, device=device)
    if not isinstance(found, kind):
        raise ValueError(
            f"{os.fspath(folder)} holds {with_article(type(found).__name__)}, not "
            f"{with_article(kind.__name__)}. Use paradime.load(…), which loads any routine."
        )
    return found
