"""Differentiable correlations, and ranks."""

from __future__ import annotations

import torch

__all__ = ["average_rank", "pearson", "soft_rank", "standardized"]


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
