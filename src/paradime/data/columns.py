"""Statistics of the columns of rows that decide about warnings and precision."""

from __future__ import annotations

from typing import Any

import torch

from paradime.models.scaling import is_far_from_zero
from paradime.utils.rows import rows_of

__all__ = ["Extremes", "largest_values", "lie_far_from_zero", "zeros_are_usual"]

Extremes = tuple[torch.Tensor, torch.Tensor]  # minimum and maximum of each column, shape (d,) each


def largest_values(extremes: Extremes) -> torch.Tensor:
    """Returns the largest absolute value of each column, float64."""
    return torch.maximum(*(bound.to(torch.float64).abs() for bound in extremes))


def lie_far_from_zero(rows: Any) -> bool:
    """Returns whether single precision loses digits of a column whose offset is large relative to its scale.

    Args:
        rows: Rows of any form, shape (n, …).
    """
    if rows.dtype not in (torch.float64, torch.int64, torch.int32) or len(rows) < 2:
        return False
    return is_far_from_zero(*rows_of(rows).mean_and_deviation())


def zeros_are_usual(rows: Any, varying: torch.Tensor) -> bool:
    """Returns whether most of the columns in the mask ``varying``, shape (d,), have a zero."""
    return bool(2 * (rows_of(rows).columns_with_zeros() & varying).sum() > varying.sum())
