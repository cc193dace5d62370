"""Parametric multidimensional scaling."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal, Unpack

from paradime.estimators._parts import (
    COMPUTED_POSITIONS,
    INIT_SCALE,
    initial_positions,
    item_phase,
    network_section,
    position_phase,
)
from paradime.estimators.preset import PLAIN_NETWORK, Common, Preset
from paradime.functional.magnitudes import UNIT_POWERS
from paradime.types import TensorLike

__all__ = ["ParametricMDS", "mds_spec"]


def mds_spec(
    *,
    metric: str = "euclidean",
    weighting: Literal["none", "sammon", "elastic"] = "none",
    linear: bool = False,
    n_components: int = 2,
    hidden_dims: int | Sequence[int] | None = (100, 50),
    initialization: str | None = "pca",
    epochs: int = 150,
    init_epochs: int = 10,
    batch_size: int = 100,
    learning_rate: float = 0.01,
    data_key: str = "main",
    activation: str = "silu",
    network: Literal["centers", "mlp"] = "mlp",
) -> dict[str, Any]:
    """Returns parametric MDS as a specification in the grammar; the parameters are those of the estimator.

    Source: Kruskal, "Multidimensional scaling by optimizing goodness of fit", 1964.

    Example:
        >>> mds_spec(weighting="sammon")["losses"][-1]["options"]
        {'metric': 'euclidean', 'weighting': 'sammon'}
    """
    # components have the unit of the data, which distances that are squared or cosines do not have
    other_unit = UNIT_POWERS.get(metric) != 1
    init_losses, init_phases = position_phase(
        initialization,
        epochs=init_epochs,
        batch_size=batch_size,
        learning_rate=learning_rate,
        data_key=data_key,
        in_unit=other_unit and initialization in COMPUTED_POSITIONS,
    )
    stress = {
        "name": "stress",
        "type": "stress",
        "keys": {"data": [data_key]},
        "options": {"metric": metric, "weighting": weighting},
    }
    return {
        "derived data": initial_positions(
            initialization, n_components, data_key, INIT_SCALE if other_unit else None
        ),
        "model": network_section(n_components, () if linear else hidden_dims, activation, network),
        "losses": [*init_losses, stress],
        "training phases": [
            *init_phases,
            item_phase(
                "stress",
                ["stress"],
                epochs=epochs,
                batch_size=batch_size,
                learning_rate=learning_rate,
                schedule="cosine",
            ),
        ],
    }


class ParametricMDS(Preset):
    """Parametric metric multidimensional scaling: distances in the embedding are those in the data.

    Distances are computed of the rows of each batch: nothing grows with the square of the number of points.

    Args:
        metric: The distance between rows: ``"euclidean"``, ``"sqeuclidean"``, ``"manhattan"``, ``"chebyshev"`` or
            ``"cosine"``.
        weighting: How pairs at distance δ count: ``"none"`` for all alike, ``"sammon"`` for 1/δ, ``"elastic"`` for
            1/δ², which lets near points count as much as far ones.
        linear: Whether to learn a linear map, a projection, in place of a network with hidden layers.
        initialization: Positions to teach first: ``"pca"``, the name of an entry of the data that holds them, or
            an array of shape (n, n_components); none with ``None``.
        epochs: Epochs of the main phase.
        init_epochs: Epochs of the phase that teaches positions.
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

    make_spec = staticmethod(mds_spec)
    common = PLAIN_NETWORK

    def __init__(
        self,
        metric: str = "euclidean",
        weighting: Literal["none", "sammon", "elastic"] = "none",
        linear: bool = False,
        initialization: str | TensorLike | None = "pca",
        epochs: int = 150,
        init_epochs: int = 10,
        batch_size: int = 100,
        learning_rate: float = 0.01,
        **settings: Unpack[Common],
    ) -> None:
        self._store(locals())
