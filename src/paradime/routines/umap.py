"""Parametric UMAP."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Unpack

import torch

from paradime.data import Dataset
from paradime.routines._parts import fuzzy_neighbors, initial_positions, network, position_phase
from paradime.routines._preset import Extras, Preset
from paradime.types import Data

__all__ = ["ParametricUMAP", "umap_spec"]


def umap_spec(
    *,
    n_neighbors: int = 30,
    min_dist: float = 0.01,
    spread: float = 1.0,
    a: float | torch.Tensor | None = None,
    b: float | torch.Tensor | None = None,
    out_dim: int = 2,
    hidden_dims: Sequence[int] = (100, 50),
    initialization: str | None = "spectral",
    epochs: int = 30,
    init_epochs: int = 5,
    batch_size: int = 10,
    negative_sampling_rate: int = 5,
    init_batch_size: int = 100,
    learning_rate: float = 0.005,
    init_learning_rate: float = 0.05,
    data_key: str = "main",
    activation: str = "softplus",
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
    )
    kernel = {"min_dist": min_dist, "spread": spread, "a": a, "b": b}
    sampling = {"batch_size": batch_size, "edge_rel_key": "rel", "neg_sampling_rate": negative_sampling_rate}
    return {
        "derived data": initial_positions(initialization, out_dim, data_key),
        "relations": [
            fuzzy_neighbors(n_neighbors, None, data_key),
            {
                "name": "rel",
                "level": "batch",
                "type": "fromto",
                "field": data_key,
                "transforms": [{"type": "modified cauchy", "options": kernel}],
            },
        ],
        "model": network(out_dim, hidden_dims, activation),
        "losses": [
            *init_losses,
            {
                "name": "embedding",
                "type": "relation",
                "func": "umap cross entropy",
                "keys": {"rels": ["rel", "rel"]},
            },
        ],
        "training phases": [
            *init_phases,
            {
                "name": "embedding",
                "epochs": epochs,
                "sampling": {"type": "edge", "options": sampling},
                "optimizer": {"type": "adam", "options": {"learning_rate": learning_rate}},
                "loss": {"components": ["embedding"]},
            },
        ],
    }


class ParametricUMAP(Preset):
    """Parametric UMAP: the network learns spectral positions, then to keep the edges of a neighbour graph short.

    Relations and losses can be reused in other routines before (or without) training: global relations
    ``"rel"``, batch relations ``"rel"``, losses ``"init"`` and ``"embedding"``.

    Args:
        n_neighbors: Number of neighbours, > 2 and below n.
        min_dist: Distance in the embedding up to which points count as fully similar, in [0, 3 × spread).
        spread: Scale of the decay beyond, > 0.
        a: Parameter of the kernel; fitted to ``min_dist`` and ``spread`` if ``None``.
        b: Parameter of the kernel, likewise.
        model: Any torch module; a fully connected network if ``None``.
        in_dim: Number of columns of the data, for that network; taken from the data if ``None``.
        out_dim: Number of dimensions of the embedding.
        hidden_dims: Widths of that network's hidden layers.
        initialization: Positions to teach first: ``"pca"``, ``"spectral"``, or none with ``None``.
        epochs: Epochs of the main phase.
        init_epochs: Epochs of the phase that teaches positions.
        batch_size: Positive edges in a batch of the main phase.
        negative_sampling_rate: Negatives for each edge.
        init_batch_size: Rows in a batch of the first phase.
        learning_rate: Learning rate of the main phase.
        init_learning_rate: Learning rate of the first phase.
        data_key: The entry of the data set that is embedded.
        dataset: Data to train on when ``train()`` is called without any.
        use_cuda: Whether to require CUDA.
        verbose: Whether to log what is done.
        activation: The function between that network's layers; see :data:`~paradime.models.ACTIVATIONS`.
        **settings: ``decoder``, ``classifier``, ``density``, ``structure``, ``loss_shares``, ``device``,
            ``random_state``, ``callbacks``: as in :class:`Preset`.

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
        n_neighbors: int = 30,
        min_dist: float = 0.01,
        spread: float = 1.0,
        a: float | torch.Tensor | None = None,
        b: float | torch.Tensor | None = None,
        model: torch.nn.Module | None = None,
        in_dim: int | None = None,
        out_dim: int = 2,
        hidden_dims: Sequence[int] = (100, 50),
        initialization: str | None = "spectral",
        epochs: int = 30,
        init_epochs: int = 5,
        batch_size: int = 10,
        negative_sampling_rate: int = 5,
        init_batch_size: int = 100,
        learning_rate: float = 0.005,
        init_learning_rate: float = 0.05,
        data_key: str = "main",
        dataset: Dataset | Data | None = None,
        use_cuda: bool = False,
        verbose: bool = False,
        *,
        activation: str = "softplus",
        **settings: Unpack[Extras],
    ) -> None:
        self._store(locals())
