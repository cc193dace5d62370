"""Activations by name, and stacks of fully connected layers for models, decoders and classifiers."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import pairwise, zip_longest
from typing import Any, Literal

import torch

from paradime._registry import MODELS, did_you_mean
from paradime.models._options import checked_integers, checked_widths
from paradime.models.base import Model, checked_unit, in_unit
from paradime.models.outputs import Conditioned
from paradime.models.standardization import Standardized
from paradime.utils.arguments import check_choice, check_within

__all__ = [
    "ACTIVATIONS",
    "FullyConnected",
    "FullyConnectedEmbeddingModel",
    "activation_function",
    "check_dropout",
    "normalization_layers",
]


def _identity(X: torch.Tensor) -> torch.Tensor:
    return X


# a plain dict: models look up their activation in every call, and torch.compile can trace the access
ACTIVATIONS: dict[str, Callable[[torch.Tensor], torch.Tensor]] = {
    "elu": torch.nn.functional.elu,
    "gelu": torch.nn.functional.gelu,
    "identity": _identity,
    "leaky relu": torch.nn.functional.leaky_relu,
    "mish": torch.nn.functional.mish,
    "relu": torch.relu,
    "selu": torch.selu,
    "sigmoid": torch.sigmoid,
    "silu": torch.nn.functional.silu,
    "softplus": torch.nn.functional.softplus,
    "tanh": torch.tanh,
}
"""Elementwise functions by the name that models take as ``activation``; further names may be added."""


def activation_function(name: str) -> Callable[[torch.Tensor], torch.Tensor]:
    """Returns an activation function by name.

    Args:
        name: A name in :data:`ACTIVATIONS`; underscores count as spaces.

    Raises:
        ValueError: If the name is unknown.

    Example:
        >>> activation_function("leaky_relu")(torch.tensor([-1.0, 1.0]))
        tensor([-0.0100,  1.0000])
        >>> activation_function("rleu")
        Traceback (most recent call last):
        ...
        ValueError: unknown activation 'rleu'. Did you mean 'relu'?
    """
    function = ACTIVATIONS.get(str(name)) or ACTIVATIONS.get(str(name).replace("_", " "))
    if function is None:
        raise ValueError(f"unknown activation {name!r}. {did_you_mean(name, ACTIVATIONS)}")
    return function


_ROWS: dict[str, type[torch.nn.Module]] = {"batch": torch.nn.BatchNorm1d, "layer": torch.nn.LayerNorm}


def normalization_layers(
    kind: str | None, widths: Iterable[int], *, of_images: bool = False
) -> torch.nn.ModuleList | None:
    """Makes the normalisations after layers of the given widths, without drawing random numbers.

    Args:
        kind: ``"batch"`` normalises each unit over the batch, ``"layer"`` each row over its units; ``None`` for
            no normalisation.
        widths: Number of units, or of channels, of each layer.
        of_images: Whether the output of the layers consists of images, shape (b, channels, h, w), instead of rows,
            shape (b, units). ``"batch"`` then normalises each channel.

    Raises:
        ValueError: If the kind is unknown.

    Source: Ioffe & Szegedy, "Batch Normalization", 2015; Ba et al., "Layer Normalization", 2016.

    Example:
        >>> normalization_layers("layer", [4])
        ModuleList(
          (0): LayerNorm((4,), eps=1e-05, elementwise_affine=True, bias=True)
        )
    """
    if kind is None:
        return None
    check_choice("normalization", kind, _ROWS)
    if not of_images:
        return torch.nn.ModuleList(_ROWS[kind](width) for width in widths)
    if kind == "batch":
        return torch.nn.ModuleList(torch.nn.BatchNorm2d(width) for width in widths)
    # with a single group, this is layer normalisation for images of any size
    return torch.nn.ModuleList(torch.nn.GroupNorm(1, width) for width in widths)


def check_dropout(dropout: float) -> None:
    """Checks a dropout probability.

    Raises:
        ValueError: If it does not lie in [0, 1).
    """
    check_within("dropout", dropout, "[0, 1)", remedy="Pass a probability below 1; 0 disables it.")


class FullyConnected(torch.nn.Module):
    """Fully connected layers with an activation between them.

    A hidden layer computes dropout(activation(normalization(linear(X)))); the last layer is linear.

    Args:
        in_dim: Width of the rows, at least 1.
        out_dim: Width of the output, at least 1.
        hidden_dims: Widths of the hidden layers; an empty sequence gives a linear map, an integer one layer.
        activation: The name of the activation; see :data:`~paradime.models.ACTIVATIONS`.
        normalization: Normalisation after each hidden linear layer: ``"batch"``, ``"layer"``, or ``None``.
            ``"batch"`` needs at least two rows per batch in training.
        dropout: Probability with which a hidden unit is dropped in training, in [0, 1).
        residual: Whether hidden layers that are as wide as their input add their input to their output. This adds
            no weights.

    Attributes:
        layers: The linear layers, a ``ModuleList``.
        norms: The normalisations of the hidden layers, or ``None``.

    Raises:
        ValueError: If a width is not a positive integer, a name is unknown, or ``dropout`` is out of range.

    Source: He et al., "Deep Residual Learning for Image Recognition", 2015: residual connections; Srivastava et
    al., "Dropout", 2014.

    Example:
        >>> FullyConnected(3, 2, [8, 8], activation="relu", residual=True)(torch.ones(5, 3)).shape
        torch.Size([5, 2])
    """

    def __init__(
        self,
        in_dim: int,
        out_dim: int = 2,
        hidden_dims: int | Sequence[int] = (100, 50),
        *,
        activation: str = "softplus",
        normalization: Literal["batch", "layer"] | None = None,
        dropout: float = 0.0,
        residual: bool = False,
    ) -> None:
        super().__init__()
        in_dim, out_dim = checked_integers(in_dim=in_dim, out_dim=out_dim)
        hidden_dims = checked_widths("hidden_dims", hidden_dims)
        widths = [in_dim, *hidden_dims, out_dim]
        if any(width < 1 for width in widths):
            raise ValueError(
                f"in_dim, hidden_dims and out_dim must be positive, got {widths}. Pass positive integers."
            )
        activation_function(activation)
        check_dropout(dropout)
        self.in_dim = in_dim
        self.out_dim = out_dim
        self.hidden_dims = hidden_dims
        self.activation = activation
        self.normalization = normalization
        self.dropout = dropout
        self.residual = residual
        self.layers = torch.nn.ModuleList(torch.nn.Linear(a, b) for a, b in pairwise(widths))
        self.norms = normalization_layers(normalization, hidden_dims)

    def forward(self, X: torch.Tensor) -> torch.Tensor:
        """Maps rows, shape (b, in_dim) to (b, out_dim); rows of more axes with in_dim elements are flattened."""
        if X.ndim > 2 and X.shape[1:].numel() == self.in_dim:
            X = X.flatten(1)
        *hidden, last = self.layers
        if self.norms is None and not self.dropout and not self.residual:
            activate = activation_function(self.activation)
            for layer in hidden:
                X = activate(layer(X))
        else:
            for layer, norm in zip_longest(hidden, self.norms or ()):
                X = self._hidden(X, layer, norm)
        return last(X)  # type: ignore[no-any-return]

    def _hidden(self, X: torch.Tensor, layer: torch.nn.Module, norm: torch.nn.Module | None) -> torch.Tensor:
        """Applies a hidden layer with its normalisation, activation, dropout and residual connection."""
        result = layer(X) if norm is None else norm(layer(X))
        result = activation_function(self.activation)(result)
        if self.dropout:
            result = torch.nn.functional.dropout(result, self.dropout, self.training)
        return X + result if self.residual and X.shape[-1] == result.shape[-1] else result


@MODELS.register("mlp", "fully connected")
class FullyConnectedEmbeddingModel(Standardized, Conditioned, FullyConnected, Model):
    """Fully connected layers, by default with softplus activations.

    A hidden layer computes dropout(activation(normalization(linear(X)))); the last layer is linear. Rows of
    several axes, such as images, are flattened.

    Args:
        in_dim: Number of columns of the data, at least 1.
        out_dim: Number of dimensions of the embedding, at least 1.
        hidden_dims: Widths of the hidden layers; an empty sequence gives a linear map, an integer one layer.
        activation: The name of the activation; see :data:`~paradime.models.ACTIVATIONS`.
        normalization: Normalisation after each hidden linear layer: ``"batch"``, ``"layer"``, or ``None``.
        dropout: Probability with which a hidden unit is dropped in training, in [0, 1).
        residual: Whether hidden layers that are as wide as their input add their input to their output. This adds
            no weights.
        standardize: Whether columns are first centred and scaled by the training rows, see
            :class:`~paradime.models.Standardization`; if ``None``, the routine that makes the model decides.
        unit: Factor between the output of the layers and the embedding, positive. If ``None``, training chooses
            it for the losses, such as the scale of the data for losses on distances.
        outputs: Conditions that positions satisfy exactly, see :class:`~paradime.models.OutputLayers`; constraints
            with ``exact=True`` add theirs.

    Attributes:
        layers: The linear layers, a ``ModuleList``.
        norms: The normalisations of the hidden layers, or ``None``.
        scaling: The :class:`~paradime.models.Standardization`, or ``None``.
        alpha: A scalar parameter, initially 1, for use in transforms such as
            ``StudentTTransform(alpha=model.alpha)``.

    Raises:
        ValueError: If a width or the unit is not positive, a name is unknown, or ``dropout`` is out of range.

    Example:
        >>> FullyConnectedEmbeddingModel(10, 2, [100, 50])(torch.ones(3, 10)).shape
        torch.Size([3, 2])
    """

    def __init__(
        self,
        in_dim: int,
        out_dim: int = 2,
        hidden_dims: int | Sequence[int] = (100, 50),
        *,
        activation: str = "softplus",
        normalization: Literal["batch", "layer"] | None = None,
        dropout: float = 0.0,
        residual: bool = False,
        standardize: bool | None = None,
        unit: float | None = None,
        outputs: Sequence[Mapping[str, Any]] = (),
    ) -> None:
        super().__init__(
            in_dim,
            out_dim,
            hidden_dims,
            activation=activation,
            normalization=normalization,
            dropout=dropout,
            residual=residual,
        )
        self.alpha = torch.nn.Parameter(torch.tensor(1.0))
        self.unit = checked_unit(unit)
        self._begin_outputs(outputs)
        self._begin_standardized(standardize, [in_dim])

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Embeds points, shape (b, in_dim) to (b, out_dim)."""
        scaled = x if self.scaling is None else self.scaling(x.flatten(1))
        return self._satisfying(in_unit(FullyConnected.forward(self, scaled), self.unit), x)

    def embed(self, x: torch.Tensor) -> torch.Tensor:
        """Embeds points, shape (b, in_dim) to (b, out_dim); the same as calling the model."""
        return self(x)  # type: ignore[no-any-return]
