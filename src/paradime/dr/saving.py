"""Routines that are saved and loaded."""

from __future__ import annotations

import contextlib
import copy
import os
from collections.abc import Iterable, Mapping
from typing import Any, TypeVar

import torch

from paradime._registry import with_article
from paradime.dr.archive import class_name, probes, saved_of
from paradime.dr.estimator import Estimator
from paradime.dr.exporting import required_model
from paradime.dr.parts import has_part
from paradime.exceptions import ModelFileError, UnsupportedConfigurationError
from paradime.persistence.bundle import checked_target, write_bundle
from paradime.persistence.load import load, read_saved, restore
from paradime.persistence.saved import Saved
from paradime.training import apply_in_chunks
from paradime.utils.seed import seeded

__all__ = ["load_as", "save"]

_COMPARED = 7  # so many rows are embedded by both
R = TypeVar("R", bound=Estimator)


def save(
    routine: Estimator,
    path: str | os.PathLike[str],
    *,
    model: bool,
    training: bool,
    allow_imports: Iterable[str],
    metadata: Mapping[str, Any] | None,
    reference_rows: int | None,
) -> None:
    """Saves what was learned and how to train further; see ``ParametricDR.save``."""
    target = checked_target(path)
    required_model(routine)
    imports = (allow_imports,) if isinstance(allow_imports, str) else tuple(allow_imports)
    saved = saved_of(
        routine,
        model=model,
        training=training,
        allow_imports=imports,
        metadata=metadata,
        reference_rows=reference_rows,
    )
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
    expected, found = _embedded(model, rows), _embedded(required_model(again), rows)
    if not _agree(expected, found, exactly=routine.device.type == "cpu"):
        raise UnsupportedConfigurationError(
            f"{named} would not embed as it does now when it is loaded: its result depends on more than its "
            "parameters, buffers, and the arguments of its constructor. Make what else it needs a buffer, "
            "register_buffer(…)."
        )


def _embedded(model: torch.nn.Module, rows: torch.Tensor) -> torch.Tensor | None:
    """Returns what a model makes of rows; ``None`` if it does not embed. A model that draws, draws the same."""
    device = next((tensor.device for tensor in model.state_dict().values()), torch.device("cpu"))
    with seeded(0, device), contextlib.suppress(UnsupportedConfigurationError, NotImplementedError):
        return apply_in_chunks(model, rows, method="embed", device=device, row_shape=None, owner="the model")
    return None


def _agree(first: torch.Tensor | None, second: torch.Tensor | None, *, exactly: bool) -> bool:
    """Returns whether two embeddings are equal; or, of different devices, equal but for rounding."""
    if first is None or second is None:
        return first is second
    if exactly:
        return torch.equal(first, second)
    return first.shape == second.shape and torch.allclose(first, second, rtol=1e-3, atol=1e-3)


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
