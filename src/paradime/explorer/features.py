"""What the page needs to place new points: the written network, and features of points with their ranges."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from typing import Any

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
from paradime.utils.sparse import SparseRows

__all__ = ["feature_importance", "pack_features", "pack_network"]

_TOLERANCE = 1e-4  # of the embedding's extent, and at least of 1
_CHECKED_ROWS = 256
_MOST_PARAMETERS = 6_000_000
_ROWS_FOR_RANGES = 5_000
_MOST_FEATURE_BYTES = 16_000_000


def pack_features(
    X: AnyArray | SparseRows, names: Sequence[str], blobs: Blobs
) -> tuple[dict[str, Any], str | None]:
    """Packs the features of the points: of all, or of evenly drawn ones where all would take too much room.

    Args:
        X: Shape (n, d), real and finite; sparse ones become dense as far as they go along.
        names: Their d names.
        blobs: Takes the arrays.

    Returns:
        The description for the page; and what to tell the reader if points were left out, or ``None``.
    """
    n, d = X.shape
    drawn = None
    if isinstance(X, SparseRows):
        # unless they are small whole numbers, which may take less
        drawn = _drawn(n, d * np.dtype(np.float32).itemsize)
        X = to_numpy(X[:] if drawn is None else X[torch.from_numpy(drawn.astype(np.int64))])
    integers = X.dtype.kind in "iub"
    whole = [integers or bool((column == np.round(column)).all()) for column in X.T]
    if all(whole):
        fits = X.min() >= -(1 << 31) and X.max() < 1 << 31
        values = smallest_integers(X if integers else X.astype(np.int64)) if fits else _floats(X)
    else:
        values = _floats(X)
    rows = _drawn(n, d * values.itemsize) if drawn is None else drawn
    carried = values if rows is None or drawn is not None else values[rows]
    kept = len(carried)
    low, high = np.quantile(carried[:: -(-kept // _ROWS_FOR_RANGES)], [0.005, 0.995], axis=0)
    # a feature with few deviating values has a range, too
    flat = low == high
    low, high = np.where(flat, values.min(axis=0), low), np.where(flat, values.max(axis=0), high)
    described = {
        "names": list(names),
        "data": blobs.add(carried.T),
        "rows": None if rows is None else blobs.add(rows),
        "integer": whole,
        "low": low.astype(float).tolist(),
        "high": high.astype(float).tolist(),
        "order": list(range(d)),
    }
    note = None if rows is None else f"the page carries the features of {kept:,} of {n:,} points, evenly drawn"
    return described, note


def _drawn(n: int, n_bytes: int) -> AnyArray | None:
    """Which of n rows, of so many bytes each, a page carries; ``None`` for all."""
    most = max(1, _MOST_FEATURE_BYTES // n_bytes)
    return None if n <= most else np.linspace(0, n - 1, most).astype(np.uint32)


def _floats(X: AnyArray) -> AnyArray:
    """Numbers in single precision, or in double if that would lose the digits of columns far from zero."""
    numbers = X.astype(np.float64)
    return numbers if lie_far_from_zero(torch.from_numpy(numbers)) else X.astype(np.float32)


def pack_network(
    routine: Any, X: AnyArray | SparseRows, Y: AnyArray, blobs: Blobs
) -> tuple[dict[str, Any] | None, Any]:
    """Packs the network of a routine, after trying what was written out on rows.

    Args:
        routine: The routine, or a pipeline that ends with it.
        X: Rows, shape (n, d).
        Y: What the routine makes of them, shape (n, 2).
        blobs: Takes the arrays.

    Returns:
        The description for the page and the features in the order of their importance; or ``None`` and the
        reason why the network cannot go along.
    """
    try:
        layers = write_layers(routine)
    except UnsupportedConfigurationError as error:
        return None, str(error)
    n_parameters = _count(layers)
    if n_parameters > _MOST_PARAMETERS:
        return None, f"the network has {n_parameters:,} parameters, more than the {_MOST_PARAMETERS:,} of a page"
    some = np.unique(np.linspace(0, len(X) - 1, _CHECKED_ROWS).astype(int))
    # as the routine reads them; what comes before it in a pipeline reads them as they are
    is_double = isinstance(routine, Pipeline) or needs_double(getattr(routine, "model", None))
    precision = torch.float64 if is_double else torch.float32
    rows = (X[torch.from_numpy(some)] if isinstance(X, SparseRows) else torch.from_numpy(X[some])).to(precision)
    reason = _difference(layers, rows, Y[some], float(np.ptp(Y, axis=0).max()))
    if reason is not None:
        warnings.warn(f"The page cannot place new points: {reason}.", stacklevel=3)
        return None, reason
    order = np.argsort(-feature_importance(layers, rows), kind="stable")
    return {"layers": _packed(layers, blobs), "inputs": X.shape[1], "parameters": n_parameters}, order.tolist()


def _difference(layers: Layers, rows: torch.Tensor, Y: AnyArray, extent: float) -> str | None:
    """Says how the layers and the routine differ, or nothing if they agree."""
    try:
        with torch.no_grad():
            found = run_layers(layers, rows).numpy()
    except RuntimeError as error:  # shapes that do not fit: the routine does something before its network
        return f"the network that was written out does not take the rows ({str(error).splitlines()[0]})"
    if found.shape != Y.shape:
        return f"the network that was written out has {found.shape[1]} outputs, the embedding {Y.shape[1]}"
    far, limit = float(np.abs(found - Y).max()), _TOLERANCE * max(1.0, extent)
    if far <= limit:
        return None
    return (
        f"the network that was written out places points up to {far:.3g} from where the routine does, more than "
        f"{limit:.2g}; the routine does something that its layers do not say"
    )


def feature_importance(layers: Layers, X: torch.Tensor) -> AnyArray:
    """Returns how far points move if a feature changes by its standard deviation, by the gradient and on average.

    Args:
        layers: A network that was written out.
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
    return inner + sum(part.size for layer in layers for part in layer.values() if isinstance(part, np.ndarray))


def _packed(layers: Layers, blobs: Blobs) -> list[dict[str, Any]]:
    def packed(value: Any) -> Any:
        if isinstance(value, np.ndarray):
            return blobs.add(value)
        return _packed(value, blobs) if isinstance(value, list) else value

    return [{name: packed(value) for name, value in layer.items()} for layer in layers]
