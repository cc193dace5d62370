"""Distances between all pairs of points in the circular layout.

Row k has the pairs (i, i + k + 1 mod n) of all points i, for k < n // 2. The second points of a row are the points
in rotated order, so that all differences are computed from a view of the points. This takes half the time and
memory of the square matrix, and is much faster than the condensed layout, which gathers both points of each pair.
For even n, the last row has each of its pairs twice.
"""

from __future__ import annotations

from typing import Any

import torch

__all__ = ["circular_index", "circular_squared_distances", "circular_total"]

_INT32_POINTS = 65_000  # half the square of this fits into int32


def circular_index(rows: torch.Tensor, cols: torch.Tensor, n: int) -> torch.Tensor:
    """Returns the indices of the pairs (rows, cols) in the flattened circular layout of ``n`` points.

    Args:
        rows: Indices in [0, n), any shape, int32 or int64.
        cols: Indices of the same shape; ``rows != cols`` everywhere.
        n: The number of points.

    Returns:
        Indices of the same shape, in [0, n (n // 2)).

    Example:
        >>> circular_index(torch.tensor([0, 3]), torch.tensor([1, 1]), 4)
        tensor([0, 7])
    """
    if n > _INT32_POINTS:
        rows, cols = rows.to(torch.int64), cols.to(torch.int64)
    offset = cols - rows
    offset = torch.where(offset < 0, offset + n, offset)
    # the shorter way around the circle, from the first point to the second or back
    forward = offset <= n // 2
    return torch.where(forward, offset - 1, n - 1 - offset) * n + torch.where(forward, rows, cols)


def circular_total(values: torch.Tensor) -> torch.Tensor:
    """Sums the full symmetric matrix, with diagonal zero, of values in the circular layout.

    Args:
        values: Shape (n // 2, n).

    Returns:
        A scalar.

    Example:
        >>> circular_total(torch.ones(2, 4))
        tensor(12.)
    """
    total: torch.Tensor = _Total.apply(values)  # type: ignore[no-untyped-call]
    return total


class _Total(torch.autograd.Function):
    """Has an explicit gradient, because autograd would allocate a second one for the last row."""

    @staticmethod
    def forward(ctx: Any, values: torch.Tensor) -> torch.Tensor:
        ctx.layout = values.shape
        total = 2 * values.sum()
        return total - values[-1].sum() if _last_row_is_double(values.shape) else total

    @staticmethod
    @torch.autograd.function.once_differentiable
    def backward(ctx: Any, gradient: torch.Tensor) -> torch.Tensor:
        spread = (2 * gradient).expand(ctx.layout).clone()
        if _last_row_is_double(ctx.layout):
            spread[-1] = gradient
        return spread


def _last_row_is_double(layout: torch.Size) -> bool:
    return layout[0] > 0 and layout[1] % 2 == 0


def circular_squared_distances(X: torch.Tensor) -> torch.Tensor:
    """Computes squared Euclidean distances of all pairs of rows, in the circular layout; differentiable once.

    Args:
        X: Points of few dimensions, shape (n, d).

    Returns:
        Shape (n // 2, n).

    Example:
        >>> circular_squared_distances(torch.tensor([[0.0], [1.0], [3.0], [7.0]]))
        tensor([[ 1.,  4., 16., 49.],
                [ 9., 36.,  9., 36.]])
    """
    squares: torch.Tensor = _CircularSquares.apply(X)  # type: ignore[no-untyped-call]
    return squares


class _CircularSquares(torch.autograd.Function):
    """With G = ∂/∂‖xᵢ − xⱼ‖², a pair adds 2 G (xᵢ − xⱼ) to the gradient of xᵢ and subtracts it from that of xⱼ."""

    @staticmethod
    def forward(ctx: Any, X: torch.Tensor) -> torch.Tensor:
        n, d = X.shape
        columns = X.T.contiguous()
        rotated = torch.cat((columns, columns), dim=1).unfold(1, n, 1)[:, 1 : n // 2 + 1]
        differences = torch.sub(columns[:, None], rotated, out=X.new_empty(d, n // 2, n))
        ctx.save_for_backward(differences)
        squares = differences[0].square()
        for column in differences[1:]:
            squares.addcmul_(column, column)
        return squares

    @staticmethod
    @torch.autograd.function.once_differentiable
    def backward(ctx: Any, gradient: torch.Tensor) -> torch.Tensor:
        (differences,) = ctx.saved_tensors
        d, half, n = differences.shape
        # row k is written with an offset of k + 1 columns, so that all entries of a column have one second point
        width = n + half + 1
        shifted = differences.new_zeros(d, half, width)
        products = shifted.as_strided((d, half, n), (half * width, width + 1, 1), 1)
        torch.mul(differences, gradient, out=products)
        at_second_point = shifted.sum(dim=1)
        at_second_point[:, : half + 1] += at_second_point[:, n:]
        gradients: torch.Tensor = products.sum(dim=1) - at_second_point[:, :n]
        return gradients.mul_(2).T
