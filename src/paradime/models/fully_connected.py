"""A plain network of fully connected layers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import torch

from paradime._registry import MODELS
from paradime.models.base import Model, checked_unit, in_unit
from paradime.models.layers import FullyConnected
from paradime.models.standardization import Standardized

__all__ = ["FullyConnectedEmbeddingModel"]


@MODELS.register("mlp", "fully connected")
class FullyConnectedEmbeddingModel(Standardized, FullyConnected, Model):
    """Fully connected layers, with softplus between them unless another activation is named.

    A hidden layer computes dropout(activation(normalization(linear(X)))); the last layer is linear. Rows of
    several axes, such as images, are flattened.

    Args:
        in_dim: Number of columns of the data, at least 1.
        out_dim: Number of dimensions of the embedding, at least 1.
        hidden_dims: Widths of the hidden layers; none for a linear map, a single number for one layer.
        activation: The name of the activation; see :data:`~paradime.models.ACTIVATIONS`.
        normalization: What follows each hidden linear layer: ``"batch"``, ``"layer"``, or nothing.
        dropout: The share of hidden units that is dropped in training, in [0, 1).
        residual: Whether hidden layers that are as wide as their input add it to their result; layers of another
            width have no such shortcut, so that the weights are the same with and without.
        standardize: Whether columns are centred and scaled first, see :class:`~paradime.models.Standardization`,
            by the training rows; if ``None``, the routine that makes the model decides.
        unit: The length in the embedding that counts as 1 to the layers, positive. If ``None``, training
            takes what the losses need, such as the extent of the data for distances of these.

    Attributes:
        layers: The linear layers, a ``ModuleList``.
        norms: The normalisations of the hidden layers, or ``None``.
        scaling: The :class:`~paradime.models.Standardization`, or ``None``.
        alpha: A scalar parameter, 1 at first, for use in transforms such as
            ``StudentTTransform(alpha=model.alpha)``.

    Raises:
        ValueError: If a width or the unit is not positive, a name unknown, or ``dropout`` out of range.

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
        self._begin_standardized(standardize, [in_dim])

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Embeds points, shape (b, in_dim) to (b, out_dim)."""
        if self.scaling is not None:
            x = self.scaling(x.flatten(1))
        return in_unit(FullyConnected.forward(self, x), self.unit)

    def embed(self, x: torch.Tensor) -> torch.Tensor:
        """Embeds points, shape (b, in_dim) to (b, out_dim); the same as calling the model."""
        return self(x)  # type: ignore[no-any-return]
