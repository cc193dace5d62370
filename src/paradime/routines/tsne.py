"""Parametric t-SNE."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Unpack

import torch

from paradime.routines._parts import initial_positions, item_phase, network, position_phase, probable_neighbors
from paradime.routines._preset import Extras, Preset

__all__ = ["ParametricTSNE", "tsne_spec"]


def tsne_spec(
    *,
    perplexity: float = 30.0,
    alpha: float | torch.Tensor = 1.0,
    out_dim: int = 2,
    hidden_dims: Sequence[int] = (100, 50),
    initialization: str | None = "pca",
    epochs: int = 30,
    init_epochs: int = 10,
    batch_size: int = 500,
    init_batch_size: int | None = None,
    learning_rate: float = 0.01,
    init_learning_rate: float | None = None,
    data_key: str = "main",
    activation: str = "softplus",
) -> dict[str, Any]:
    """Returns parametric t-SNE as a specification in the grammar; the parameters are those of the estimator.

    Source: van der Maaten, "Learning a parametric embedding by preserving local structure", 2009.

    Example:
        >>> tsne_spec(perplexity=50)["relations"][0]["transforms"][0]
        {'type': 'perplexity', 'options': {'perplexity': 50}}
    """
    init_losses, init_phases = position_phase(
        initialization,
        epochs=init_epochs,
        batch_size=batch_size if init_batch_size is None else init_batch_size,
        learning_rate=learning_rate if init_learning_rate is None else init_learning_rate,
        data_key=data_key,
    )
    return {
        "derived data": initial_positions(initialization, out_dim, data_key),
        "relations": [
            probable_neighbors(perplexity, None, data_key),
            {
                "name": "rel",
                "level": "batch",
                "type": "pdistdiff",
                "field": data_key,
                "transforms": [{"type": "t-dist", "options": {"alpha": alpha}}, {"type": "normalize"}],
            },
        ],
        "model": network(out_dim, hidden_dims, activation),
        "losses": [
            *init_losses,
            {"name": "embedding", "type": "relation", "func": "kl div", "keys": {"rels": ["rel", "rel"]}},
        ],
        "training phases": [
            *init_phases,
            item_phase(
                "embedding", ["embedding"], epochs=epochs, batch_size=batch_size, learning_rate=learning_rate
            ),
        ],
    }


class ParametricTSNE(Preset):
    """Parametric t-SNE: the network learns positions, then to keep each point's neighbours near.

    Relations and losses can be reused in other routines before (or without) training: global relations
    ``"rel"``, batch relations ``"rel"``, losses ``"init"`` and ``"embedding"``.

    Args:
        perplexity: Effective number of neighbours, in (1, n).
        alpha: Degrees of freedom of Student's t kernel in the embedding, > 0, or a tensor that is trained along.
        model: Any torch module; a fully connected network if ``None``.
        in_dim: Number of columns of the data, for that network; taken from the data if ``None``.
        out_dim: Number of dimensions of the embedding.
        hidden_dims: Widths of that network's hidden layers.
        initialization: Positions to teach first: ``"pca"``, ``"spectral"``, or none with ``None``.
        epochs: Epochs of the main phase.
        init_epochs: Epochs of the phase that teaches positions.
        batch_size: Rows in a batch of the main phase.
        init_batch_size: The same for the first phase; ``batch_size`` if ``None``.
        learning_rate: Learning rate of the main phase.
        init_learning_rate: The same for the first phase; ``learning_rate`` if ``None``.
        data_key: The entry of the data set that is embedded.
        use_cuda: Whether to require CUDA.
        verbose: Whether to log what is done.
        activation: The function between that network's layers; see :data:`~paradime.models.ACTIVATIONS`.
        **settings: ``decoder``, ``classifier``, ``density``, ``structure``, ``loss_shares``, ``device``,
            ``random_state``, ``callbacks``: as in :class:`Preset`.

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
        perplexity: float = 30.0,
        alpha: float | torch.Tensor = 1.0,
        model: torch.nn.Module | None = None,
        in_dim: int | None = None,
        out_dim: int = 2,
        hidden_dims: Sequence[int] = (100, 50),
        initialization: str | None = "pca",
        epochs: int = 30,
        init_epochs: int = 10,
        batch_size: int = 500,
        init_batch_size: int | None = None,
        learning_rate: float = 0.01,
        init_learning_rate: float | None = None,
        data_key: str = "main",
        use_cuda: bool = False,
        verbose: bool = False,
        *,
        activation: str = "softplus",
        **settings: Unpack[Extras],
    ) -> None:
        self._store(locals())
