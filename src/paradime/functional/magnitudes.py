"""How large numbers are, as a power of two, by which they can be divided without rounding."""

from __future__ import annotations

import torch

__all__ = ["UNIT_POWERS", "magnitude", "magnitude_of_rows"]

UNIT_POWERS = {"euclidean": 1, "manhattan": 1, "chebyshev": 1, "sqeuclidean": 2, "cosine": 0, "correlation": 0}
"""To which power of the unit of the rows distances grow, by metric; others depend on what the numbers mean."""

_MODERATE = 2.0**32  # squares of numbers up to here, and of their inverses, stay far within single precision


def magnitude(X: torch.Tensor) -> torch.Tensor:
    """Returns the largest power of two that is not above the largest absolute value.

    Numbers that are divided by it lie in (−2, 2), so that their squares neither overflow nor vanish; the division
    rounds nothing. The host does not wait for the device.

    Args:
        X: Any shape, of a floating-point type, finite.

    Returns:
        A scalar tensor of the same type; 1 if all values are 0, or there are none.

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
    """Returns by what to divide rows so that their squared distances stay within single precision.

    The host does not wait for the device.

    Args:
        largest: The largest absolute value of each row, or of some rows, shape (m,), of a floating-point type.

    Returns:
        A scalar tensor of the same type: the power of two below the median of those that are not 0, so that few
        far rows do not matter; 1 if that is moderate, between 2⁻³² and 2³², or all are 0.

    Example:
        >>> magnitude_of_rows(torch.tensor([3.0, 5.0])), magnitude_of_rows(torch.tensor([2.0**-90]))
        (tensor(1.), tensor(8.0779e-28))
    """
    if largest.numel() == 0:
        return largest.new_ones(())
    middle = torch.where(largest > 0, largest, torch.nan).nanmedian().nan_to_num(nan=1.0)
    found = magnitude(middle)
    return torch.where((found < 1 / _MODERATE) | (found > _MODERATE), found, 1)
