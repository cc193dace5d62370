"""Packing of the network for new points, and of the features of points with their ranges."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import torch
from sklearn.pipeline import Pipeline

from paradime.data.columns import lie_far_from_zero
from paradime.exceptions import UnsupportedConfigurationError
from paradime.explorer.network import Layers, run_layers, write_layers
from paradime.explorer.packing import Blobs, smallest_integers
from paradime.models import needs_double
from paradime.types import AnyArray
from paradime.utils.convert import to_numpy
from paradime.utils.rows import rows_of

__all__ = ["PackedNetwork", "feature_importance", "pack_features", "pack_network"]

_TOLERANCE = 1e-4  # of the embedding's extent, and at least of 1
_CHECKED_ROWS = 256
_MOST_PARAMETERS = 6_000_000
_ROWS_FOR_RANGES = 5_000
_MOST_FEATURE_BYTES = 16_000_000


def pack_features(X: Any, names: Sequence[str], blobs: Blobs) -> tuple[dict[str, Any], str | None]:
    """Packs the features of all points, or of evenly spaced ones if all would exceed the limit of size.

    Args:
        X: Rows of any form, shape (n, d), real and finite; those that are packed become dense.
        names: Their d names.
        blobs: Collects the arrays.

    Returns:
        The description for the page; and a note if points were left out, or ``None``.
    """
    rows_to_pack, drawn = rows_of(X), None
    n, d = rows_to_pack.shape
    if not rows_to_pack.in_memory:
        # small integers may take less than this
        drawn = _drawn(n, d * np.dtype(np.float32).itemsize)
    X = to_numpy(rows_to_pack[slice(None) if drawn is None else torch.from_numpy(drawn.astype(np.int64))])
    integers = X.dtype.kind in "iub"
    whole = [integers or bool((column == np.round(column)).all()) for column in X.T]
    if all(whole):
        fits = X.min() >= -(1 << 31) and X.max() < 1 << 31
        values = smallest_integers(X if integers else X.astype(np.int64)) if fits else _floats(X)
    else:
        values = _floats(X)
    rows = _drawn(n, d * values.itemsize) if drawn is None else drawn
    packed = values if rows is None or drawn is not None else values[rows]
    n_packed = len(packed)
    low, high = np.quantile(packed[:: -(-n_packed // _ROWS_FOR_RANGES)], [0.005, 0.995], axis=0)
    # use the whole range if the quantiles coincide
    flat = low == high
    low, high = np.where(flat, values.min(axis=0), low), np.where(flat, values.max(axis=0), high)
    described = {
        "names": list(names),
        "data": blobs.add(packed.T),
        "rows": None if rows is None else blobs.add(rows),
        "integer": whole,
        "low": low.astype(float).tolist(),
        "high": high.astype(float).tolist(),
        "order": list(range(d)),
    }
    note = None if rows is None else f"the page has the features of {n_packed:,} of {n:,} points, evenly spaced"
    return described, note


def _drawn(n: int, n_bytes: int) -> AnyArray | None:
    """Returns the rows to pack out of n rows with so many bytes each; ``None`` for all."""
    most = max(1, _MOST_FEATURE_BYTES // n_bytes)
    return None if n <= most else np.linspace(0, n - 1, most).astype(np.uint32)


def _floats(X: AnyArray) -> AnyArray:
    """Returns numbers in single precision, or in double precision for columns far from zero."""
    numbers = X.astype(np.float64)
    return numbers if lie_far_from_zero(torch.from_numpy(numbers)) else X.astype(np.float32)


class PackedNetwork(NamedTuple):
    """What a page has of a network.

    Attributes:
        described: The description for the page; ``None`` if the network cannot be part of it.
        order: The features in the order of their importance.
        note: Why the network is not part of the page, or what was left out of it.
    """

    described: dict[str, Any] | None
    order: list[int]
    note: str | None


def pack_network(routine: Any, X: Any, Y: AnyArray, blobs: Blobs) -> PackedNetwork:
    """Packs the network of a routine, after a check that its written layers embed rows like the routine.

    Of a refined map with many training rows, a sample of these is packed.

    Args:
        routine: The routine, or a pipeline that ends with it.
        X: Rows of any form, shape (n, d).
        Y: Their positions by the routine, shape (n, 2).
        blobs: Collects the arrays.
    """
    try:
        layers = write_layers(routine)
    except UnsupportedConfigurationError as error:
        return PackedNetwork(None, [], str(error))
    n_parameters, n_rows = _count(layers), _reference_rows(layers)
    if n_parameters > _MOST_PARAMETERS and not n_rows:
        too_many = f"a network in a page may have {_MOST_PARAMETERS:,} parameters, got {n_parameters:,}"
        return PackedNetwork(None, [], too_many)
    sample = np.unique(np.linspace(0, len(X) - 1, _CHECKED_ROWS).astype(int))
    # the precision in which a routine, or the first step of a pipeline, reads rows
    is_double = isinstance(routine, Pipeline) or needs_double(getattr(routine, "model", None))
    precision = torch.float64 if is_double else torch.float32
    rows = rows_of(X)[torch.from_numpy(sample)].to(precision)
    reason = _difference(layers, rows, Y[sample], float(np.ptp(Y, axis=0).max()))
    if reason is not None:
        warnings.warn(f"The page cannot embed new points: {reason}.", stacklevel=3)
        return PackedNetwork(None, [], reason)
    note = None
    if n_parameters > _MOST_PARAMETERS:
        n_packed = max(1, n_rows * _MOST_PARAMETERS // n_parameters)
        layers = write_layers(routine, reference_rows=n_packed)
        note = f"the page has {n_packed:,} of the {n_rows:,} training rows by which the routine places others"
    order = np.argsort(-feature_importance(layers, rows), kind="stable").tolist()
    packed = {"layers": _packed(layers, blobs), "inputs": X.shape[1], "parameters": _count(layers)}
    return PackedNetwork({**packed, "double": is_double}, order, note)


def _reference_rows(layers: Layers) -> int:
    """Returns how many training rows a written refined map has, 0 for a network."""
    inner = sum(_reference_rows(layer["layers"]) for layer in layers if "layers" in layer)
    return inner + sum(len(layer["reference"]) for layer in layers if layer["op"] == "place")


def _difference(layers: Layers, rows: torch.Tensor, Y: AnyArray, extent: float) -> str | None:
    """Describes how positions of the layers and the routine differ; ``None`` if they agree."""
    try:
        with torch.no_grad():
            positions = run_layers(layers, rows).numpy()
    except RuntimeError as error:  # the routine changes the shape of rows before its network
        return f"the written network does not take the rows ({str(error).splitlines()[0]})"
    if positions.shape != Y.shape:
        return f"the written network has {positions.shape[1]} outputs, the embedding {Y.shape[1]} dimensions"
    difference, limit = float(np.abs(positions - Y).max()), _TOLERANCE * max(1.0, extent)
    if difference <= limit:
        return None
    return (
        f"positions of the written network may differ from those of the routine by {limit:.2g}, got "
        f"{difference:.3g}; the routine computes more than its layers"
    )


def feature_importance(layers: Layers, X: torch.Tensor) -> AnyArray:
    """Returns the mean length of the gradient of positions, times the standard deviation of each feature.

    Args:
        layers: A written network.
        X: Rows, shape (b, d).

    Returns:
        Shape (d,), not negative.

    Example:
        >>> layers = write_layers(torch.nn.Linear(3, 2))
        >>> feature_importance(layers, torch.randn(10, 3) * torch.tensor([1.0, 0.0, 1.0])) > 0
        array([ True, False,  True])
    """
    X = X.double().requires_grad_()
    with torch.enable_grad():
        outputs = run_layers(layers, X).sum(dim=0)
        gradients = [torch.autograd.grad(output, X, retain_graph=True)[0] for output in outputs]
    lengths = torch.stack(gradients).square().sum(dim=0).sqrt().mean(dim=0)
    return (lengths * X.detach().std(dim=0, correction=0)).numpy()


def _count(layers: Layers) -> int:
    inner = sum(_count(layer["layers"]) for layer in layers if "layers" in layer)
    return inner + sum(value.size for layer in layers for value in layer.values() if isinstance(value, np.ndarray))


def _packed(layers: Layers, blobs: Blobs) -> list[dict[str, Any]]:
    def packed(value: Any) -> Any:
        if isinstance(value, np.ndarray):
            return blobs.add(value)
        return _packed(value, blobs) if isinstance(value, list) else value

    return [{name: packed(value) for name, value in layer.items()} for layer in layers]
