"""Autoencoder."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal, Unpack

from paradime.estimators._parts import INIT_SCALE, initial_positions, item_phase, network_section, position_phase
from paradime.estimators.preset import PLAIN_NETWORK, Common, Preset
from paradime.types import TensorLike

__all__ = ["ParametricAutoencoder", "autoencoder_spec"]


def autoencoder_spec(
    *,
    n_components: int = 2,
    hidden_dims: int | Sequence[int] | None = (100, 50),
    decoder: bool | Mapping[str, Any] = True,
    initialization: str | None = "pca",
    epochs: int = 100,
    init_epochs: int = 10,
    batch_size: int = 100,
    learning_rate: float = 0.003,
    data_key: str = "main",
    activation: str = "silu",
    network: Literal["centers", "mlp"] = "mlp",
) -> dict[str, Any]:
    """Returns an autoencoder as a specification in the grammar; the parameters are those of the estimator.

    Source: Hinton and Salakhutdinov, "Reducing the dimensionality of data with neural networks", 2006.

    Example:
        >>> autoencoder_spec()["losses"][-1]["type"]
        'reconstruction'
    """
    init_losses, init_phases = position_phase(
        initialization, epochs=init_epochs, batch_size=batch_size, learning_rate=learning_rate, data_key=data_key
    )
    return {
        "derived data": initial_positions(initialization, n_components, data_key, INIT_SCALE),
        "model": {**network_section(n_components, hidden_dims, activation, network), "decoder": decoder or True},
        "losses": [
            *init_losses,
            {"name": "reconstruction", "type": "reconstruction", "func": "mse", "keys": {"data": [data_key]}},
        ],
        "training phases": [
            *init_phases,
            item_phase(
                "reconstruction",
                ["reconstruction"],
                epochs=epochs,
                batch_size=batch_size,
                learning_rate=learning_rate,
                schedule="cosine",
            ),
        ],
    }


class ParametricAutoencoder(Preset):
    """Autoencoder: the network learns to reconstruct the data from their embedding.

    Args:
        initialization: Positions to teach first: ``"pca"``, the name of an entry of the data that holds them, or
            an array of shape (n, n_components); none with ``None``.
        epochs: Epochs of the main phase.
        init_epochs: Epochs of the phase that teaches positions.
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

    make_spec = staticmethod(autoencoder_spec)
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
        self._store(locals())
