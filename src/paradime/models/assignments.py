"""Soft assignments of points to landmarks, as features that tell where in the data a point lies."""

from __future__ import annotations

import math

import torch

from paradime.functional.clustering import k_means

__all__ = ["SoftAssignments"]

_NEAREST = 5
_LEAST = 1e-3  # of the points' size; nearer landmarks are the same but for rounding
_CHUNK_ELEMENTS = 1 << 22


class SoftAssignments(torch.nn.Module):
    """Shares in landmarks: softmax over j of −4 · sharpness · |x − c_j|² / h², times √m.

    The landmarks c_j are k-means centres of the training data, and the bandwidth h is the mean distance of the
    data to the fifth nearest landmark. Nothing is trained; as long as :meth:`prepare` was not called, the
    landmarks are random.

    Args:
        in_dim: Number of columns, at least 1.
        n_landmarks: The number m of landmarks, at least 1.
        sharpness: How fast shares fall with the distance, positive.

    Attributes:
        landmarks: The c_j, shape (n_landmarks, in_dim).
        bandwidth: The h, a scalar.

    Raises:
        ValueError: If an argument is out of range.

    Source: Moody & Darken, "Fast Learning in Networks of Locally-Tuned Processing Units", 1989, for units around
    k-means centres with normalised responses.

    Example:
        >>> assignments = SoftAssignments(2, 4)
        >>> assignments.prepare(torch.randn(100, 2))
        >>> assignments(torch.randn(3, 2)).sum(dim=1).round(decimals=3)
        tensor([2., 2., 2.])
    """

    landmarks: torch.Tensor
    bandwidth: torch.Tensor

    def __init__(self, in_dim: int, n_landmarks: int, *, sharpness: float = 16.0) -> None:
        super().__init__()
        if n_landmarks < 1:
            raise ValueError(f"n_landmarks must be at least 1 here, got {n_landmarks}.")
        if not 0 < sharpness < math.inf:
            raise ValueError(f"sharpness must be positive and finite, got {sharpness}. 2.0 suits most data.")
        self.in_dim = in_dim
        self.n_landmarks = n_landmarks
        self.sharpness = sharpness
        self.register_buffer("landmarks", torch.randn(n_landmarks, in_dim))
        # the distance that such random points have
        self.register_buffer("bandwidth", torch.full((), math.sqrt(2 * in_dim)))

    def forward(self, X: torch.Tensor) -> torch.Tensor:
        """Computes shares, shape (b, in_dim) to (b, n_landmarks)."""
        # |x|² is the same for all landmarks, and cancels: what is left is linear in x
        weight = self.landmarks * (8 * self.sharpness / self.bandwidth.square())
        bias = (weight * self.landmarks).sum(dim=1) / -2
        logits = torch.nn.functional.linear(X, weight, bias)
        return torch.softmax(logits, dim=1) * math.sqrt(self.n_landmarks)

    @torch.no_grad()
    def prepare(self, rows: torch.Tensor) -> None:
        """Chooses landmarks among rows that are centred and in random order, shape (n, in_dim), n at least 1."""
        centers = k_means(rows, self.n_landmarks).to(rows.dtype)
        self.landmarks.copy_(centers)
        bandwidth = self._distances_to_near_landmark(rows, centers).mean()
        least = _LEAST * rows.square().sum(dim=1).mean().sqrt()
        bandwidth = torch.maximum(bandwidth, least)
        # rows that are all the same have equal shares in all landmarks
        self.bandwidth.copy_(torch.where(bandwidth > 0, bandwidth, 1))

    def _distances_to_near_landmark(self, rows: torch.Tensor, centers: torch.Tensor) -> torch.Tensor:
        """Distances to the fifth nearest landmark, or to the last of fewer, shape (n,)."""
        sq_norms, place = centers.square().sum(dim=1), min(_NEAREST, len(centers))
        found = []
        for some in torch.split(rows, max(1, _CHUNK_ELEMENTS // len(centers))):
            relative = torch.addmm(sq_norms, some, centers.T, alpha=-2)
            near = relative.topk(place, dim=1, largest=False).values[:, -1]
            found.append((near + some.square().sum(dim=1)).clamp_min_(0).sqrt_())
        return torch.cat(found)
