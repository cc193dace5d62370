"""Checks of single arguments: each states the rule, the value received, and the remedy."""

from __future__ import annotations

import math
import numbers
from collections.abc import Iterable
from typing import Any

from paradime._registry import did_you_mean

__all__ = [
    "check_choice",
    "check_integer",
    "check_not_negative",
    "check_positive",
    "check_within",
    "is_integer",
    "is_positive",
]


def is_integer(value: object) -> bool:
    """Returns whether a value is an integer, of Python or NumPy; truth values are not."""
    return isinstance(value, numbers.Integral) and not isinstance(value, bool)


def is_positive(value: Any) -> bool:
    """Returns whether a value is a positive, finite number."""
    return _is_number(value) and 0 < value < math.inf


def _is_number(value: Any) -> bool:
    if isinstance(value, (bool, str, bytes)) or getattr(value, "ndim", 0) > 0:
        return False
    try:
        return not math.isnan(float(value))
    except (TypeError, ValueError):
        return False


def check_integer(name: str, value: Any, least: int = 1, *, also: str = "", remedy: str = "") -> int:
    """Returns an integer as Python's.

    Args:
        name: The argument, for the message.
        value: Its value.
        least: The smallest integer allowed.
        also: What else is allowed, for the message; the caller checks it.
        remedy: A sentence that says what to pass.

    Raises:
        ValueError: If it is not an integer, or too small.

    Example:
        >>> check_integer("k", 0, remedy="15 is usual.")
        Traceback (most recent call last):
        ...
        ValueError: k must be an integer of at least 1, got 0. 15 is usual.
    """
    if not is_integer(value) or value < least:
        raise _refusal(f"{name} must be an integer of at least {least}{also}", value, remedy)
    return int(value)


def check_positive(name: str, value: Any, *, also: str = "", remedy: str = "") -> None:
    """Raises ValueError if an argument is not a positive, finite number; see :func:`check_integer`."""
    if not is_positive(value):
        raise _refusal(f"{name} must be a positive number{also}", value, remedy)


def check_not_negative(name: str, value: Any, *, remedy: str = "") -> None:
    """Raises ValueError if an argument is not a finite number of at least 0; see :func:`check_integer`."""
    if not _is_number(value) or not 0 <= value < math.inf:
        raise _refusal(f"{name} must be a number of at least 0", value, remedy)


def check_within(name: str, value: Any, interval: str, *, remedy: str = "") -> None:
    """Raises ValueError if an argument is not a number in an interval.

    Args:
        name: The argument, for the message.
        value: Its value.
        interval: The interval as it is written: ``"(0, 1]"`` lacks 0, and has 1.
        remedy: A sentence that says what to pass.

    Example:
        >>> check_within("share", 1.0, "(0, 1)")
        Traceback (most recent call last):
        ...
        ValueError: share must lie in (0, 1), got 1.0.
    """
    low, high = map(float, interval[1:-1].split(","))
    lies_within = (
        _is_number(value)
        and low <= value <= high
        and (value > low or interval[0] == "[")
        and (value < high or interval[-1] == "]")
    )
    if not lies_within:
        raise _refusal(f"{name} must lie in {interval}", value, remedy)


def check_choice(name: str, value: Any, known: Iterable[str]) -> None:
    """Raises ValueError if an argument is not one of the known names."""
    known = list(known)
    if value not in known:
        raise ValueError(f"unknown {name} {value!r}. {did_you_mean(value, known)}")


def _refusal(rule: str, value: Any, remedy: str) -> ValueError:
    return ValueError(f"{rule}, got {value!r}.{' ' if remedy else ''}{remedy}")
