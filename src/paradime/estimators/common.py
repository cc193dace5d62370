"""Parameters that all presets take: their types, defaults, and their place in signatures and docstrings.

They stand here once, and not in the constructor of each preset. Type checkers and editors read the typed dicts;
``help()``, Tab and scikit-learn read the signature and the docstring, which are completed when a class is made.
"""

from __future__ import annotations

import functools
import inspect
import os
import re
import types
import typing
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Literal, TypedDict

import torch

from paradime.models import ModelRecipe
from paradime.training import Callback, EarlyStopping, Schedule
from paradime.utils.seed import RandomState

__all__ = ["DEFAULTS", "PLAIN_NETWORK", "Common", "Extras", "common_of", "spelled_out", "with_common"]


class Extras(TypedDict, total=False):
    """Parameters of all presets, those of 1.x included; see :class:`~paradime.estimators.Preset`."""

    decoder: bool | Mapping[str, Any]
    classifier: bool | Mapping[str, Any]
    density: bool
    structure: bool
    loss_shares: Mapping[str, float] | None
    device: str | torch.device | None
    random_state: RandomState
    callbacks: Sequence[Callback] | None
    precomputed_knn: Any
    validation_fraction: float
    validation_every: int
    warm_start: bool
    on_interrupt: Literal["raise", "keep"]
    early_stopping: bool | EarlyStopping
    clip_norm: float | None


class Common(Extras, total=False):
    """Parameters of the presets of today; those of 1.x have some of these as parameters of their own."""

    model: torch.nn.Module | ModelRecipe | None
    in_dim: int | None
    n_components: int
    hidden_dims: int | Sequence[int] | None
    activation: str
    network: Literal["centers", "mlp"]
    data_key: str
    verbose: bool
    schedule: str | Schedule | None
    neighbors_given: str | None
    background: Any
    cache_dir: str | os.PathLike[str] | None


DEFAULTS: dict[str, Any] = {
    "n_components": 2,
    "random_state": None,
    "device": "auto",
    "model": None,
    "in_dim": None,
    "hidden_dims": None,
    "activation": "relu",
    "network": "centers",
    "data_key": "main",
    "verbose": False,
    "decoder": False,
    "classifier": False,
    "density": False,
    "structure": False,
    "loss_shares": None,
    "callbacks": None,
    "precomputed_knn": None,
    "neighbors_given": None,
    "background": None,
    "validation_fraction": 0.0,
    "validation_every": 1,
    "warm_start": False,
    "on_interrupt": "raise",
    "early_stopping": False,
    "clip_norm": None,
    "schedule": None,
    "cache_dir": None,
}
"""Defaults of the parameters of all presets."""

PLAIN_NETWORK: Mapping[str, Any] = {"hidden_dims": (100, 50), "activation": "silu", "network": "mlp"}
"""Defaults of presets for which centres are of no use: they preserve more than neighbourhoods."""


def common_of(init: Callable[..., Any]) -> dict[str, str] | None:
    """Returns the annotations, as written, of the typed dict that a constructor's ``**settings`` stand for.

    Without one, ``None``.
    """
    *_, last = inspect.signature(init).parameters.values()
    if last.kind is not inspect.Parameter.VAR_KEYWORD:
        return None
    # only this annotation is evaluated, because evaluating all takes most of the import's time
    alone = types.SimpleNamespace(__annotations__={last.name: last.annotation})
    annotation = typing.get_type_hints(alone, inspect.unwrap(init).__globals__)[last.name]
    if typing.get_origin(annotation) is not typing.Unpack:
        return None
    (kind,) = typing.get_args(annotation)
    return {name: getattr(hint, "__forward_arg__", hint) for name, hint in kind.__annotations__.items()}


def with_common(doc: str, preset_doc: str, common: Iterable[str]) -> str:
    """Returns the docstring of a preset with the parameters of all presets in place of ``**settings``."""
    entries = _entries_of(preset_doc)
    told = "\n".join(entries[name] for name in common if name in entries)
    return re.sub(r"^ +\*\*settings:.*(?:\n +.*)*?(?=\n\n)", lambda _: told, doc, flags=re.M)


@functools.cache
def _entries_of(doc: str) -> dict[str, str]:
    """Returns the entries of a docstring's arguments, by name."""
    entries = re.findall(r"^( {8})(\w+):(.*(?:\n {9,}.*)*)", doc, flags=re.M)
    return {name: f"{indent}{name}:{text}" for indent, name, text in entries}


def spelled_out(
    init: Callable[..., Any], common: Mapping[str, Any], annotations: Mapping[str, Any]
) -> inspect.Signature:
    """Returns the signature of a constructor, with what stands for the parameters of all presets written out."""
    signature = inspect.signature(init)
    own = list(signature.parameters.values())
    named = {parameter.name for parameter in own}
    further = [
        inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=default, annotation=annotations[name])
        for name, default in common.items()
        if name not in named
    ]
    return signature.replace(parameters=[*own[:-1], *further])
