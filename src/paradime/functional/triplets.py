"""Triplet losses within a batch, over an anchor, a row of its class, and a row of another class."""

from __future__ import annotations

from collections.abc import Callable

import torch

__all__ = ["TRIPLET_MINING", "euclidean_distances", "triplet_hinge"]

_Masked = tuple[torch.Tensor, torch.Tensor]


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
