"""Soft clipping of outliers, and the usual ranges of columns."""

from __future__ import annotations

import torch

__all__ = ["soft_clip", "soft_clip_few", "usual_bounds", "usual_ranges"]

_TAIL = 0.025
_FEWEST_WITH_TAILS = 5  # from so many values on, the smallest and the largest are outside the usual range
_BEYOND = 3  # distance between usual range and bounds, in lengths of the usual range


def soft_clip(X: torch.Tensor, low: torch.Tensor, high: torch.Tensor, reach: torch.Tensor) -> torch.Tensor:
    """Clips values softly: values between two bounds are unchanged, distances beyond them grow logarithmically.

    The map x ↦ b ± r log(1 + |x − b| / r) beyond a bound b is strictly increasing, with slope 1 at the bound.

    Args:
        X: Values, shape (n, d).
        low: Lower bound of each column, shape (d,); may be −∞.
        high: Upper bound of each column, shape (d,); may be ∞.
        reach: The length scale r of each column, shape (d,), positive.

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
    """Computes :func:`soft_clip` without gradients, faster if few values are outside the bounds.

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
    """Computes the 2.5 % quantile, the median, and the 97.5 % quantile of each column.

    They are not interpolated, so that outliers have no influence. From 5 values on, the quantiles exclude at least
    the smallest and the largest value.

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
    ranks = left_out, (n - 1) // 2, n - 1 - left_out
    return torch.stack([columns.kthvalue(rank + 1, dim=1).values for rank in ranks])


def usual_bounds(extremes: torch.Tensor, ranges: torch.Tensor) -> torch.Tensor:
    """Computes the bounds and the length scale for soft clipping of each column.

    With l and h from :func:`usual_ranges` and r = h − l, the bounds are l − 3r and h + 3r. If nearly all values of
    a column are equal, r is the median of other columns.

    Args:
        extremes: Minimum and maximum of each column, shape (2, d).
        ranges: Result of :func:`usual_ranges`, shape (3, d).

    Returns:
        Lower bound, upper bound and r, shape (3, d); r is positive.

    Example:
        >>> columns = torch.tensor([[0.0], [1e6], [3.0], [2.0], [1.0]])
        >>> usual_bounds(torch.stack(torch.aminmax(columns, dim=0)), usual_ranges(columns)).flatten()
        tensor([-5.,  9.,  2.])
    """
    (lowest, highest), (lower, _, upper) = extremes, ranges
    span, width = highest - lowest, upper - lower
    nearly_constant = width <= 0
    lengths = torch.where(nearly_constant, span, width)
    varies = lengths > 0
    usual = lengths[varies].median() if bool(varies.any()) else lengths.new_ones(())
    width = torch.where(nearly_constant, torch.minimum(span, usual), width)
    width = torch.where(varies, width, 1)
    lower = torch.where(nearly_constant, torch.maximum(lowest, lower - width), lower)
    upper = torch.where(nearly_constant, torch.minimum(highest, upper + width), upper)
    return torch.stack((lower - _BEYOND * width, upper + _BEYOND * width, width))
