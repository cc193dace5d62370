"""Kernel measures of the dependence between two sets of columns."""

from __future__ import annotations

import torch

from paradime.functional.distances import squared_distances

__all__ = ["centered_alignment", "gaussian_kernel", "typical_square"]

_MEDIAN_ROWS = 64  # number of rows whose distances approximate the median of all


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
