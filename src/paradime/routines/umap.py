"""Parametric UMAP."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, Literal, Unpack

import torch

from paradime.data import Dataset
from paradime.routines._parts import (
    INIT_BATCHES,
    INIT_SCALE,
    edge_phase,
    fuzzy_neighbors,
    initial_positions,
    kernel_from_to,
    network_section,
    position_phase,
)
from paradime.routines._preset import FIT_DEFAULTS, Extras, Preset
from paradime.routines._unsaid import unsaid
from paradime.training import Schedule
from paradime.types import Data, Metric, TensorLike

__all__ = ["ParametricUMAP", "umap_spec"]


def umap_spec(
    *,
    n_neighbors: int = 30,
    min_dist: float = 0.01,
    spread: float = 1.0,
    a: float | torch.Tensor | None = None,
    b: float | torch.Tensor | None = None,
    out_dim: int = 2,
    hidden_dims: int | Sequence[int] | None = (100, 50),
    initialization: str | None = "spectral",
    epochs: int | Literal["auto"] = 30,
    init_epochs: int = 5,
    batch_size: int | Literal["auto"] = 10,
    negative_sampling_rate: int = 5,
    init_batch_size: int | Literal["auto"] = 100,
    learning_rate: float = 0.005,
    init_learning_rate: float = 0.05,
    data_key: str = "main",
    activation: str = "softplus",
    network: Literal["landmarks", "mlp"] = "mlp",
    negatives: Literal["random", "batch", "degree"] = "random",
    schedule: str = "constant",
    metric: Metric = "euclidean",
    init_scale: float | None = None,
) -> dict[str, Any]:
    """Returns parametric UMAP as a specification in the grammar; the parameters are those of the estimator.

    One is not: ``init_scale``, the standard deviation of the first of the principal components that are taught
    first, 1 under ``fit``. If ``None``, it is 1 for ``network="landmarks"``, and that of the data otherwise, as in
    ParaDime 1.x.

    Source: Sainburg, McInnes, Gentner, "Parametric UMAP embeddings", 2021.

    Example:
        >>> umap_spec(n_neighbors=50)["relations"][0]["transforms"][0]
        {'type': 'connect', 'options': {'n_neighbors': 50}}
    """
    by_rule = network == "landmarks"
    init_scale = INIT_SCALE if by_rule and init_scale is None else init_scale
    init_losses, init_phases = position_phase(
        initialization,
        epochs=init_epochs,
        batch_size=init_batch_size,
        learning_rate=init_learning_rate,
        data_key=data_key,
        batches_per_epoch=INIT_BATCHES if by_rule else -1,
        loss_name=f"{initialization}_init",
    )
    loss = {"type": "relation", "func": "umap cross entropy", "keys": {"rels": ["rel", "rel"]}}
    phase = edge_phase(
        epochs=epochs,
        batch_size=batch_size,
        neg_sampling_rate=negative_sampling_rate,
        negatives=negatives,
        learning_rate=learning_rate,
        schedule=schedule,
    )
    kernel = {"min_dist": min_dist, "spread": spread, "a": a, "b": b}
    return {
        "derived data": initial_positions(initialization, out_dim, data_key, init_scale),
        "relations": [
            fuzzy_neighbors(n_neighbors, metric, data_key),
            kernel_from_to(data_key, "modified cauchy", kernel),
        ],
        "model": network_section(out_dim, hidden_dims, activation, network),
        "losses": [*init_losses, {"name": "embedding", **loss}],
        "training phases": [*init_phases, phase],
    }


class ParametricUMAP(Preset):
    """Parametric UMAP: the network learns spectral positions, then to keep the edges of a neighbour graph short.

    The signature shows the defaults of ParaDime 1.x, and :meth:`train` keeps them. :meth:`fit` takes its own for
    what nobody has set, ``fit_defaults``: a network with landmarks, and batches and steps by the size of the data.

    Relations and losses can be reused in other routines before (or without) training: global relations
    ``"rel"``, batch relations ``"rel"``, losses ``"spectral_init"`` or ``"pca_init"``, and
    ``"embedding"``.

    Args:
        n_neighbors: Number of neighbours, > 2 and below n.
        min_dist: Distance in the embedding up to which points count as fully similar, in [0, 3 × spread).
        spread: Scale of the decay beyond, > 0.
        a: Parameter of the kernel; fitted to ``min_dist`` and ``spread`` if ``None``.
        b: Parameter of the kernel, likewise.
        model: Any torch module; a fully connected network if ``None``.
        in_dim: Number of columns of the data, for that network; taken from the data if ``None``.
        out_dim: Number of dimensions of the embedding.
        hidden_dims: Widths of that network's hidden layers, a number for a single one; by the number of rows if
            ``None``.
        initialization: Positions to teach first: ``"pca"``, ``"spectral"``, the name of an entry of the data that
            holds them, or an array of shape (n, out_dim); none with ``None``.
        epochs: Epochs of the main phase; ``"auto"`` for as many as take the steps that data of this size need
            (:func:`~paradime.training.steps_for`).
        init_epochs: Epochs of the phase that teaches positions.
        batch_size: Positive edges in a batch of the main phase; ``"auto"`` for
            :func:`~paradime.training.batch_size_for`.
        negative_sampling_rate: Negatives for each edge.
        init_batch_size: Rows in a batch of the first phase.
        learning_rate: Learning rate of the main phase.
        init_learning_rate: Learning rate of the first phase.
        data_key: The entry of the data set that is embedded.
        dataset: Data to train on when ``train()`` is called without any.
        use_cuda: Whether to require CUDA.
        verbose: Whether to log what is done.
        activation: The function between that network's layers; see :data:`~paradime.models.ACTIVATIONS`.
        network: ``"mlp"``, or ``"landmarks"`` for a :class:`~paradime.models.LandmarkModel`.
        negatives: Where negatives come from: ``"random"`` for all points, ``"degree"`` for all points by their
            weight in the graph, or ``"batch"`` for points of the same batch, which cost nothing to encode.
        schedule: How the learning rate changes: ``"constant"``, ``"one cycle"``, another name of the grammar, or a
            :class:`~paradime.training.Schedule`; the default if ``None``.
        metric: The distance between rows, by which neighbours are searched: ``"euclidean"``, ``"cosine"``,
            ``"manhattan"``, another name that SciPy or PyNNDescent knows, or a function of two rows.
            ``"haversine"`` takes two columns, latitude and longitude in radians.
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
    fit_defaults: ClassVar[Mapping[str, Any]] = {
        **FIT_DEFAULTS,
        "initialization": "pca",
        "init_epochs": 10,
        "init_batch_size": "auto",
        "n_neighbors": 15,
        "init_learning_rate": 0.005,
        "negative_sampling_rate": 30,
        "negatives": "batch",
        "schedule": "one cycle",
    }

    def __init__(
        self,
        n_neighbors: int = unsaid(30),
        min_dist: float = 0.01,
        spread: float = 1.0,
        a: float | torch.Tensor | None = None,
        b: float | torch.Tensor | None = None,
        model: torch.nn.Module | None = None,
        in_dim: int | None = None,
        out_dim: int = 2,
        hidden_dims: int | Sequence[int] | None = unsaid((100, 50)),
        initialization: str | TensorLike | None = unsaid("spectral"),  # noqa: B008  a constant
        epochs: int | Literal["auto"] = unsaid(30),
        init_epochs: int = unsaid(5),
        batch_size: int | Literal["auto"] = unsaid(10),
        negative_sampling_rate: int = unsaid(5),
        init_batch_size: int | Literal["auto"] = unsaid(100),
        learning_rate: float = unsaid(0.005),
        init_learning_rate: float = unsaid(0.05),
        data_key: str = "main",
        dataset: Dataset | Data | None = None,
        use_cuda: bool = False,
        verbose: bool = False,
        *,
        activation: str = unsaid("softplus"),
        network: Literal["landmarks", "mlp"] = unsaid("mlp"),
        negatives: Literal["random", "batch", "degree"] = unsaid("random"),
        schedule: str | Schedule | None = unsaid("constant"),  # noqa: B008  a constant
        metric: Metric = "euclidean",
        **settings: Unpack[Extras],
    ) -> None:
        self._store(locals())
