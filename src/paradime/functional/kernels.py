"""Functions of squared distances in the embedding: kernels, local radii, and PaCMAP's saturating losses."""

from __future__ import annotations

import functools
from typing import Any

import numpy as np
import scipy.optimize
import torch

from paradime.utils.arguments import check_positive

__all__ = ["find_ab", "log_radii", "modified_cauchy", "saturating_attraction", "saturating_repulsion", "student_t"]


def student_t(sq_dists: torch.Tensor, alpha: float | torch.Tensor) -> torch.Tensor:
    """Computes Student's t kernel with α degrees of freedom, (1 + d²/α)^(−(α + 1)/2).

    Args:
        sq_dists: Squared distances d² ≥ 0, any shape.
        alpha: Degrees of freedom > 0; a tensor may require a gradient.

    Returns:
        Similarities in (0, 1], same shape.

    Source: van der Maaten, "Learning a parametric embedding by preserving local structure", 2009, eq. 4.

    Example:
        >>> student_t(torch.tensor([0.0, 1.0]), 1.0)
        tensor([1.0000, 0.5000])
    """
    if isinstance(alpha, (int, float)) and alpha == 1:
        similarities: torch.Tensor = _Cauchy.apply(sq_dists)  # type: ignore[no-untyped-call]
        return similarities
    return (1 + sq_dists / alpha).pow(-(alpha + 1) / 2)


class _Cauchy(torch.autograd.Function):
    """1/(1 + d²), whose derivative is the negative of its square, with one temporary per direction."""

    @staticmethod
    def forward(ctx: Any, sq_dists: torch.Tensor) -> torch.Tensor:
        similarities = (1 + sq_dists).reciprocal_()
        ctx.save_for_backward(similarities)
        return similarities

    @staticmethod
    @torch.autograd.function.once_differentiable
    def backward(ctx: Any, gradient: torch.Tensor) -> torch.Tensor:
        (similarities,) = ctx.saved_tensors
        slope: torch.Tensor = similarities.square().neg_()
        return slope.mul_(gradient)


def modified_cauchy(sq_dists: torch.Tensor, a: float | torch.Tensor, b: float | torch.Tensor) -> torch.Tensor:
    """Computes UMAP's kernel, 1/(1 + a d^(2b)).

    Args:
        sq_dists: Squared distances d² ≥ 0, any shape.
        a: Scale > 0; a tensor may require a gradient.
        b: Exponent > 0; a tensor may require a gradient.

    Returns:
        Similarities in (0, 1], same shape. The gradient at distance 0 is 0.

    Source: McInnes, Healy, Melville, "UMAP", 2018, definition 11.

    Example:
        >>> modified_cauchy(torch.tensor([0.0, 1.0]), 1.0, 1.0)
        tensor([1.0000, 0.5000])
    """
    # (d²)^b has no finite gradient at 0 for b < 1, where the kernel is replaced by the constant 1
    positive = sq_dists > 0
    powers = torch.where(positive, sq_dists, 1).pow(b)
    return torch.where(positive, (1 + a * powers).reciprocal(), 1)


@functools.lru_cache(maxsize=64)
def find_ab(spread: float = 1.0, min_dist: float = 0.1) -> tuple[float, float]:
    """Fits a and b of :func:`modified_cauchy` to a curve that is 1 up to ``min_dist`` and then decays.

    Args:
        spread: Scale of the decay exp(−(d − min_dist)/spread), > 0.
        min_dist: Distance up to which points count as fully similar, in [0, 3 × spread).

    Returns:
        The pair (a, b).

    Raises:
        ValueError: If a parameter is out of range.

    Source: McInnes, Healy, Melville, "UMAP", 2018, section 3.2.

    Example:
        >>> a, b = find_ab(1.0, 0.1)
        >>> round(a, 2), round(b, 2)
        (1.58, 0.9)
    """
    check_positive("spread", spread, remedy="The default is 1.")
    if not 0 <= min_dist < 3 * spread:
        raise ValueError(
            f"min_dist must lie in [0, 3 × spread) = [0, {3 * spread}), got {min_dist}. The default is 0.1."
        )

    def curve(d: np.ndarray, a: float, b: float) -> np.ndarray:
        return 1 / (1 + a * d ** (2 * b))

    # in units of the spread, because the fit fails for spreads far from 1; a scales as spread^(-2b)
    d = np.linspace(0, 3, 300)
    target = np.where(d < min_dist / spread, 1.0, np.exp(-(d - min_dist / spread)))
    (a, b), _ = scipy.optimize.curve_fit(
        curve, d, target, p0=(1.0, 1.0), bounds=((0, 0), (np.inf, np.inf)), max_nfev=10_000
    )
    return float(a * spread ** (-2 * b)), float(b)


def log_radii(sq_dists: torch.Tensor, epsilon: float = 1e-8) -> torch.Tensor:
    """Computes logarithms of local radii, log(ε + Σⱼ qᵢⱼ dᵢⱼ² / Σⱼ qᵢⱼ) with q = 1/(1 + d²) and j ≠ i.

    Args:
        sq_dists: Squared distances between the embedded points, shape (b, b).
        epsilon: Added before the logarithm, so that the result is finite for coinciding points.

    Returns:
        Shape (b,).

    Source: Narayan, Berger, Cho, "Assessing single-cell transcriptomic variability through density-preserving data
        visualization", 2021.

    Example:
        >>> log_radii(torch.tensor([[0.0, 1.0, 1.0], [1.0, 0.0, 3.0], [1.0, 3.0, 0.0]]))
        tensor([0.0000, 0.5108, 0.5108])
    """
    itself = torch.eye(len(sq_dists), dtype=torch.bool, device=sq_dists.device)
    similarities = student_t(sq_dists, 1.0).masked_fill(itself, 0)
    totals = similarities.sum(dim=1)
    radii = (similarities * sq_dists).sum(dim=1) / torch.where(totals > 0, totals, 1)
    return torch.log(epsilon + radii)


def saturating_attraction(sq_dists: torch.Tensor, strength: float = 10.0) -> torch.Tensor:
    """Computes the loss of pairs that should be close, d̃/(s + d̃) with d̃ = d² + 1.

    Args:
        sq_dists: Squared distances d² ≥ 0, any shape.
        strength: s > 0: the attraction is largest at a distance of about √(s/3), and small beyond √s.

    Returns:
        Values in (0, 1), same shape.

    Source: Wang et al., "Understanding how dimension reduction tools work: PaCMAP", 2021, eq. 1.

    Example:
        >>> saturating_attraction(torch.tensor([9.0]), 10.0)
        tensor([0.5000])
    """
    shifted = sq_dists + 1
    return shifted / (strength + shifted)


def saturating_repulsion(sq_dists: torch.Tensor) -> torch.Tensor:
    """Computes the loss of pairs that should be apart, 1/(1 + d̃) with d̃ = d² + 1.

    Args:
        sq_dists: Squared distances d² ≥ 0, any shape.

    Returns:
        Values in (0, 1/2], same shape.

    Source: Wang et al., "Understanding how dimension reduction tools work: PaCMAP", 2021, eq. 1.

    Example:
        >>> saturating_repulsion(torch.tensor([0.0, 2.0]))
        tensor([0.5000, 0.2500])
    """
    return (sq_dists + 2).reciprocal()
