"""What the columns of rows are like, found by blocks of columns."""

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

Extremes = tuple[torch.Tensor, torch.Tensor]  # the least and the largest value of each column, shape (d,) each

_BLOCK_BYTES = 1 << 24


def column_extremes(rows: torch.Tensor | SparseRows) -> Extremes:
    """Returns the least and the largest value of each column, float64, or int64 of integers that this may round.

    Args:
        rows: A tensor of shape (n, …), whose further axes are flattened, or sparse rows.
    """
    if isinstance(rows, SparseRows):
        return extremes_of(rows)
    flat = rows.detach().reshape(len(rows), -1)
    flat = flat.to(torch.uint8) if flat.dtype == torch.bool else flat
    step = max(1, _BLOCK_BYTES // (8 * flat.shape[1]))
    # of some rows at a time, in their own type; torch.aminmax along the rows takes several times as long
    found = [(part.amin(dim=0), part.amax(dim=0)) for part in torch.split(flat, step)]
    low, high = (torch.stack(bounds) for bounds in zip(*found, strict=True))
    kind = torch.int64 if flat.dtype == torch.int64 else torch.float64
    return low.amin(dim=0).to(kind), high.amax(dim=0).to(kind)


def largest_values(extremes: Extremes) -> torch.Tensor:
    """The largest absolute value of each column, float64."""
    return torch.maximum(*(bound.to(torch.float64).abs() for bound in extremes))


def lie_far_from_zero(rows: Any) -> bool:
    """Returns whether columns lie so far from zero, for their spread, that single precision loses their digits.

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
    """Which columns hold one value, shape (d,)."""
    if isinstance(rows, SparseRows):
        matrix = rows.to_scipy()
        lowest, highest = (matrix.min(axis=0), matrix.max(axis=0))
        return torch.from_numpy(np.asarray(lowest.toarray() == highest.toarray()).reshape(-1))
    flat = rows.reshape(len(rows), -1)
    constant = flat[0] == flat[1]
    # the first two rows differ in nearly all columns of nearly all data, and then the others are not looked at
    places = constant.nonzero().squeeze(1)
    step = max(1, _BLOCK_BYTES // (4 * len(flat)))
    for some in torch.split(places, step):
        columns = flat[:, some]
        constant[some] = (columns == columns[0]).all(dim=0)
    return constant


def zeros_are_usual(rows: Any, varying: torch.Tensor) -> bool:
    """Whether most of some columns have a zero, shape of ``varying``: (d,)."""
    if isinstance(rows, SparseRows):
        return True
    places = varying.nonzero().squeeze(1)
    step = max(1, _BLOCK_BYTES // (4 * len(rows)))
    with_zeros = sum(int((rows[:, some] == 0).any(dim=0).sum()) for some in torch.split(places, step))
    return 2 * with_zeros > len(places)


def _column_blocks(rows: torch.Tensor) -> Iterator[torch.Tensor]:
    """Some columns at a time, in double precision."""
    flat = rows.detach().reshape(len(rows), -1)
    step = max(1, _BLOCK_BYTES // (8 * len(flat)))
    for start in range(0, flat.shape[1], step):
        yield flat[:, start : start + step].to(torch.float64)
