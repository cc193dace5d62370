"""Scaling of rows of any unit, so that squared differences are within single precision."""

from __future__ import annotations

from typing import Any

import torch

from paradime.functional.distances import UNIT_POWERS, magnitude_of_rows
from paradime.neighbors.metrics import canonical
from paradime.types import Metric
from paradime.utils.rows import DenseRows, loaded
from paradime.utils.sparse import SparseRows

__all__ = ["moderate_rows", "with_unit"]

_SAMPLE_ROWS = 1_000


def moderate_rows(X: Any, metric: Metric) -> tuple[DenseRows | SparseRows, float]:
    """Divides rows by a power of two, so that searches can compare them in single precision.

    Args:
        X: The points, rows of any form, shape (n, d).
        metric: The metric; rows are divided only if distances are proportional to a power of the unit.

    Returns:
        The rows, in double precision if they were divided, and the unit of their distances; the unchanged rows
        and 1 if their magnitude is moderate.

    Example:
        >>> rows, unit = moderate_rows(torch.tensor([[2.0**100], [3 * 2.0**100]]), "euclidean")
        >>> rows.column(0), unit
        (tensor([1., 3.], dtype=torch.float64), 1.2676506002282294e+30)
    """
    power = UNIT_POWERS.get(str(canonical(metric))) if isinstance(metric, str) else None
    rows = loaded(X)
    if power is None:
        return rows, 1.0
    sample = torch.linspace(0, len(rows) - 1, min(len(rows), _SAMPLE_ROWS)).to(rows.device, torch.int64)
    unit = float(magnitude_of_rows(rows.take(sample).max_abs_per_row()))
    if unit == 1:
        return rows, 1.0
    # in double precision, because outliers would exceed the range of single precision
    return rows.to(torch.float64).divided(unit), unit**power


def with_unit(dists: torch.Tensor, unit: float) -> torch.Tensor:
    """Returns distances in the unit of the data, float32.

    Raises:
        ValueError: If they are too large or too small for single precision.
    """
    if unit == 1:
        return dists
    scaled = (dists.to(torch.float64) * unit).to(torch.float32)
    if not bool(scaled.isfinite().all()) or bool(((scaled == 0) & (dists > 0)).any()):
        size = float(dists.max()) * unit
        raise ValueError(
            f"distances must lie within single precision, from 1e-45 to 3.4e+38, got up to {size:.3g}. Rescale "
            "the columns, or choose another metric."
        )
    return scaled
