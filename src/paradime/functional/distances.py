"""Differentiable distances, and the condensed layout, which has each unordered pair once in row-major order."""

from __future__ import annotations

import functools
import math
from typing import Any

import torch

from paradime._registry import did_you_mean
from paradime.types import BinaryTensorFun

__all__ = [
    "UNIT_POWERS",
    "condensed_distances",
    "condensed_index",
    "condensed_size",
    "condensed_to_square",
    "magnitude",
    "magnitude_of_rows",
    "paired_distances",
    "pairwise_distances",
    "points_of_condensed",
    "square_to_condensed",
    "squared_distances",
]

_FEW_COLUMNS = 8  # up to so many columns, exact differences are as fast as a matrix product
UNIT_POWERS = {"euclidean": 1, "manhattan": 1, "chebyshev": 1, "sqeuclidean": 2, "cosine": 0, "correlation": 0}
"""Power of the unit of the rows in distances, by metric; other metrics have no such power."""

_MODERATE = 2.0**32  # squares of numbers up to this, and of their inverses, are far within single precision


def condensed_size(n: int) -> int:
    """Returns the number of unordered pairs of ``n`` points, n(n − 1)/2."""
    return n * (n - 1) // 2


def points_of_condensed(size: int) -> int | None:
    """Returns the number of points that have ``size`` unordered pairs, or ``None`` if there is none.

    Example:
        >>> points_of_condensed(6), points_of_condensed(7)
        (4, None)
    """
    n = (1 + math.isqrt(1 + 8 * size)) // 2
    return n if size > 0 and condensed_size(n) == size else None


def condensed_index(rows: torch.Tensor, cols: torch.Tensor, n: int) -> torch.Tensor:
    """Returns the indices of the pairs (rows, cols) in the condensed layout of ``n`` points.

    Args:
        rows: Indices in [0, n), any shape, int64.
        cols: Indices of a shape that broadcasts with ``rows``; ``rows != cols`` everywhere.
        n: The number of points.

    Example:
        >>> condensed_index(torch.tensor([0, 3]), torch.tensor([1, 2]), 4)
        tensor([0, 5])
    """
    low, high = torch.minimum(rows, cols), torch.maximum(rows, cols)
    return low * (2 * n - low - 3) // 2 + high - 1


@functools.lru_cache(maxsize=8)
def _upper_triangle(n: int, device: torch.device) -> torch.Tensor:
    return torch.ones(n, n, dtype=torch.bool, device=device).triu_(1)


def condensed_to_square(values: torch.Tensor, n: int) -> torch.Tensor:
    """Converts condensed values to the symmetric square matrix with zero diagonal; differentiable.

    Args:
        values: Shape (n(n − 1)/2,).
        n: The number of points.

    Returns:
        Shape (n, n).
    """
    upper = values.new_zeros(n, n).masked_scatter(_upper_triangle(n, values.device), values)
    return upper + upper.T


def square_to_condensed(square: torch.Tensor) -> torch.Tensor:
    """Returns the upper triangle of a square matrix, without the diagonal, in the condensed layout.

    Args:
        square: Shape (n, n).

    Returns:
        Shape (n(n − 1)/2,).
    """
    return square.masked_select(_upper_triangle(len(square), square.device))


def condensed_distances(
    X: torch.Tensor, *, p: float = 2, metric: str | BinaryTensorFun | None = None
) -> torch.Tensor:
    """Computes distances between all unordered pairs of rows; differentiable.

    Args:
        X: Points, shape (n, d).
        p: Order of the Minkowski distance, used without ``metric``.
        metric: A name or a function of two (m, d) tensors, see :func:`paired_distances`.

    Returns:
        Distances in the condensed layout, shape (n(n − 1)/2,).

    Example:
        >>> condensed_distances(torch.tensor([[0.0], [1.0], [3.0]]))
        tensor([1., 3., 2.])
    """
    if metric is None or metric == "euclidean":
        # pdist has gradient 0 at distance 0, where sqrt(sum(square)) has NaN
        return torch.nn.functional.pdist(X.contiguous(), p=p if metric is None else 2)
    rows, cols = torch.triu_indices(len(X), len(X), 1, device=X.device)
    return paired_distances(X[rows], X[cols], metric=metric)


