"""Parametric UMAP."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal, Unpack

import torch

from paradime.estimators._parts import (
    INIT_BATCHES,
    INIT_SCALE,
    edge_phase,
    fuzzy_neighbors,
    initial_positions,
    kernel_from_to,
    network_section,
    position_phase,
)
from paradime.estimators.preset import Common, Preset
from paradime.types import Metric, TensorLike

__all__ = ["ParametricUMAP", "umap_spec"]


def umap_spec(
    *,
    n_neighbors: int = 15,
    min_dist: float = 0.01,
    spread: float = 1.0,
    a: float | torch.Tensor | None = None,
    b: float | torch.Tensor | None = None,
    metric: Metric = "euclidean",
    n_components: int = 2,
    hidden_dims: int | Sequence[int] | None = None,
    initialization: str | None = "pca",
    epochs: int | Literal["auto"] = "auto",
    init_epochs: int = 10,
    batch_size: int | Literal["auto"] = "auto",
    init_batch_size: int | Literal["auto"] = "auto",
    negative_sampling_rate: int = 30,
    negatives: Literal["random", "batch", "degree"] = "batch",
    learning_rate: float = 0.01,
    init_learning_rate: float = 0.005,
    data_key: str = "main",
    activation: str = "relu",
    network: Literal["centers", "mlp"] = "centers",
) -> dict[str, Any]:
    """Returns parametric UMAP as a specification in the grammar; the parameters are those of the estimator.

    Source: Sainburg, McInnes, Gentner, "Parametric UMAP embeddings", 2021.

    Example:
        >>> umap_spec(n_neighbors=50)["relations"][0]["transforms"][0]
        {'type': 'connect', 'options': {'n_neighbors': 50}}
    """
    init_losses, init_phases = position_phase(
        initialization,
        epochs=init_epochs,
        batch_size=init_batch_size,
        learning_rate=init_learning_rate,
        data_key=data_key,
        batches_per_epoch=INIT_BATCHES,
        loss_name=f"{initialization}_init",
    )
    loss = {"type": "relation", "func": "umap cross entropy", "keys": {"rels": ["rel", "rel"]}}
    phase = edge_phase(
        epochs=epochs,
        batch_size=batch_size,
        neg_sampling_rate=negative_sampling_rate,
        negatives=negatives,
        learning_rate=learning_rate,
        schedule="one cycle",
    )
    kernel = {"min_dist": min_dist, "spread": spread, "a": a, "b": b}
    return {
        "derived data": initial_positions(initialization, n_components, data_key, INIT_SCALE),
        "relations": [
            fuzzy_neighbors(n_neighbors, metric, data_key),
            kernel_from_to(data_key, "modified cauchy", kernel),
        ],
        "model": network_section(n_components, hidden_dims, activation, network),
        "losses": [*init_losses, {"name": "embedding", **loss}],
        "training phases": [*init_phases, phase],
    }


class ParametricUMAP(Preset):
    """Parametric UMAP: the network learns initial positions, then to keep the edges of a neighbour graph short.

    Relations and losses can be reused in other routines before (or without) training: global relations
    ``"rel"``, batch relations ``"rel"``, losses ``"spectral_init"`` or ``"pca_init"``, and
    ``"embedding"``.

    Args:
        n_neighbors: Number of neighbours, > 2 and below n.
        min_dist: Distance in the embedding up to which points count as fully similar, in [0, 3 × spread).
        spread: Scale of the decay beyond, > 0.
        a: Parameter of the kernel; fitted to ``min_dist`` and ``spread`` if ``None``.
        b: Parameter of the kernel, likewise.
        metric: The distance between rows, by which neighbours are searched: ``"euclidean"``, ``"cosine"``,
            ``"manhattan"``, another name that SciPy or PyNNDescent knows, or a function of two rows.
            ``"haversine"`` takes two columns, latitude and longitude in radians.
        initialization: Positions to learn first: ``"pca"``, ``"spectral"``, the name of an entry of the data that
            holds them, or an array of shape (n, n_components); none with ``None``.
        epochs: Epochs of the main phase; ``"auto"`` for as many as take the steps that data of this size need
            (:func:`~paradime.training.steps_for`).
        init_epochs: Epochs, of 30 batches each, of the phase that learns positions.
        batch_size: Positive edges in a batch of the main phase; ``"auto"`` for
            :func:`~paradime.training.batch_size_for`.
        init_batch_size: Rows in a batch of the first phase; ``"auto"`` for the same rule.
        negative_sampling_rate: Negatives for each edge.
        negatives: Where negatives come from: ``"batch"`` for points of the same batch, which cost nothing to
            encode, ``"random"`` for all points, or ``"degree"`` for all points by their weight in the graph.
        learning_rate: The largest learning rate of the main phase; it rises to it, and falls, in one cycle.
        init_learning_rate: Learning rate of the first phase.
        **settings: What all presets take; see :class:`Preset`.

    Source: Sainburg, McInnes, Gentner, "Parametric UMAP embeddings for representation and semisupervised
    learning", 2021.

    Example:
        >>> from sklearn.datasets import load_iris
        >>> X = load_iris().data
        >>> umap = ParametricUMAP(n_neighbors=30, initialization="pca", epochs=2, random_state=0)
        >>> umap.fit_transform(X).shape
        (150, 2)
    """

    make_spec = staticmethod(umap_spec)

    def __init__(
        self,
        n_neighbors: int = 15,
        min_dist: float = 0.01,
        spread: float = 1.0,
        a: float | torch.Tensor | None = None,
        b: float | torch.Tensor | None = None,
        metric: Metric = "euclidean",
        initialization: str | TensorLike | None = "pca",
        epochs: int | Literal["auto"] = "auto",
        init_epochs: int = 10,
        batch_size: int | Literal["auto"] = "auto",
        init_batch_size: int | Literal["auto"] = "auto",
        negative_sampling_rate: int = 30,
        negatives: Literal["random", "batch", "degree"] = "batch",
        learning_rate: float = 0.01,
        init_learning_rate: float = 0.005,
        **settings: Unpack[Common],
    ) -> None:
        self._store(locals())
