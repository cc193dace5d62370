"""Precomputed outputs of a model's fixed first layer, which save time in every training step."""

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

_FEWER = 4  # ratio of columns to components from which the layer costs more than the rest of the model
_CHUNK_ELEMENTS = 1 << 22
_MOST_BYTES = 1 << 31


class Projection(NamedTuple):
    """Rows and the output of a model's fixed first layer for them.

    Attributes:
        weight: The weight of the layer, which copies of the model share.
        version: Its version.
        source: The rows, shape (n, …).
        rows: The output of the layer, shape (n, out_dim), to which the layer is the identity.
    """

    weight: torch.Tensor
    version: int
    source: Any
    rows: torch.Tensor

    def serves(self, model: torch.nn.Module) -> bool:
        """Returns whether the first layer of a model is still the one that was applied."""
        scaling = _scaling_of(model)
        return scaling is not None and scaling.weight is self.weight and self.weight._version == self.version


def projection_for(model: torch.nn.Module, rows: torch.Tensor | SparseRows) -> Projection | None:
    """Projects rows by the fixed first layer of a model, in chunks.

    Args:
        model: The model, prepared, on the device of the rows.
        rows: Shape (n, …); sparse rows are converted to dense chunks.

    Returns:
        The projection; ``None`` if the model has another first layer, the layer is cheap, or the result too large.

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
    chunks = (
        projected_rows(model, as_input(model, chunk.to(scaling.weight.device))) for chunk in rows.split(step)
    )
    projected = joined_rows((chunk.as_subclass(torch.Tensor) for chunk in chunks), len(rows))
    return Projection(scaling.weight, scaling.weight._version, rows, projected.as_subclass(ScaledRows))


def projected_rows(model: torch.nn.Module, rows: torch.Tensor) -> torch.Tensor:
    """Applies the fixed first layer of a model to rows, without gradients; returns the rows if this saves nothing.

    Args:
        model: The model.
        rows: Rows of the model's dtype, shape (b, …), on its device; the model can be called with the result.
    """
    scaling = _wide_scaling_of(model)
    return rows if scaling is None else scaling.project(rows).as_subclass(ScaledRows)


def _wide_scaling_of(model: torch.nn.Module) -> InputScaling | None:
    scaling = _scaling_of(model)
    return None if scaling is None or scaling.in_dim < _FEWER * scaling.out_dim else scaling


def _scaling_of(model: torch.nn.Module) -> InputScaling | None:
    model = viewed(model)
    encoder = model.encoder if isinstance(model, EmbeddingModel) else model
    # exactly this class: a subclass may use the rows before the layer, as conditions on positions may
    if type(encoder) is not CenterModel or (
        encoder.output_layers is not None and encoder.output_layers.reads_rows
    ):
        return None
    return encoder.scaling
