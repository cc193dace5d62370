"""Supervised losses within a batch: contrastive, with pairs weighted by labels or targets, and of triplets."""

from __future__ import annotations

from collections.abc import Callable

import torch

from paradime.functional.correlation import standardized
from paradime.functional.distances import squared_distances

__all__ = [
    "TRIPLET_MINING",
    "class_weights",
    "euclidean_distances",
    "log_similarities",
    "target_weights",
    "triplet_hinge",
    "weighted_contrast",
]

_Masked = tuple[torch.Tensor, torch.Tensor]


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


def euclidean_distances(sq_dists: torch.Tensor) -> torch.Tensor:
    """Computes the square root of squared distances, with gradient 0 at 0.

    Args:
        sq_dists: Squared distances ≥ 0, any shape.

    Example:
        >>> euclidean_distances(torch.tensor([0.0, 4.0]))
        tensor([0., 2.])
    """
    positive = sq_dists > 0
    return torch.where(positive, torch.where(positive, sq_dists, 1).sqrt(), 0)


def triplet_hinge(
    distances: torch.Tensor, labels: torch.Tensor, *, margin: float = 1.0, mining: str = "semihard"
) -> torch.Tensor:
    """Computes the mean of (d(anchor, positive) − d(anchor, negative) + margin)₊ over triplets, in O(b²) memory.

    Args:
        distances: Distances between the rows, shape (b, b).
        labels: Classes, integers of shape (b,); −1 for unlabelled rows, which are in no triplet.
        margin: Smallest intended difference between the distances to negatives and positives.
        mining: ``"all"`` triplets; ``"semihard"``: for each pair of a class the nearest negative that is further
            away than the positive, or else the furthest negative; ``"hard"``: for each anchor its furthest
            positive and its nearest negative.

    Returns:
        A scalar ≥ 0; 0 if there is no triplet.

    Source: Schroff, Kalenichenko, Philbin, "FaceNet", 2015, section 3.2; Hermans, Beyer, Leibe, "In defense of the
        triplet loss", 2017.

    Example:
        >>> distances = torch.tensor([[0.0, 1.0, 3.0], [1.0, 0.0, 1.5], [3.0, 1.5, 0.0]])
        >>> triplet_hinge(distances, torch.tensor([0, 0, 1]), mining="all")
        tensor(0.2500)
    """
    labelled = labels != -1
    same = labels[:, None] == labels
    both = labelled[:, None] & labelled
    itself = torch.eye(len(labels), dtype=torch.bool, device=labels.device)
    total, count = TRIPLET_MINING[mining](distances, same & both & ~itself, ~same & both, margin)
    return total / count.clamp_min(1)


def _sorted_negatives(distances: torch.Tensor, negative: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Returns each anchor's sorted distances to its negatives, padded with infinity, and padded with 0."""
    ordered = torch.where(negative, distances, torch.inf).sort(dim=1).values
    return ordered.detach(), torch.where(ordered.isinf(), 0, ordered)


def _all(distances: torch.Tensor, positive: torch.Tensor, negative: torch.Tensor, margin: float) -> _Masked:
    ordered, finite = _sorted_negatives(distances, negative)
    limits = distances + margin
    # the sum over the m negatives nearer than a limit is m · limit less the sum of their distances
    closer = torch.searchsorted(ordered, limits.detach())
    sums = torch.nn.functional.pad(finite.cumsum(dim=1), (1, 0)).gather(1, closer)
    hinges = (closer * limits - sums).clamp_min(0)
    count = (positive.sum(dim=1) * negative.sum(dim=1)).sum()
    return torch.where(positive, hinges, 0).sum(), count


def _semihard(distances: torch.Tensor, positive: torch.Tensor, negative: torch.Tensor, margin: float) -> _Masked:
    ordered, finite = _sorted_negatives(distances, negative)
    n_negatives = negative.sum(dim=1, keepdim=True)
    further = torch.searchsorted(ordered, distances.detach(), right=True)
    chosen = finite.gather(1, torch.minimum(further, n_negatives - 1).clamp_min(0))
    valid = positive & (n_negatives > 0)
    return torch.where(valid, distances - chosen + margin, 0).clamp_min(0).sum(), valid.sum()


def _hard(distances: torch.Tensor, positive: torch.Tensor, negative: torch.Tensor, margin: float) -> _Masked:
    valid = positive.any(dim=1) & negative.any(dim=1)
    furthest = torch.where(positive, distances, 0).amax(dim=1)
    nearest = torch.where(negative, distances, torch.inf).amin(dim=1)
    hinges = (furthest - torch.where(valid, nearest, 0) + margin).clamp_min(0)
    return torch.where(valid, hinges, 0).sum(), valid.sum()


TRIPLET_MINING: dict[str, Callable[[torch.Tensor, torch.Tensor, torch.Tensor, float], _Masked]] = {
    "all": _all,
    "semihard": _semihard,
    "hard": _hard,
}
"""Functions that return the sum of the hinges and their number, by the name of the mining."""
