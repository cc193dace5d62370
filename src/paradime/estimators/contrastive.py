"""Parametric contrastive embeddings."""

from __future__ import annotations

from typing import Literal, Unpack

from paradime.data import ContrastivePairs
from paradime.estimators.common import Common
from paradime.estimators.composition import Composition, fuzzy_neighbors
from paradime.estimators.initialization import INIT_BATCHES, InitialPositions
from paradime.estimators.preset import Preset
from paradime.loss import ContrastiveLoss
from paradime.training import TrainingPhase
from paradime.types import Metric, TensorLike

__all__ = ["ParametricContrastive"]

_FEW_NEGATIVES = 5  # of the paper; with many, negative sampling repels neighbours, too


class ParametricContrastive(Preset):
    """Parametric contrastive embedding: pairs of neighbours are distinguished from pairs of any points.

    There are three ways to learn that, of which InfoNCE is the most like t-SNE, and negative sampling leads from
    t-SNE to UMAP and beyond, along the spectrum between repulsion and attraction. Negatives are points of the same
    batch, so that they cost no further encoding.

    Args:
        n_neighbors: Number of neighbours, > 2 and below n.
        kind: ``"infonce"``, ``"nce"`` (noise-contrastive estimation), or ``"negative sampling"``.
        n_negatives: Negatives of each pair, at least 1. If ``None``, all other points of the batch for
            ``"infonce"``, which gains by every one, and 5 for the others, as in the paper.
        spectrum: For negative sampling: 0 for t-SNE's balance of attraction and repulsion, 1 for UMAP's, and
            anything between and beyond. Larger values attract more if there are more than 100 points for each
            negative (with 5, more than 500 points); with fewer points it is the other way round.
        temperature: How much more similar near points are than far ones, > 0; less is more. Among distances,
            above 1 means heavier tails: more neighbours of large data are kept, in a map of many small islands.
        similarity: ``"cauchy"``, of distances, for embeddings in the plane, or ``"cosine"``, of directions, for
            more dimensions.
        metric: The distance between rows, by which neighbours are searched: ``"euclidean"``, ``"cosine"``,
            ``"manhattan"``, another name that SciPy or PyNNDescent knows, or a function of two rows.
            ``"haversine"`` takes two columns, latitude and longitude in radians.
        initialization: Positions to learn first: ``"pca"``, ``"spectral"``, the name of an entry of the data that
            holds them, or an array of shape (n, n_components); none with ``None``.
        epochs: Epochs of the main phase; in each of them, each point is paired with one of its neighbours. With
            ``"auto"``, as many as take the steps that data of this size need
            (:func:`~paradime.training.steps_for`), or with ``refine=True`` those of ``"short"``: a half to a
            quarter of these (:func:`~paradime.training.short_steps_for`).
        init_epochs: Epochs, of 30 batches each, of the phase that learns positions.
        batch_size: Pairs in a batch; with ``"auto"``, by the size of the data
            (:func:`~paradime.training.batch_size_for`).
        learning_rate: The largest learning rate of the main phase; it rises to it, and falls, in one cycle.
        refine: Whether the positions of the training rows move freely under t-SNE's objective once the network is
            trained, which preserves more of their neighbours. New rows are placed by their nearest training rows,
            which the model holds in a short form; ``transform(X, refine=False)`` is the network alone. For up to 3
            dimensions; not for negative sampling, cosine similarity, and other temperatures than 1.
        **settings: What all presets take; see :class:`Preset`.

    Source: Damrich, Böhm, Hamprecht, Kobak, "From t-SNE to UMAP with contrastive learning", 2023.

    Example:
        >>> from sklearn.datasets import load_iris
        >>> routine = ParametricContrastive(epochs=2, random_state=0)
        >>> routine.fit_transform(load_iris().data).shape
        (150, 2)
    """

    def __init__(
        self,
        n_neighbors: int = 15,
        kind: Literal["infonce", "nce", "negative sampling"] = "infonce",
        n_negatives: int | None = None,
        spectrum: float = 1.0,
        temperature: float = 1.0,
        similarity: Literal["cauchy", "cosine"] = "cauchy",
        metric: Metric = "euclidean",
        initialization: str | TensorLike | None = "pca",
        epochs: int | Literal["auto", "short"] = "auto",
        init_epochs: int = 10,
        batch_size: int | Literal["auto"] = "auto",
        learning_rate: float = 0.01,
        refine: bool = False,
        **settings: Unpack[Common],
    ) -> None:
        super().__init__(**settings)
        self.n_neighbors = n_neighbors
        self.kind = kind
        self.n_negatives = n_negatives
        self.spectrum = spectrum
        self.temperature = temperature
        self.similarity = similarity
        self.metric = metric
        self.initialization = initialization
        self.epochs = epochs
        self.init_epochs = init_epochs
        self.batch_size = batch_size
        self.learning_rate = learning_rate
        self.refine = refine

    def _compose(self) -> Composition:
        main = TrainingPhase(
            "embedding",
            epochs=self._epochs(self.epochs),
            batch_size=self.batch_size,
            sampling=ContrastivePairs(),
            loss_keys=["embedding"],
            learning_rate=self.learning_rate,
            schedule="one cycle",
        )
        init = InitialPositions.of(self, batches_per_epoch=INIT_BATCHES)
        few = None if self.kind == "infonce" else _FEW_NEGATIVES
        loss = ContrastiveLoss(
            self.kind,
            few if self.n_negatives is None else self.n_negatives,
            self.temperature,
            self.similarity,
            self.spectrum,
            self.data_key,
        )
        return Composition(
            model=self._network(),
            derived_data=init.derived_data,
            global_relations={"rel": fuzzy_neighbors(self.n_neighbors, self.metric, self.data_key)},
            losses={**init.losses, "embedding": loss},
            training_phases=[*init.training_phases, main],
        )
