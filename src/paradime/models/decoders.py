"""Decoders, which reconstruct rows from the embedding."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from itertools import pairwise, zip_longest
from typing import Any, Literal

import torch

from paradime._registry import Registry
from paradime.models._options import checked_widths
from paradime.models.convolutional import (
    ConvolutionalModel,
    checked_convolutions,
    checked_image_shape,
    halved_sizes,
)
from paradime.models.layers import FullyConnected, activation_function, normalization_layers
from paradime.models.standardization import Standardized

__all__ = ["DECODERS", "ConvolutionalDecoder", "FullyConnectedDecoder", "mirrored_options"]

DECODERS: Registry[type[torch.nn.Module]] = Registry("decoder")


@DECODERS.register("mlp", "fully connected")
class FullyConnectedDecoder(Standardized, FullyConnected):
    """Fully connected layers from the embedding to rows of any shape.

    Args:
        in_dim: Number of dimensions of the embedding, at least 1.
        out_shape: Shape of a row of the data.
        hidden_dims: Widths of the hidden layers; an empty sequence gives a linear map, an integer one layer.
        activation: The name of the activation; see :data:`~paradime.models.ACTIVATIONS`.
        normalization: Normalisation after each hidden linear layer: ``"batch"``, ``"layer"``, or ``None``.
        dropout: Probability with which a hidden unit is dropped in training, in [0, 1).
        residual: Whether hidden layers that are as wide as their input add their input to their output.
        standardize: Whether the layers produce standardised columns, which are then scaled to the units of the
            training rows, see :class:`~paradime.models.Standardization`; if ``None``, the routine that makes
            the model decides.

    Raises:
        ValueError: If a size is not positive, a name is unknown, or ``dropout`` is out of range.

    Example:
        >>> FullyConnectedDecoder(2, (8, 8))(torch.ones(5, 2)).shape
        torch.Size([5, 8, 8])
    """

    def __init__(
        self,
        in_dim: int,
        out_shape: int | Sequence[int],
        hidden_dims: int | Sequence[int] = (50, 100),
        *,
        activation: str = "softplus",
        normalization: Literal["batch", "layer"] | None = None,
        dropout: float = 0.0,
        residual: bool = False,
        standardize: bool | None = None,
    ) -> None:
        out_shape = checked_widths("out_shape", out_shape, "axis")
        super().__init__(
            in_dim,
            math.prod(out_shape),
            hidden_dims,
            activation=activation,
            normalization=normalization,
            dropout=dropout,
            residual=residual,
        )
        self.out_shape = out_shape
        self._begin_standardized(standardize, [math.prod(out_shape)])

    def start_at(self, row: torch.Tensor) -> None:
        """Sets the output bias to a row of shape ``out_shape``, such as the mean of the data.

        Otherwise, the network would first have to learn the offset of data far from the origin.
        """
        last = self.layers[-1]
        assert isinstance(last, torch.nn.Linear)
        with torch.no_grad():
            last.bias.copy_(row.reshape(-1))

    def forward(self, X: torch.Tensor) -> torch.Tensor:
        """Decodes points of the embedding, shape (b, in_dim) to (b, …) with rows of shape ``out_shape``."""
        rows = self.standardized(X)
        rows = rows if self.scaling is None else self.scaling.inverse(rows)
        return rows.reshape(X.shape[0], *self.out_shape)

    def standardized(self, X: torch.Tensor) -> torch.Tensor:
        """Decodes points to standardised rows, (b, in_dim) to (b, …), before the inverse of :attr:`scaling`."""
        rows = FullyConnected.forward(self, X)
        return rows if self.scaling is None else self.scaling.without_constants(rows)

    def as_standardized(self, rows: torch.Tensor) -> torch.Tensor:
        """Standardises rows, for comparison with the result of :meth:`standardized`."""
        return rows.flatten(1) if self.scaling is None else self.scaling(rows.flatten(1))


@DECODERS.register("conv", "convolutional")
class ConvolutionalDecoder(Standardized):
    """The mirror image of :class:`~paradime.models.ConvolutionalModel`: layers, then transposed convolutions.

    Each transposed convolution of stride 2 doubles the image, to the size before the mirrored convolution: sides
    may be even or odd.

    Args:
        in_dim: Number of dimensions of the embedding, at least 1.
        out_shape: Shape of a row of the data.
        channels: Number of input channels of each transposed convolution.
        hidden_dims: Widths of the hidden layers between the embedding and the first transposed convolution.
        image_shape: Shape of an image, (height, width) or (channels, height, width), if rows have another shape;
            ``out_shape`` if ``None``.
        kernel_size: Side of the kernels, in pixels, at least 1.
        activation: The name of the activation; see :data:`~paradime.models.ACTIVATIONS`.
        normalization: Normalisation after hidden layers and all transposed convolutions except the last:
            ``"batch"``, ``"layer"``, or ``None``.
        dropout: Probability with which a unit of the fully connected hidden layers is dropped in training, in
            [0, 1).
        standardize: Whether the layers produce standardised channels, which are then scaled to the units of the
            training rows, see :class:`~paradime.models.Standardization`; if ``None``, the routine that makes
            the model decides.

    Raises:
        ValueError: If a size is not positive, a name is unknown, ``dropout`` is out of range, or images and rows
            have different numbers of elements.

    Source: Zeiler et al., "Deconvolutional Networks", 2010.

    Example:
        >>> ConvolutionalDecoder(2, (13, 17))(torch.ones(5, 2)).shape
        torch.Size([5, 13, 17])
    """

    def __init__(
        self,
        in_dim: int,
        out_shape: int | Sequence[int],
        channels: int | Sequence[int] = (64, 32),
        hidden_dims: int | Sequence[int] = (128,),
        *,
        image_shape: Sequence[int] | None = None,
        kernel_size: int = 3,
        activation: str = "relu",
        normalization: Literal["batch", "layer"] | None = None,
        dropout: float = 0.0,
        standardize: bool | None = None,
    ) -> None:
        super().__init__()
        out_shape = checked_widths("out_shape", out_shape, "axis")
        image = _shape_of_images(out_shape, image_shape)
        channels, kernel_size = checked_convolutions(channels, kernel_size)
        hidden_dims = checked_widths("hidden_dims", hidden_dims)
        self.in_dim = in_dim
        self.out_shape = out_shape
        self.channels = channels
        self.hidden_dims = hidden_dims
        self.image_shape = image_shape
        self.kernel_size = kernel_size
        self.activation = activation
        self.normalization = normalization
        self.dropout = dropout
        widths = [*channels, image[0]]
        sizes = halved_sizes(*image[1:], kernel_size, len(channels))[::-1]
        self._first = (widths[0], *sizes[0])
        self.head = FullyConnected(
            in_dim,
            math.prod(self._first),
            hidden_dims,
            activation=activation,
            normalization=normalization,
            dropout=dropout,
        )
        self.convolutions = torch.nn.ModuleList(
            _transposed(widths[i : i + 2], before, after, kernel_size)
            for i, (before, after) in enumerate(pairwise(sizes))
        )
        self.norms = normalization_layers(normalization, channels[1:], of_images=True)
        self._image = image
        self._begin_standardized(standardize, [image[0], 1, 1])

    def forward(self, X: torch.Tensor) -> torch.Tensor:
        """Decodes points of the embedding, shape (b, in_dim) to (b, …) with rows of shape ``out_shape``."""
        images = self.standardized(X)
        images = images if self.scaling is None else self.scaling.inverse(images)
        return images.reshape(X.shape[0], *self.out_shape)

    def standardized(self, X: torch.Tensor) -> torch.Tensor:
        """Decodes points to standardised images, (b, in_dim) to (b, …), before the inverse of :attr:`scaling`."""
        images = self.head(X).reshape(X.shape[0], *self._first)
        activate = activation_function(self.activation)
        norms = (None, *self.norms) if self.norms else ()  # the first layer's input is not normalised
        for layer, norm in zip_longest(self.convolutions, norms):
            images = layer(activate(images if norm is None else norm(images)))
        return images if self.scaling is None else self.scaling.without_constants(images)

    def as_standardized(self, rows: torch.Tensor) -> torch.Tensor:
        """Standardises rows, for comparison with the result of :meth:`standardized`."""
        images = rows.reshape(len(rows), *self._image)
        return images if self.scaling is None else self.scaling(images)


def _shape_of_images(out_shape: Sequence[int], image_shape: Sequence[int] | None) -> tuple[int, int, int]:
    """Returns channels, height and width of the decoded images."""
    if image_shape is None:
        return checked_image_shape("out_shape", out_shape)
    image = checked_image_shape("image_shape", image_shape)
    if math.prod(image) != math.prod(out_shape):
        raise ValueError(
            f"image_shape must have as many elements as a row, {math.prod(out_shape)}, got {image} with "
            f"{math.prod(image)} elements. Pass the shape of the rows as images."
        )
    return image


def _transposed(
    channels: Sequence[int], before: tuple[int, int], after: tuple[int, int], kernel_size: int
) -> torch.nn.ConvTranspose2d:
    """Makes a transposed convolution of stride 2 between two given image sizes."""
    padding = kernel_size // 2

    def missing(small: int, large: int) -> int:
        # sides 2n − 1 and 2n are both halved to n
        return large - (2 * (small - 1) + kernel_size - 2 * padding)

    return torch.nn.ConvTranspose2d(
        channels[0],
        channels[1],
        kernel_size,
        stride=2,
        padding=padding,
        output_padding=(missing(before[0], after[0]), missing(before[1], after[1])),
    )


def _backwards(values: Sequence[int]) -> list[int]:
    return list(values)[::-1]


def _same(value: Any) -> Any:
    return value


_MIRRORED: dict[str, tuple[str, Callable[[Any], Any]]] = {
    "hidden_dims": ("hidden_dims", _backwards),
    "channels": ("channels", _backwards),
    "in_shape": ("image_shape", _same),
    **{name: (name, _same) for name in ("kernel_size", "activation", "normalization", "dropout", "residual")},
}


def mirrored_options(encoder: torch.nn.Module) -> dict[str, Any]:
    """Returns the options of a decoder that has an encoder's layers in reverse order.

    Args:
        encoder: The encoder; modules that are not ParaDime's have no such options.

    Example:
        >>> mirrored_options(FullyConnected(8, 2, [6, 4]))["hidden_dims"]
        [4, 6]
    """
    if not isinstance(encoder, (FullyConnected, ConvolutionalModel)):
        return {}
    return {
        option: mirror(getattr(encoder, name))
        for name, (option, mirror) in _MIRRORED.items()
        if hasattr(encoder, name)
    }
