"""Parametric UMAP."""

from __future__ import annotations

from typing import Literal, Unpack

import torch

from paradime.estimators.common import Common
from paradime.estimators.composition import Composition, fuzzy_neighbors, kernel_of_pairs
from paradime.estimators.initialization import INIT_BATCHES, InitialPositions
from paradime.estimators.preset import Preset
from paradime.loss import RelationLoss, cross_entropy_loss
from paradime.training import TrainingPhase
from paradime.transforms import ModifiedCauchyTransform
from paradime.types import Metric, TensorLike

__all__ = ["ParametricUMAP"]


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
            (:func:`~paradime.training.steps_for`), ``"short"`` for a half to a quarter of these
            (:func:`~paradime.training.short_steps_for`).
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

    def __init__(
        self,
        n_neighbors: int = 15,
        min_dist: float = 0.01,
        spread: float = 1.0,
        a: float | torch.Tensor | None = None,
        b: float | torch.Tensor | None = None,
        metric: Metric = "euclidean",
        initialization: str | TensorLike | None = "pca",
        epochs: int | Literal["auto", "short"] = "auto",
        init_epochs: int = 10,
        batch_size: int | Literal["auto"] = "auto",
        init_batch_size: int | Literal["auto"] = "auto",
        negative_sampling_rate: int = 30,
        negatives: Literal["random", "batch", "degree"] = "batch",
        learning_rate: float = 0.01,
        init_learning_rate: float = 0.005,
        **settings: Unpack[Common],
    ) -> None:
        super().__init__(**settings)
        self.n_neighbors = n_neighbors
        self.min_dist = min_dist
        self.spread = spread
        self.a = a
        self.b = b
        self.metric = metric
        self.initialization = initialization
        self.epochs = epochs
        self.init_epochs = init_epochs
        self.batch_size = batch_size
        self.init_batch_size = init_batch_size
        self.negative_sampling_rate = negative_sampling_rate
        self.negatives = negatives
        self.learning_rate = learning_rate
        self.init_learning_rate = init_learning_rate

    def _compose(self) -> Composition:
        main = TrainingPhase(
            "embedding",
            epochs=self.epochs,
            batch_size=self.batch_size,
            sampling="negative_edge",
            neg_sampling_rate=self.negative_sampling_rate,
            negatives=self.negatives,
            loss_keys=["embedding"],
            learning_rate=self.learning_rate,
            schedule="one cycle",
        )
        init = InitialPositions.of(
            self,
            batch_size=self.init_batch_size,
            learning_rate=self.init_learning_rate,
            batches_per_epoch=INIT_BATCHES,
            loss_key=f"{self.initialization}_init",
        )
        kernel = ModifiedCauchyTransform(self.min_dist, self.spread, self.a, self.b)
        return Composition(
            model=self._network(),
            derived_data=init.derived_data,
            global_relations={"rel": fuzzy_neighbors(self.n_neighbors, self.metric, self.data_key)},
            batch_relations={"rel": kernel_of_pairs(kernel, self.data_key)},
            losses={**init.losses, "embedding": RelationLoss(cross_entropy_loss)},
            training_phases=[*init.training_phases, main],
        )
