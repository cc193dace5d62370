"""Parametric t-SNE."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, Literal, Unpack

import torch

from paradime.routines._parts import (
    INIT_BATCHES,
    INIT_SCALE,
    contrastive_phase,
    initial_positions,
    item_phase,
    network_section,
    position_phase,
    probable_neighbors,
)
from paradime.routines._preset import FIT_DEFAULTS, Preset, Scheduled
from paradime.routines._unsaid import Unsaid, unsaid
from paradime.types import Metric, TensorLike

__all__ = ["ParametricTSNE", "tsne_spec"]


def tsne_spec(
    *,
    perplexity: float | Literal["auto"] = 30.0,
    alpha: float | torch.Tensor = 1.0,
    out_dim: int = 2,
    hidden_dims: int | Sequence[int] | None = (100, 50),
    initialization: str | None = "pca",
    epochs: int | Literal["auto"] = 30,
    init_epochs: int = 10,
    batch_size: int | Literal["auto"] = 500,
    init_batch_size: int | Literal["auto"] | None = None,
    learning_rate: float = 0.01,
    init_learning_rate: float | None = None,
    data_key: str = "main",
    activation: str = "softplus",
    network: Literal["landmarks", "mlp"] = "mlp",
    objective: Literal["blocks", "pairs"] = "blocks",
    metric: Metric = "euclidean",
    init_scale: float | None = None,
) -> dict[str, Any]:
    """Returns parametric t-SNE as a specification in the grammar; the parameters are those of the estimator.

    One is not: ``init_scale``, the standard deviation of the first of the principal components that are taught
    first, 1 under ``fit``. If ``None``, it is 1 for ``network="landmarks"``, and that of the data otherwise, as in
    ParaDime 1.x.

    Source: van der Maaten, "Learning a parametric embedding by preserving local structure", 2009.

    Example:
        >>> tsne_spec(perplexity=50)["relations"][0]["transforms"][0]
        {'type': 'perplexity', 'options': {'perplexity': 50}}
    """
    if objective not in ("blocks", "pairs"):
        raise ValueError(f"objective must be 'blocks' or 'pairs', got {objective!r}.")
    by_rule = network == "landmarks"
    init_scale = INIT_SCALE if by_rule and init_scale is None else init_scale
    init_losses, init_phases = position_phase(
        initialization,
        epochs=init_epochs,
        batch_size=batch_size if init_batch_size is None else init_batch_size,
        learning_rate=learning_rate if init_learning_rate is None else init_learning_rate,
        data_key=data_key,
        batches_per_epoch=INIT_BATCHES if by_rule else -1,
    )
    length: dict[str, Any] = {"epochs": epochs, "batch_size": batch_size, "learning_rate": learning_rate}
    relations, loss, phase = (_blocks if objective == "blocks" else _pairs)(alpha, data_key, length)
    return {
        "derived data": initial_positions(initialization, out_dim, data_key, init_scale),
        "relations": [probable_neighbors(perplexity, metric, data_key), *relations],
        "model": network_section(out_dim, hidden_dims, activation, network),
        "losses": [*init_losses, {"name": "embedding", **loss}],
        "training phases": [*init_phases, phase],
    }


_Parts = tuple[list[dict[str, Any]], dict[str, Any], dict[str, Any]]  # batch relations, loss, phase


def _blocks(alpha: float | torch.Tensor, data_key: str, length: dict[str, Any]) -> _Parts:
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


class _Following:
    """A parameter that is read as the value of another one where it is ``None``; it is stored as it was given."""

    def __init__(self, other: str) -> None:
        self._other = other

    def __set_name__(self, owner: type, name: str) -> None:
        self._name = name

    def __get__(self, routine: Preset | None, owner: type) -> Any:
        if routine is None:
            return self
        given = routine.__dict__[self._name]
        return routine._setting(self._other) if given is None else given

    def __set__(self, routine: Preset, value: Any) -> None:
        routine.__dict__[self._name] = value


class ParametricTSNE(Preset):
    """Parametric t-SNE: the network learns positions, then to keep each point's neighbours near.

    The signature shows the defaults of ParaDime 1.x, and :meth:`train` keeps them. :meth:`fit` takes its own for
    what nobody has set, ``fit_defaults``: a network with landmarks, and batches and steps by the size of the data.

    Relations and losses can be reused in other routines before (or without) training: global relations
    ``"rel"``, batch relations ``"rel"``, losses ``"init"`` and ``"embedding"``.

    Args:
        perplexity: Effective number of neighbours, in (1, n); ``"auto"`` for 30, or for a third of the points if
            that is less.
        alpha: Degrees of freedom of Student's t kernel in the embedding, > 0, or a tensor that is trained along.
        model: Any torch module; a fully connected network if ``None``.
        in_dim: Number of columns of the data, for that network; taken from the data if ``None``.
        out_dim: Number of dimensions of the embedding.
        hidden_dims: Widths of that network's hidden layers, a number for a single one; by the number of rows if
            ``None``.
        initialization: Positions to teach first: ``"pca"``, ``"spectral"``, the name of an entry of the data that
            holds them, or an array of shape (n, out_dim); none with ``None``.
        epochs: Epochs of the main phase; ``"auto"`` for as many as take the steps that data of this size need
            (:func:`~paradime.training.steps_for`).
        init_epochs: Epochs of the phase that teaches positions.
        batch_size: Rows in a batch of the main phase; ``"auto"`` for :func:`~paradime.training.batch_size_for`.
        init_batch_size: The same for the first phase; ``batch_size`` if ``None``.
        learning_rate: Learning rate of the main phase.
        init_learning_rate: The same for the first phase; ``learning_rate`` if ``None``.
        data_key: The entry of the data set that is embedded.
        use_cuda: Whether to require CUDA.
        verbose: Whether to log what is done.
        activation: The function between that network's layers; see :data:`~paradime.models.ACTIVATIONS`.
        network: ``"mlp"``, or ``"landmarks"`` for a :class:`~paradime.models.LandmarkModel`.
        objective: ``"blocks"``: the divergence between the probabilities of all pairs of a batch, as in the paper;
            or ``"pairs"``: pairs of neighbours, drawn by their probabilities, are told from all other pairs of the
            batch, which estimates t-SNE's gradient well also where a batch is a small part of the data. With
            ``alpha=1`` only.
        metric: The distance between rows, by which neighbours are searched: ``"euclidean"``, ``"cosine"``,
            ``"manhattan"``, another name that SciPy or PyNNDescent knows, or a function of two rows.
            ``"haversine"`` takes two columns, latitude and longitude in radians.
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

    init_batch_size = _Following("batch_size")
    init_learning_rate = _Following("learning_rate")

    make_spec = staticmethod(tsne_spec)
    fit_defaults: ClassVar[Mapping[str, Any]] = {**FIT_DEFAULTS, "perplexity": "auto", "objective": "pairs"}

    def __init__(
        self,
        perplexity: float | Literal["auto"] = unsaid(30.0),
        alpha: float | torch.Tensor = 1.0,
        model: torch.nn.Module | None = None,
        in_dim: int | None = None,
        out_dim: int = 2,
        hidden_dims: int | Sequence[int] | None = unsaid((100, 50)),
        initialization: str | TensorLike | None = "pca",
        epochs: int | Literal["auto"] = unsaid(30),
        init_epochs: int = 10,
        batch_size: int | Literal["auto"] = unsaid(500),
        init_batch_size: int | Literal["auto"] | None = None,
        learning_rate: float = unsaid(0.01),
        init_learning_rate: float | None = None,
        data_key: str = "main",
        use_cuda: bool = False,
        verbose: bool = False,
        *,
        activation: str = unsaid("softplus"),
        network: Literal["landmarks", "mlp"] = unsaid("mlp"),
        objective: Literal["blocks", "pairs"] = unsaid("blocks"),
        metric: Metric = "euclidean",
        **settings: Unpack[Scheduled],
    ) -> None:
        self._store(locals())

    def _setting(self, name: str) -> Any:
        # pairs know one kernel only
        if name == "objective" and isinstance(self.objective, Unsaid) and not _is_cauchy(self.alpha):
            return "blocks"
        return super()._setting(name)
