"""A plain network of fully connected layers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal

import torch

from paradime._registry import MODELS
from paradime.models.base import Model, checked_unit, in_unit
from paradime.models.layers import FullyConnected
from paradime.models.outputs import Conditioned
from paradime.models.standardization import Standardized

__all__ = ["FullyConnectedEmbeddingModel"]


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
