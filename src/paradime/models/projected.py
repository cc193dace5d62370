"""Rows that the fixed first layer of a model has seen already, so that no step of the training repeats it."""

from __future__ import annotations

from typing import Any, NamedTuple

import torch

from paradime.models.base import as_input
from paradime.models.centers import CenterModel
from paradime.models.embedding import EmbeddingModel
from paradime.models.scaling import InputScaling, ScaledRows
from paradime.models.view import viewed
from paradime.utils.convert import joined_rows
from paradime.utils.sparse import SparseRows

__all__ = ["Projection", "projected_rows", "projection_for"]

_FEWER = 4  # times as many columns as components, from which on repeating the layer costs more than the rest
_CHUNK_ELEMENTS = 1 << 22
_MOST_BYTES = 1 << 31


class Projection(NamedTuple):
    """Rows as a model's fixed first layer returns them.

    Attributes:
        weight: The weight of the layer, which copies of the model share.
        version: Its version.
        source: The rows that went in, shape (n, …).
        rows: What came out, shape (n, out_dim), which the layer leaves as they are.
    """

    weight: torch.Tensor
    version: int
    source: Any
    rows: torch.Tensor

    def serves(self, model: torch.nn.Module) -> bool:
        """Returns whether a model would do with its rows what was done already."""
        scaling = _scaling_of(model)
        return scaling is not None and scaling.weight is self.weight and self.weight._version == self.version


def projection_for(model: torch.nn.Module, rows: torch.Tensor | SparseRows) -> Projection | None:
    """Projects rows by the fixed first layer of a model, a few at a time.

    Args:
        model: The model, prepared, on the device of the rows.
        rows: Shape (n, …); sparse ones are made dense a few at a time.

    Returns:
        The projection; ``None`` if the model begins otherwise, or repeating its layer costs little.

    Example:
        >>> rows = torch.randn(30, 1_000, generator=torch.Generator().manual_seed(0))
        >>> model = CenterModel(1_000, n_rows=30, n_components=20)
        >>> model.prepare(rows)
        >>> torch.allclose(model(projection_for(model, rows).rows), model(rows), atol=1e-5)
        True
    """
    scaling = _wide_scaling_of(model)
    if scaling is None or len(rows) * scaling.out_dim * scaling.weight.element_size() > _MOST_BYTES:
        return None
    step = max(1, _CHUNK_ELEMENTS // scaling.in_dim)
    parts = (projected_rows(model, as_input(model, part.to(scaling.weight.device))) for part in rows.split(step))
    found = joined_rows((part.as_subclass(torch.Tensor) for part in parts), len(rows))
    return Projection(scaling.weight, scaling.weight._version, rows, found.as_subclass(ScaledRows))


def projected_rows(model: torch.nn.Module, rows: torch.Tensor) -> torch.Tensor:
    """Returns rows as the fixed first layer of a model leaves them, without gradients, where that costs less.

    Args:
        model: The model.
        rows: Rows of the model's own type, shape (b, …), on its device; a model may be called with the result.
    """
    scaling = _wide_scaling_of(model)
    return rows if scaling is None else scaling.project(rows).as_subclass(ScaledRows)


def _wide_scaling_of(model: torch.nn.Module) -> InputScaling | None:
    scaling = _scaling_of(model)
    return None if scaling is None or scaling.in_dim < _FEWER * scaling.out_dim else scaling


def _scaling_of(model: torch.nn.Module) -> InputScaling | None:
    model = viewed(model)
    encoder = model.encoder if isinstance(model, EmbeddingModel) else model
    # a subclass may look at its rows before
    return encoder.scaling if type(encoder) is CenterModel else None
