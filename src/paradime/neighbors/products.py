"""Nearest rows by matrix products, with bounded rounding errors that are corrected if they could matter."""

from __future__ import annotations

from typing import NamedTuple

import torch

from paradime.neighbors.euclidean import EuclideanRows

__all__ = ["Nearest", "expanded", "nearest_in_block", "smallest", "smallest_columns", "sq_norms_of"]

_GROUP = 16
# squared distances with a larger bound of the relative error are recomputed; actual errors are much smaller
_TOLERATED = 1e-4
_TOLERATED_IN_ORDER = {torch.float32: 2e-5, torch.float64: 1e-8}


class Nearest(NamedTuple):
    """Indices and squared distances of neighbours, each of shape (m, k), and which rows are certain, (m,)."""

    indices: torch.Tensor
    sq_dists: torch.Tensor
    certain: torch.Tensor


def smallest(block: torch.Tensor, k: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Returns the k smallest entries of each row and their columns, in arbitrary order.

    The k smallest entries are in the k groups of columns with the smallest minima, and computing minima is many
    times faster than sorting.

    Args:
        block: Shape (m, p), p ≥ k.
        k: Number of entries.

    Returns:
        Values and columns, each of shape (m, k).
    """
    n_groups = block.shape[1] // _GROUP
    if n_groups < 4 * k:
        top = block.topk(k, dim=1, largest=False, sorted=False)
        return top.values, top.indices
    groups = group_minima(block, n_groups).topk(k, dim=1, largest=False, sorted=False).indices
    first = torch.arange(0, n_groups * _GROUP, n_groups, device=block.device)
    rest = torch.arange(n_groups * _GROUP, block.shape[1], device=block.device).expand(block.shape[0], -1)
    columns = torch.cat([(groups[:, None] + first[:, None]).flatten(1), rest], dim=1)
    top = block.gather(1, columns).topk(k, dim=1, largest=False, sorted=False)
    return top.values, columns.gather(1, top.indices)


def smallest_columns(block: torch.Tensor, k: int) -> torch.Tensor:
    """Returns the columns with one of the k smallest entries of any row, and a few more, shape (q,).

    Args:
        block: Shape (m, p); overwritten.
        k: Number of entries per row.
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
    """Returns ‖b‖² − 2ab for rows a, shape (m, d), and b, shape (p, d): squared distances minus ‖a‖², (m, p)."""
    return torch.addmm(sq_norms_of(others), rows, others.T, alpha=-2)


def group_minima(block: torch.Tensor, n_groups: int) -> torch.Tensor:
    """Returns the minima of groups of 16 columns; up to 15 remaining columns are in no group."""
    # the columns of a group are far apart, so that minima are computed of whole vectors
    columns = block[:, : n_groups * _GROUP]
    return columns.reshape(block.shape[0], _GROUP, n_groups).amin(dim=1)


def nearest_in_block(
    points: EuclideanRows,
    queries: torch.Tensor,
    others: torch.Tensor | None,
    block: torch.Tensor,
    sq_norms: torch.Tensor,
    k: int,
    *,
    in_order: bool = True,
) -> Nearest:
    """Finds the nearest rows from ‖b‖² − 2ab, and ensures their order.

    A few more than k rows are selected. If rounding may have changed their order, or is large relative to the
    distance, the distances are recomputed by differences. A row is certain if its k-th distance is below the
    smallest possible distance of the rows that were not selected.

    Args:
        points: All points.
        queries: Indices of the query rows, shape (m,).
        others: Indices of the candidate rows, shape (p,), p > k; ``None`` for all points.
        block: ‖b‖² − 2ab for these rows relative to some centre, shape (m, p); overwritten where a is b.
        sq_norms: ‖a‖², shape (m,), in the same dtype.
        k: Number of neighbours.
        in_order: Whether the order must be exact also for neighbours that are equally far up to rounding.

    Returns:
        Neighbours, distances ascending.
    """
    if others is None:
        block[torch.arange(len(queries), device=block.device), queries] = torch.inf
    else:
        block.masked_fill_(queries[:, None] == others, torch.inf)
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
    # the row itself, at infinity, is last if there are too few others
    doubtful &= values.isfinite()
    sq_dists, indices = _repaired(points, queries, indices, values.to(torch.float64), doubtful)
    last, hidden = sq_dists[:, k - 1], values[:, -1] - error[:, -1]
    # no distance is below 0; and if the error is far below the distance, ties are accepted
    certain = (last <= hidden) | (last == 0) | (error[:, -1] <= 1e-11 * last)
    if n_selected == block.shape[1]:
        certain = torch.ones_like(certain)
    return Nearest(indices[:, :k], sq_dists[:, :k], certain)


def _rounding(sq_dists: torch.Tensor, sq_norms: torch.Tensor, dim: int) -> torch.Tensor:
    """Bounds the error of expanded squared distances, from ‖b‖² ≤ 2‖a‖² + 2‖a − b‖² and errors of sums of √d."""
    unit = torch.finfo(sq_dists.dtype).eps * (8 + dim**0.5) / 2
    bounds: torch.Tensor = unit * (3 * sq_norms[:, None] + 2 * sq_dists.clamp(min=0))
    return bounds


def _repaired(
    points: EuclideanRows,
    queries: torch.Tensor,
    indices: torch.Tensor,
    sq_dists: torch.Tensor,
    doubtful: torch.Tensor,
) -> tuple[torch.Tensor, torch.Tensor]:
    """Recomputes doubtful squared distances by differences, and sorts."""
    row, column = doubtful.nonzero(as_tuple=True)
    if len(row):
        sq_dists[row, column] = points.pair_sq_dists(queries[row], indices[row, column])
        sq_dists, order = sq_dists.sort(dim=1, stable=True)
        indices = indices.gather(1, order)
    return sq_dists, indices
