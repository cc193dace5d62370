"""Local radii: how far apart points lie from what is near them."""

from __future__ import annotations

import torch

from paradime.functional.kernels import student_t

__all__ = ["log_radii"]


def log_radii(sq_dists: torch.Tensor, epsilon: float = 1e-8) -> torch.Tensor:
    """Logarithms of the local radii of embedded points, log(ε + Σⱼ qᵢⱼ dᵢⱼ² / Σⱼ qᵢⱼ) with q = 1/(1 + d²), j ≠ i.

    Args:
        sq_dists: Squared distances between the points, shape (b, b).
        epsilon: Added before the logarithm, so that points at the same place stay finite.

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
