"""Parametric t-SNE."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch

from paradime.routines._preset import Preset, initial_positions, position_phase
from paradime.training import Callback

__all__ = ["ParametricTSNE", "tsne_spec"]


def tsne_spec(
    *,
    perplexity: float = 30.0,
    alpha: float | torch.Tensor = 1.0,
    out_dim: int = 2,
    initialization: str | None = "pca",
    epochs: int = 30,
    init_epochs: int = 10,
    batch_size: int = 500,
    init_batch_size: int | None = None,
    learning_rate: float = 0.01,
    init_learning_rate: float | None = None,
    data_key: str = "main",
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
            {
                "name": "rel",
                "level": "global",
                "type": "neighbor",
                "field": data_key,
                "transforms": [
                    {"type": "perplexity", "options": {"perplexity": perplexity}},
                    {"type": "symmetrize"},
                    {"type": "normalize"},
                ],
            },
            {
                "name": "rel",
                "level": "batch",
                "type": "pdistdiff",
                "field": data_key,
                "transforms": [{"type": "t-dist", "options": {"alpha": alpha}}, {"type": "normalize"}],
            },
        ],
        "losses": [
            *init_losses,
            {"name": "embedding", "type": "relation", "func": "kl div", "keys": {"rels": ["rel", "rel"]}},
        ],
        "training phases": [
            *init_phases,
            {
                "name": "embedding",
                "epochs": epochs,
                "sampling": {"type": "item", "options": {"batch_size": batch_size}},
                "optimizer": {"type": "adam", "options": {"learning_rate": learning_rate}},
                "loss": {"components": ["embedding"]},
            },
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
        device: ``"auto"``, ``"cpu"``, ``"cuda"``, ``"mps"``, or a torch device.
        random_state: Seed of the initial weights and of sampling; torch's global generator if ``None``.
        callbacks: What to call during training.

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
        device: str | torch.device | None = None,
        random_state: int | None = None,
        callbacks: Sequence[Callback] | None = None,
    ) -> None:
        self.perplexity = perplexity
        self.alpha = alpha
        self.model = model
        self.in_dim = in_dim
        self.out_dim = out_dim
        self.hidden_dims = hidden_dims
        self.initialization = initialization
        self.epochs = epochs
        self.init_epochs = init_epochs
        self.batch_size = batch_size
        self.init_batch_size = init_batch_size
        self.learning_rate = learning_rate
        self.init_learning_rate = init_learning_rate
        self.data_key = data_key
        self.use_cuda = use_cuda
        self.verbose = verbose
        self.device = device
        self.random_state = random_state
        self.callbacks = callbacks
