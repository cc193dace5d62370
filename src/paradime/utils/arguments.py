"""Checks of single arguments: each states the rule, the value received, and the remedy."""

from __future__ import annotations

import math
import numbers
import os
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from paradime._registry import did_you_mean, with_article

__all__ = [
    "check_choice",
    "check_instance",
    "check_integer",
    "check_not_negative",
    "check_path",
    "check_positive",
    "check_strings",
    "check_switch",
    "check_within",
    "is_integer",
    "is_positive",
    "shown",
]

_LONGEST = 120  # characters of a value in a message


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
    if not isinstance(value, str) or value not in known:
        raise ValueError(f"unknown {name} {shown(value)}. {did_you_mean(value, known)}")


def check_switch(name: str, value: Any, *, remedy: str = "") -> None:
    """Raises ValueError if an argument is not true or false.

    Booleans of Python and NumPy are taken, and the integers 0 and 1.

    Args:
        name: The argument, for the message.
        value: Its value.
        remedy: A sentence that says what to pass.

    Example:
        >>> check_switch("verify", "no")
        Traceback (most recent call last):
        ...
        ValueError: verify must be True or False, got 'no'.
    """
    is_scalar = getattr(value, "ndim", 0) == 0 and not isinstance(value, (float, complex, str, bytes))
    if not is_scalar or value not in (True, False):
        raise _refusal(f"{name} must be True or False", value, remedy)


def check_strings(name: str, value: Any, *, remedy: str = "") -> list[str]:
    """Returns strings as a list; a single one is not a list of letters.

    Args:
        name: The argument, for the message.
        value: A string, or an iterable of them.
        remedy: A sentence that says what to pass.

    Raises:
        ValueError: If it is something else.

    Example:
        >>> check_strings("keys", "main"), check_strings("keys", ("a", "b"))
        (['main'], ['a', 'b'])
    """
    if isinstance(value, str):
        return [str(value)]
    entries = list(value) if isinstance(value, Iterable) and getattr(value, "ndim", 1) == 1 else [None]
    if not all(isinstance(entry, str) for entry in entries):
        raise _refusal(f"{name} must be a string or a list of strings", value, remedy)
    return [str(entry) for entry in entries]


def check_path(value: Any, *, name: str = "path", example: str = "") -> Path:
    """Returns a path.

    Args:
        value: A string, or an ``os.PathLike`` of one.
        name: The argument, for the message.
        example: A path for the message.

    Raises:
        TypeError: If it is something else.
    """
    if not isinstance(value, (str, os.PathLike)) or isinstance(os.fspath(value), bytes):
        rule = f"{name} must be a string or a pathlib.Path, got {shown(value)}."
        raise TypeError(f"{rule} Pass one, such as {example!r}." if example else rule)
    return Path(value)


def check_instance(name: str, value: Any, kind: type, *, remedy: str = "") -> None:
    """Raises TypeError if an argument is not an instance of a class; see :func:`check_integer`."""
    if not isinstance(value, kind):
        rule = f"{name} must be {'a string' if kind is str else with_article(kind.__name__)}, got {shown(value)}."
        raise TypeError(f"{rule} {remedy}" if remedy else rule)


def shown(value: Any) -> str:
    """Returns a value for a message: on one line, large arrays by their shape.

    Example:
        >>> import numpy as np
        >>> shown(3), shown(np.zeros((100, 5)))
        ('3', 'a ndarray of shape (100, 5)')
    """
    text, shape = repr(value), getattr(value, "shape", None)
    if shape and ("\n" in text or len(text) > _LONGEST):
        return f"{with_article(type(value).__name__)} of shape {tuple(shape)}"
    text = " ".join(text.split())
    return text if len(text) <= _LONGEST else f"{text[: _LONGEST - 1]}…"


def _refusal(rule: str, value: Any, remedy: str) -> ValueError:
    return ValueError(f"{rule}, got {shown(value)}.{' ' if remedy else ''}{remedy}")
