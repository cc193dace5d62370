"""Statistics of the columns of rows, computed in blocks."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import torch

from paradime.functional.soft_clipping import extremes_of
from paradime.models.scaling import is_far_from_zero
from paradime.utils.sparse import SparseRows

__all__ = [
    "Extremes",
    "column_extremes",
    "constant_columns",
    "largest_values",
    "lie_far_from_zero",
    "zeros_are_usual",
]

Extremes = tuple[torch.Tensor, torch.Tensor]  # minimum and maximum of each column, shape (d,) each

_BLOCK_BYTES = 1 << 24


def column_extremes(rows: torch.Tensor | SparseRows) -> Extremes:
    """Returns the minimum and maximum of each column, float64, or int64 for rows of this dtype.

    Args:
        rows: A tensor of shape (n, …), which is flattened to rows, or sparse rows.
    """
    if isinstance(rows, SparseRows):
        return extremes_of(rows)
    flat = rows.detach().reshape(len(rows), -1)
    flat = flat.to(torch.uint8) if flat.dtype == torch.bool else flat
    step = max(1, _BLOCK_BYTES // (8 * flat.shape[1]))
    # in blocks of rows, in their dtype; torch.aminmax along the rows takes several times as long
    extremes = [(block.amin(dim=0), block.amax(dim=0)) for block in torch.split(flat, step)]
    low, high = (torch.stack(bounds) for bounds in zip(*extremes, strict=True))
    kind = torch.int64 if flat.dtype == torch.int64 else torch.float64
    return low.amin(dim=0).to(kind), high.amax(dim=0).to(kind)


def largest_values(extremes: Extremes) -> torch.Tensor:
    """Returns the largest absolute value of each column, float64."""
    return torch.maximum(*(bound.to(torch.float64).abs() for bound in extremes))


def lie_far_from_zero(rows: Any) -> bool:
    """Returns whether single precision loses digits of a column whose offset is large relative to its scale.

    Args:
        rows: A tensor of shape (n, …), or sparse rows.
    """
    if rows.dtype not in (torch.float64, torch.int64, torch.int32) or len(rows) < 2:
        return False
    if isinstance(rows, SparseRows):
        return is_far_from_zero(*rows.mean_and_deviation())
    return any(
        is_far_from_zero(block.mean(dim=0), block.std(dim=0, correction=0)) for block in _column_blocks(rows)
    )


def constant_columns(rows: torch.Tensor | SparseRows) -> torch.Tensor:
    """Returns which columns are constant, shape (d,)."""
    if isinstance(rows, SparseRows):
        matrix = rows.to_scipy()
        lowest, highest = (matrix.min(axis=0), matrix.max(axis=0))
        return torch.from_numpy(np.asarray(lowest.toarray() == highest.toarray()).reshape(-1))
    flat = rows.reshape(len(rows), -1)
    constant = flat[0] == flat[1]
    # only columns in which the first two rows are equal need a full check; usually these are few
    candidates = constant.nonzero().squeeze(1)
    step = max(1, _BLOCK_BYTES // (4 * len(flat)))
    for chunk in torch.split(candidates, step):
        columns = flat[:, chunk]
        constant[chunk] = (columns == columns[0]).all(dim=0)
    return constant


def zeros_are_usual(rows: Any, varying: torch.Tensor) -> bool:
    """Returns whether most of the columns in the mask ``varying``, shape (d,), have a zero."""
    if isinstance(rows, SparseRows):
        return True
    selected = varying.nonzero().squeeze(1)
    step = max(1, _BLOCK_BYTES // (4 * len(rows)))
    with_zeros = sum(int((rows[:, chunk] == 0).any(dim=0).sum()) for chunk in torch.split(selected, step))
    return 2 * with_zeros > len(selected)


def _column_blocks(rows: torch.Tensor) -> Iterator[torch.Tensor]:
    """Yields blocks of columns, in double precision."""
    flat = rows.detach().reshape(len(rows), -1)
    step = max(1, _BLOCK_BYTES // (8 * len(flat)))
    for start in range(0, flat.shape[1], step):
        yield flat[:, start : start + step].to(torch.float64)
