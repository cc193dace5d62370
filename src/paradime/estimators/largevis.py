"""Parametric LargeVis."""

from __future__ import annotations

from typing import Literal, Unpack

from paradime.estimators.common import Common
from paradime.estimators.composition import Composition, kernel_of_pairs, probable_neighbors
from paradime.estimators.initialization import InitialPositions
from paradime.estimators.preset import Preset
from paradime.loss import RelationLoss, largevis_loss
from paradime.training import TrainingPhase
from paradime.transforms import StudentTTransform
from paradime.types import Metric, TensorLike

__all__ = ["ParametricLargeVis"]

_CLIP_NORM = 0.1  # the repulsion of very close negatives has no bound, and would spoil many steps


class ParametricLargeVis(Preset):
    """Parametric LargeVis: the edges of t-SNE's neighbour graph are distinguished from pairs with frequent points.

    Args:
        perplexity: Effective number of neighbours, in (1, n); ``"auto"`` for 30, or for a third of the points if
            that is less. The paper has 50, for data of more than 100,000 points.
        gamma: How much negatives count beside edges, > 0; the paper's 7 spreads the points widely.
        negative_sampling_rate: Negatives for each edge; drawn in proportion to their degree to the power of 3/4.
        metric: The distance between rows, by which neighbours are searched: ``"euclidean"``, ``"cosine"``,
            ``"manhattan"``, another name that SciPy or PyNNDescent knows, or a function of two rows.
            ``"haversine"`` takes two columns, latitude and longitude in radians.
        initialization: Positions to learn first: ``"pca"``, ``"spectral"``, the name of an entry of the data that
            holds them, or an array of shape (n, n_components); none with ``None``.
        epochs: Epochs of the main phase, each of about n pairs, n/(1 + rate) of them edges.
        init_epochs: Epochs of the phase that learns positions.
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
        super().__init__(**settings)
        self.perplexity = perplexity
        self.gamma = gamma
        self.negative_sampling_rate = negative_sampling_rate
        self.metric = metric
        self.initialization = initialization
        self.epochs = epochs
        self.init_epochs = init_epochs
        self.batch_size = batch_size
        self.learning_rate = learning_rate

    def _compose(self) -> Composition:
        main = TrainingPhase(
            "embedding",
            epochs=self.epochs,
            batch_size=self.batch_size,
            sampling="negative_edge",
            neg_sampling_rate=self.negative_sampling_rate,
            negatives="degree",
            loss_keys=["embedding"],
            learning_rate=self.learning_rate,
            schedule="linear",
            clip_norm=_CLIP_NORM,
        )
        init = InitialPositions.of(self)
        loss = RelationLoss(largevis_loss, function_options={"gamma": self.gamma})
        return Composition(
            model=self._network(),
            derived_data=init.derived_data,
            global_relations={"rel": probable_neighbors(self.perplexity, self.metric, self.data_key)},
            batch_relations={"rel": kernel_of_pairs(StudentTTransform(1.0), self.data_key)},
            losses={**init.losses, "embedding": loss},
            training_phases=[*init.training_phases, main],
        )
