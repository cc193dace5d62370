"""A network of strided convolutions for images."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from itertools import pairwise, zip_longest
from typing import Any, ClassVar, Literal

import torch

from paradime._registry import MODELS
from paradime.models._options import checked_integers, checked_widths
from paradime.models.base import Model, checked_unit, in_unit
from paradime.models.layers import FullyConnected, activation_function, normalization_layers
from paradime.models.outputs import Conditioned
from paradime.models.standardization import Standardized
from paradime.utils.annotations import as_lists

__all__ = ["ConvolutionalModel", "checked_convolutions", "checked_image_shape", "halved_sizes"]


def checked_image_shape(name: str, shape: Sequence[int]) -> tuple[int, int, int]:
    """Returns the shape of images as (channels, height, width).

    Args:
        name: Name of the shape in messages.
        shape: (height, width) or (channels, height, width).

    Raises:
        ValueError: If the shape is neither.

    Example:
        >>> checked_image_shape("in_shape", [28, 28])
        (1, 28, 28)
    """
    listed = as_lists(shape)
    sizes = tuple(listed) if isinstance(listed, list) else listed
    if not isinstance(sizes, tuple) or len(sizes) not in (2, 3) or any(type(n) is not int or n < 1 for n in sizes):
        raise ValueError(
            f"{name} must be (height, width) or (channels, height, width), all positive, got {sizes!r}. "
            f"Reshape the data, or pass the shape of an image: {name}=(1, 8, 8) for 64 columns."
        )
    channels, height, width = sizes if len(sizes) == 3 else (1, *sizes)
    return channels, height, width


def checked_convolutions(channels: int | Sequence[int], kernel_size: int) -> tuple[Sequence[int], int]:
    """Returns the channels and the kernel size of convolutions as Python's integers.

    Raises:
        ValueError: If one is not a positive integer.

    Example:
        >>> checked_convolutions(32, 3)
        ([32], 3)
    """
    channels, (kernel_size,) = checked_widths("channels", channels), checked_integers(kernel_size=kernel_size)
    if kernel_size < 1 or any(width < 1 for width in channels):
        raise ValueError(
            f"kernel_size and channels must be positive, got kernel_size {kernel_size} and "
            f"channels {list(channels)}. Pass positive integers."
        )
    return channels, kernel_size


def halved_sizes(height: int, width: int, kernel_size: int, times: int) -> list[tuple[int, int]]:
    """Returns the image sizes before and after each of ``times`` convolutions of stride 2.

    With ``kernel_size // 2`` pixels of padding, odd kernels halve each side and round up.

    Example:
        >>> halved_sizes(13, 17, 3, 2)
        [(13, 17), (7, 9), (4, 5)]
    """
    sizes = [(height, width)]
    overlap = 2 * (kernel_size // 2) - kernel_size
    for _ in range(times):
        h, w = sizes[-1]
        sizes.append(((h + overlap) // 2 + 1, (w + overlap) // 2 + 1))
    return sizes


@MODELS.register("conv", "convolutional")
class ConvolutionalModel(Standardized, Conditioned, Model):
    """Convolutions of stride 2, each of which halves the image, followed by fully connected layers.

    Each convolution is followed by the normalisation and the activation. Images may have any size.

    Args:
        in_shape: Shape of an image, (height, width) or (channels, height, width).
        out_dim: Number of dimensions of the embedding, at least 1.
        channels: Number of output channels of each convolution.
        hidden_dims: Widths of the hidden layers between the last convolution and the embedding.
        kernel_size: Side of the kernels, in pixels, at least 1.
        activation: The name of the activation; see :data:`~paradime.models.ACTIVATIONS`.
        normalization: Normalisation after convolutions and hidden layers: ``"batch"``, ``"layer"``, or ``None``.
        dropout: Probability with which a unit of the fully connected hidden layers is dropped in training, in
            [0, 1).
        standardize: Whether channels are first centred and scaled by the training rows, see
            :class:`~paradime.models.Standardization`; if ``None``, the routine that makes the model decides.
        unit: Factor between the output of the layers and the embedding, positive. If ``None``, training chooses
            it for the losses, such as the scale of the data for losses on distances.
        outputs: Conditions that positions satisfy exactly, see :class:`~paradime.models.OutputLayers`; constraints
            with ``exact=True`` add theirs.

    Attributes:
        scaling: The :class:`~paradime.models.Standardization`, or ``None``.
        convolutions: The convolutions, a ``ModuleList``.
        norms: Their normalisations, or ``None``.
        head: The fully connected layers.
        alpha: A scalar parameter, initially 1, for use in transforms such as
            ``StudentTTransform(alpha=model.alpha)``.

    Raises:
        ValueError: If a size or the unit is not positive, a name is unknown, or ``dropout`` is out of range.

    Source: LeCun et al., "Gradient-Based Learning Applied to Document Recognition", 1998; Springenberg et al.,
    "Striving for Simplicity: The All Convolutional Net", 2015: strides instead of pooling.

    Example:
        >>> ConvolutionalModel((28, 28))(torch.ones(5, 28, 28)).shape
        torch.Size([5, 2])
    """

    decoder_type: ClassVar[str] = "conv"

    def __init__(
        self,
        in_shape: Sequence[int],
        out_dim: int = 2,
        channels: int | Sequence[int] = (32, 64),
        hidden_dims: int | Sequence[int] = (128,),
        *,
        kernel_size: int = 3,
        activation: str = "relu",
        normalization: Literal["batch", "layer"] | None = None,
        dropout: float = 0.0,
        standardize: bool | None = None,
        unit: float | None = None,
        outputs: Sequence[Mapping[str, Any]] = (),
    ) -> None:
        super().__init__()
        self._image = checked_image_shape("in_shape", in_shape)
        channels, kernel_size = checked_convolutions(channels, kernel_size)
        hidden_dims = checked_widths("hidden_dims", hidden_dims)
        self.in_shape = in_shape
        self.out_dim = out_dim
        self.channels = channels
        self.hidden_dims = hidden_dims
        self.kernel_size = kernel_size
        self.activation = activation
        self.normalization = normalization
        self.dropout = dropout
        widths = [self._image[0], *channels]
        self.convolutions = torch.nn.ModuleList(
            torch.nn.Conv2d(a, b, kernel_size, stride=2, padding=kernel_size // 2) for a, b in pairwise(widths)
        )
        self.norms = normalization_layers(normalization, channels, of_images=True)
        last_size = halved_sizes(*self._image[1:], kernel_size, len(channels))[-1]
        self.head = FullyConnected(
            widths[-1] * math.prod(last_size),
            out_dim,
            hidden_dims,
            activation=activation,
            normalization=normalization,
            dropout=dropout,
        )
        self.alpha = torch.nn.Parameter(torch.tensor(1.0))
        self.unit = checked_unit(unit)
        self._begin_outputs(outputs)
        self._begin_standardized(standardize, [self._image[0], 1, 1])

    def forward(self, X: torch.Tensor) -> torch.Tensor:
        """Embeds images, shape (b, …) with the number of elements of ``in_shape`` per row, to (b, out_dim)."""
        rows, X = X, X.reshape(X.shape[0], *self._image)
        if self.scaling is not None:
            X = self.scaling(X)
        activate = activation_function(self.activation)
        for layer, norm in zip_longest(self.convolutions, self.norms or ()):
            X = activate(layer(X) if norm is None else norm(layer(X)))
        return self._satisfying(in_unit(self.head(X.flatten(1)), self.unit), rows)
