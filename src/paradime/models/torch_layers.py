"""Layers of torch as text: their class, their arguments, and what they contain."""

from __future__ import annotations

import inspect
from typing import Any

import torch

__all__ = ["LAYERS", "layer_arguments"]

# what can be made anew of its attributes, and runs no code but torch's
_NAMES = (
    "AdaptiveAvgPool1d AdaptiveAvgPool2d AdaptiveMaxPool2d AlphaDropout AvgPool1d AvgPool2d BatchNorm1d "
    "BatchNorm2d CELU Conv1d Conv2d Conv3d ConvTranspose1d ConvTranspose2d Dropout Dropout2d ELU Flatten GELU "
    "GroupNorm Hardsigmoid Hardswish Hardtanh Identity InstanceNorm1d InstanceNorm2d LayerNorm LeakyReLU "
    "Linear LogSoftmax MaxPool1d MaxPool2d Mish RMSNorm ReLU ReLU6 SELU Sequential SiLU Sigmoid Softmax "
    "Softplus Softsign Tanh Tanhshrink Unflatten Upsample"
)

LAYERS: dict[str, type[torch.nn.Module]] = {name: getattr(torch.nn, name) for name in _NAMES.split()}
"""Classes of layers by name."""

_OF_MACHINE = ("device", "dtype")
_OLD_NAMES = ("min_value", "max_value")  # of Hardtanh, which warns of them


def layer_arguments(layer: torch.nn.Module) -> dict[str, Any] | None:
    """Returns the arguments with which a layer was made, as its attributes tell.

    Args:
        layer: An instance of exactly one of the classes in :data:`LAYERS`.

    Returns:
        The arguments by parameter, or ``None`` if an attribute does not tell one.

    Example:
        >>> layer_arguments(torch.nn.Linear(3, 2))
        {'in_features': 3, 'out_features': 2, 'bias': True}
    """
    arguments: dict[str, Any] = {}
    for name, parameter in inspect.signature(type(layer)).parameters.items():
        filled = parameter.kind in (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)
        if filled or name in _OF_MACHINE or name in _OLD_NAMES:
            continue
        if not hasattr(layer, name):
            return None
        value = getattr(layer, name)
        # the attribute is the parameter itself
        arguments[name] = value is not None if name == "bias" else value
    return arguments
