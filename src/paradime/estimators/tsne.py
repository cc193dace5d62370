"""Parametric t-SNE."""

from __future__ import annotations

from typing import Literal, Unpack

import torch

from paradime.data import ContrastivePairs
from paradime.estimators.common import Common
from paradime.estimators.composition import Composition, probable_neighbors
from paradime.estimators.initialization import INIT_BATCHES, InitialPositions
from paradime.estimators.preset import Preset
from paradime.loss import ContrastiveLoss, RelationLoss, kullback_leibler_div
from paradime.relations import DifferentiablePDist
from paradime.training import TrainingPhase
from paradime.training.budget import AUTO
from paradime.transforms import Normalize, StudentTTransform
from paradime.types import Metric, TensorLike

__all__ = ["ParametricTSNE"]

_QUICK_DIMENSIONS = 2  # of maps that "auto" refines: repulsion on a grid in space takes long


class ParametricTSNE(Preset):
    """Parametric t-SNE: the network learns positions, then to keep each point's neighbours near.

    Relations and losses can be reused in other routines before (or without) training: global relations
    ``"rel"``, batch relations ``"rel"``, losses ``"init"`` and ``"embedding"``.

    Args:
        perplexity: Effective number of neighbours, in (1, n); ``"auto"`` for 30, or for a third of the points if
            that is less.
        alpha: Degrees of freedom of Student's t kernel in the embedding, > 0, or a tensor that is trained along.
        objective: ``"pairs"``: pairs of neighbours, drawn by their probabilities, are classified against all other
            pairs of the batch, which estimates t-SNE's gradient well also where a batch is a small part of the
            data; for ``alpha=1`` only. ``"blocks"``: the divergence between the probabilities of all pairs of a
            batch, as in the paper. ``"auto"`` for pairs if ``alpha`` is 1, else blocks.
        metric: The distance between rows, by which neighbours are searched: ``"euclidean"``, ``"cosine"``,
            ``"manhattan"``, another name that SciPy or PyNNDescent knows, or a function of two rows.
            ``"haversine"`` takes two columns, latitude and longitude in radians.
        initialization: Positions to learn first: ``"pca"``, ``"spectral"``, the name of an entry of the data that
            holds them, or an array of shape (n, n_components); none with ``None``.
        epochs: Epochs of the main phase; ``"auto"`` for as many as take the steps that data of this size need
            (:func:`~paradime.training.steps_for`), or where the map is refined for ``"short"``: a half to a
            quarter of these (:func:`~paradime.training.short_steps_for`).
        init_epochs: Epochs, of 30 batches each, of the phase that learns positions.
        batch_size: Rows in a batch of the main phase; ``"auto"`` for :func:`~paradime.training.batch_size_for`.
        init_batch_size: The same for the first phase; ``batch_size`` if ``None``.
        learning_rate: Learning rate of the main phase; with pairs the largest, in one cycle.
        init_learning_rate: Learning rate of the first phase; ``learning_rate`` if ``None``.
        refine: Whether the positions of the training rows move freely under t-SNE's objective once the network is
            trained, which preserves more of their neighbours. New rows are placed by their nearest training rows,
            which the model, and the file of it, hold in a short form; ``transform(X, refine=False)`` is the
            network alone. For up to 3 dimensions and ``alpha=1``: ``"auto"`` refines those of up to 2
            without ``background``, ``decoder``, ``classifier``, ``density``, ``structure`` and ``loss_shares``,
            ``True`` those with them, too, except a background, and raises an error where it cannot. ``False``
            trains the network alone, for longer and with wider layers.
        **settings: What all presets take; see :class:`Preset`.

    Source: van der Maaten, "Learning a parametric embedding by preserving local structure", 2009.

    Example:
        >>> from sklearn.datasets import load_iris
        >>> X = load_iris().data
        >>> tsne = ParametricTSNE(perplexity=20, epochs=2, random_state=0)
        >>> tsne.fit_transform(X).shape
        (150, 2)
    """

    def __init__(
        self,
        perplexity: float | Literal["auto"] = "auto",
        alpha: float | torch.Tensor = 1.0,
        objective: Literal["auto", "pairs", "blocks"] = "auto",
        metric: Metric = "euclidean",
        initialization: str | TensorLike | None = "pca",
        epochs: int | Literal["auto", "short"] = "auto",
        init_epochs: int = 10,
        batch_size: int | Literal["auto"] = "auto",
        init_batch_size: int | Literal["auto"] | None = None,
        learning_rate: float = 0.01,
        init_learning_rate: float | None = None,
        refine: bool | Literal["auto"] = "auto",
        **settings: Unpack[Common],
    ) -> None:
        super().__init__(**settings)
        self.perplexity = perplexity
        self.alpha = alpha
        self.objective = objective
        self.metric = metric
        self.initialization = initialization
        self.epochs = epochs
        self.init_epochs = init_epochs
        self.batch_size = batch_size
        self.init_batch_size = init_batch_size
        self.learning_rate = learning_rate
        self.init_learning_rate = init_learning_rate
        self.refine = refine

    def _refines(self) -> bool:
        if self.refine != AUTO:
            return bool(self.refine)
        is_quick = self._is_cauchy and self.n_components <= _QUICK_DIMENSIONS
        # the share of a further loss in the network's gradient can be a weight that drives free positions apart
        others = (self.decoder, self.classifier, self.density, self.structure)
        is_plain = self.background is None and self.loss_shares is None
        return is_quick and is_plain and all(part is False for part in others)

    @property
    def _is_cauchy(self) -> bool:
        return not isinstance(self.alpha, torch.Tensor) and self.alpha == 1

    def _compose(self) -> Composition:
        is_cauchy = self._is_cauchy
        if self.objective == "pairs" and not is_cauchy:
            raise ValueError(f"objective='pairs' has alpha=1, got {self.alpha!r}. Set objective='blocks'.")
        by_pairs = is_cauchy if self.objective == "auto" else self.objective == "pairs"
        main = TrainingPhase(
            "embedding",
            epochs=self._epochs(self.epochs),
            batch_size=self.batch_size,
            # pairs of neighbours are drawn by their probabilities, against all other points of the batch
            sampling=ContrastivePairs() if by_pairs else "standard",
            loss_keys=["embedding"],
            learning_rate=self.learning_rate,
            schedule="one cycle" if by_pairs else "constant",
        )
        init = InitialPositions.of(
            self,
            batch_size=self.init_batch_size,
            learning_rate=self.init_learning_rate,
            batches_per_epoch=INIT_BATCHES,
        )
        student = DifferentiablePDist(
            transform=[StudentTTransform(self.alpha), Normalize()], data_key=self.data_key
        )
        loss = ContrastiveLoss(data_key=self.data_key) if by_pairs else RelationLoss(kullback_leibler_div)
        return Composition(
            model=self._network(),
            derived_data=init.derived_data,
            global_relations={"rel": probable_neighbors(self.perplexity, self.metric, self.data_key)},
            batch_relations={} if by_pairs else {"rel": student},
            losses={**init.losses, "embedding": loss},
            training_phases=[*init.training_phases, main],
        )
