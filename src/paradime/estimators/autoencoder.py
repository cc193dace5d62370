"""Autoencoder."""

from __future__ import annotations

from typing import Unpack

from torch.nn.functional import mse_loss

from paradime.estimators.common import PLAIN_NETWORK, Common
from paradime.estimators.composition import Composition
from paradime.estimators.initialization import InitialPositions
from paradime.estimators.preset import Preset
from paradime.loss import ReconstructionLoss
from paradime.training import TrainingPhase
from paradime.types import TensorLike

__all__ = ["ParametricAutoencoder"]


class ParametricAutoencoder(Preset):
    """Autoencoder: the network learns to reconstruct the data from their embedding.

    Args:
        initialization: Positions to learn first: ``"pca"``, the name of an entry of the data that holds them, or
            an array of shape (n, n_components); none with ``None``.
        epochs: Epochs of the main phase.
        init_epochs: Epochs of the phase that learns positions.
        batch_size: Rows in a batch.
        learning_rate: Learning rate at the beginning; it falls to 0 along a cosine.
        **settings: What all presets take; see :class:`Preset`. There is always a decoder.

    Source: Hinton and Salakhutdinov, "Reducing the dimensionality of data with neural networks", 2006.

    Example:
        >>> from sklearn.datasets import load_iris
        >>> routine = ParametricAutoencoder(epochs=2, random_state=0).fit(load_iris().data)
        >>> routine.inverse_transform([[0.0, 0.0]]).shape
        (1, 4)
    """

    common = PLAIN_NETWORK
    own_parts = frozenset({"decoder"})

    def __init__(
        self,
        initialization: str | TensorLike | None = "pca",
        epochs: int = 100,
        init_epochs: int = 10,
        batch_size: int = 100,
        learning_rate: float = 0.003,
        **settings: Unpack[Common],
    ) -> None:
        super().__init__(**settings)
        self.initialization = initialization
        self.epochs = epochs
        self.init_epochs = init_epochs
        self.batch_size = batch_size
        self.learning_rate = learning_rate

    def _compose(self) -> Composition:
        main = TrainingPhase(
            "reconstruction",
            epochs=self.epochs,
            batch_size=self.batch_size,
            loss_keys=["reconstruction"],
            learning_rate=self.learning_rate,
            schedule="cosine",
        )
        init = InitialPositions.of(self)
        return Composition(
            model=self._network(decoder=self.decoder or True),
            derived_data=init.derived_data,
            losses={**init.losses, "reconstruction": ReconstructionLoss(mse_loss, self.data_key)},
            training_phases=[*init.training_phases, main],
        )
