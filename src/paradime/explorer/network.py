"""Trained networks as lists of plain layers, which are easy to evaluate in any language."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, TypeAlias

import numpy as np
import torch
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import FunctionTransformer, MinMaxScaler, StandardScaler

from paradime.exceptions import UnsupportedConfigurationError
from paradime.explorer.conditions import apply_condition, write_conditions
from paradime.models import (
    ACTIVATIONS,
    CenterModel,
    EmbeddingModel,
    FullyConnected,
    FullyConnectedEmbeddingModel,
    InputScaling,
    unit_of,
)
from paradime.models.layers import activation_function
from paradime.refinement import RefinedMap, RefinedPlacement

__all__ = ["Layers", "run_layers", "write_layers"]

Layers: TypeAlias = list[dict[str, Any]]
"""Layers in order: each a dict with its name as ``"op"`` and arrays of its parameters."""

_MODULES: dict[type[torch.nn.Module], str] = {
    torch.nn.ELU: "elu",
    torch.nn.GELU: "gelu",
    torch.nn.LeakyReLU: "leaky relu",
    torch.nn.Mish: "mish",
    torch.nn.ReLU: "relu",
    torch.nn.SELU: "selu",
    torch.nn.Sigmoid: "sigmoid",
    torch.nn.SiLU: "silu",
    torch.nn.Softplus: "softplus",
    torch.nn.Tanh: "tanh",
}
_PRODUCTS = 1 << 24  # numbers of rows times training rows at a time
_PLACEMENT = ("directions", "perplexity", "n_neighbors")  # settings of a refined map
# activations of the page; users may add others to ACTIVATIONS
_KNOWN = {*_MODULES.values(), "identity"}
_NOTHING = (torch.nn.Dropout, torch.nn.Flatten, torch.nn.Identity)  # no effect on rows in evaluation mode


def write_layers(model: Any, *, reference_rows: int | None = None) -> Layers:
    """Converts a model that embeds rows to a list of plain layers.

    It supports linear layers, layer and batch normalisation, built-in activations, shortcuts, standardisation, the
    scaling and centres of :class:`~paradime.models.CenterModel`, exact constraints, ``torch.nn.Sequential`` of
    these, and pipelines that standardise rows first. A routine with a refined map is one layer, ``"place"``,
    whatever its network is.

    Args:
        model: A torch module, a routine, or a scikit-learn pipeline that ends with a routine.
        reference_rows: How many training rows of a refined map are written, by which it places others; all if
            ``None``.

    Returns:
        The layers; :func:`run_layers` evaluates them, as the page does.

    Raises:
        UnsupportedConfigurationError: If a layer is not supported, such as a convolution or a user's module.

    Example:
        >>> [layer["op"] for layer in write_layers(torch.nn.Sequential(torch.nn.Linear(3, 2), torch.nn.ReLU()))]
        ['linear', 'activate']
    """
    if isinstance(model, Pipeline):
        steps = [step for _, step in model.steps if step not in (None, "passthrough")]
        return [layer for step in steps for layer in _written_step(step, reference_rows)]
    if hasattr(model, "refined_map_"):
        refined: RefinedMap = model.refined_map_
        return _refined(refined if reference_rows is None else refined.sample(reference_rows))
    network = model if isinstance(model, torch.nn.Module) else getattr(model, "model", None)
    if not isinstance(network, torch.nn.Module):
        raise UnsupportedConfigurationError(f"{type(model).__name__} has no network that can be written")
    return _written(network)


def _refined(refined: RefinedMap) -> Layers:
    placement = RefinedPlacement.of(refined)
    arrays = {name: tensor.numpy() for name, tensor in placement.named_buffers(recurse=False)}
    settings = {name: getattr(placement, name) for name in _PLACEMENT}
    place = [{"op": "place", **arrays, **settings}]
    if refined.conditions is None:
        return place
    conditions = write_conditions(refined.conditions, refined.unit, projected=True)
    return [{"op": "conditioned", "layers": place, "conditions": conditions}]


def _written_step(step: Any, reference_rows: int | None) -> Layers:
    """Converts a step of a pipeline."""
    if type(step) is StandardScaler:
        zeros = np.zeros(step.n_features_in_)
        # the scaler has means even if it does not subtract them
        center = step.mean_ if step.with_mean else zeros
        return [_scale(center, 1 / step.scale_ if step.with_std else zeros + 1, zeros)]
    if type(step) is MinMaxScaler and not step.clip:
        return [_scale(np.zeros_like(step.min_), step.scale_, step.min_)]
    if type(step) is FunctionTransformer and step.func is None:
        return []
    return write_layers(step, reference_rows=reference_rows)


def _scale(center: Any, weight: Any, bias: Any) -> dict[str, Any]:
    # in double precision, since rows far from the origin differ only in their last digits
    arrays = {"center": center, "weight": weight, "bias": bias}
    return {"op": "scale", **{name: np.asarray(array, np.float64) for name, array in arrays.items()}}


def _written(module: torch.nn.Module) -> Layers:
    if module._forward_hooks or module._forward_pre_hooks:
        raise UnsupportedConfigurationError(f"{type(module).__name__} has hooks, which cannot be written")
    kind = type(module)  # a subclass may compute something else
    if kind in _MODULES:
        return [_activate(_MODULES[kind])]
    if kind in _NOTHING:
        return []
    if kind not in _WRITERS:
        raise UnsupportedConfigurationError(f"layers of type {kind.__name__} cannot be written")
    return _WRITERS[kind](module)


def _floats(tensor: torch.Tensor) -> Any:
    return tensor.detach().cpu().to(torch.float32).numpy()


def _linear(module: Any) -> Layers:
    bias = torch.zeros(module.out_features) if module.bias is None else module.bias
    return [{"op": "linear", "weight": _floats(module.weight), "bias": _floats(bias)}]


def _layer_norm(module: Any) -> Layers:
    if len(module.normalized_shape) != 1:
        raise UnsupportedConfigurationError("layer normalisation over several axes cannot be written")
    ones = torch.ones(module.normalized_shape)
    weight = ones if module.weight is None else module.weight
    bias = torch.zeros_like(ones) if module.bias is None else module.bias
    return [{"op": "normalize", "weight": _floats(weight), "bias": _floats(bias), "eps": module.eps}]


def _batch_norm(module: Any) -> Layers:
    if module.running_mean is None:
        raise UnsupportedConfigurationError("batch normalisation without running means depends on other rows")
    weight = (module.running_var.double() + module.eps).rsqrt()
    bias = torch.zeros_like(weight)
    if module.affine:
        weight, bias = weight * module.weight, module.bias
    return [_scale(*(tensor.detach().cpu().numpy() for tensor in (module.running_mean, weight, bias)))]


def _activate(name: str) -> dict[str, Any]:
    spelled = name if name in ACTIVATIONS else name.replace("_", " ")
    if spelled not in _KNOWN:
        raise UnsupportedConfigurationError(f"the activation {name!r} cannot be written")
    return {"op": "activate", "name": spelled}


def _fully_connected(module: Any) -> Layers:
    *hidden, last = module.layers
    norms = [None] * len(hidden) if module.norms is None else module.norms
    written: Layers = []
    for layer, norm in zip(hidden, norms, strict=True):
        inner = [*_written(layer), *([] if norm is None else _written(norm)), _activate(module.activation)]
        same_width = layer.in_features == layer.out_features
        written += [{"op": "residual", "layers": inner}] if module.residual and same_width else inner
    return [*written, *_written(last)]


def _embedding_layers(module: Any) -> Layers:
    """Converts a model with an optional standardisation of rows and unit of the output."""
    return _conditioned(module, [*_standardization(module.scaling), *_fully_connected(module), *_unit(module)])


def _conditioned(module: Any, layers: Layers) -> Layers:
    """Returns layers that lead to the positions of a model, with the conditions of its exact constraints."""
    if module.output_layers is None:
        return layers
    conditions = write_conditions(module.output_layers, unit_of(module), projected=False)
    return [{"op": "conditioned", "layers": layers, "conditions": conditions}]


def _standardization(module: Any) -> Layers:
    if module is None:
        return []
    mean, scale = module.mean().cpu().numpy(), module.scale.detach().cpu().double().numpy()
    with np.errstate(divide="ignore"):
        return [_scale(mean, np.where(scale > 0, 1 / scale, 0), np.zeros_like(mean))]


def _unit(module: Any) -> Layers:
    if module.unit is None:
        return []
    zeros = np.zeros(module.out_dim)
    return [_scale(zeros, zeros + module.unit, zeros)]


def _input_scaling(module: Any) -> Layers:
    bounds = {name: _floats(getattr(module, name)) for name in ("center", "low", "high", "reach")}
    turn = {"op": "linear", "weight": _floats(module.weight), "bias": _floats(module.bias)}
    return [{"op": "soft_clip", **bounds}, turn]


def _assignments(module: Any) -> Layers:
    centers = module.centers.detach().cpu().double()
    # |x|² is the same for all centres and cancels in the softmax; the rest of |x - c|² is linear in x
    weight = centers * (8 * module.sharpness / module.bandwidth.detach().cpu().double().square())
    bias = (weight * centers).sum(dim=1) / -2
    arrays = {"weight": weight.float().numpy(), "bias": bias.float().numpy()}
    return [{"op": "centers", **arrays, "factor": math.sqrt(module.n_centers)}]


def _center_model(module: Any) -> Layers:
    assignments = [] if module.assignments is None else _assignments(module.assignments)
    return _conditioned(
        module, [*_written(module.scaling), *assignments, *_written(module.network), *_unit(module)]
    )


_WRITERS: dict[type[torch.nn.Module], Callable[[Any], Layers]] = {
    torch.nn.Linear: _linear,
    torch.nn.LayerNorm: _layer_norm,
    torch.nn.BatchNorm1d: _batch_norm,
    torch.nn.Sequential: lambda module: [layer for inner in module for layer in _written(inner)],
    FullyConnected: _fully_connected,
    FullyConnectedEmbeddingModel: _embedding_layers,
    InputScaling: _input_scaling,
    CenterModel: _center_model,
    EmbeddingModel: lambda module: _written(module.encoder),
}


def run_layers(layers: Layers, X: torch.Tensor) -> torch.Tensor:
    """Evaluates written layers in double precision, differentiably with respect to the rows.

    Args:
        layers: The result of :func:`write_layers`.
        X: Rows, shape (b, in_dim).

    Returns:
        Shape (b, out_dim), float64.

    Example:
        >>> layer = torch.nn.Linear(3, 2)
        >>> rows = torch.randn(4, 3)
        >>> torch.allclose(run_layers(write_layers(layer), rows).float(), layer(rows), atol=1e-5)
        True
    """
    X = X.double()
    for layer in layers:
        X = _OPERATIONS[layer["op"]](X, layer)
    return X


def _array(layer: dict[str, Any], name: str) -> torch.Tensor:
    return torch.from_numpy(layer[name]).double()


def _run_linear(X: torch.Tensor, layer: dict[str, Any]) -> torch.Tensor:
    return torch.addmm(_array(layer, "bias"), X, _array(layer, "weight").T)


def _run_scale(X: torch.Tensor, layer: dict[str, Any]) -> torch.Tensor:
    return (X - _array(layer, "center")) * _array(layer, "weight") + _array(layer, "bias")


def _run_soft_clip(X: torch.Tensor, layer: dict[str, Any]) -> torch.Tensor:
    centered, reach = X - _array(layer, "center"), _array(layer, "reach")
    within = torch.clamp(centered, _array(layer, "low"), _array(layer, "high"))
    excess = centered - within
    return within + excess.sign() * reach * torch.log1p(excess.abs() / reach)


def _run_centers(X: torch.Tensor, layer: dict[str, Any]) -> torch.Tensor:
    return torch.cat([X, torch.softmax(_run_linear(X, layer), dim=1) * layer["factor"]], dim=1)


def _run_place(X: torch.Tensor, layer: dict[str, Any]) -> torch.Tensor:
    tensors = {name: torch.from_numpy(value) for name, value in layer.items() if isinstance(value, np.ndarray)}
    placement = RefinedPlacement(tensors, **{name: layer[name] for name in _PLACEMENT})
    parts = torch.split(X, max(1, _PRODUCTS // len(placement.reference)))
    return torch.cat([placement(part) for part in parts]).double()


def _run_conditioned(X: torch.Tensor, layer: dict[str, Any]) -> torch.Tensor:
    positions = run_layers(layer["layers"], X)
    for condition in layer["conditions"]:
        positions = apply_condition(condition, positions, X)
    return positions


def _run_normalize(X: torch.Tensor, layer: dict[str, Any]) -> torch.Tensor:
    deviations = X - X.mean(dim=1, keepdim=True)
    variance = deviations.square().mean(dim=1, keepdim=True)
    scaled = deviations * (variance + float(layer["eps"])).rsqrt()
    return scaled * _array(layer, "weight") + _array(layer, "bias")


_OPERATIONS: dict[str, Callable[[torch.Tensor, dict[str, Any]], torch.Tensor]] = {
    "linear": _run_linear,
    "scale": _run_scale,
    "soft_clip": _run_soft_clip,
    "centers": _run_centers,
    "normalize": _run_normalize,
    "place": _run_place,
    "activate": lambda X, layer: activation_function(str(layer["name"]))(X),
    "residual": lambda X, layer: X + run_layers(layer["layers"], X),
    "conditioned": _run_conditioned,
}
