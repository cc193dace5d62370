"""Scores with a standard error, computed from the values of single rows."""

from __future__ import annotations

import math
from typing import Any, Self

import numpy as np
import torch

from paradime.utils.arguments import check_integer
from paradime.utils.seed import generator_of

__all__ = ["Estimate", "drawn_rows", "mean_estimate", "ratio_estimate"]


class Estimate(float):
    """A float with the standard error that comes from evaluating a sample of rows.

    Args:
        value: The score.
        standard_error: Its standard error; 0 if all rows were evaluated.
        n_sampled: Number of rows, or pairs of rows, that were evaluated.

    Attributes:
        standard_error: Typical difference from the score of all rows, or, for held-out rows, of the distribution
            that they were drawn from. ``nan`` if a single row was evaluated.
        n_sampled: Number of rows, or pairs of rows, that were evaluated.

    Example:
        >>> score = Estimate(0.9, standard_error=0.02, n_sampled=500)
        >>> score, score.standard_error, f"{score:.2f}"
        (0.9, 0.02, '0.90')
    """

    standard_error: float
    n_sampled: int

    def __new__(cls, value: float, *, standard_error: float = 0.0, n_sampled: int) -> Self:
        """Creates the score."""
        estimate = super().__new__(cls, value)
        estimate.standard_error = float(standard_error)
        estimate.n_sampled = int(n_sampled)
        return estimate

    def __getnewargs_ex__(self) -> tuple[tuple[float], dict[str, Any]]:
        return (float(self),), {"standard_error": self.standard_error, "n_sampled": self.n_sampled}


def drawn_rows(n_rows: int, n_samples: Any, random_state: Any, *, least: int = 2) -> torch.Tensor | None:
    """Draws rows without replacement.

    Args:
        n_rows: Number of rows.
        n_samples: Number of rows to draw, or ``None`` for all.
        random_state: Seed, NumPy generator, or ``None`` for other rows in every call.
        least: The smallest number of rows to draw; a single row has no standard error.

    Returns:
        Sorted indices, shape (n_samples,); ``None`` for all rows.

    Raises:
        ValueError: If ``n_samples`` is not an integer, or less than ``least``.

    Example:
        >>> drawn_rows(10, 3, 0).shape, drawn_rows(10, 30, 0)
        (torch.Size([3]), None)
    """
    if n_samples is None:
        return None
    n_samples = check_integer("n_samples", n_samples, least, remedy="None takes all rows.")
    if n_samples >= n_rows:
        return None
    drawn = generator_of(random_state).choice(n_rows, size=n_samples, replace=False)
    return torch.from_numpy(np.sort(drawn))


def mean_estimate(values: torch.Tensor, *, n_total: int | None, value: float | None = None) -> Estimate:
    """Returns the mean over rows, with its standard error.

    Args:
        values: One value per evaluated row, shape (m,).
        n_total: Number of rows that these were drawn from without replacement; ``None`` for held-out rows, which
            come from an unlimited population.
        value: The mean, if it is known more exactly.

    Example:
        >>> mean_estimate(torch.tensor([0.0, 1.0]), n_total=2).standard_error
        0.0
        >>> round(mean_estimate(torch.tensor([0.0, 1.0]), n_total=None).standard_error, 9)
        0.5
    """
    values = values.to(torch.float64)
    mean = float(values.mean()) if value is None else value
    return Estimate(mean, standard_error=_error_of_mean(values, n_total), n_sampled=len(values))


def ratio_estimate(
    numerators: torch.Tensor, denominators: torch.Tensor, *, n_total: int | None, root: bool = False
) -> Estimate:
    """Returns the ratio of two sums over rows, or its square root, with its standard error.

    Args:
        numerators: One value per evaluated row, shape (m,).
        denominators: One value per evaluated row, shape (m,), with a positive sum.
        n_total: As in :func:`mean_estimate`.
        root: Whether to take the square root.

    Source: Cochran, "Sampling Techniques", 1977, section 2.11, for the error of a ratio.

    Example:
        >>> float(ratio_estimate(torch.tensor([1.0, 3.0]), torch.tensor([2.0, 2.0]), n_total=2))
        1.0
    """
    ratio = float(numerators.sum() / denominators.sum())
    error = _error_of_mean((numerators - ratio * denominators) / denominators.mean(), n_total)
    if not root:
        return Estimate(ratio, standard_error=error, n_sampled=len(numerators))
    value = math.sqrt(ratio)
    return Estimate(value, standard_error=error / (2 * value) if value else 0.0, n_sampled=len(numerators))


def _error_of_mean(values: torch.Tensor, n_total: int | None) -> float:
    m = len(values)
    if n_total is not None and m >= n_total:
        return 0.0
    if m < 2:
        return math.nan
    population_correction = 1.0 if n_total is None else 1 - m / n_total
    return float(values.std()) * math.sqrt(population_correction / m)
