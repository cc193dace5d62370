"""Columns whose far values are drawn near, and the ranges in which they usually lie, also of sparse rows."""

from __future__ import annotations

import numpy as np
import torch

from paradime.utils.sparse import SparseRows

__all__ = ["extremes_of", "soft_clip", "soft_clip_few", "sparse_usual_ranges", "usual_bounds", "usual_ranges"]

_TAIL = 0.025
_FEWEST_WITH_TAILS = 5  # from here on the smallest and the largest value are tails
_BEYOND = 3  # lengths of the usual range that a value may lie beyond it, and count as it is


def soft_clip(X: torch.Tensor, low: torch.Tensor, high: torch.Tensor, reach: torch.Tensor) -> torch.Tensor:
    """Returns values as they are between two bounds, and beyond these by the logarithm of how far they go.

    The map x ↦ b ± r log(1 + |x − b| / r) beyond a bound b rises everywhere, with a slope of 1 at the bound.

    Args:
        X: Values, shape (n, d).
        low: Lower bound of each column, shape (d,); may be −∞.
        high: Upper bound of each column, shape (d,); may be ∞.
        reach: The length r of each column on which a value counts as far, shape (d,), positive.

    Returns:
        Shape (n, d).

    Example:
        >>> bounds = torch.tensor([-4.0]), torch.tensor([4.0])
        >>> soft_clip(torch.tensor([[3.0], [5.0], [1e6]]), *bounds, torch.ones(1)).flatten()
        tensor([ 3.0000,  4.6931, 17.8155])
    """
    within = torch.clamp(X, low, high)
    excess = X - within
    return within + excess.sign() * reach * torch.log1p(excess.abs() / reach)


def soft_clip_few(X: torch.Tensor, low: torch.Tensor, high: torch.Tensor, reach: torch.Tensor) -> torch.Tensor:
    """Returns the same as :func:`soft_clip` without gradients, at less cost where few values lie outside.

    Example:
        >>> bounds = torch.tensor([-4.0]), torch.tensor([4.0])
        >>> soft_clip_few(torch.tensor([[3.0], [5.0], [1e6]]), *bounds, torch.ones(1)).flatten()
        tensor([ 3.0000,  4.6931, 17.8155])
    """
    within = torch.clamp(X, low, high)
    far = (within != X).nonzero(as_tuple=True)
    if len(far[0]):
        excess, lengths = X[far] - within[far], reach[far[1]]
        within[far] += excess.sign() * lengths * torch.log1p(excess.abs() / lengths)
    return within


def usual_ranges(X: torch.Tensor) -> torch.Tensor:
    """Returns between which values, and around which, the values of each column lie but for a twentieth.

    All are values of the column: the 2.5 % and 97.5 % quantiles without interpolation, such that an outlier does
    not enter, and the median. Of 5 values or more, at least the smallest and the largest are left out.

    Args:
        X: Shape (n, d), n at least 1.

    Returns:
        Lower value, median and upper value, shape (3, d).

    Example:
        >>> usual_ranges(torch.tensor([[0.0], [1e6], [3.0], [2.0], [1.0]])).flatten()
        tensor([1., 2., 3.])
    """
    n = len(X)
    left_out = max(int(_TAIL * (n - 1)), int(n >= _FEWEST_WITH_TAILS))
    columns = X.T.contiguous()
    places = left_out, (n - 1) // 2, n - 1 - left_out
    return torch.stack([columns.kthvalue(place + 1, dim=1).values for place in places])


def usual_bounds(extremes: torch.Tensor, ranges: torch.Tensor) -> torch.Tensor:
    """Returns the bounds beyond which values of a column are far, and the length that far is measured by.

    With l and h from :func:`usual_ranges` and r = h − l, the bounds are l − 3r and h + 3r. Where nearly all values
    are the same, r is the length that is usual in other columns.

    Args:
        extremes: The least and the largest value of each column, shape (2, d).
        ranges: What :func:`usual_ranges` returns, shape (3, d).

    Returns:
        Lower bound, upper bound and r, shape (3, d); r is positive.

    Example:
        >>> columns = torch.tensor([[0.0], [1e6], [3.0], [2.0], [1.0]])
        >>> usual_bounds(torch.stack(torch.aminmax(columns, dim=0)), usual_ranges(columns)).flatten()
        tensor([-5.,  9.,  2.])
    """
    (lowest, highest), (lower, _, upper) = extremes, ranges
    whole, width = highest - lowest, upper - lower
    rare = width <= 0
    lengths = torch.where(rare, whole, width)
    some = lengths > 0
    usual = lengths[some].median() if bool(some.any()) else lengths.new_ones(())
    width = torch.where(rare, torch.minimum(whole, usual), width)
    width = torch.where(some, width, 1)
    lower = torch.where(rare, torch.maximum(lowest, lower - width), lower)
    upper = torch.where(rare, torch.minimum(highest, upper + width), upper)
    return torch.stack((lower - _BEYOND * width, upper + _BEYOND * width, width))


_SPARSE_TAIL = 0.02  # below the share that usual ranges leave out on either side


def extremes_of(rows: SparseRows) -> tuple[torch.Tensor, torch.Tensor]:
    """Returns the least and the largest value of each column, shape (d,) each.

    Example:
        >>> import scipy.sparse
        >>> extremes_of(SparseRows(scipy.sparse.csr_array([[1.0, -2.0], [0.0, 0.0]])))
        (tensor([ 0., -2.], dtype=torch.float64), tensor([1., 0.], dtype=torch.float64))
    """
    matrix = rows.to_scipy()
    lowest, highest = (
        torch.from_numpy(np.ascontiguousarray(bound.toarray().reshape(-1))).to(rows.device)
        for bound in (matrix.min(axis=0), matrix.max(axis=0))
    )
    return lowest, highest


def sparse_usual_ranges(rows: SparseRows, sample: torch.Tensor, step: int) -> torch.Tensor:
    """Returns the same as :func:`~paradime.functional.soft_clipping.usual_ranges`, of some sparse rows.

    Args:
        rows: The rows, shape (n, d).
        sample: Numbers of rows, shape (m,).
        step: How many columns of these are made dense together.

    Returns:
        Lower value, median and upper value, shape (3, d), float32 or float64.
    """
    columns = rows.take(sample).to_scipy().tocsc()
    n, dim = columns.shape
    kind = torch.float64 if rows.dtype in (torch.float64, torch.int32, torch.int64) else torch.float32
    found = torch.zeros(3, dim, dtype=kind)
    # where next to all values are zero, so are the median and the quantiles
    some = np.flatnonzero(np.diff(columns.indptr) > (_SPARSE_TAIL * n if n > 1 / _SPARSE_TAIL else 0))
    for start in range(0, len(some), step):
        places = some[start : start + step]
        block = torch.from_numpy(columns[:, places].toarray()).to(kind)
        found[:, torch.from_numpy(places)] = usual_ranges(block)
    return found.to(rows.device)
