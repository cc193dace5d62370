"""Rows on which two forms of a model are compared, where the data themselves are not there."""

from __future__ import annotations

from typing import Any

import torch

__all__ = ["column_ranges", "probe_rows"]

_SAMPLE, _ELEMENTS = 500, 4_000_000
_LOW, _HIGH = 0.02, 0.98


def column_ranges(rows: Any) -> tuple[torch.Tensor, torch.Tensor]:
    """Returns the usual range of each column: quantiles of a sample, so that no row is told.

    Args:
        rows: Shape (n, …); sparse rows, too.

    Returns:
        Two tensors of the shape of a row, float32.

    Example:
        >>> low, high = column_ranges(torch.arange(101.0)[:, None])
        >>> round(float(low)), round(float(high))
        (2, 98)
    """
    width = max(1, rows.numel() // max(1, len(rows)))
    n = min(len(rows), _SAMPLE, max(10, _ELEMENTS // width))
    chosen = torch.linspace(0, len(rows) - 1, n).long()
    sample = rows[chosen.to(rows.device)].to("cpu", torch.float32)
    ordered = sample.sort(dim=0).values
    low, high = (ordered[round(part * (n - 1))].clone() for part in (_LOW, _HIGH))
    return low, high


def probe_rows(ranges: tuple[torch.Tensor, torch.Tensor], n: int) -> torch.Tensor:
    """Returns rows within the ranges of the columns, always the same, shape (n, …)."""
    low, high = ranges
    generator = torch.Generator().manual_seed(0)
    return low + (high - low) * torch.rand(n, *low.shape, generator=generator)
