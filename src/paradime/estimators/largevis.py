"""Parametric LargeVis."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal, Unpack

from paradime.estimators._parts import (
    INIT_SCALE,
    edge_phase,
    initial_positions,
    kernel_from_to,
    network_section,
    position_phase,
    probable_neighbors,
)
from paradime.estimators.preset import Common, Preset
from paradime.types import Metric, TensorLike

__all__ = ["ParametricLargeVis", "largevis_spec"]

_CLIP_NORM = 0.1  # negatives that lie close by are repelled without measure, and would spoil many steps


def largevis_spec(
    *,
    perplexity: float | Literal["auto"] = "auto",
    gamma: float = 7.0,
    negative_sampling_rate: int = 5,
    metric: Metric = "euclidean",
    n_components: int = 2,
    hidden_dims: int | Sequence[int] | None = None,
    initialization: str | None = "pca",
    epochs: int = 600,
    init_epochs: int = 10,
    batch_size: int = 100,
    learning_rate: float = 0.01,
    data_key: str = "main",
    activation: str = "relu",
    network: Literal["centers", "mlp"] = "centers",
) -> dict[str, Any]:
    """Returns parametric LargeVis as a specification in the grammar; the parameters are those of the estimator.

    Source: Tang et al., "Visualizing large-scale and high-dimensional data", 2016.

    Example:
        >>> largevis_spec(gamma=3.0)["losses"][-1]["options"]
        {'function_options': {'gamma': 3.0}}
    """
    init_losses, init_phases = position_phase(
        initialization, epochs=init_epochs, batch_size=batch_size, learning_rate=learning_rate, data_key=data_key
    )
    loss = {
        "type": "relation",
        "func": "largevis",
        "keys": {"rels": ["rel", "rel"]},
        "options": {"function_options": {"gamma": gamma}},
    }
    phase = edge_phase(
        epochs=epochs,
        batch_size=batch_size,
        neg_sampling_rate=negative_sampling_rate,
        negatives="degree",
        learning_rate=learning_rate,
        schedule="linear",
    )
    return {
        "derived data": initial_positions(initialization, n_components, data_key, INIT_SCALE),
        "relations": [
            probable_neighbors(perplexity, metric, data_key),
            kernel_from_to(data_key, "t-dist", {"alpha": 1.0}),
        ],
        "model": network_section(n_components, hidden_dims, activation, network),
        "losses": [*init_losses, {"name": "embedding", **loss}],
        "training phases": [*init_phases, {**phase, "clip norm": _CLIP_NORM}],
    }


class ParametricLargeVis(Preset):
    """Parametric LargeVis: the edges of t-SNE's neighbour graph are told from pairs with frequent points.

    Args:
        perplexity: Effective number of neighbours, in (1, n); ``"auto"`` for 30, or for a third of the points if
            that is less. The paper has 50, for data of more than 100,000 points.
        gamma: How much negatives count beside edges, > 0; the paper's 7 spreads the points widely.
        negative_sampling_rate: Negatives for each edge; drawn in proportion to their degree to the power of 3/4.
        metric: The distance between rows, by which neighbours are searched: ``"euclidean"``, ``"cosine"``,
            ``"manhattan"``, another name that SciPy or PyNNDescent knows, or a function of two rows.
            ``"haversine"`` takes two columns, latitude and longitude in radians.
        initialization: Positions to teach first: ``"pca"``, ``"spectral"``, the name of an entry of the data that
            holds them, or an array of shape (n, n_components); none with ``None``.
        epochs: Epochs of the main phase, each of about n pairs, n/(1 + rate) of them edges.
        init_epochs: Epochs of the phase that teaches positions.
        batch_size: Edges in a batch of the main phase, rows in one of the first.
        learning_rate: Learning rate at the beginning; it falls to 0 linearly.
        **settings: What all presets take; see :class:`Preset`.

    Source: Tang, Liu, Zhang, Mei, "Visualizing large-scale and high-dimensional data", 2016. There, the
    gradient of each pair is clipped; here, it is the gradient of a step, to a norm of 0.1.

    Example:
        >>> from sklearn.datasets import load_iris
        >>> routine = ParametricLargeVis(perplexity=20, epochs=2, random_state=0)
        >>> routine.fit_transform(load_iris().data).shape
        (150, 2)
    """

    make_spec = staticmethod(largevis_spec)

    def __init__(
        self,
        perplexity: float | Literal["auto"] = "auto",
        gamma: float = 7.0,
        negative_sampling_rate: int = 5,
        metric: Metric = "euclidean",
        initialization: str | TensorLike | None = "pca",
        epochs: int = 600,
        init_epochs: int = 10,
        batch_size: int = 100,
        learning_rate: float = 0.01,
        **settings: Unpack[Common],
    ) -> None:
        self._store(locals())
