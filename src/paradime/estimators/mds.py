"""Parametric multidimensional scaling."""

from __future__ import annotations

from typing import Literal, Unpack

from paradime.estimators.common import PLAIN_NETWORK, Common
from paradime.estimators.composition import Composition
from paradime.estimators.initialization import INIT_SCALE, InitialPositions
from paradime.estimators.preset import Preset
from paradime.functional.distances import UNIT_POWERS
from paradime.loss import StressLoss
from paradime.training import TrainingPhase
from paradime.types import BinaryTensorFun, TensorLike

__all__ = ["ParametricMDS"]


class ParametricMDS(Preset):
    """Parametric metric multidimensional scaling: distances in the embedding are those in the data.

    Distances are computed of the rows of each batch: nothing grows with the square of the number of points.

    Args:
        metric: The distance between rows: ``"euclidean"``, ``"sqeuclidean"``, ``"manhattan"``, ``"chebyshev"``,
            ``"cosine"``, or a function of two tensors (m, d) that returns a distance per row.
        weighting: How pairs at distance δ count: ``"none"`` for all alike, ``"sammon"`` for 1/δ, ``"elastic"`` for
            1/δ², which lets near points count as much as far ones.
        linear: Whether to learn a linear map, a projection, in place of a network with hidden layers.
        initialization: Positions to learn first: ``"pca"``, the name of an entry of the data that holds them, or
            an array of shape (n, n_components); none with ``None``.
        epochs: Epochs of the main phase.
        init_epochs: Epochs of the phase that learns positions.
        batch_size: Rows in a batch; all pairs of them are compared.
        learning_rate: Learning rate at the beginning; it falls to 0 along a cosine.
        **settings: What all presets take; see :class:`Preset`.

    Source: Kruskal, "Multidimensional scaling by optimizing goodness of fit", 1964; Sammon, "A nonlinear mapping
    for data structure analysis", 1969.

    Example:
        >>> from sklearn.datasets import load_iris
        >>> mds = ParametricMDS(weighting="sammon", epochs=2, random_state=0)
        >>> mds.fit_transform(load_iris().data).shape
        (150, 2)
    """

    common = PLAIN_NETWORK

    def __init__(
        self,
        metric: str | BinaryTensorFun = "euclidean",
        weighting: Literal["none", "sammon", "elastic"] = "none",
        linear: bool = False,
        initialization: str | TensorLike | None = "pca",
        epochs: int = 150,
        init_epochs: int = 10,
        batch_size: int = 100,
        learning_rate: float = 0.01,
        **settings: Unpack[Common],
    ) -> None:
        super().__init__(**settings)
        self.metric = metric
        self.weighting = weighting
        self.linear = linear
        self.initialization = initialization
        self.epochs = epochs
        self.init_epochs = init_epochs
        self.batch_size = batch_size
        self.learning_rate = learning_rate

    def _compose(self) -> Composition:
        main = TrainingPhase(
            "stress",
            epochs=self.epochs,
            batch_size=self.batch_size,
            loss_keys=["stress"],
            learning_rate=self.learning_rate,
            schedule="cosine",
        )
        stress = StressLoss(self.metric, self.weighting, data_key=self.data_key)
        # principal components have the unit of the data; squared distances and cosines have not
        other_unit = not isinstance(self.metric, str) or UNIT_POWERS.get(self.metric) != 1
        init = InitialPositions.of(self, scale=INIT_SCALE if other_unit else None, in_unit=other_unit)
        return Composition(
            model=self._network(hidden_dims=() if self.linear else self.hidden_dims),
            derived_data=init.derived_data,
            losses={**init.losses, "stress": stress},
            training_phases=[*init.training_phases, main],
        )
