"""Classes of points, checked and numbered."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch

from paradime.types import AnyArray
from paradime.utils.convert import to_numpy

__all__ = ["as_labels", "numbered"]


def as_labels(labels: Any, *, name: str, n_points: int) -> AnyArray:
    """Checks classes, one a point.

    Args:
        labels: Integers, strings, or whatever NumPy sorts, shape (n_points,).
        name: What error messages call them.
        n_points: How many there must be.

    Raises:
        ValueError: If they are not flat, of another length, or NaN.
    """
    array = to_numpy(labels)
    if array.shape != (n_points,):
        raise ValueError(
            f"{name} must have shape ({n_points},), one class a point, got {array.shape}. "
            "Flatten a column with ravel(), and one-hot classes with argmax(axis=1)."
        )
    if array.dtype.kind == "f" and np.isnan(array).any():
        raise ValueError(
            f"{name} must be classes, got NaN in {int(np.isnan(array).sum())} of {n_points} places. "
            "Drop these points, or give them a class of their own."
        )
    return array


def numbered(
    labels: AnyArray, test_labels: AnyArray | None, *, device: torch.device
) -> tuple[torch.Tensor, torch.Tensor | None, int]:
    """Numbers classes from 0.

    Args:
        labels: Classes of all points, shape (n,).
        test_labels: Classes of held-out rows, shape (m,), all among the former, or ``None``.
        device: Where to put the numbers.

    Returns:
        The numbers of both, and how many classes there are.

    Raises:
        ValueError: If there are less than two classes, or held-out rows have others.
    """
    classes, codes = np.unique(labels, return_inverse=True)
    if len(classes) < 2:
        raise ValueError(
            f"labels must have at least 2 classes, got {len(classes)}: {classes[:1].tolist()}. "
            "Choose labels that tell points apart."
        )
    found = torch.from_numpy(codes).to(device)
    if test_labels is None:
        return found, None, len(classes)
    unseen = sorted(set(test_labels.tolist()) - set(classes.tolist()), key=str)
    if unseen:
        raise ValueError(
            f"test_labels must be among labels, got {unseen[:5]} which no training row has. Leave such rows out."
        )
    return found, torch.from_numpy(np.searchsorted(classes, test_labels)).to(device), len(classes)
