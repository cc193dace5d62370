"""Sections that the specifications of several presets have, and settings of their phases."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal

from paradime.loss import Loss, PositionLoss
from paradime.spec.values import listed
from paradime.training import EarlyStopping, Schedule, TrainingPhase
from paradime.types import Metric

__all__ = [
    "COMPUTED_POSITIONS",
    "INIT_BATCHES",
    "INIT_SCALE",
    "contrastive_phase",
    "edge_phase",
    "fuzzy_neighbors",
    "initial_positions",
    "item_phase",
    "kernel_from_to",
    "neighbor_relations",
    "network_section",
    "position_phase",
    "probable_neighbors",
    "steps_settings",
    "with_steps",
]

INIT_SCALE = 1.0  # of positions that are taught first, in units of the kernel's width
INIT_BATCHES = 30  # in an epoch of the phase that teaches positions, whatever the number of rows
COMPUTED_POSITIONS = ("pca", "spectral")


def network_section(
    out_dim: int, hidden_dims: int | Sequence[int] | None, activation: str, kind: str = "mlp"
) -> dict[str, Any]:
    """Returns the section of the network, which scales its input; its own rule gives widths that are ``None``."""
    options: dict[str, Any] = {"out_dim": out_dim, "activation": activation}
    if hidden_dims is not None:
        options["hidden_dims"] = list(listed(hidden_dims))
    if kind == "mlp":
        options["standardize"] = True  # the network with centres always does
    return {"type": kind, "options": options}


def initial_positions(
    initialization: str | None, out_dim: int, data_key: str, scale: float | None = None
) -> list[dict[str, Any]]:
    """Returns the derived data that a model is taught first: none, or one entry that is named as its method.

    Positions that are an entry of the data are not derived. Principal components are brought to a scale, if one is
    given, so that the data's own does not matter.
    """
    if initialization not in COMPUTED_POSITIONS:
        return []
    source = ["data", data_key] if initialization == "pca" else ["rels", "rel"]
    options: dict[str, Any] = {"n_components": out_dim}
    if scale is not None and initialization == "pca":
        options["scale"] = scale
    return [
        {
            "name": initialization,
            "data func": initialization,
            "keys": [source],
            "options": options,
        }
    ]


def position_phase(
    initialization: str | None,
    *,
    epochs: int,
    batch_size: int | str,
    learning_rate: float,
    data_key: str,
    batches_per_epoch: int = -1,
    loss_name: str = "init",
    in_unit: bool = False,
) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """Returns the loss and the phase that teach initial positions, each as a list: empty if there are none.

    Positions ``in_unit`` are in the model's unit: they have a scale, and distances of the data another unit.
    """
    if initialization is None:
        return [], []
    loss = {
        "name": loss_name,
        "type": "position",
        "func": "mse",
        "keys": {"data": [data_key, initialization], "methods": ["embed"]},
        **({"options": {"in_unit": True}} if in_unit else {}),
    }
    phase = item_phase(
        f"{initialization}_init",
        [loss_name],
        epochs=epochs,
        batch_size=batch_size,
        learning_rate=learning_rate,
        batches_per_epoch=batches_per_epoch,
    )
    return [loss], [phase]


def item_phase(
    name: str,
    components: Sequence[str],
    *,
    epochs: int | str,
    batch_size: int | str,
    learning_rate: float,
    schedule: str = "constant",
    batches_per_epoch: int = -1,
) -> dict[str, Any]:
    """Returns a phase of batches of rows."""
    size: dict[str, Any] = {"batch_size": batch_size}
    if batches_per_epoch > 0:
        size["batches_per_epoch"] = batches_per_epoch
    return {
        "name": name,
        "epochs": epochs,
        "sampling": {"type": "item", "options": size},
        "optimizer": {"type": "adam", "options": {"learning_rate": learning_rate}},
        "schedule": schedule,
        "loss": {"components": list(components)},
    }


def edge_phase(
    *, epochs: int | str, learning_rate: float, schedule: str = "constant", **sampling: Any
) -> dict[str, Any]:
    """Returns the phase of a loss ``"embedding"`` on edges of the relations ``"rel"`` and their negatives."""
    return {
        "name": "embedding",
        "epochs": epochs,
        "sampling": {"type": "edge", "options": {"edge_rel_key": "rel", **sampling}},
        "optimizer": {"type": "adam", "options": {"learning_rate": learning_rate}},
        "schedule": schedule,
        "loss": {"components": ["embedding"]},
    }


def kernel_from_to(data_key: str, kind: str, options: dict[str, Any]) -> dict[str, Any]:
    """Returns the batch relations ``"rel"``: a kernel of the distances between the ends of embedded pairs."""
    transforms = [{"type": kind, "options": options}]
    return {"name": "rel", "level": "batch", "type": "fromto", "field": data_key, "transforms": transforms}


def contrastive_phase(
    *, epochs: int | str, batch_size: int | str, learning_rate: float, schedule: str = "one cycle"
) -> dict[str, Any]:
    """Returns the phase of a contrastive loss ``"embedding"`` on pairs of the relations ``"rel"``."""
    return {
        "name": "embedding",
        "epochs": epochs,
        "sampling": {"type": "contrastive", "options": {"rel_key": "rel", "batch_size": batch_size}},
        "optimizer": {"type": "adam", "options": {"learning_rate": learning_rate}},
        "schedule": schedule,
        "loss": {"components": ["embedding"]},
    }


def fuzzy_neighbors(n_neighbors: int, metric: Metric, data_key: str) -> dict[str, Any]:
    """Returns the global relations ``"rel"`` of UMAP: fuzzy memberships of neighbours, united."""
    return neighbor_relations(
        metric,
        data_key,
        {"type": "connect", "options": {"n_neighbors": n_neighbors}},
        {"type": "symmetrize", "options": {"subtract_product": True}},
    )


def probable_neighbors(perplexity: float | Literal["auto"], metric: Metric, data_key: str) -> dict[str, Any]:
    """Returns the global relations ``"rel"`` of t-SNE: probabilities of neighbours, symmetric."""
    return neighbor_relations(
        metric,
        data_key,
        {"type": "perplexity", "options": {"perplexity": perplexity}},
        {"type": "symmetrize"},
        {"type": "normalize"},
    )


def neighbor_relations(metric: Metric, data_key: str, *transforms: dict[str, Any]) -> dict[str, Any]:
    """Returns the global relations ``"rel"`` of neighbours by a metric, transformed."""
    options = {} if metric == "euclidean" else {"options": {"metric": metric}}
    head = {"name": "rel", "level": "global", "type": "neighbor", "field": data_key}
    return {**head, **options, "transforms": list(transforms)}


def steps_settings(
    early_stopping: bool | EarlyStopping, clip_norm: float | None, schedule: str | Schedule | None
) -> dict[str, Any]:
    """Returns the settings of phases that a user has changed.

    Args:
        early_stopping: Whether phases end early and keep their best weights, or when.
        clip_norm: The largest norm of the gradient.
        schedule: How the learning rate changes.

    Raises:
        ValueError: If ``early_stopping`` is neither.

    Example:
        >>> steps_settings(False, 1.0, None)
        {'clip_norm': 1.0}
    """
    if not isinstance(early_stopping, (bool, EarlyStopping)):
        raise ValueError(
            f"early_stopping must be True, False or an EarlyStopping, got {early_stopping!r}. "
            "Pass EarlyStopping(patience=…)."
        )
    settings: dict[str, Any] = {}
    if early_stopping:
        automatic = EarlyStopping(monitor="auto", restore_best=True)
        settings["early_stopping"] = early_stopping if isinstance(early_stopping, EarlyStopping) else automatic
    if clip_norm is not None:
        settings["clip_norm"] = clip_norm
    if schedule is not None:
        settings["schedule"] = schedule
    return settings


def with_steps(
    phases: Sequence[TrainingPhase], losses: Mapping[str, Loss], settings: Mapping[str, Any]
) -> list[TrainingPhase]:
    """Returns phases with some settings changed, except those that only teach positions."""
    return [
        phase
        if not settings or all(isinstance(losses[key], PositionLoss) for key in phase.loss_keys)
        else phase.replace(**settings)
        for phase in phases
    ]
