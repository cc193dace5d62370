"""Parametric t-SNE."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal, Unpack

import torch

from paradime.estimators._parts import (
    INIT_BATCHES,
    INIT_SCALE,
    contrastive_phase,
    initial_positions,
    item_phase,
    network_section,
    position_phase,
    probable_neighbors,
)
from paradime.estimators.preset import Common, Preset
from paradime.types import Metric, TensorLike

__all__ = ["ParametricTSNE", "tsne_spec"]


def tsne_spec(
    *,
    perplexity: float | Literal["auto"] = "auto",
    alpha: float | torch.Tensor = 1.0,
    objective: Literal["auto", "pairs", "blocks"] = "auto",
    metric: Metric = "euclidean",
    n_components: int = 2,
    hidden_dims: int | Sequence[int] | None = None,
    initialization: str | None = "pca",
    epochs: int | Literal["auto"] = "auto",
    init_epochs: int = 10,
    batch_size: int | Literal["auto"] = "auto",
    init_batch_size: int | Literal["auto"] | None = None,
    learning_rate: float = 0.01,
    init_learning_rate: float | None = None,
    data_key: str = "main",
    activation: str = "relu",
    network: Literal["centers", "mlp"] = "centers",
) -> dict[str, Any]:
    """Returns parametric t-SNE as a specification in the grammar; the parameters are those of the estimator.

    Source: van der Maaten, "Learning a parametric embedding by preserving local structure", 2009.

    Example:
        >>> tsne_spec(perplexity=50)["relations"][0]["transforms"][0]
        {'type': 'perplexity', 'options': {'perplexity': 50}}
    """
    if objective not in ("auto", "pairs", "blocks"):
        raise ValueError(f"objective must be 'auto', 'pairs' or 'blocks', got {objective!r}.")
    if objective == "auto":
        objective = "pairs" if _is_cauchy(alpha) else "blocks"  # pairs know one kernel only
    init_losses, init_phases = position_phase(
        initialization,
        epochs=init_epochs,
        batch_size=batch_size if init_batch_size is None else init_batch_size,
        learning_rate=learning_rate if init_learning_rate is None else init_learning_rate,
        data_key=data_key,
        batches_per_epoch=INIT_BATCHES,
    )
    length: dict[str, Any] = {"epochs": epochs, "batch_size": batch_size, "learning_rate": learning_rate}
    relations, loss, phase = (_components if objective == "blocks" else _pairs)(alpha, data_key, length)
    return {
        "derived data": initial_positions(initialization, n_components, data_key, INIT_SCALE),
        "relations": [probable_neighbors(perplexity, metric, data_key), *relations],
        "model": network_section(n_components, hidden_dims, activation, network),
        "losses": [*init_losses, {"name": "embedding", **loss}],
        "training phases": [*init_phases, phase],
    }


_Parts = tuple[list[dict[str, Any]], dict[str, Any], dict[str, Any]]  # batch relations, loss, phase


def _components(alpha: float | torch.Tensor, data_key: str, length: dict[str, Any]) -> _Parts:
    """All pairs of a batch, by their probabilities in the data and in the embedding."""
    kernel = {
        "name": "rel",
        "level": "batch",
        "type": "pdistdiff",
        "field": data_key,
        "transforms": [{"type": "t-dist", "options": {"alpha": alpha}}, {"type": "normalize"}],
    }
    loss = {"type": "relation", "func": "kl div", "keys": {"rels": ["rel", "rel"]}}
    return [kernel], loss, item_phase("embedding", ["embedding"], **length)


def _pairs(alpha: float | torch.Tensor, data_key: str, length: dict[str, Any]) -> _Parts:
    """Pairs of neighbours, drawn by their probabilities, against all other points of the batch."""
    if not _is_cauchy(alpha):
        raise ValueError(f"objective='pairs' has alpha=1, got {alpha!r}. Set objective='blocks'.")
    return [], {"type": "contrastive", "keys": {"data": [data_key]}}, contrastive_phase(**length)


def _is_cauchy(alpha: float | torch.Tensor) -> bool:
    return not isinstance(alpha, torch.Tensor) and alpha == 1


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
            (:func:`~paradime.training.steps_for`).
        init_epochs: Epochs, of 30 batches each, of the phase that learns positions.
        batch_size: Rows in a batch of the main phase; ``"auto"`` for :func:`~paradime.training.batch_size_for`.
        init_batch_size: The same for the first phase; ``batch_size`` if ``None``.
        learning_rate: Learning rate of the main phase; with pairs the largest, in one cycle.
        init_learning_rate: Learning rate of the first phase; ``learning_rate`` if ``None``.
        **settings: What all presets take; see :class:`Preset`.

    Source: van der Maaten, "Learning a parametric embedding by preserving local structure", 2009.

    Example:
        >>> from sklearn.datasets import load_iris
        >>> X = load_iris().data
        >>> tsne = ParametricTSNE(perplexity=20, epochs=2, random_state=0)
        >>> tsne.fit_transform(X).shape
        (150, 2)
    """

    make_spec = staticmethod(tsne_spec)

    def __init__(
        self,
        perplexity: float | Literal["auto"] = "auto",
        alpha: float | torch.Tensor = 1.0,
        objective: Literal["auto", "pairs", "blocks"] = "auto",
        metric: Metric = "euclidean",
        initialization: str | TensorLike | None = "pca",
        epochs: int | Literal["auto"] = "auto",
        init_epochs: int = 10,
        batch_size: int | Literal["auto"] = "auto",
        init_batch_size: int | Literal["auto"] | None = None,
        learning_rate: float = 0.01,
        init_learning_rate: float | None = None,
        **settings: Unpack[Common],
    ) -> None:
        self._store(locals())
