"""Parametric PaCMAP."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal, Unpack

from paradime.estimators._parts import (
    INIT_SCALE,
    initial_positions,
    neighbor_relations,
    network_section,
    position_phase,
)
from paradime.estimators.preset import Common, Preset
from paradime.types import Metric, TensorLike

__all__ = ["ParametricPaCMAP", "pacmap_spec"]

_STAGES = (100, 100, 250)  # iterations in the paper
# weights of near, mid-near and far pairs in the three stages; a pair of numbers is a change over the stage
_WEIGHTS: tuple[list[Any], ...] = ([2, [1000, 3], 1], [3, 3, 1], [1, 0, 1])


def pacmap_spec(
    *,
    n_neighbors: int = 10,
    mn_ratio: float = 0.5,
    fp_ratio: float = 2.0,
    mid_near: Literal["attract", "repel"] = "attract",
    metric: Metric = "euclidean",
    n_components: int = 2,
    hidden_dims: int | Sequence[int] | None = None,
    initialization: str | None = "pca",
    epochs: int = 45,
    init_epochs: int = 10,
    batch_size: int = 64,
    learning_rate: float = 0.005,
    data_key: str = "main",
    activation: str = "relu",
    network: Literal["centers", "mlp"] = "centers",
) -> dict[str, Any]:
    """Returns parametric PaCMAP as a specification in the grammar; the parameters are those of the estimator.

    Source: Wang et al., "Understanding how dimension reduction tools work", 2021.

    Example:
        >>> [phase["loss"]["weights"] for phase in pacmap_spec()["training phases"][1:]]
        [[2, [1000, 3], 1], [3, 3, 1], [1, 1]]
    """
    init_losses, init_phases = position_phase(
        initialization, epochs=init_epochs, batch_size=batch_size, learning_rate=learning_rate, data_key=data_key
    )
    sampling = {
        "near_key": "rel",
        "n_near": n_neighbors,
        "n_mid": max(1, round(mn_ratio * n_neighbors)),
        "n_far": max(1, round(fp_ratio * n_neighbors)),
        "data_key": data_key,
        "batch_size": batch_size,
    }
    return {
        "derived data": initial_positions(initialization, n_components, data_key, INIT_SCALE),
        "relations": [
            neighbor_relations(
                metric, data_key, {"type": "local scaling", "options": {"n_neighbors": n_neighbors}}
            )
        ],
        "model": network_section(n_components, hidden_dims, activation, network),
        "losses": [*init_losses, *_losses(mid_near, data_key)],
        "training phases": [*init_phases, *_stages(mid_near, epochs, sampling, learning_rate)],
    }


def _losses(mid_near: str, data_key: str) -> list[dict[str, Any]]:
    kinds = [("near", "attraction", "near"), ("mid", "attraction", "mid"), ("far", "repulsion", "far")]
    if mid_near == "repel":
        kinds.append(("hard", "repulsion", "mid"))
    elif mid_near != "attract":
        raise ValueError(f"mid_near must be 'attract' or 'repel', got {mid_near!r}.")
    return [
        {"name": name, "type": kind, "keys": {"data": [data_key]}, "options": {"kind": pairs}}
        for name, kind, pairs in kinds
    ]


def _stages(mid_near: str, epochs: int, sampling: dict[str, Any], learning_rate: float) -> list[dict[str, Any]]:
    if epochs < len(_STAGES):
        raise ValueError(f"epochs must be at least {len(_STAGES)}, one a stage, got {epochs}.")
    first = [max(1, round(epochs * part / sum(_STAGES))) for part in _STAGES[:-1]]
    lengths = [*first, epochs - sum(first)]
    phases = []
    for i, (length, weights) in enumerate(zip(lengths, _WEIGHTS, strict=True)):
        chosen = dict(zip(("near", "mid", "far"), weights, strict=True))
        if i == len(_STAGES) - 1:
            # mid-near pairs are the negatives that are hardest to tell from neighbours
            del chosen["mid"]
            if mid_near == "repel":
                chosen["hard"] = 1
        phases.append(
            {
                "name": f"stage {i + 1}",
                "epochs": length,
                "sampling": {"type": "near mid far", "options": sampling},
                "optimizer": {"type": "adam", "options": {"learning_rate": learning_rate}},
                "schedule": "cosine" if i == len(_STAGES) - 1 else "constant",
                "loss": {"components": list(chosen), "weights": list(chosen.values())},
            }
        )
    return phases


class ParametricPaCMAP(Preset):
    """Parametric PaCMAP: near, mid-near and far pairs in three stages, from the global structure to the local one.

    Args:
        n_neighbors: Near pairs of each point, > 0; n − 1, with a warning, if there are not so many points.
        mn_ratio: Mid-near pairs for each near pair, > 0.
        fp_ratio: Far pairs for each near pair, > 0.
        mid_near: What mid-near pairs do in the last stage: ``"attract"`` for nothing any more, as in PaCMAP, or
            ``"repel"`` for hard negatives, which keeps neighbourhoods that a network would blur apart.
        metric: The distance between rows, by which neighbours are searched: ``"euclidean"``, ``"cosine"``,
            ``"manhattan"``, another name that SciPy or PyNNDescent knows, or a function of two rows.
            ``"haversine"`` takes two columns, latitude and longitude in radians.
        initialization: Positions to teach first: ``"pca"``, the name of an entry of the data that holds them, or
            an array of shape (n, n_components); none with ``None``.
        epochs: Epochs of the three stages together, at least 3.
        init_epochs: Epochs of the phase that teaches positions.
        batch_size: Points in a batch, each with all its pairs.
        learning_rate: Learning rate; in the last stage it falls to 0 along a cosine.
        **settings: What all presets take; see :class:`Preset`.

    Source: Wang, Huang, Rudin, Shaposhnik, "Understanding how dimension reduction tools work", 2021; for hard
    negatives, Huang, Wang, Rudin, "Navigating the effect of parametrization for dimensionality reduction", 2024.

    Example:
        >>> from sklearn.datasets import load_iris
        >>> routine = ParametricPaCMAP(epochs=3, random_state=0)
        >>> routine.fit_transform(load_iris().data).shape
        (150, 2)
    """

    make_spec = staticmethod(pacmap_spec)

    def __init__(
        self,
        n_neighbors: int = 10,
        mn_ratio: float = 0.5,
        fp_ratio: float = 2.0,
        mid_near: Literal["attract", "repel"] = "attract",
        metric: Metric = "euclidean",
        initialization: str | TensorLike | None = "pca",
        epochs: int = 45,
        init_epochs: int = 10,
        batch_size: int = 64,
        learning_rate: float = 0.005,
        **settings: Unpack[Common],
    ) -> None:
        self._store(locals())
