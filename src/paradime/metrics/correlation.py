"""Axis correlation: whether an axis of the embedding follows an attribute."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from paradime.metrics._chunks import as_points
from paradime.metrics._correlations import standardized
from paradime.types import TensorLike
from paradime.utils.convert import as_tensor

__all__ = ["axis_correlation"]


def axis_correlation(embedding: TensorLike, values: TensorLike) -> NDArray[np.float64]:
    """Computes the absolute Pearson correlation of every axis of the embedding with an attribute.

    Args:
        embedding: Embedded points, shape (n, out_dim).
        values: The attribute of each point, shape (n,), not constant.

    Returns:
        One number in [0, 1] an axis, shape (out_dim,); 0 for an axis on which all points coincide.

    Raises:
        TypeError: If the inputs are not real numbers.
        ValueError: If ``embedding`` is not a finite matrix; if ``values`` are not flat, finite, of the same
            length, or are all equal.

    Example:
        >>> axis_correlation([[0.0, 1.0], [1.0, -1.0], [2.0, 1.0]], [5.0, 4.0, 3.0])
        array([1., 0.])
    """
    axes = as_points(embedding, name="embedding")
    attribute = as_tensor(values)
    if attribute.shape != axes.shape[:1]:
        raise ValueError(
            f"values must have shape ({len(axes)},), one number a point, got {tuple(attribute.shape)}. "
            "Select one column, as in X[:, 0]."
        )
    attribute = as_points(attribute[:, None], name="values", device=axes.device)
    if bool((attribute == attribute[0]).all()):
        raise ValueError(
            f"values must differ for a correlation, got {attribute[0].item():g} for all {len(attribute)} "
            "points. Choose an attribute that varies."
        )
    correlations = (standardized(axes) * standardized(attribute)).sum(dim=0)
    # rounding may leave the range by a unit in the last place
    return correlations.abs().clamp(max=1).cpu().numpy()
