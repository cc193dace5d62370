"""The magnitude of numbers as a power of two, by which they can be divided without rounding."""

from __future__ import annotations

import torch

__all__ = ["UNIT_POWERS", "magnitude", "magnitude_of_rows"]

UNIT_POWERS = {"euclidean": 1, "manhattan": 1, "chebyshev": 1, "sqeuclidean": 2, "cosine": 0, "correlation": 0}
"""Power of the unit of the rows in distances, by metric; other metrics have no such power."""

_MODERATE = 2.0**32  # squares of numbers up to this, and of their inverses, are far within single precision


def magnitude(X: torch.Tensor) -> torch.Tensor:
    """Returns the largest power of two that is not above the largest absolute value.

    Values divided by it lie in (−2, 2), so that their squares neither overflow nor underflow; the division is
    exact. There is no synchronisation with the device.

    Args:
        X: Any shape, of a floating-point dtype, finite.

    Returns:
        A scalar tensor of the same dtype; 1 if all values are 0, or there are none.

    Example:
        >>> magnitude(torch.tensor([-5.0, 3.0])), magnitude(torch.zeros(2))
        (tensor(4.), tensor(1.))
    """
    if X.numel() == 0:
        return X.new_ones(())
    largest = X.detach().abs().amax()
    mantissa, _ = torch.frexp(largest)
    return torch.where(largest > 0, largest / (2 * mantissa), 1)


def magnitude_of_rows(largest: torch.Tensor) -> torch.Tensor:
    """Returns a divisor of rows for which their squared distances are within single precision.

    There is no synchronisation with the device.

    Args:
        largest: The largest absolute value of each row, or of a sample of rows, shape (m,), of a floating-point
            dtype.

    Returns:
        A scalar tensor of the same dtype: the power of two below the median of the values that are not 0, so that
        few outliers have no influence; 1 if it is moderate, between 2⁻³² and 2³², or all values are 0.

    Example:
        >>> magnitude_of_rows(torch.tensor([3.0, 5.0])), magnitude_of_rows(torch.tensor([2.0**-90]))
        (tensor(1.), tensor(8.0779e-28))
    """
    if largest.numel() == 0:
        return largest.new_ones(())
    median = torch.where(largest > 0, largest, torch.nan).nanmedian().nan_to_num(nan=1.0)
    divisor = magnitude(median)
    return torch.where((divisor < 1 / _MODERATE) | (divisor > _MODERATE), divisor, 1)
