"""A plain network of fully connected layers."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import torch

from paradime.models.base import Model

__all__ = ["FullyConnectedEmbeddingModel"]


class FullyConnectedEmbeddingModel(Model):
    """Fully connected layers with softplus between them.

    Args:
        in_dim: Number of columns of the data, at least 1.
        out_dim: Number of dimensions of the embedding, at least 1.
        hidden_dims: Widths of the hidden layers; none for a linear map.

    Attributes:
        layers: The linear layers, a ``ModuleList``.
        alpha: A scalar parameter, 1 at first, for use in transforms such as
            ``StudentTTransform(alpha=model.alpha)``.

    Raises:
        ValueError: If a width is not positive.

    Example:
        >>> FullyConnectedEmbeddingModel(10, 2, [100, 50])(torch.ones(3, 10)).shape
        torch.Size([3, 2])
    """

    def __init__(self, in_dim: int, out_dim: int = 2, hidden_dims: Sequence[int] = (100, 50)) -> None:
        super().__init__()
        widths = [in_dim, *hidden_dims, out_dim]
        if any(width < 1 for width in widths):
            raise ValueError(f"in_dim, hidden_dims and out_dim must be positive, got {widths}.")
        self.layers = torch.nn.ModuleList(torch.nn.Linear(a, b) for a, b in pairwise(widths))
        self.alpha = torch.nn.Parameter(torch.tensor(1.0))

    def forward(self, X: torch.Tensor) -> torch.Tensor:
        """Embeds points, shape (b, in_dim) to (b, out_dim)."""
        for layer in self.layers[:-1]:
            X = torch.nn.functional.softplus(layer(X))
        return self.layers[-1](X)  # type: ignore[no-any-return]
