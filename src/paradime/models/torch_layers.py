"""Known layers of torch: their constructor arguments, and double-precision copies of models made of them."""

from __future__ import annotations

import copy
import inspect
from typing import Any

import torch

from paradime.models.base import ROW_METHODS

__all__ = ["LAYERS", "in_double_precision", "layer_arguments"]

# layers that can be reconstructed from their attributes and run only torch's code
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
_OLD_NAMES = ("min_value", "max_value")  # deprecated parameters of Hardtanh


def layer_arguments(layer: torch.nn.Module) -> dict[str, Any] | None:
    """Returns the constructor's arguments of a layer, from its attributes.

    Args:
        layer: An instance of exactly one of the classes in ``LAYERS``.

    Returns:
        The arguments by parameter; ``None`` if one is not stored as an attribute.

    Example:
        >>> layer_arguments(torch.nn.Linear(3, 2))
        {'in_features': 3, 'out_features': 2, 'bias': True}
    """
    arguments: dict[str, Any] = {}
    for name, parameter in inspect.signature(type(layer)).parameters.items():
        is_variadic = parameter.kind in (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)
        if is_variadic or name in _OF_MACHINE or name in _OLD_NAMES:
            continue
        if not hasattr(layer, name):
            return None
        value = getattr(layer, name)
        # the attribute bias is a tensor, the argument a bool
        arguments[name] = value is not None if name == "bias" else value
    return arguments


_OURS = "paradime.models."
_LAYERS = frozenset({*LAYERS.values(), torch.nn.ModuleList})


def in_double_precision(model: torch.nn.Module, device: torch.device) -> torch.nn.Module | None:
    """Returns a copy of a model in double precision and evaluation mode.

    Gradients flow to the model's parameters, unless they are disabled.

    In single precision, the last bits of the result for a row depend on its position in the batch, because blocks
    of rows and vectors of numbers are computed by different kernels than the rest. In double precision, these
    differences are far below the resolution of single precision.

    Args:
        model: Any torch module.
        device: Device of the copy's weights.

    Returns:
        The copy; ``None`` if a submodule is neither ParaDime's nor in ``LAYERS``, or has a replaced method,
        because other code may need single precision; also ``None`` if the model is not in single precision.

    Example:
        >>> model = torch.nn.Linear(3, 2)
        >>> in_double_precision(model, torch.device("cpu")).weight.dtype, model.weight.dtype
        (torch.float64, torch.float32)
    """
    is_single = all(p.dtype == torch.float32 for p in model.parameters() if p.is_floating_point())
    return _copied(model, device) if is_single and all(map(_is_known, model.modules())) else None


def _is_known(module: torch.nn.Module) -> bool:
    # exactly these classes: a subclass may run other code
    known = type(module) in _LAYERS or type(module).__module__.startswith(_OURS)
    # a method that somebody put into the module takes the place of the class's
    return known and not any(name in vars(module) for name in ROW_METHODS)


def _copied(module: torch.nn.Module, device: torch.device) -> torch.nn.Module:
    # copied by hand, because copy.deepcopy takes longer than embedding a row
    result = copy.copy(module)
    changed: dict[str, Any] = {
        name: {key: None if t is None else _converted(t, device) for key, t in tensors.items()}
        for name, tensors in (("_parameters", module._parameters), ("_buffers", module._buffers))
    }
    children = module._modules.items()
    changed["_modules"] = {key: None if child is None else _copied(child, device) for key, child in children}
    changed["training"] = False
    for name, value in changed.items():
        object.__setattr__(result, name, value)  # torch's own looks for parameters first, which takes longer
    return result


def _converted(tensor: torch.Tensor, device: torch.device) -> torch.Tensor:
    return tensor.to(device, torch.float64 if tensor.is_floating_point() else tensor.dtype)
