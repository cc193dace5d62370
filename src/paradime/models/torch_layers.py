"""Layers of torch that are known: told as text, and models of such that compute in double precision."""

from __future__ import annotations

import copy
import inspect
from typing import Any

import torch

__all__ = ["LAYERS", "in_double_precision", "layer_arguments"]

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


_OURS = "paradime.models."
_LAYERS = frozenset({*LAYERS.values(), torch.nn.ModuleList})
_METHODS = ("forward", "embed", "encode", "decode", "decode_standardized", "classify")


def in_double_precision(model: torch.nn.Module, device: torch.device) -> torch.nn.Module | None:
    """Returns a copy of a model that computes in double precision and evaluation mode; the model stays as it is.

    Gradients flow to the model's parameters, unless they are disabled.

    Matrix products and elementwise functions of single precision treat a row differently in its last bits,
    depending on where it lies in the batch: by blocks of rows, by vectors of numbers and what remains beside them.
    In double precision these differences are far below what single precision can tell apart.

    Args:
        model: Any torch module.
        device: Where the copy's weights lie.

    Returns:
        The copy, or ``None`` if a part of the model is neither ParaDime's nor a plain layer of torch's, or has a
        method that was replaced: such code may need single precision. Also ``None`` if the model computes in
        another precision than single: it was chosen by whoever made it.

    Example:
        >>> model = torch.nn.Linear(3, 2)
        >>> in_double_precision(model, torch.device("cpu")).weight.dtype, model.weight.dtype
        (torch.float64, torch.float32)
    """
    is_single = all(p.dtype == torch.float32 for p in model.parameters() if p.is_floating_point())
    return _copied(model, device) if is_single and all(map(_is_known, model.modules())) else None


def _is_known(part: torch.nn.Module) -> bool:
    # exactly these classes: a subclass is somebody else's code
    known = type(part) in _LAYERS or type(part).__module__.startswith(_OURS)
    return known and not any(name in part.__dict__ for name in _METHODS)


def _copied(part: torch.nn.Module, device: torch.device) -> torch.nn.Module:
    # by hand, since copy.deepcopy takes longer than embedding a row
    made = copy.copy(part)
    tensors = (("_parameters", part._parameters), ("_buffers", part._buffers))
    for name, held in tensors:
        made.__dict__[name] = {key: None if t is None else _converted(t, device) for key, t in held.items()}
    made.__dict__["_modules"] = {
        key: None if child is None else _copied(child, device) for key, child in part._modules.items()
    }
    made.__dict__["training"] = False
    return made


def _converted(tensor: torch.Tensor, device: torch.device) -> torch.Tensor:
    return tensor.to(device, torch.float64 if tensor.is_floating_point() else tensor.dtype)
