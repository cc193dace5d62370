"""Kernels that turn distances in the embedding into similarities."""

from __future__ import annotations

import functools

import numpy as np
import scipy.optimize
import torch

__all__ = ["find_ab", "modified_cauchy", "student_t"]


def student_t(dists: torch.Tensor, alpha: float | torch.Tensor) -> torch.Tensor:
    """Student's t kernel with α degrees of freedom, (1 + d²/α)^(−(α + 1)/2).

    Args:
        dists: Distances ≥ 0, any shape.
        alpha: Degrees of freedom > 0; a tensor may carry a gradient.

    Returns:
        Similarities in (0, 1], same shape.

    Source: van der Maaten, "Learning a parametric embedding by preserving local structure", 2009, eq. 4.

    Example:
        >>> student_t(torch.tensor([0.0, 1.0]), 1.0)
        tensor([1.0000, 0.5000])
    """
    if isinstance(alpha, (int, float)) and alpha == 1:
        return (1 + dists.square()).reciprocal()
    return (1 + dists.square() / alpha).pow(-(alpha + 1) / 2)


def modified_cauchy(dists: torch.Tensor, a: float | torch.Tensor, b: float | torch.Tensor) -> torch.Tensor:
    """UMAP's kernel, 1/(1 + a d^(2b)).

    Args:
        dists: Distances ≥ 0, any shape.
        a: Scale > 0; a tensor may carry a gradient.
        b: Exponent > 0; a tensor may carry a gradient.

    Returns:
        Similarities in (0, 1], same shape.

    Source: McInnes, Healy, Melville, "UMAP", 2018, definition 11.

    Example:
        >>> modified_cauchy(torch.tensor([0.0, 1.0]), 1.0, 1.0)
        tensor([1.0000, 0.5000])
    """
    # d^(2b) has no gradient at 0 for b < 1/2: there the kernel is the constant 1
    positive = dists > 0
    powers = torch.where(positive, dists, 1).pow(2 * b)
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
    if spread <= 0:
        raise ValueError(f"spread must be positive, got {spread}.")
    if not 0 <= min_dist < 3 * spread:
        raise ValueError(f"min_dist must lie in [0, 3 × spread) = [0, {3 * spread}), got {min_dist}.")

    def curve(d: np.ndarray, a: float, b: float) -> np.ndarray:
        return 1 / (1 + a * d ** (2 * b))

    d = np.linspace(0, 3 * spread, 300)
    target = np.where(d < min_dist, 1.0, np.exp(-(d - min_dist) / spread))
    # a scales as spread^(-2b): start there, or the fit fails for spreads far from 1
    (a, b), _ = scipy.optimize.curve_fit(
        curve, d, target, p0=(spread**-2.0, 1.0), bounds=((0, 0), (np.inf, np.inf)), max_nfev=10_000
    )
    return float(a), float(b)
