"""Parametric t-SNE and UMAP with the parameters and the defaults of ParaDime 1.x.

New scripts use :class:`paradime.ParametricTSNE` and :class:`paradime.ParametricUMAP`, whose defaults follow
from the data, and which take more.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, Literal, Unpack

import torch

from paradime import estimators
from paradime.data import Dataset
from paradime.dr.components import StoredParameter
from paradime.estimators.common import Extras
from paradime.estimators.composition import Composition
from paradime.estimators.preset import Preset
from paradime.types import Data, TensorLike

__all__ = ["ParametricTSNE", "ParametricUMAP"]

# what 1.x has no parameters for
_NETWORK: Mapping[str, Any] = {"network": "mlp", "activation": "softplus"}


def _in_words_of_today(settings: Mapping[str, Any]) -> dict[str, Any]:
    """Returns parameters of 1.x as those of an estimator."""
    made = {"metric": "euclidean", "schedule": "constant", **_NETWORK, **settings}
    return {**made, "n_components": made.pop("out_dim")}


def _as_it_was(composition: Composition) -> Composition:
    """Leaves rows as they are where a network can learn from these; positions are in the unit of the data."""
    options = dict(composition.model.options or {})
    del options["standardize"]
    composition.model = dataclasses.replace(composition.model, options=options)
    for entry in composition.derived_data.values():
        entry.kwargs.pop("scale", None)
    composition.training_phases = [phase.replace(batches_per_epoch=-1) for phase in composition.training_phases]
    return composition


class _Following(StoredParameter):
    """A parameter that is read as the value of another one where it is ``None``; it is stored as it was given."""

    def __init__(self, other: str) -> None:
        self._other = other

    def __get__(self, routine: Preset | None, owner: type) -> Any:
        if routine is None:
            return self
        given = self.stored(routine)
        return getattr(routine, self._other) if given is None else given

    def __set__(self, routine: Preset, value: Any) -> None:
        self.store(routine, value)


class ParametricTSNE(estimators.ParametricTSNE):
    """Parametric t-SNE as ParaDime 1.x has it; see :class:`paradime.ParametricTSNE` for that of today.

    Relations and losses can be reused in other routines before (or without) training: global relations
    ``"rel"``, batch relations ``"rel"``, losses ``"init"`` and ``"embedding"``.

    Args:
        perplexity: Effective number of neighbours, in (1, n).
        alpha: Degrees of freedom of Student's t kernel in the embedding, > 0, or a tensor that is trained along.
        model: Any torch module; a fully connected network if ``None``.
        in_dim: Number of columns of the data, for that network; taken from the data if ``None``.
        out_dim: Number of dimensions of the embedding.
        hidden_dims: Widths of that network's hidden layers, a number for a single one.
        initialization: Positions to learn first: ``"pca"``, ``"spectral"``, the name of an entry of the data that
            holds them, or an array of shape (n, out_dim); none with ``None``.
        epochs: Epochs of the main phase.
        init_epochs: Epochs of the phase that learns positions.
        batch_size: Rows in a batch of the main phase.
        init_batch_size: The same for the first phase; ``batch_size`` if ``None``.
        learning_rate: Learning rate of the main phase.
        init_learning_rate: The same for the first phase; ``learning_rate`` if ``None``.
        data_key: The entry of the data set that is embedded.
        use_cuda: Whether to require CUDA.
        verbose: Whether to log what is done.
        **settings: ``device``, ``random_state``, ``callbacks``, ``decoder`` and more, which 1.x did not have; see
            :class:`~paradime.estimators.Preset`. The device is the CPU by default.

    Source: van der Maaten, "Learning a parametric embedding by preserving local structure", 2009.

    Example:
        >>> from sklearn.datasets import load_iris
        >>> tsne = ParametricTSNE(perplexity=20, epochs=2, random_state=0)
        >>> tsne.train(load_iris().data)
        >>> tsne.apply(load_iris().data).shape
        torch.Size([150, 2])
    """

    common: ClassVar[Mapping[str, Any]] = {"device": None}
    init_batch_size = _Following("batch_size")
    init_learning_rate = _Following("learning_rate")

    def __init__(
        self,
        perplexity: float | Literal["auto"] = 30.0,
        alpha: float | torch.Tensor = 1.0,
        model: torch.nn.Module | None = None,
        in_dim: int | None = None,
        out_dim: int = 2,
        hidden_dims: int | Sequence[int] = (100, 50),
        initialization: str | TensorLike | None = "pca",
        epochs: int | Literal["auto"] = 30,
        init_epochs: int = 10,
        batch_size: int | Literal["auto"] = 500,
        init_batch_size: int | Literal["auto"] | None = None,
        learning_rate: float = 0.01,
        init_learning_rate: float | None = None,
        data_key: str = "main",
        use_cuda: bool = False,
        verbose: bool = False,
        **settings: Unpack[Extras],
    ) -> None:
        Preset.__init__(self, **settings)
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

    def _settings(self) -> dict[str, Any]:
        return _in_words_of_today({"objective": "blocks", **super()._settings()})

    def _compose(self) -> Composition:
        return _as_it_was(super()._compose())


class ParametricUMAP(estimators.ParametricUMAP):
    """Parametric UMAP as ParaDime 1.x has it; see :class:`paradime.ParametricUMAP` for that of today.

    Relations and losses can be reused in other routines before (or without) training: global relations
    ``"rel"``, batch relations ``"rel"``, losses ``"spectral_init"`` or ``"pca_init"``, and ``"embedding"``.

    Args:
        n_neighbors: Number of neighbours, > 2 and below n.
        min_dist: Distance in the embedding up to which points count as fully similar, in [0, 3 × spread).
        spread: Scale of the decay beyond, > 0.
        a: Parameter of the kernel; fitted to ``min_dist`` and ``spread`` if ``None``.
        b: Parameter of the kernel, likewise.
        model: Any torch module; a fully connected network if ``None``.
        in_dim: Number of columns of the data, for that network; taken from the data if ``None``.
        out_dim: Number of dimensions of the embedding.
        hidden_dims: Widths of that network's hidden layers, a number for a single one.
        initialization: Positions to learn first: ``"pca"``, ``"spectral"``, the name of an entry of the data that
            holds them, or an array of shape (n, out_dim); none with ``None``.
        epochs: Epochs of the main phase.
        init_epochs: Epochs of the phase that learns positions.
        batch_size: Positive edges in a batch of the main phase.
        negative_sampling_rate: Negatives for each edge.
        init_batch_size: Rows in a batch of the first phase.
        learning_rate: Learning rate of the main phase.
        init_learning_rate: Learning rate of the first phase.
        data_key: The entry of the data set that is embedded.
        dataset: Data to train on when ``train()`` is called without any.
        use_cuda: Whether to require CUDA.
        verbose: Whether to log what is done.
        **settings: ``device``, ``random_state``, ``callbacks``, ``decoder`` and more, which 1.x did not have; see
            :class:`~paradime.estimators.Preset`. The device is the CPU by default.

    Source: Sainburg, McInnes, Gentner, "Parametric UMAP embeddings for representation and semisupervised
    learning", 2021.

    Example:
        >>> from sklearn.datasets import load_iris
        >>> umap = ParametricUMAP(initialization="pca", epochs=2, random_state=0)
        >>> umap.train(load_iris().data)
        >>> umap.apply(load_iris().data).shape
        torch.Size([150, 2])
    """

    common: ClassVar[Mapping[str, Any]] = {"device": None}

    def __init__(
        self,
        n_neighbors: int = 30,
        min_dist: float = 0.01,
        spread: float = 1.0,
        a: float | torch.Tensor | None = None,
        b: float | torch.Tensor | None = None,
        model: torch.nn.Module | None = None,
        in_dim: int | None = None,
        out_dim: int = 2,
        hidden_dims: int | Sequence[int] = (100, 50),
        initialization: str | TensorLike | None = "spectral",
        epochs: int | Literal["auto"] = 30,
        init_epochs: int = 5,
        batch_size: int | Literal["auto"] = 10,
        negative_sampling_rate: int = 5,
        init_batch_size: int | Literal["auto"] = 100,
        learning_rate: float = 0.005,
        init_learning_rate: float = 0.05,
        data_key: str = "main",
        dataset: Dataset | Data | None = None,
        use_cuda: bool = False,
        verbose: bool = False,
        **settings: Unpack[Extras],
    ) -> None:
        Preset.__init__(self, **settings)
        self.n_neighbors = n_neighbors
        self.min_dist = min_dist
        self.spread = spread
        self.a = a
        self.b = b
        self.model = model
        self.in_dim = in_dim
        self.out_dim = out_dim
        self.hidden_dims = hidden_dims
        self.initialization = initialization
        self.epochs = epochs
        self.init_epochs = init_epochs
        self.batch_size = batch_size
        self.negative_sampling_rate = negative_sampling_rate
        self.init_batch_size = init_batch_size
        self.learning_rate = learning_rate
        self.init_learning_rate = init_learning_rate
        self.data_key = data_key
        self.dataset = dataset
        self.use_cuda = use_cuda
        self.verbose = verbose

    def _settings(self) -> dict[str, Any]:
        return _in_words_of_today({"negatives": "random", **super()._settings()})

    def _compose(self) -> Composition:
        return _as_it_was(super()._compose())