def pairwise_distances(X: torch.Tensor, metric: BinaryTensorFun) -> torch.Tensor:
    """Computes distances between all ordered pairs of rows with a user's function; differentiable.

    Args:
        X: Points, shape (n, d).
        metric: A function of two (n, n, d) tensors, which have row i and row j at (i, j), that returns their
            distances along the last dimension, shape (n, n).

    Returns:
        Shape (n, n).

    Raises:
        ValueError: If the function returns another shape.

    Example:
        >>> pairwise_distances(torch.tensor([[0.0], [3.0]]), lambda a, b: (a - b).abs().sum(dim=-1))
        tensor([[0., 3.],
                [3., 0.]])
    """
    n = len(X)
    return _of_function(
        metric,
        (X[:, None].expand(n, n, -1), X[None].expand(n, n, -1)),
        (n, n),
        rule="one distance per pair",
        remedy="It is called with two tensors of shape (n, n, d): reduce the last dimension, with dim=-1.",
    )


def _of_function(
    metric: BinaryTensorFun,
    pairs: tuple[torch.Tensor, torch.Tensor],
    shape: tuple[int, ...],
    *,
    rule: str,
    remedy: str,
) -> torch.Tensor:
    """Returns the distances that a user's function computes, after checks of type and shape."""
    expected = f"a metric must return {rule}, shape {shape}"
    try:
        dists: Any = metric(*pairs)
    except torch.OutOfMemoryError:
        raise
    except Exception as error:  # a user's function may raise any error
        name = getattr(metric, "__name__", type(metric).__name__)
        raise ValueError(
            f"{expected}, but {name} failed: {type(error).__name__}: {error}. {remedy} "
            "Write it with torch's functions."
        ) from error
    if not isinstance(dists, torch.Tensor):
        raise ValueError(f"{expected}, as a tensor, got {dists!r:.80}. {remedy} Write it with torch's functions.")
    if dists.shape != shape:
        raise ValueError(f"{expected}, got {tuple(dists.shape)}. {remedy}")
    return dists


def squared_distances(X: torch.Tensor) -> torch.Tensor:
    """Computes squared Euclidean distances between all pairs of rows; differentiable once.

    Args:
        X: Points, shape (n, d).

    Returns:
        Shape (n, n), symmetric, with zero diagonal.

    Example:
        >>> squared_distances(torch.tensor([[0.0], [1.0], [3.0]]))
        tensor([[0., 1., 9.],
                [1., 0., 4.],
                [9., 4., 0.]])
    """
    squares: torch.Tensor = _SquaredDistances.apply(X)  # type: ignore[no-untyped-call]
    return squares


class _SquaredDistances(torch.autograd.Function):
    """With D = (‖xᵢ − xⱼ‖²) and W = ∂/∂D + (∂/∂D)ᵀ, the gradient is 2 (W1 ⊙ X − WX)."""

    @staticmethod
    def forward(ctx: Any, X: torch.Tensor) -> torch.Tensor:
        ctx.save_for_backward(X)
        if X.shape[1] > _FEW_COLUMNS:
            # centred, because the expansion loses precision far from the origin
            X = X - X.mean(dim=0)
            sq_norms = X.square().sum(dim=1)
            squares = torch.addmm(sq_norms, X, X.T, alpha=-2).add_(sq_norms[:, None]).clamp_min_(0)
            return squares.fill_diagonal_(0)
        squares = X.new_zeros(len(X), len(X))
        for column in X.unbind(1):
            difference = column[:, None] - column
            squares.addcmul_(difference, difference)
        return squares

    @staticmethod
    @torch.autograd.function.once_differentiable
    def backward(ctx: Any, gradient: torch.Tensor) -> torch.Tensor:
        (X,) = ctx.saved_tensors
        X = X - X.mean(dim=0)  # centred, because the two terms cancel far from the origin
        weights = gradient + gradient.T
        result: torch.Tensor = 2 * (weights.sum(dim=1, keepdim=True) * X - weights @ X)
        return result


