"""Differentiable correlations and ranks, and kernel measures of dependence."""

from __future__ import annotations

import torch

from paradime.functional.distances import squared_distances

__all__ = [
    "average_rank",
    "centered_alignment",
    "gaussian_kernel",
    "pearson",
    "soft_rank",
    "standardized",
    "typical_square",
]

_MEDIAN_ROWS = 64  # number of rows whose distances approximate the median of all


def standardized(X: torch.Tensor) -> torch.Tensor:
    """Centres columns and scales them to norm 1; constant columns become 0.

    Args:
        X: Shape (b,), or (b, k) for several columns.

    Returns:
        The same shape. The gradient of a constant column is 0.

    Example:
        >>> standardized(torch.tensor([[0.0, 5.0], [2.0, 5.0]]))
        tensor([[-0.7071,  0.0000],
                [ 0.7071,  0.0000]])
    """
    largest = X.detach().abs().amax(dim=0)
    # scaled to values around 1, whose squares neither overflow nor underflow
    X = X / torch.where(largest == 0, 1, largest)
    centered = X - X.mean(dim=0)
    lengths = torch.linalg.vector_norm(centered, dim=0)
    # a constant column may differ from 0 by rounding
    varies = lengths > 4 * torch.finfo(X.dtype).eps * len(X) ** 0.5
    return torch.where(varies, centered / torch.where(varies, lengths, 1), 0)


def pearson(x: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
    """Computes Pearson's correlation; differentiable.

    Args:
        x: Shape (b,), or (b, k) for the correlation of each of k columns.
        y: The same shape.

    Returns:
        In [−1, 1], a scalar, or shape (k,); 0 if either is constant.

    Example:
        >>> round(float(pearson(torch.tensor([0.0, 1.0, 2.0]), torch.tensor([5.0, 3.0, 1.0]))), 6)
        -1.0
    """
    return (standardized(x) * standardized(y)).sum(dim=0)


def soft_rank(x: torch.Tensor, temperature: float = 0.1) -> torch.Tensor:
    """Computes differentiable ranks as sums of sigmoids of differences.

    Args:
        x: Shape (b,).
        temperature: Width > 0 of the sigmoids, in standard deviations of ``x``; with 0.01, ranks of well
            separated numbers are nearly exact, and their gradients nearly 0.

    Returns:
        Shape (b,), in [1, b]; all (b + 1)/2 if ``x`` is constant.

    Source: Qin, Liu, Li, "A general approximation framework for direct optimization of information retrieval
        measures", 2010.

    Example:
        >>> soft_rank(torch.tensor([30.0, 10.0, 20.0]), temperature=0.01)
        tensor([3., 1., 2.])
    """
    unit = standardized(x) * len(x) ** 0.5
    return 0.5 + torch.sigmoid((unit[:, None] - unit) / temperature).sum(dim=1)


def average_rank(x: torch.Tensor) -> torch.Tensor:
    """Computes exact ranks, from 1; equal numbers get the mean of their ranks. Not differentiable.

    Args:
        x: Shape (b,).

    Returns:
        Shape (b,), in the dtype of ``x``.

    Example:
        >>> average_rank(torch.tensor([5.0, 1.0, 5.0]))
        tensor([2.5000, 1.0000, 2.5000])
    """
    x = x.detach()
    others = x[:, None]
    return 0.5 + ((others > x).to(x.dtype) + 0.5 * (others == x).to(x.dtype)).sum(dim=1)


def typical_square(sq_dists: torch.Tensor) -> torch.Tensor:
    """Estimates the median of squared distances, for the square of a kernel's bandwidth.

    Args:
        sq_dists: Squared distances ≥ 0, shape (b, b).

    Returns:
        A scalar > 0 without gradient: the median in a sample of rows; their mean if the median is 0, or 1 if all
        are 0.

    Example:
        >>> typical_square(torch.tensor([[0.0, 4.0, 4.0], [4.0, 0.0, 4.0], [4.0, 4.0, 0.0]]))
        tensor(4.)
    """
    # evenly spaced rows, because batches of edges are sorted
    sample = sq_dists.detach()[:: -(-len(sq_dists) // _MEDIAN_ROWS)]
    median = sample.median()
    typical = torch.where(median > 0, median, sample.mean())
    return torch.where(typical > 0, typical, 1)


def gaussian_kernel(X: torch.Tensor, *, sq_bandwidth: torch.Tensor | None = None) -> torch.Tensor:
    """Computes the Gaussian kernel exp(−d²/2σ²) of all pairs of rows; differentiable with respect to the rows.

    Args:
        X: Points, shape (b, d).
        sq_bandwidth: The square of σ, a scalar; the median squared distance if ``None``.

    Returns:
        Shape (b, b), in [0, 1].

    Example:
        >>> gaussian_kernel(torch.tensor([[0.0], [1.0]]), sq_bandwidth=torch.tensor(0.5))
        tensor([[1.0000, 0.3679],
                [0.3679, 1.0000]])
    """
    sq_dists = squared_distances(X)
    if sq_bandwidth is None:
        sq_bandwidth = typical_square(sq_dists)
    return torch.exp(sq_dists / (-2 * sq_bandwidth))


def centered_alignment(K: torch.Tensor, L: torch.Tensor) -> torch.Tensor:
    """Computes the normalised Hilbert-Schmidt independence criterion, the cosine of two centred kernel matrices.

    Args:
        K: A positive semidefinite kernel of b points, shape (b, b).
        L: Another kernel of the same points.

    Returns:
        A scalar in [0, 1]; of order 1/b for samples of independent variables, 0 if either kernel is constant.

    Source: Cortes, Mohri, Rostamizadeh, "Algorithms for learning kernels based on centered alignment", 2012;
        Gretton et al., "Measuring statistical dependence with Hilbert-Schmidt norms", 2005.

    Example:
        >>> K = torch.eye(3)
        >>> centered_alignment(K, 2 * K)
        tensor(1.)
    """
    return (_unit_of_centered(K) * _unit_of_centered(L)).sum()


def _unit_of_centered(K: torch.Tensor) -> torch.Tensor:
    centered = K - K.mean(dim=0) - K.mean(dim=1, keepdim=True) + K.mean()
    length = torch.linalg.vector_norm(centered)
    # a constant kernel may differ from 0 by rounding
    varies = length > 8 * torch.finfo(K.dtype).eps * len(K) * K.detach().abs().amax()
    return torch.where(varies, centered / torch.where(varies, length, 1), 0)
