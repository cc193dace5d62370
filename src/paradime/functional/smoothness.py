"""Smoothness of an embedding along a graph or in time."""

from __future__ import annotations

import torch

from paradime.functional.distances import squared_distances

__all__ = ["dirichlet_energy", "nearness"]

_NEAR = 4  # median number of neighbours in time within one scale


def nearness(times: torch.Tensor, scale: float | None = None) -> torch.Tensor:
    """Computes the weights exp(−((tᵢ − tⱼ)/scale)²/2) of all pairs of times.

    Args:
        times: Shape (b,).
        scale: Time scale > 0. If ``None``, it is half of the median time span of five successive rows, so that
            about four rows are within one scale.

    Returns:
        Shape (b, b), with zero diagonal.

    Example:
        >>> nearness(torch.tensor([0.0, 1.0, 9.0]), scale=1.0)
        tensor([[0.0000e+00, 6.0653e-01, 2.5768e-18],
                [6.0653e-01, 0.0000e+00, 1.2664e-14],
                [2.5768e-18, 1.2664e-14, 0.0000e+00]])
    """
    unit = (times - times.mean()) / (_time_scale(times) if scale is None else scale)
    return torch.exp(-0.5 * (unit[:, None] - unit).square()).fill_diagonal_(0)


def _time_scale(times: torch.Tensor) -> torch.Tensor:
    ordered = times.sort().values
    apart = min(_NEAR, len(times) - 1)
    spans = ordered[apart:] - ordered[: len(times) - apart]
    # the median is 0 if many rows have the same time
    median = spans.median()
    scale = torch.where(median > 0, median, spans.mean()) / 2
    return torch.where(scale > 0, scale, 1)


def dirichlet_energy(Z: torch.Tensor, weights: torch.Tensor) -> torch.Tensor:
    """Computes the weighted mean squared distance of pairs, relative to the mean over all pairs.

    Σ wᵢⱼ‖zᵢ − zⱼ‖² / (Σ wᵢⱼ · mean of ‖zᵢ − zⱼ‖² over i ≠ j). It does not depend on the scale of the embedding.

    Args:
        Z: Embedded rows, shape (b, d).
        weights: Weights ≥ 0, shape (b, b); the diagonal is ignored.

    Returns:
        A scalar ≥ 0: about 1 for positions that are independent of the weights, and 1 for identical rows; 0 if all
        weights are 0.

    Source: Belkin and Niyogi, "Laplacian eigenmaps for dimensionality reduction and data representation", 2003,
        section 3.

    Example:
        >>> Z = torch.tensor([[0.0], [1.0], [2.0]])
        >>> dirichlet_energy(Z, torch.tensor([[0.0, 1.0, 0.0], [1.0, 0.0, 1.0], [0.0, 1.0, 0.0]]))
        tensor(0.5000)
    """
    largest = Z.detach().abs().amax()
    Z = Z / torch.where(largest == 0, 1, largest)
    centered = Z - Z.mean(dim=0)
    mean_square = 2 * centered.square().sum() / max(1, len(Z) - 1)
    # identical rows may differ by rounding after centring
    spread = mean_square > (8 * torch.finfo(Z.dtype).eps) ** 2 * Z.shape[1]
    off_diagonal = weights.to(Z.dtype) * (1 - torch.eye(len(Z), dtype=Z.dtype, device=Z.device))
    total = off_diagonal.sum()
    energy = (off_diagonal * squared_distances(centered)).sum() / torch.where(total > 0, total, 1)
    relative = torch.where(spread, energy / torch.where(spread, mean_square, 1), 1)
    return torch.where(total > 0, relative, 0)