def paired_distances(
    X: torch.Tensor, Y: torch.Tensor, *, metric: str | BinaryTensorFun | None = None
) -> torch.Tensor:
    """Computes the distance of each row of ``X`` to the same row of ``Y``; differentiable.

    Args:
        X: Shape (m, d).
        Y: Shape (m, d).
        metric: ``"euclidean"`` (also ``None``), ``"sqeuclidean"``, ``"manhattan"``, ``"chebyshev"``,
            ``"cosine"``, or a function of two (m, d) tensors that returns m distances.

    Returns:
        Shape (m,).

    Raises:
        ValueError: If the metric's name is unknown, or a function returns another shape.
    """
    if metric is None:
        metric = "euclidean"
    if isinstance(metric, str):
        if metric not in _PAIRED:
            raise ValueError(f"unknown differentiable metric {metric!r}. {did_you_mean(metric, _PAIRED)}")
        return _PAIRED[metric](X, Y)
    return _of_function(
        metric,
        (X, Y),
        (len(X),),
        rule="one distance per row",
        remedy="It is called with two tensors of shape (m, d), and must compare them row by row.",
    )


def _cosine_distance(X: torch.Tensor, Y: torch.Tensor) -> torch.Tensor:
    return 1 - torch.nn.functional.cosine_similarity(X, Y)


_PAIRED: dict[str, BinaryTensorFun] = {
    "euclidean": lambda X, Y: torch.linalg.vector_norm(X - Y, dim=1),
    "sqeuclidean": lambda X, Y: (X - Y).square().sum(dim=1),
    "manhattan": lambda X, Y: (X - Y).abs().sum(dim=1),
    "chebyshev": lambda X, Y: (X - Y).abs().amax(dim=1),
    "cosine": _cosine_distance,
}


def magnitude(X: torch.Tensor) -> torch.Tensor:
    """Returns the largest power of two that is not above the largest absolute value.

    Values divided by it lie in (−2, 2), so that their squares neither overflow nor underflow; the division is
    exact. There is no synchronisation with the device.

    Args:
        X: Any shape, of a floating-point dtype, finite.

    Returns:
        A scalar tensor of the same dtype; 1 if all values are 0, or there are none.

    Example:
        >>> magnitude(torch.tensor([-5.0, 3.0])), magnitude(torch.zeros(2))
        (tensor(4.), tensor(1.))
    """
    if X.numel() == 0:
        return X.new_ones(())
    largest = X.detach().abs().amax()
    mantissa, _ = torch.frexp(largest)
    return torch.where(largest > 0, largest / (2 * mantissa), 1)


def magnitude_of_rows(largest: torch.Tensor) -> torch.Tensor:
    """Returns a divisor of rows for which their squared distances are within single precision.

    There is no synchronisation with the device.

    Args:
        largest: The largest absolute value of each row, or of a sample of rows, shape (m,), of a floating-point
            dtype.

    Returns:
        A scalar tensor of the same dtype: the power of two below the median of the values that are not 0, so that
        few outliers have no influence; 1 if it is moderate, between 2⁻³² and 2³², or all values are 0.

    Example:
        >>> magnitude_of_rows(torch.tensor([3.0, 5.0])), magnitude_of_rows(torch.tensor([2.0**-90]))
        (tensor(1.), tensor(8.0779e-28))
    """
    if largest.numel() == 0:
        return largest.new_ones(())
    median = torch.where(largest > 0, largest, torch.nan).nanmedian().nan_to_num(nan=1.0)
    divisor = magnitude(median)
    return torch.where((divisor < 1 / _MODERATE) | (divisor > _MODERATE), divisor, 1)
