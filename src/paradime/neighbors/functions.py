"""Checks of metrics that are a user's own functions of two rows."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import numpy as np
import torch

from paradime.types import Metric

__all__ = ["checked_metric"]


def checked_metric(metric: Metric | None) -> Any:
    """Returns a metric that refuses distances that are none, if it is a function; a name as it is.

    Args:
        metric: A name, or a function of two rows.

    Returns:
        The name, or a function that raises ValueError where the metric raises an error, or returns anything but a
        finite number of at least 0. Functions that are compiled, such as by numba, are left to what calls them.

    Example:
        >>> checked_metric(lambda a, b: float("nan"))(np.zeros(2), np.ones(2))
        Traceback (most recent call last):
        ...
        ValueError: a metric must return a finite distance of at least 0 for two rows, got nan from <lambda>. ...
    """
    if not callable(metric) or hasattr(metric, "py_func"):
        return metric
    name = getattr(metric, "__name__", type(metric).__name__)
    rule = "a metric must return a finite distance of at least 0 for two rows"

    @functools.wraps(metric)
    def checked(first: Any, second: Any) -> float:
        try:
            found: Any = metric(first, second)
        except Exception as error:  # whatever the user's function raises
            raise ValueError(
                f"{rule}, but {name} failed: {type(error).__name__}: {error}. It is called with two NumPy "
                "arrays of shape (d,)."
            ) from error
        try:
            distance = float(found.detach() if isinstance(found, torch.Tensor) else found)
        except (TypeError, ValueError):
            distance = np.nan
        if not 0 <= distance < np.inf:
            raise ValueError(
                f"{rule}, got {found!r:.80} from {name}. It is called with two NumPy arrays of shape (d,): return "
                "a number, such as float(np.abs(a - b).sum())."
            )
        return distance

    function: Callable[[Any, Any], float] = checked
    return function
