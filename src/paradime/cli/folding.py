"""Folding of a standardisation into a model, so that it takes the original columns."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np
import torch

from paradime.cli.console import InputError
from paradime.models import centers_rows
from paradime.models.base import scaling_of
from paradime.types import AnyArray

__all__ = ["check_foldable", "fold"]

_TOLERANCE = 1e-3  # of the extent of the embedding
_REMEDY = "Leave out standardize: false in the specification, or subtract the offsets of the columns."


@torch.no_grad()
def fold(routine: Any, X: AnyArray, mean: AnyArray, scale: AnyArray) -> None:
    """Changes a routine that was fitted to ``(X - mean) / scale`` so that it takes ``X``.

    The standardisation is folded into the first layer, and its inverse into the last layer of the decoder. ``X``
    becomes the data set of the routine.

    Args:
        routine: A trained routine.
        X: The original rows, shape (n, d), a data frame or array.
        mean: The means that were subtracted, shape (d,).
        scale: The deviations that were divided by, shape (d,), positive.

    Raises:
        InputError: If the routine would embed ``X`` differently than the standardised rows.
    """
    rows = np.asarray(X, dtype=np.float64)
    sample = np.linspace(0, len(rows) - 1, min(500, len(rows))).astype(int)
    names = list(X.columns) if hasattr(X, "columns") else None
    model = routine.model
    original = rows[sample]
    if not centers_rows(model):
        # compare with rows rounded to single precision, which is what the model gets
        original = original.astype(np.float32).astype(np.float64)
    before = routine.apply(_framed((original - mean) / scale, names), "embed").numpy()
    encoder, decoder = getattr(model, "encoder", model), getattr(model, "decoder", None)
    m, s = torch.from_numpy(mean), torch.from_numpy(scale)
    scaling = scaling_of(encoder)
    if scaling is None:
        _fold_first(encoder.layers[0], m, s)
    else:
        scaling.precede(m, s)
    if decoder is not None and decoder.scaling is not None:
        decoder.scaling.precede(m, s)
    elif decoder is not None:
        last = decoder.layers[-1]
        weight, bias = last.weight.double().cpu(), last.bias.double().cpu()
        last.weight.copy_(weight * s[:, None])
        last.bias.copy_(bias * s + m)
    refined = routine._fitted.refined  # which belongs to the rows from before
    routine.add_data({"main": X})
    if refined is not None:
        routine.dataset.suit("main", model)  # the rows to the bit, as the model gets them
        reference = refined.reference.preceded(routine.dataset["main"], m, s)
        routine._fitted = routine._fitted.replace(refined=dataclasses.replace(refined, reference=reference))
    after = routine.apply(_framed(rows[sample], names), "embed").numpy()
    difference, extent = float(np.abs(after - before).max()), float(np.ptp(before, axis=0).max())
    if not difference <= _TOLERANCE * max(extent, 1e-12):
        raise InputError(
            "--scale: positions must stay the same when the scaling is folded into the model, got differences of "
            f"{difference:.3g} in a map of {extent:.3g}: the model computes in single precision without centring. "
            f"{_REMEDY}"
        )


def check_foldable(mean: AnyArray, scale: AnyArray) -> None:
    """Raises InputError if a model that does not centre rows would lose digits with the scaling folded in.

    Args:
        mean: The means of the columns, shape (d,).
        scale: Their deviations, shape (d,), positive.
    """
    ratio = float((np.abs(mean) / scale).max())
    largest = _TOLERANCE / float(np.finfo(np.float32).eps)
    if ratio > largest:
        raise InputError(
            f"--scale: columns must lie within {largest:,.0f} standard deviations of zero for a model that does "
            f"not centre them, got {ratio:,.0f}: it computes in single precision. {_REMEDY}"
        )


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
