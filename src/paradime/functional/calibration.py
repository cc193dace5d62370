"""Calibration of kernel widths for all rows together, in log space, at any scale of the data."""

from __future__ import annotations

import math
from collections.abc import Callable

import torch

from paradime.utils.parallel import parallel_map, part_size

__all__ = ["connectivity_weights", "perplexity_weights"]

_CHUNK_ELEMENTS = 1 << 22  # limits the memory of temporaries; larger chunks are not faster
_LEAST_ROWS = 512
_MAX_ITERATIONS = 100
_LARGEST_LOG = 80.0  # exp of this is finite in single precision
_SMALLEST_LOG = -30.0  # at this rate all weights are equal, and those of absent entries, at 1e18, still 0

Objective = Callable[[torch.Tensor, torch.Tensor], tuple[torch.Tensor, torch.Tensor]]


def perplexity_weights(sq_dists: torch.Tensor, perplexity: float) -> tuple[torch.Tensor, torch.Tensor]:
    """Computes Gaussian weights with a given perplexity in every row.

    Solves for β in w = exp(−β d²) such that the entropy of each normalised row is log₂(perplexity) bits.

    Args:
        sq_dists: Squared distances to the k neighbours, shape (n, k), self excluded; infinite entries mark
            missing neighbours.
        perplexity: Effective number of neighbours, in (1, k).

    Returns:
        The weights, shape (n, k), rows summing to 1, and β, shape (n,). If more nearest neighbours than the
        perplexity are tied, a row has no solution; it gets equal weights on these.

    Raises:
        ValueError: If the perplexity is out of range.

    Source: van der Maaten and Hinton, "Visualizing data using t-SNE", 2008, eq. 1 and 4.

    Example:
        >>> weights, betas = perplexity_weights(torch.tensor([[1.0, 4.0, 9.0, 16.0]]), 2.0)
        >>> round(float(2 ** -(weights * weights.log2()).sum()), 3)
        2.0
    """
    n_neighbors = sq_dists.shape[1]
    if not 1 < perplexity < n_neighbors:
        raise ValueError(
            f"perplexity must lie in (1, {n_neighbors}) for {n_neighbors} neighbours, got {perplexity:g}. "
            f"Set it to at most about {max(1.5, n_neighbors / 3):.3g}"
            + (
                f", or pass relations to {math.ceil(3 * perplexity)} neighbours."
                if 1 < perplexity < math.inf
                else "."
            )
        )
    goal = math.log(perplexity)
    weights = torch.empty_like(sq_dists)
    betas = sq_dists.new_empty(len(sq_dists))

    def calibrate(rows: slice) -> None:
        shifted, scale = _shift_and_scale(sq_dists[rows])
        log_beta = _solve_rows(shifted, lambda d, x: _entropy_above(d, x, goal))
        kernel = shifted.mul_(-log_beta.exp()[:, None]).exp_()
        weights[rows] = kernel.div_(kernel.sum(dim=1, keepdim=True))
        betas[rows] = log_beta.exp() / scale

    chunks = _row_chunks(sq_dists)
    with parallel_map(len(chunks), sq_dists.device) as apply:
        list(apply(calibrate, chunks))
    return weights, betas


def connectivity_weights(dists: torch.Tensor, n_neighbors: float) -> tuple[torch.Tensor, torch.Tensor]:
    """Computes exponential weights with sum log₂(n_neighbors) in every row.

    Solves for σ in w = exp(−(d − d_min)/σ), where d_min is the row's smallest distance.

    Args:
        dists: Distances to the k neighbours, shape (n, k), self excluded; infinite entries mark missing
            neighbours.
        n_neighbors: Local connectivity, > 2.

    Returns:
        The weights in [0, 1], shape (n, k), and σ, shape (n,). There is no solution if more nearest neighbours
        than the sum are tied: these get weight 1, and others 0; nor for a row with fewer neighbours than the sum:
        all get weight 1.

    Raises:
        ValueError: If ``n_neighbors`` is out of range.

    Source: McInnes, Healy, Melville, "UMAP", 2018, algorithm 3.

    Example:
        >>> weights, sigmas = connectivity_weights(torch.tensor([[1.0, 2.0, 3.0, 4.0]]), 4)
        >>> round(float(weights.sum()), 3)
        2.0
    """
    if not n_neighbors > 2:
        raise ValueError(f"n_neighbors must be greater than 2, got {n_neighbors:g}. 15 suits most data.")
    goal = math.log2(n_neighbors)
    weights = torch.empty_like(dists)
    sigmas = dists.new_empty(len(dists))

    def calibrate(rows: slice) -> None:
        shifted, scale = _shift_and_scale(dists[rows])
        log_rate = _solve_rows(shifted, lambda d, x: _log_sum_above(d, x, goal))
        weights[rows] = shifted.mul_(-log_rate.exp()[:, None]).exp_()
        sigmas[rows] = scale / log_rate.exp()

    chunks = _row_chunks(dists)
    with parallel_map(len(chunks), dists.device) as apply:
        list(apply(calibrate, chunks))
    return weights, sigmas


