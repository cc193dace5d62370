"""Numbers in words."""

from __future__ import annotations

import math

from paradime.metrics import Estimate

__all__ = ["number", "percent", "with_error"]


def percent(value: float) -> str:
    """Returns a share in percent, with a digit more where it is small.

    Example:
        >>> percent(0.523), percent(0.0123), percent(0.0), percent(0.99996), percent(0.00001)
        ('52%', '1.2%', '0%', '100%', '<0.1%')
    """
    share = 100 * float(value)
    if share == 0 or share >= 9.95:
        return f"{share:.0f}%"
    return f"{share:.1f}%" if share >= 0.05 else "<0.1%" if share > 0 else f"{share:.1f}%"


def number(value: float | None, digits: int = 3) -> str:
    """Returns a number with a fixed number of digits, or a dash where there is none.

    Example:
        >>> number(0.12345), number(None), number(float("nan"))
        ('0.123', '–', '–')
    """
    return "–" if value is None or math.isnan(value) else f"{float(value):.{digits}f}"


def with_error(value: Estimate, as_percent: bool = False) -> str:
    """Returns a figure with its standard error, where it has one.

    Example:
        >>> with_error(Estimate(0.5, standard_error=0.02, n_sampled=9), as_percent=True)
        '50% ± 2.0%'
        >>> with_error(Estimate(0.5, n_sampled=9))
        '0.50'
    """
    error = value.standard_error
    told = percent(value) if as_percent else f"{float(value):.2f}"
    if math.isnan(error) or error == 0:
        return told
    return f"{told} ± {percent(error)}" if as_percent else f"{told} ± {max(error, 0.001):.3f}"
