"""Positions of new points, from those of their nearest neighbours, in a number of operations fixed beforehand."""

from __future__ import annotations

import math

import torch

__all__ = ["neighbor_weights", "place_by_neighbors"]

_NEWTON_STEPS = 6  # errors in entropy: below 1e-9 on real data, below 1e-3 where distances leap
_START, _LONGEST_STEP = 0.3, 1.0  # of log β
_FLAT = 1e-30


def neighbor_weights(squares: torch.Tensor, perplexity: float) -> torch.Tensor:
    """Returns Gaussian weights of nearest neighbours, whose perplexity is a given one.

    Weights are proportional to exp(−β d²). Newton's method finds β in six steps, for each row alone and for any
    number of rows, so that the function can be exported. Where it does not reach the perplexity, as with more
    equally near neighbours than that, weights are still positive and decrease with the distance. For weights to
    any number of neighbours in any order, see :func:`perplexity_weights`.

    Args:
        squares: Squared distances to the k nearest neighbours, ascending, shape (m, k).
        perplexity: The effective number of neighbours; values outside [1.01, 0.8 k] are replaced by the nearest
            one inside. One or two neighbours get equal weights.

    Returns:
        Shape (m, k), rows summing to 1; differentiable with respect to the distances, β being constant.

    Source: van der Maaten and Hinton, "Visualizing data using t-SNE", 2008, eq. 1 and 4.

    Example:
        >>> weights = neighbor_weights(torch.tensor([[1.0, 4.0, 9.0, 16.0]]), 2.0)
        >>> round(float(2 ** -(weights * weights.log2()).sum()), 3)
        2.0
    """
    k = squares.shape[1]
    if k < 3:
        return torch.full_like(squares, 1 / k)
    rates = _rates(squares.detach(), max(1.01, min(perplexity, 0.8 * k)))
    return torch.softmax(-squares * rates, dim=1)


def _rates(squares: torch.Tensor, perplexity: float) -> torch.Tensor:
    """Returns β of each row, shape (m, 1)."""
    k, goal = squares.shape[1], math.log(perplexity)
    dists = squares - squares[:, :1]
    # in units of the distance that as many neighbours as the perplexity lie within, β is about 1
    scale, widest = dists[:, [math.ceil(perplexity) - 1]], dists[:, k - 1 :]
    scale = torch.where(scale > 0, scale, torch.where(widest > 0, widest, 1))
    dists = dists / scale
    negative = -dists
    moments = torch.stack((torch.ones_like(dists), dists, dists.square()), dim=2)
    log_rate = torch.full_like(scale, _START)
    for _ in range(_NEWTON_STEPS):
        rate = log_rate.exp()
        total, first, second = torch.matmul((rate * negative).exp()[:, None], moments).unbind(2)
        mean = first / total
        excess = total.log() + rate * mean - goal  # of the entropy, in nats
        slope = (rate.square() * (second / total - mean.square())).clamp_min(_FLAT)
        log_rate = log_rate + (excess / slope).clamp(-_LONGEST_STEP, _LONGEST_STEP)
    return log_rate.exp() / scale


def place_by_neighbors(
    weights: torch.Tensor, positions: torch.Tensor, *, n_steps: int = 10, n_candidates: int = 30
) -> torch.Tensor:
    """Places points where the attraction of their neighbours, by Cauchy similarities, is in balance.

    Neighbours may lie on different islands of a map, between which nobody is at home. So each point starts at the
    one of its neighbours that most of the others are near, weighted, and then takes steps
    y ← Σ wⱼ qⱼ yⱼ / Σ wⱼ qⱼ with qⱼ = 1/(1 + ‖y − yⱼ‖²). Each step reduces Σ wⱼ log(1 + ‖y − yⱼ‖²).

    Args:
        weights: The weight of each neighbour, nearest first, shape (m, k), rows summing to 1.
        positions: Their positions, shape (m, k, d).
        n_steps: Number of steps, at least 0.
        n_candidates: How many of the neighbours a point may start at, at least 1.

    Returns:
        Shape (m, d).

    Source: the steps are those of iteratively reweighted least squares, as Holland and Welsch, "Robust regression
    using iteratively reweighted least-squares", 1977, have them for Cauchy weights.

    Example:
        >>> positions = torch.tensor([[[9.0, 0.0], [0.0, 0.0], [0.2, 0.0]]])
        >>> place_by_neighbors(torch.tensor([[0.4, 0.3, 0.3]]), positions).round(decimals=1)
        tensor([[0.2000, 0.0000]])
    """
    coordinates = positions.transpose(1, 2).contiguous()  # sums over a dimension that is not the last are fast
    candidates = coordinates[:, :, :n_candidates]
    squares = (candidates[:, :, :, None] - candidates[:, :, None]).square().sum(dim=1)
    agreement = (weights[:, None, :n_candidates] / (1 + squares)).sum(dim=2)
    best = agreement.argmax(dim=1)
    placed = candidates.gather(2, best[:, None, None].expand(-1, positions.shape[2], 1))
    for _ in range(n_steps):
        pulls = weights / (1 + (placed - coordinates).square().sum(dim=1))
        placed = torch.matmul(coordinates, (pulls / pulls.sum(dim=1, keepdim=True))[:, :, None])
    return placed.squeeze(2)
