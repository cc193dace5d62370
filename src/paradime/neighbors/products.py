"""Nearest rows by matrix products: rounding is bounded, and undone where it could change the result."""

from __future__ import annotations

from typing import NamedTuple

import torch

from paradime.neighbors.euclidean import EuclideanRows

__all__ = ["Nearest", "expanded", "nearest_in_block", "smallest", "smallest_columns", "sq_norms_of"]

_GROUP = 16
# bounds on the error beside the squared distance, above which it is computed anew; errors are many times smaller
_TOLERATED = 1e-4
_TOLERATED_IN_ORDER = {torch.float32: 2e-5, torch.float64: 1e-8}


class Nearest(NamedTuple):
    """Neighbours: indices and squared distances, each of shape (m, k), and which rows are certain, (m,)."""

    indices: torch.Tensor
    sq_dists: torch.Tensor
    certain: torch.Tensor


def smallest(block: torch.Tensor, k: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Returns the k smallest entries of each row and their columns, in no order.

    Columns are looked at in groups: the k smallest entries lie in the k groups with the smallest minima, and
    minima of groups are found many times faster than places.

    Args:
        block: Shape (m, p), p ≥ k.
        k: How many.

    Returns:
        Values and columns, each of shape (m, k).
    """
    n_groups = block.shape[1] // _GROUP
    if n_groups < 4 * k:
        found = block.topk(k, dim=1, largest=False, sorted=False)
        return found.values, found.indices
    groups = group_minima(block, n_groups).topk(k, dim=1, largest=False, sorted=False).indices
    first = torch.arange(0, n_groups * _GROUP, n_groups, device=block.device)
    rest = torch.arange(n_groups * _GROUP, block.shape[1], device=block.device).expand(len(block), -1)
    columns = torch.cat([(groups[:, None] + first[:, None]).flatten(1), rest], dim=1)
    found = block.gather(1, columns).topk(k, dim=1, largest=False, sorted=False)
    return found.values, columns.gather(1, found.indices)


def smallest_columns(block: torch.Tensor, k: int) -> torch.Tensor:
    """Returns the columns that hold one of the k smallest entries of some row, and a few more, shape (q,).

    Args:
        block: Shape (m, p); overwritten.
        k: How many.
    """
    n_groups = block.shape[1] // _GROUP
    minima = group_minima(block, n_groups) if n_groups >= 2 * k else block
    if k >= minima.shape[1]:
        return torch.arange(block.shape[1], device=block.device)
    # the k-th smallest minimum is no smaller than the k-th smallest entry
    limits = minima.topk(k, dim=1, largest=False, sorted=False).values.amax(dim=1, keepdim=True)
    columns: torch.Tensor = (block.sub_(limits).amin(dim=0) <= 0).nonzero().squeeze(1)
    return columns


def sq_norms_of(rows: torch.Tensor) -> torch.Tensor:
    """Returns squared norms of rows, shape (m,)."""
    norms: torch.Tensor = torch.linalg.vector_norm(rows, dim=1)
    return norms.square_()


def expanded(rows: torch.Tensor, others: torch.Tensor) -> torch.Tensor:
    """Returns ‖b‖² − 2ab for rows a, shape (m, d), and b, shape (p, d): squared distances less ‖a‖², (m, p)."""
    return torch.addmm(sq_norms_of(others), rows, others.T, alpha=-2)


def group_minima(block: torch.Tensor, n_groups: int) -> torch.Tensor:
    """Returns the minima of groups of 16 columns; some last columns may be in no group."""
    # a group is made of columns far apart, so that the minima are those of whole vectors
    columns = block[:, : n_groups * _GROUP]
    return columns.reshape(len(block), _GROUP, n_groups).amin(dim=1)


def nearest_in_block(
    points: EuclideanRows,
    asked: torch.Tensor,
    others: torch.Tensor | None,
    block: torch.Tensor,
    sq_norms: torch.Tensor,
    k: int,
    *,
    in_order: bool = True,
) -> Nearest:
    """Finds the nearest rows in ‖b‖² − 2ab, and makes the order of the nearest sure.

    A few more than k are selected. Where rounding may have changed the order of these, or is large beside the
    distance, the distances are computed anew by differences. A row is certain if its k-th distance lies below what
    rounding may have hidden among the entries that were not selected.

    Args:
        points: All points.
        asked: Indices of the rows whose neighbours are sought, shape (m,).
        others: Indices of the rows to choose from, shape (p,), p > k; ``None`` for all points.
        block: ‖b‖² − 2ab for these rows about some centre, shape (m, p); overwritten where a is b.
        sq_norms: ‖a‖², shape (m,), of the same type.
        k: Number of neighbours.
        in_order: Whether neighbours that are as far as rounding can tell must be in their true order.

    Returns:
        Neighbours, distances ascending.
    """
    if others is None:
        block[torch.arange(len(asked), device=block.device), asked] = torch.inf
    else:
        block.masked_fill_(asked[:, None] == others, torch.inf)
    n_selected = min(k + max(8, k // 16), block.shape[1])
    values, columns = smallest(block, n_selected)
    values, order = (values + sq_norms[:, None]).sort(dim=1)
    indices = columns.gather(1, order)
    indices = indices if others is None else others[indices]
    error = _rounding(values, sq_norms, points.dim)
    doubtful = error > (_TOLERATED_IN_ORDER[values.dtype] if in_order else _TOLERATED) * values
    if in_order:
        close = values.diff(dim=1) <= error[:, 1:] + error[:, :-1]
        doubtful[:, 1:] |= close
        doubtful[:, :-1] |= close
    # the row itself stands last where there are too few others
    doubtful &= values.isfinite()
    sq_dists, indices = _repaired(points, asked, indices, values.to(torch.float64), doubtful)
    last, hidden = sq_dists[:, k - 1], values[:, -1] - error[:, -1]
    # nothing lies below 0; and where the error is far below the distances, equal ones may be told apart by nothing
    certain = (last <= hidden) | (last == 0) | (error[:, -1] <= 1e-11 * last)
    if n_selected == block.shape[1]:
        certain = torch.ones_like(certain)
    return Nearest(indices[:, :k], sq_dists[:, :k], certain)


def _rounding(sq_dists: torch.Tensor, sq_norms: torch.Tensor, dim: int) -> torch.Tensor:
    """Bounds the error of expanded squared distances, with ‖b‖² ≤ 2‖a‖² + 2‖a − b‖²; errors of sums grow as √d."""
    unit = torch.finfo(sq_dists.dtype).eps * (8 + dim**0.5) / 2
    bounds: torch.Tensor = unit * (3 * sq_norms[:, None] + 2 * sq_dists.clamp(min=0))
    return bounds


def _repaired(
    points: EuclideanRows,
    asked: torch.Tensor,
    indices: torch.Tensor,
    sq_dists: torch.Tensor,
    doubtful: torch.Tensor,
) -> tuple[torch.Tensor, torch.Tensor]:
    """Computes doubtful squared distances anew, by differences, and sorts."""
    row, place = doubtful.nonzero(as_tuple=True)
    if len(row):
        sq_dists[row, place] = points.pair_sq_dists(asked[row], indices[row, place])
        sq_dists, order = sq_dists.sort(dim=1, stable=True)
        indices = indices.gather(1, order)
    return sq_dists, indices
