"""Parametric PaCMAP."""

from __future__ import annotations

from typing import Literal, Unpack

from paradime.data import NearMidFarPairs
from paradime.estimators.common import Common
from paradime.estimators.composition import Composition, neighbor_relations
from paradime.estimators.initialization import InitialPositions
from paradime.estimators.preset import Preset
from paradime.loss import AttractionLoss, Loss, RepulsionLoss
from paradime.loss.weights import Weight
from paradime.training import TrainingPhase
from paradime.transforms import LocalScaling
from paradime.types import Metric, TensorLike

__all__ = ["ParametricPaCMAP"]

_STAGES = (100, 100, 250)  # iterations of the three stages in the paper
# of pairs in the three stages; a pair of numbers is a change over the stage
_WEIGHTS: tuple[dict[str, Weight], ...] = (
    {"near": 2.0, "mid": (1000.0, 3.0), "far": 1.0},
    {"near": 3.0, "mid": 3.0, "far": 1.0},
    {"near": 1.0, "far": 1.0},
)


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
        initialization: Positions to learn first: ``"pca"``, the name of an entry of the data that holds them, or
            an array of shape (n, n_components); none with ``None``.
        epochs: Epochs of the three stages together, at least 3.
        init_epochs: Epochs of the phase that learns positions.
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
        super().__init__(**settings)
        self.n_neighbors = n_neighbors
        self.mn_ratio = mn_ratio
        self.fp_ratio = fp_ratio
        self.mid_near = mid_near
        self.metric = metric
        self.initialization = initialization
        self.epochs = epochs
        self.init_epochs = init_epochs
        self.batch_size = batch_size
        self.learning_rate = learning_rate

    def _compose(self) -> Composition:
        near = neighbor_relations(self.metric, self.data_key, LocalScaling(self.n_neighbors))
        stages = self._stages()
        init = InitialPositions.of(self)
        kinds: dict[str, Loss] = {
            "near": AttractionLoss("near", data_key=self.data_key),
            "mid": AttractionLoss("mid", data_key=self.data_key),
            "far": RepulsionLoss("far", data_key=self.data_key),
        }
        if self.mid_near == "repel":
            kinds["hard"] = RepulsionLoss("mid", data_key=self.data_key)
        return Composition(
            model=self._network(),
            derived_data=init.derived_data,
            global_relations={"rel": near},
            losses={**init.losses, **kinds},
            training_phases=[*init.training_phases, *stages],
        )

    def _stages(self) -> list[TrainingPhase]:
        """Returns the three phases, whose lengths are in proportion to those of the paper."""
        if self.epochs < len(_STAGES):
            raise ValueError(f"epochs must be at least {len(_STAGES)}, one per stage, got {self.epochs}.")
        first = [max(1, round(self.epochs * part / sum(_STAGES))) for part in _STAGES[:-1]]
        weights = [dict(stage) for stage in _WEIGHTS]
        if self.mid_near == "repel":
            # mid-near pairs are the negatives that are hardest to distinguish from neighbours
            weights[-1]["hard"] = 1.0
        sampling = NearMidFarPairs(
            n_near=self.n_neighbors,
            n_mid=max(1, round(self.mn_ratio * self.n_neighbors)),
            n_far=max(1, round(self.fp_ratio * self.n_neighbors)),
            data_key=self.data_key,
        )
        return [
            TrainingPhase(
                f"stage {i + 1}",
                epochs=length,
                batch_size=self.batch_size,
                sampling=sampling,
                loss_keys=list(weights[i]),
                loss_weights=list(weights[i].values()),
                learning_rate=self.learning_rate,
                schedule="cosine" if i == len(_STAGES) - 1 else "constant",
            )
            for i, length in enumerate([*first, self.epochs - sum(first)])
        ]
