"""A model that learned from standardised columns becomes one that takes the columns as they are."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch

from paradime.cli.console import InputError
from paradime.models import FullyConnected, FullyConnectedDecoder, InputScaling, Standardization, centers_rows
from paradime.types import AnyArray

__all__ = ["can_be_folded", "check_foldable", "fold"]

_TOLERANCE = 1e-3  # of the extent of the embedding
_REMEDY = "Leave out standardize: false in the specification, or subtract the offsets of the columns."


def can_be_folded(model: Any) -> bool:
    """Returns whether :func:`fold` knows the layers of a model."""
    encoder, decoder = getattr(model, "encoder", model), getattr(model, "decoder", None)
    fits = centers_rows(encoder) or (isinstance(encoder, FullyConnected) and len(encoder.layers) > 0)
    return fits and (not isinstance(decoder, torch.nn.Module) or isinstance(decoder, FullyConnectedDecoder))


@torch.no_grad()
def fold(routine: Any, X: AnyArray, mean: AnyArray, scale: AnyArray) -> None:
    """Lets a routine that was fitted to ``(X - mean) / scale`` take ``X`` itself.

    The linear part at its beginning takes over the standardisation, and that at the end of its decoder the way
    back. Its data set becomes ``X``.

    Args:
        routine: A trained routine.
        X: The rows as they are, shape (n, d), a data frame or array.
        mean: What was subtracted, shape (d,).
        scale: What was divided by, shape (d,), positive.

    Raises:
        InputError: If the routine would embed ``X`` otherwise than it embedded what it was fitted to.
    """
    rows = np.asarray(X, dtype=np.float64)
    some = np.linspace(0, len(rows) - 1, min(500, len(rows))).astype(int)
    names = list(X.columns) if hasattr(X, "columns") else None
    model = routine.model
    given = rows[some]
    if not centers_rows(model):
        # as the model will get them: what single precision takes from them it took in training, too
        given = given.astype(np.float32).astype(np.float64)
    before = routine.apply(_framed((given - mean) / scale, names), "embed").numpy()
    encoder, decoder = getattr(model, "encoder", model), getattr(model, "decoder", None)
    m, s = torch.from_numpy(mean), torch.from_numpy(scale)
    scaling = getattr(encoder, "scaling", None)
    if isinstance(scaling, Standardization):
        _fold_standardization(scaling, m, s)
    elif isinstance(scaling, InputScaling):
        _fold_scaling(scaling, m, s)
    else:
        _fold_first(encoder.layers[0], m, s)
    if decoder is not None and decoder.scaling is not None:
        _fold_standardization(decoder.scaling, m, s)
    elif decoder is not None:
        last = decoder.layers[-1]
        weight, bias = last.weight.double().cpu(), last.bias.double().cpu()
        last.weight.copy_(weight * s[:, None])
        last.bias.copy_(bias * s + m)
    routine.add_data({"main": X})
    after = routine.apply(_framed(rows[some], names), "embed").numpy()
    far, extent = float(np.abs(after - before).max()), float(np.ptp(before, axis=0).max())
    if not far <= _TOLERANCE * max(extent, 1e-12):
        raise InputError(
            f"--scale: the model must place rows where it did before it took over the scaling, got {far:.3g} away "
            f"on a map of {extent:.3g}: it computes in single precision and does not centre columns. {_REMEDY}"
        )


def check_foldable(mean: AnyArray, scale: AnyArray) -> None:
    """Raises InputError if a model that does not centre rows would lose their digits with the scaling in it.

    Args:
        mean: What is subtracted from the columns, shape (d,).
        scale: What they are divided by, shape (d,), positive.
    """
    far = float((np.abs(mean) / scale).max())
    farthest = _TOLERANCE / float(np.finfo(np.float32).eps)
    if far > farthest:
        raise InputError(
            f"--scale: columns must lie within {farthest:,.0f} standard deviations of zero for a model that does "
            f"not centre them, got {far:,.0f}: it computes in single precision. {_REMEDY}"
        )


def _fold_standardization(scaling: Standardization, m: torch.Tensor, s: torch.Tensor) -> None:
    scaling.take(m + s * scaling.mean().cpu(), s * scaling.scale.double().cpu())


def _fold_scaling(scaling: InputScaling, m: torch.Tensor, s: torch.Tensor) -> None:
    center = scaling.center.double().cpu()
    wanted = m + s * center
    # rounded to single precision; the bias takes the rest
    scaling.center.copy_(wanted)
    rest = scaling.center.double().cpu() - wanted
    weight = scaling.weight.double().cpu() / s
    for bound in (scaling.low, scaling.high):
        bound.copy_(bound.double().cpu() * s - rest)
    scaling.reach.copy_(scaling.reach.double().cpu() * s)
    scaling.weight.copy_(weight)
    scaling.bias.copy_(scaling.bias.double().cpu() + weight @ rest)


def _fold_first(layer: torch.nn.Linear, m: torch.Tensor, s: torch.Tensor) -> None:
    weight = layer.weight.double().cpu() / s
    bias = layer.bias.double().cpu() - weight @ m
    layer.weight.copy_(weight)
    layer.bias.copy_(bias)


def _framed(rows: AnyArray, names: list[str] | None) -> Any:
    if names is None:
        return rows
    import pandas as pd

    return pd.DataFrame(rows, columns=names)
