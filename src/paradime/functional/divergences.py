"""Losses between the relations of a batch in the data and in the embedding."""

from __future__ import annotations

from typing import Any

import torch

__all__ = ["cross_entropy_loss", "kullback_leibler_div", "kullback_leibler_of_pairs", "largevis_loss"]


def _is_square(p: torch.Tensor) -> bool:
    return p.ndim == 2 and p.shape[0] == p.shape[1]


def _check_shapes(p: torch.Tensor, q: torch.Tensor) -> None:
    if p.shape != q.shape:
        raise ValueError(
            f"p and q must have the same shape, got {tuple(p.shape)} and {tuple(q.shape)}. "
            "Give the batch relations the layout of the global ones, e.g. with ToSquareTensor()."
        )


def kullback_leibler_div(p: torch.Tensor, q: torch.Tensor, epsilon: float = 1e-7) -> torch.Tensor:
    """Computes the Kullback-Leibler divergence Σ p (log p − log q), divided by the number of rows.

    Args:
        p: Target relations ≥ 0, shape (b, b), or (m,) for single pairs.
        q: Relations of the embedding ≥ 0, of the same shape.
        epsilon: Added to both before the logarithm, so that zeros stay finite.

    Returns:
        A scalar. The diagonal of square input is ignored.

    Raises:
        ValueError: If the shapes differ.

    Source: van der Maaten and Hinton, "Visualizing data using t-SNE", 2008, eq. 2.

    Example:
        >>> p = torch.tensor([[0.0, 0.5], [0.5, 0.0]])
        >>> float(kullback_leibler_div(p, p))
        0.0
    """
    _check_shapes(p, q)
    divergence: torch.Tensor = _KullbackLeibler.apply(p, q, epsilon, len(p))  # type: ignore[no-untyped-call]
    return divergence


def kullback_leibler_of_pairs(
    p: torch.Tensor, q: torch.Tensor, n_rows: int, epsilon: float = 1e-7
) -> torch.Tensor:
    """Computes :func:`kullback_leibler_div` from the entries with p > 0; all others contribute nothing.

    Args:
        p: Target relations > 0, shape (m,).
        q: Relations of the embedding ≥ 0 of the same pairs, shape (m,).
        n_rows: Number of rows of the matrices.
        epsilon: Added to both before the logarithm.

    Returns:
        A scalar.

    Example:
        >>> p = torch.tensor([0.5, 0.5])
        >>> float(kullback_leibler_of_pairs(p, p, 2))
        0.0
    """
    divergence: torch.Tensor = _KullbackLeibler.apply(p, q, epsilon, n_rows)  # type: ignore[no-untyped-call]
    return divergence


class _KullbackLeibler(torch.autograd.Function):
    """Has an explicit gradient, because autograd would store all factors of Σ p log((p + ε)/(q + ε)).

    The derivatives are −p/(q + ε) with respect to q, and log((p + ε)/(q + ε)) + p/(p + ε) with respect to p.
    """

    @staticmethod
    def forward(ctx: Any, p: torch.Tensor, q: torch.Tensor, epsilon: float, n_rows: int) -> torch.Tensor:
        ctx.save_for_backward(p, q)
        ctx.epsilon, ctx.n_rows = epsilon, n_rows
        # one logarithm of the ratio, because logarithms dominate the cost
        terms = (p + epsilon).div_(q + epsilon).log_().mul_(p)
        total = terms.sum()
        if _is_square(p):
            total -= terms.trace()
        return total / n_rows

    @staticmethod
    @torch.autograd.function.once_differentiable
    def backward(ctx: Any, gradient: torch.Tensor) -> tuple[torch.Tensor | None, ...]:
        p, q = ctx.saved_tensors
        scale = gradient / ctx.n_rows
        gradients: list[torch.Tensor | None] = [None, None]
        if ctx.needs_input_grad[0]:
            shifted = p + ctx.epsilon
            gradients[0] = ((shifted / (q + ctx.epsilon)).log_() + p / shifted).mul_(scale)
        if ctx.needs_input_grad[1]:
            gradients[1] = (p / (q + ctx.epsilon)).mul_(-scale)
        if _is_square(p):
            for matrix in gradients:
                if matrix is not None:
                    matrix.fill_diagonal_(0)
        return *gradients, None, None


def cross_entropy_loss(p: torch.Tensor, q: torch.Tensor, epsilon: float = 1e-7) -> torch.Tensor:
    """Computes the fuzzy cross-entropy −Σ (p log q + (1 − p) log(1 − q)), divided by the number of rows.

    Args:
        p: Target relations in [0, 1], shape (b, b), or (m,) for single pairs.
        q: Relations of the embedding in [0, 1], of the same shape.
        epsilon: Added to q and 1 − q before the logarithm, so that the loss and its gradient stay finite.

    Returns:
        A scalar.

    Raises:
        ValueError: If the shapes differ.

    Source: McInnes, Healy, Melville, "UMAP", 2018, definition 10, without the terms that depend on p alone.

    Example:
        >>> round(float(cross_entropy_loss(torch.tensor([1.0, 0.0]), torch.tensor([0.5, 0.5]))), 3)
        0.693
    """
    _check_shapes(p, q)
    attraction = p * (q + epsilon).log()
    repulsion = (1 - p) * (1 - q + epsilon).log()
    return -(attraction + repulsion).sum() / len(p)


def largevis_loss(p: torch.Tensor, q: torch.Tensor, gamma: float = 7.0, epsilon: float = 1e-4) -> torch.Tensor:
    """Computes LargeVis's loss −Σ (p log q + γ (1 − p) log(1 − q)), divided by the number of entries.

    Args:
        p: Target relations in [0, 1], any shape: 1 for edges that were drawn by their weights, 0 for negatives.
        q: Relations of the embedding in [0, 1], of the same shape.
        gamma: Weight γ ≥ 0 of the negatives.
        epsilon: Added to q and 1 − q before the logarithm. Because 1 − q is about d² for close points, the
            repulsion of negatives is limited to that at distance √ε.

    Returns:
        A scalar.

    Raises:
        ValueError: If the shapes differ.

    Source: Tang et al., "Visualizing large-scale and high-dimensional data", 2016, eq. 6.

    Example:
        >>> round(float(largevis_loss(torch.tensor([1.0, 0.0]), torch.tensor([0.5, 0.5]))), 3)
        2.772
    """
    _check_shapes(p, q)
    attraction = p * (q + epsilon).log()
    repulsion = (1 - p) * (1 - q + epsilon).log()
    return -(attraction + gamma * repulsion).mean()
