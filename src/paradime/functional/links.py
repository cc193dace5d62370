"""Objectives of pairs and triplets of points, by Cauchy similarities of their distances, and how to score them."""

from __future__ import annotations

import torch

__all__ = ["link_attraction", "link_repulsion", "order_loss", "probability_below"]

_NEAREST = 1e-2  # squared distance in the map's unit below which points that must not meet are repelled no harder


def link_attraction(sq_dists: torch.Tensor) -> torch.Tensor:
    """Computes −log s for the Cauchy similarities s = 1/(1 + d²) of points that belong together.

    Args:
        sq_dists: Squared distances d² ≥ 0, any shape.

    Returns:
        Values ≥ 0, same shape.

    Example:
        >>> link_attraction(torch.tensor([0.0, 1.0]))
        tensor([0.0000, 0.6931])
    """
    return sq_dists.log1p()


def link_repulsion(sq_dists: torch.Tensor) -> torch.Tensor:
    """Computes −log(1 − s) for the Cauchy similarities s = 1/(1 + d²) of points that belong apart.

    The value is bounded: (1 + d²)/(0.01 + d²) stands for 1/(1 − s).

    Args:
        sq_dists: Squared distances d² ≥ 0, any shape.

    Returns:
        Values ≥ 0, same shape.

    Example:
        >>> link_repulsion(torch.tensor([1.0, 1e6])).round(decimals=3)
        tensor([0.6830, 0.0000])
    """
    return sq_dists.log1p() - (sq_dists + _NEAREST).log()


def order_loss(near: torch.Tensor, far: torch.Tensor) -> torch.Tensor:
    """Computes −log(s_near/(s_near + s_far)) for Cauchy similarities: that the near point is chosen of the two.

    Args:
        near: Squared distances to the points that shall be nearer, any shape.
        far: Squared distances to the others, same shape.

    Returns:
        Values > 0, same shape.

    Source: van der Maaten, Weinberger, "Stochastic triplet embedding", 2012, eq. 5 with α = 1.

    Example:
        >>> order_loss(torch.tensor([0.0]), torch.tensor([0.0]))
        tensor([0.6931])
    """
    return torch.nn.functional.softplus(near.log1p() - far.log1p())


def probability_below(first: torch.Tensor, second: torch.Tensor) -> float:
    """Computes the probability that a value of the first is below one of the second; ties count half.

    Args:
        first: Shape (m,).
        second: Shape (k,).

    Returns:
        The area under the ROC curve, in [0, 1]; NaN if there are no values.

    Example:
        >>> probability_below(torch.tensor([0.0, 2.0]), torch.tensor([1.0, 2.0]))
        0.625
    """
    ordered = second.sort().values
    not_below = torch.searchsorted(ordered, first.contiguous()) + torch.searchsorted(
        ordered, first.contiguous(), right=True
    )
    return float(1 - not_below.to(torch.float64).mean() / (2 * len(second))) if len(second) else float("nan")
