"""What presets share."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from typing import Any, ClassVar

from paradime.dr import ParametricDR
from paradime.dr.blocks import Blocks
from paradime.spec import build, parse_spec

__all__ = ["Preset", "initial_positions", "position_phase"]

_INITIALIZATIONS = ("pca", "spectral")


class Preset(ParametricDR):
    """A routine that stores its parameters; its building blocks come from a specification of these."""

    data_key: str

    make_spec: ClassVar[Callable[..., dict[str, Any]]]
    """The function that returns the specification; its arguments are parameters of the estimator."""

    def _spec(self) -> dict[str, Any]:
        make = type(self).make_spec
        return make(**{name: getattr(self, name) for name in inspect.signature(make).parameters})

    def _build(self, settings: Mapping[str, Any]) -> Blocks:
        return super()._build({**settings, **build(parse_spec(self._spec()))})

    def _model_key(self) -> str:
        return self.data_key


def initial_positions(initialization: str | None, out_dim: int, data_key: str) -> list[dict[str, Any]]:
    """Returns the derived data that a model is taught first: none, or one entry that is named as its method.

    Raises:
        ValueError: If the method is unknown.
    """
    if initialization is None:
        return []
    if initialization not in _INITIALIZATIONS:
        raise ValueError(f"initialization must be 'pca', 'spectral' or None, got {initialization!r}.")
    source = ["data", data_key] if initialization == "pca" else ["rels", "rel"]
    return [
        {
            "name": initialization,
            "data func": initialization,
            "keys": [source],
            "options": {"n_components": out_dim},
        }
    ]


def position_phase(
    initialization: str | None, *, epochs: int, batch_size: int, learning_rate: float, data_key: str
) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """Returns the loss and the phase that teach initial positions, each as a list: empty if there are none."""
    if initialization is None:
        return [], []
    loss = {
        "name": "init",
        "type": "position",
        "func": "mse",
        "keys": {"data": [data_key, initialization], "methods": ["embed"]},
    }
    phase = {
        "name": f"{initialization}_init",
        "epochs": epochs,
        "sampling": {"type": "item", "options": {"batch_size": batch_size}},
        "optimizer": {"type": "adam", "options": {"learning_rate": learning_rate}},
        "loss": {"components": ["init"]},
    }
    return [loss], [phase]
