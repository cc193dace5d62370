"""Neighbours that the user found elsewhere."""

from __future__ import annotations

from typing import Any

import torch

from paradime.neighbors.backend import without_self
from paradime.utils.convert import as_tensor

__all__ = ["given_neighbors"]


def given_neighbors(indices: Any, dists: Any) -> tuple[torch.Tensor, torch.Tensor]:
    """Checks neighbours that were found elsewhere, and removes each point from its own neighbours.

    Where only some rows hold the point itself, the others lose their last neighbour.

    Args:
        indices: Indices of neighbours, shape (n, k), in [0, n).
        dists: Their distances, shape (n, k), ≥ 0.

    Returns:
        Indices (int64) and distances (float32), each of shape (n, k) or (n, k − 1), distances ascending.

    Raises:
        ValueError: If shapes, indices or distances break these rules, or a row holds an index twice.
        TypeError: If the indices are not integers.

    Example:
        >>> indices, dists = given_neighbors([[0, 1], [1, 0]], [[0.0, 2.0], [0.0, 2.0]])
        >>> indices.tolist(), dists.tolist()
        ([[1], [0]], [[2.0], [2.0]])
    """
    found, values = as_tensor(indices), as_tensor(dists)
    _check_indices(found)
    if values.shape != found.shape:
        raise ValueError(
            f"precomputed distances must have the shape of the indices, {tuple(found.shape)}, "
            f"got {tuple(values.shape)}. Pass (indices, distances), in this order."
        )
    values = values.to(torch.float64)
    if not bool((values.isfinite() & (values >= 0)).all()):
        bad = int((~(values.isfinite() & (values >= 0))).any(dim=1).nonzero()[0])
        raise ValueError(
            f"precomputed distances must be finite and at least 0, got {values[bad].tolist()} in row {bad}."
        )
    found = found.to(torch.int64)
    values, order = values.sort(dim=1, stable=True)
    found, values = found.gather(1, order), values.to(torch.float32)
    if bool((found == torch.arange(len(found), device=found.device)[:, None]).any()):
        if found.shape[1] == 1:
            raise ValueError(
                "precomputed neighbours must hold other points, got only the points themselves. Raise k."
            )
        return without_self(found, values)
    return found, values


def _check_indices(found: torch.Tensor) -> None:
    if found.ndim != 2 or found.shape[1] < 1:
        raise ValueError(f"precomputed indices must have shape (n, k) with k >= 1, got {tuple(found.shape)}.")
    if found.is_floating_point() or found.is_complex() or found.dtype == torch.bool:
        raise TypeError(
            f"precomputed indices must be integers, got {found.dtype}. Pass (indices, distances), in this order."
        )
    outside = ((found < 0) | (found >= len(found))).any(dim=1)
    if bool(outside.any()):
        row = int(outside.nonzero()[0])
        raise ValueError(
            f"precomputed indices must lie in [0, {len(found)}), got {found[row].tolist()} in row {row}. "
            "-1 stands for a neighbour that a search did not find: search again with more effort."
        )
    ordered = found.sort(dim=1).values
    repeated = (ordered.diff(dim=1) == 0).any(dim=1)
    if bool(repeated.any()):
        row = int(repeated.nonzero()[0])
        raise ValueError(f"precomputed indices must differ within a row, got {found[row].tolist()} in row {row}.")
