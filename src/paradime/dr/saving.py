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
from paradime.dr.inference import has_part
from paradime.exceptions import UnsupportedConfigurationError
from paradime.persistence.bundle import checked_target, write_bundle
from paradime.persistence.load import load, read_saved, restore
from paradime.persistence.saved import Saved
from paradime.training import apply_in_chunks
from paradime.utils.arguments import check_strings, check_switch
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
    verify: bool,
    reference_rows: int | None,
) -> None:
    """Saves what was learned and how to train further; see ``ParametricDR.save``."""
    target = checked_target(path)
    required_model(routine)
    imports = tuple(check_strings("allow_imports", allow_imports))
    for name, switch in (("model", model), ("training", training), ("verify", verify)):
        check_switch(name, switch)
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
    if verify:
        _verify(routine, Saved.from_files(files, os.fspath(path)), given=not model, imports=imports)
    write_bundle(target, files)
    if verify:
        read_saved(target)  # the checksums tell whether the disk holds what was written


def _verify(routine: Estimator, saved: Saved, *, given: bool, imports: tuple[str, ...]) -> None:
    """Loads what is about to be written, and compares its weights and its embedding of some rows.

    Raises:
        UnsupportedConfigurationError: If it cannot be loaded, or differs; the message names what differs.
    """
    model = required_model(routine)
    refused = f"save(path, verify=True): nothing was written, since the {type(routine).__name__}"
    try:
        substitute = copy.deepcopy(model).to("cpu") if given else None
        again = restore(type(routine), saved, substitute, imports, "cpu")
    except (ValueError, ImportError) as error:
        raise UnsupportedConfigurationError(f"{refused} could not be loaded: {error}") from error
    loaded = required_model(again)
    states = loaded.state_dict()
    differing = [name for name, tensor in model.state_dict().items() if not _agree(tensor, states.get(name))]
    if differing:
        raise UnsupportedConfigurationError(
            f"{refused} would be loaded with other values of {', '.join(differing[:5])} of its model."
        )
    rows = probes(routine, _COMPARED)
    first, second = _embedded(model, rows), _embedded(loaded, rows)
    # results of different devices differ by rounding
    if not _agree(first, second, tolerance=0.0 if routine.device.type == "cpu" else 1e-3):
        raise UnsupportedConfigurationError(
            f"{refused} would embed differently when it is loaded{_difference(first, second)}. The result of its "
            f"model, {with_article(type(model).__name__)}, depends on more than its parameters, buffers, and the "
            "arguments of its constructor. Make what else it needs a buffer, register_buffer(…)."
        )


def _embedded(model: torch.nn.Module, rows: torch.Tensor) -> torch.Tensor | None:
    """Returns the embedding of rows, or ``None`` if the model does not embed; random models use the same seed."""
    device = next((tensor.device for tensor in model.state_dict().values()), torch.device("cpu"))
    with seeded(0, device), contextlib.suppress(UnsupportedConfigurationError, NotImplementedError):
        return apply_in_chunks(model, rows, method="embed", device=device, row_shape=None, owner="the model")
    return None


def _agree(first: torch.Tensor | None, second: torch.Tensor | None, tolerance: float = 0.0) -> bool:
    """Returns whether two tensors are equal within a relative and absolute tolerance."""
    if first is None or second is None:
        return first is second
    if first.shape != second.shape or first.dtype != second.dtype:
        return False
    return torch.allclose(first.cpu(), second.cpu(), rtol=tolerance, atol=tolerance, equal_nan=True)


def _difference(first: torch.Tensor | None, second: torch.Tensor | None) -> str:
    if first is None or second is None or first.shape != second.shape:
        return ""
    return f", by up to {float((first - second).abs().max()):.2g} for {len(first)} rows"


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
