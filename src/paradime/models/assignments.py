"""Soft assignments of points to k-means centres, as input features of a network."""

from __future__ import annotations

import math

import torch

from paradime.functional.clustering import k_means

__all__ = ["SoftAssignments"]

_NEAREST = 5
_LEAST = 1e-3  # smallest bandwidth, relative to the points' norm; closer centres differ by rounding only
_CHUNK_ELEMENTS = 1 << 22


class SoftAssignments(torch.nn.Module):
    """Soft assignments to centres: softmax over j of −4 · sharpness · |x − c_j|² / h², times √m.

    The centres c_j are k-means centres of the training data, and the bandwidth h is the mean distance of the
    data to the fifth nearest centre. The layer has no trained parameters; until :meth:`prepare` is called, the
    centres are random.

    Args:
        in_dim: Number of columns, at least 1.
        n_centers: The number m of centres, at least 1.
        sharpness: Decay of the assignments with the distance, positive.

    Attributes:
        centers: The centres c_j, shape (n_centers, in_dim).
        bandwidth: The bandwidth h, a scalar.

    Raises:
        ValueError: If an argument is out of range.

    Source: Moody & Darken, "Fast Learning in Networks of Locally-Tuned Processing Units", 1989: units around
    k-means centres with normalised responses.

    Example:
        >>> assignments = SoftAssignments(2, 4)
        >>> assignments.prepare(torch.randn(100, 2))
        >>> assignments(torch.randn(3, 2)).sum(dim=1).round(decimals=3)
        tensor([2., 2., 2.])
    """

    centers: torch.Tensor
    bandwidth: torch.Tensor

    def __init__(self, in_dim: int, n_centers: int, *, sharpness: float = 16.0) -> None:
        super().__init__()
        if n_centers < 1:
            raise ValueError(f"n_centers must be at least 1, got {n_centers}. Pass a positive integer.")
        if not 0 < sharpness < math.inf:
            raise ValueError(f"sharpness must be positive and finite, got {sharpness}. 2.0 suits most data.")
        self.in_dim = in_dim
        self.n_centers = n_centers
        self.sharpness = sharpness
        self.register_buffer("centers", torch.randn(n_centers, in_dim))
        # the typical distance of the random centres
        self.register_buffer("bandwidth", torch.full((), math.sqrt(2 * in_dim)))

    def forward(self, X: torch.Tensor) -> torch.Tensor:
        """Computes assignments, shape (b, in_dim) to (b, n_centers)."""
        # |x|² is the same for all centres and cancels in the softmax: the rest is linear in x
        weight = self.centers * (8 * self.sharpness / self.bandwidth.square())
        bias = (weight * self.centers).sum(dim=1) / -2
        logits = torch.nn.functional.linear(X, weight, bias)
        return torch.softmax(logits, dim=1) * math.sqrt(self.n_centers)

    @torch.no_grad()
    def prepare(self, rows: torch.Tensor) -> None:
        """Fits the centres to rows that are centred and in random order, shape (n, in_dim), n at least 1."""
        centers = k_means(rows, self.n_centers).to(rows.dtype)
        self.centers.copy_(centers)
        bandwidth = self._distances_to_near_center(rows, centers).mean()
        least = _LEAST * rows.square().sum(dim=1).mean().sqrt()
        bandwidth = torch.maximum(bandwidth, least)
        # if all rows are equal, they have equal assignments to all centres
        self.bandwidth.copy_(torch.where(bandwidth > 0, bandwidth, 1))

    def _distances_to_near_center(self, rows: torch.Tensor, centers: torch.Tensor) -> torch.Tensor:
        """Distances to the fifth nearest centre, or to the farthest of fewer centres, shape (n,)."""
        sq_norms, k = centers.square().sum(dim=1), min(_NEAREST, len(centers))
        distances = []
        for chunk in torch.split(rows, max(1, _CHUNK_ELEMENTS // len(centers))):
            relative = torch.addmm(sq_norms, chunk, centers.T, alpha=-2)
            kth = relative.topk(k, dim=1, largest=False).values[:, -1]
            distances.append((kth + chunk.square().sum(dim=1)).clamp_min_(0).sqrt_())
        return torch.cat(distances)
