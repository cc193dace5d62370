"""Contrastive losses within a batch, with pairs weighted by labels or numeric targets."""

from __future__ import annotations

import torch

from paradime.functional.correlation import standardized
from paradime.functional.distances import squared_distances

__all__ = ["class_weights", "log_similarities", "target_weights", "weighted_contrast"]


def log_similarities(Z: torch.Tensor, similarity: str) -> torch.Tensor:
    """Computes the logarithms, up to a constant, of the similarities of all pairs of rows.

    Args:
        Z: Embedded rows, shape (b, d).
        similarity: ``"cauchy"`` for log 1/(1 + d²), or ``"cosine"`` for the cosine of the angle.

    Returns:
        Shape (b, b). Rows of zeros have cosine 0 to all others.

    Example:
        >>> log_similarities(torch.tensor([[3.0, 0.0], [0.0, 2.0], [1.0, 0.0]]), "cosine")
        tensor([[1., 0., 1.],
                [0., 1., 0.],
                [1., 0., 1.]])
    """
    if similarity == "cauchy":
        return -torch.log1p(squared_distances(Z))
    largest = Z.detach().abs().amax()
    Z = Z / torch.where(largest == 0, 1, largest)
    lengths = torch.linalg.vector_norm(Z, dim=1, keepdim=True)
    nonzero = lengths > 0
    unit = torch.where(nonzero, Z / torch.where(nonzero, lengths, 1), 0)
    return unit @ unit.T


def class_weights(labels: torch.Tensor, *, dtype: torch.dtype = torch.float32) -> torch.Tensor:
    """Computes equal weights of all pairs of a class, which sum to 1 per anchor.

    Args:
        labels: Classes, integers of shape (b,); −1 for unlabelled rows.
        dtype: Dtype of the weights.

    Returns:
        Shape (b, b), one row per anchor; rows of 0 for anchors that are alone in their class.

    Source: Khosla et al., "Supervised contrastive learning", 2020, eq. 2.

    Example:
        >>> class_weights(torch.tensor([0, 0, 0, 1, -1]))[0]
        tensor([0.0000, 0.5000, 0.5000, 0.0000, 0.0000])
    """
    same = (labels[:, None] == labels) & (labels != -1)
    weights = same.to(dtype).fill_diagonal_(0)
    return weights / weights.sum(dim=1, keepdim=True).clamp_min(1)


def target_weights(targets: torch.Tensor, bandwidth: float) -> torch.Tensor:
    """Computes weights exp(−(Δy/(bandwidth · std y))²/2) of pairs of numeric targets, normalised per anchor.

    Args:
        targets: Floating-point numbers y, shape (b,) with b ≥ 2.
        bandwidth: In standard deviations of the batch, > 0.

    Returns:
        Shape (b, b), with zero diagonal.

    Source: Dufumier et al., "Contrastive learning with continuous proxy meta-data for 3D MRI classification",
        2021.

    Example:
        >>> target_weights(torch.tensor([0.0, 0.0, 10.0]), bandwidth=0.1)[0]
        tensor([0., 1., 0.])
    """
    unit = standardized(targets) * (len(targets) ** 0.5 / bandwidth)
    itself = torch.eye(len(targets), dtype=torch.bool, device=targets.device)
    lowest = torch.finfo(targets.dtype).min
    exponents = (-0.5 * (unit[:, None] - unit).square()).masked_fill(itself, lowest)
    # a softmax, because without it all weights of a row far from the others would underflow
    return torch.softmax(exponents, dim=1).masked_fill(itself, 0)


def weighted_contrast(
    log_similarity: torch.Tensor, weights: torch.Tensor, *, candidates: torch.Tensor | None = None
) -> torch.Tensor:
    """Computes the mean over anchors of −Σⱼ wᵢⱼ log softmaxⱼ(sᵢⱼ), with the softmax over all other candidates.

    Args:
        log_similarity: Shape (b, b).
        weights: Shape (b, b), with zero diagonal; rows sum to 1, or to 0 for rows that are not anchors.
        candidates: Mask of the rows in the softmax, booleans of shape (b,); all if ``None``.

    Returns:
        A scalar; 0 if there is no anchor.

    Source: Khosla et al., "Supervised contrastive learning", 2020, eq. 2.

    Example:
        >>> weighted_contrast(torch.zeros(3, 3), class_weights(torch.tensor([0, 0, 1])))
        tensor(0.6931)
    """
    left_out = torch.eye(len(weights), dtype=torch.bool, device=weights.device)
    if candidates is not None:
        left_out = left_out | ~candidates
    # a very small number instead of −∞, because −∞ times a weight of 0 is NaN
    lowest = torch.finfo(log_similarity.dtype).min / 2
    log_totals = log_similarity.masked_fill(left_out, lowest).logsumexp(dim=1)
    mass = weights.sum(dim=1)
    terms = mass * log_totals - (weights * log_similarity).sum(dim=1)
    return terms.sum() / (mass > 0).sum().clamp_min(1)