def _row_chunks(matrix: torch.Tensor) -> list[slice]:
    step = max(1, part_size(_CHUNK_ELEMENTS, matrix.device) // max(1, matrix.shape[1]))
    if matrix.device.type == "cpu":
        # a part for each thread also of few rows, which take many operations
        step = min(step, max(_LEAST_ROWS, math.ceil(len(matrix) / torch.get_num_threads())))
    return [slice(start, start + step) for start in range(0, len(matrix), step)]


def _shift_and_scale(dists: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Shifts rows to minimum 0 and scales their positive entries to mean 1, which removes the data's scale."""
    shifted = dists - dists.amin(dim=1, keepdim=True)
    counted = shifted.isfinite() & (shifted > 0)
    count = counted.sum(dim=1).clamp_min(1)
    scale = torch.where(counted, shifted / count[:, None], 0).sum(dim=1)
    scale = torch.where(scale > 0, scale, 1)
    # absent entries get a finite distance whose weight underflows to 0, because 0 × inf is NaN
    return shifted.div_(scale[:, None]).nan_to_num_(posinf=1e18), scale


def _entropy_above(dists: torch.Tensor, log_beta: torch.Tensor, goal: float) -> tuple[torch.Tensor, torch.Tensor]:
    """Returns entropy (nats) minus goal, and its derivative with respect to log β, −β² Var(d)."""
    beta = log_beta.exp()
    kernel = torch.exp(-beta[:, None] * dists)
    norm = kernel.sum(dim=1)
    weighted = kernel.mul_(dists)
    mean = weighted.sum(dim=1) / norm
    mean_square = weighted.mul_(dists).sum(dim=1) / norm
    return norm.log() + beta * mean - goal, -beta.square() * (mean_square - mean.square())


def _log_sum_above(dists: torch.Tensor, log_rate: torch.Tensor, goal: float) -> tuple[torch.Tensor, torch.Tensor]:
    """Returns log Σ w minus log of the goal, and its derivative with respect to the log of the rate 1/σ."""
    rate = log_rate.exp()
    kernel = torch.exp(-rate[:, None] * dists)
    norm = kernel.sum(dim=1)
    return norm.log() - math.log(goal), -rate * kernel.mul_(dists).sum(dim=1) / norm


def _solve_rows(dists: torch.Tensor, objective: Objective) -> torch.Tensor:
    """Finds the root of a decreasing function of x in every row, by Newton's steps within a shrinking bracket.

    Rows that have converged are not evaluated again.

    Args:
        dists: Shape (n, k).
        objective: Takes rows (m, k) and x (m,); returns value and derivative, each (m,).

    Returns:
        x, shape (n,), in [−30, 80]; without a root, an end of this range.
    """
    tolerance = 1e-5 if dists.dtype == torch.float32 else 1e-9
    solution = dists.new_zeros(len(dists))
    active = torch.arange(len(dists), device=dists.device)
    x, rows = solution.clone(), dists
    low, high = torch.full_like(x, _SMALLEST_LOG), torch.full_like(x, _LARGEST_LOG)
    for _ in range(_MAX_ITERATIONS):
        value, slope = objective(rows, x)
        low, high = torch.where(value > 0, x, low), torch.where(value > 0, high, x)
        step = x - value / slope
        inside = (step > low) & (step < high)
        # a step that leaves the bracket is replaced by one of at most 3: the function is flat far from its root
        towards = torch.where(
            value > 0, torch.minimum((low + high) / 2, x + 3), torch.maximum((low + high) / 2, x - 3)
        )
        solution[active] = x
        running = (value.abs() > tolerance) & (high - low > tolerance)
        if not bool(running.any()):
            break
        x = torch.where(inside, step, towards)
        if int(running.sum()) < 0.7 * len(rows):
            # dropping rows costs a copy, which pays only for many rows
            active, x, low, high = active[running], x[running], low[running], high[running]
            rows = rows[running]
        else:
            x = torch.where(running, x, solution[active])
    return solution
