"""Parametric contrastive embeddings."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal, Unpack

from paradime.estimators._parts import (
    INIT_BATCHES,
    INIT_SCALE,
    contrastive_phase,
    fuzzy_neighbors,
    initial_positions,
    network_section,
    position_phase,
)
from paradime.estimators.preset import Common, Preset
from paradime.types import Metric, TensorLike

__all__ = ["ParametricContrastive", "contrastive_spec"]

_FEW_NEGATIVES = 5  # of the paper; with many, negative sampling repels neighbours, too


def contrastive_spec(
    *,
    n_neighbors: int = 15,
    kind: Literal["infonce", "nce", "negative sampling"] = "infonce",
    n_negatives: int | None = None,
    spectrum: float = 1.0,
    temperature: float = 1.0,
    similarity: Literal["cauchy", "cosine"] = "cauchy",
    metric: Metric = "euclidean",
    n_components: int = 2,
    hidden_dims: int | Sequence[int] | None = None,
    initialization: str | None = "pca",
    epochs: int | Literal["auto"] = "auto",
    init_epochs: int = 10,
    batch_size: int | Literal["auto"] = "auto",
    learning_rate: float = 0.01,
    data_key: str = "main",
    activation: str = "relu",
    network: Literal["centers", "mlp"] = "centers",
) -> dict[str, Any]:
    """Returns a contrastive embedding as a specification in the grammar, of the estimator's parameters.

    Source: Damrich et al., "From t-SNE to UMAP with contrastive learning", 2023.

    Example:
        >>> contrastive_spec(kind="negative sampling", spectrum=0.5)["losses"][-1]["options"]["spectrum"]
        0.5
    """
    init_losses, init_phases = position_phase(
        initialization,
        epochs=init_epochs,
        batch_size=batch_size,
        learning_rate=learning_rate,
        data_key=data_key,
        batches_per_epoch=INIT_BATCHES,
    )
    if n_negatives is None and kind != "infonce":
        n_negatives = _FEW_NEGATIVES
    options = {
        "kind": kind,
        "n_negatives": n_negatives,
        "spectrum": spectrum,
        "temperature": temperature,
        "similarity": similarity,
    }
    return {
        "derived data": initial_positions(initialization, n_components, data_key, INIT_SCALE),
        "relations": [fuzzy_neighbors(n_neighbors, metric, data_key)],
        "model": network_section(n_components, hidden_dims, activation, network),
        "losses": [
            *init_losses,
            {"name": "embedding", "type": "contrastive", "keys": {"data": [data_key]}, "options": options},
        ],
        "training phases": [
            *init_phases,
            contrastive_phase(epochs=epochs, batch_size=batch_size, learning_rate=learning_rate),
        ],
    }


class ParametricContrastive(Preset):
    """Parametric contrastive embedding: pairs of neighbours are told from pairs of any points.

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
        initialization: Positions to teach first: ``"pca"``, ``"spectral"``, the name of an entry of the data that
            holds them, or an array of shape (n, n_components); none with ``None``.
        epochs: Epochs of the main phase; in each of them, each point is paired with one of its neighbours. With
            ``"auto"``, as many as take the steps that data of this size need
            (:func:`~paradime.training.steps_for`).
        init_epochs: Epochs, of 30 batches each, of the phase that teaches positions.
        batch_size: Pairs in a batch; with ``"auto"``, by the size of the data
            (:func:`~paradime.training.batch_size_for`).
        learning_rate: The largest learning rate of the main phase; it rises to it, and falls, in one cycle.
        **settings: What all presets take; see :class:`Preset`.

    Source: Damrich, Böhm, Hamprecht, Kobak, "From t-SNE to UMAP with contrastive learning", 2023.

    Example:
        >>> from sklearn.datasets import load_iris
        >>> routine = ParametricContrastive(epochs=2, random_state=0)
        >>> routine.fit_transform(load_iris().data).shape
        (150, 2)
    """

    make_spec = staticmethod(contrastive_spec)

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
        epochs: int | Literal["auto"] = "auto",
        init_epochs: int = 10,
        batch_size: int | Literal["auto"] = "auto",
        learning_rate: float = 0.01,
        **settings: Unpack[Common],
    ) -> None:
        self._store(locals())
