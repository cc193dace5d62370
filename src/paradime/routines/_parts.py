"""Sections that the specifications of several presets have."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

__all__ = [
    "fuzzy_neighbors",
    "initial_positions",
    "item_phase",
    "network",
    "position_phase",
    "probable_neighbors",
]

_INITIALIZATIONS = ("pca", "spectral")


def network(out_dim: int, hidden_dims: Sequence[int], activation: str) -> dict[str, Any]:
    """Returns the section of a fully connected network."""
    options = {"out_dim": out_dim, "hidden_dims": list(hidden_dims), "activation": activation}
    return {"type": "mlp", "options": options}


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
    phase = item_phase(
        f"{initialization}_init", ["init"], epochs=epochs, batch_size=batch_size, learning_rate=learning_rate
    )
    return [loss], [phase]


def item_phase(
    name: str,
    components: Sequence[str],
    *,
    epochs: int,
    batch_size: int,
    learning_rate: float,
    schedule: str = "constant",
) -> dict[str, Any]:
    """Returns a phase of batches of rows."""
    return {
        "name": name,
        "epochs": epochs,
        "sampling": {"type": "item", "options": {"batch_size": batch_size}},
        "optimizer": {"type": "adam", "options": {"learning_rate": learning_rate}},
        "schedule": schedule,
        "loss": {"components": list(components)},
    }


def fuzzy_neighbors(n_neighbors: int, metric: str | None, data_key: str) -> dict[str, Any]:
    """Returns the global relations ``"rel"`` of UMAP: fuzzy memberships of neighbours, united."""
    return _neighbors(
        metric,
        data_key,
        {"type": "connect", "options": {"n_neighbors": n_neighbors}},
        {"type": "symmetrize", "options": {"subtract_product": True}},
    )


def probable_neighbors(perplexity: float, metric: str | None, data_key: str) -> dict[str, Any]:
    """Returns the global relations ``"rel"`` of t-SNE: probabilities of neighbours, symmetric."""
    return _neighbors(
        metric,
        data_key,
        {"type": "perplexity", "options": {"perplexity": perplexity}},
        {"type": "symmetrize"},
        {"type": "normalize"},
    )


def _neighbors(metric: str | None, data_key: str, *transforms: dict[str, Any]) -> dict[str, Any]:
    options = {} if metric is None else {"options": {"metric": metric}}
    head = {"name": "rel", "level": "global", "type": "neighbor", "field": data_key}
    return {**head, **options, "transforms": list(transforms)}
