"""Classes of points, checked and numbered; points without a class take no part."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch

from paradime.utils.targets import ClassColumn, read_classes_together

__all__ = ["check_classes", "labeled", "read_labels"]


def read_labels(
    labels: Any, test_labels: Any, *, n_points: int, n_test: int | None
) -> tuple[ClassColumn, ClassColumn | None]:
    """Reads the class of each point, and of each held-out one, numbered alike.

    Args:
        labels: Shape (n_points,): integers, texts, or whatever :func:`~paradime.utils.targets.read_targets` reads;
            equal numbers are a class.
        test_labels: Those of held-out points, shape (n_test,), or ``None``.
        n_points: How many points there are.
        n_test: How many held-out points there are; ``None`` without them.

    Raises:
        ValueError: If they are not one per point, or no point has a class.

    Example:
        >>> train, test = read_labels(["b", None, "a"], ["c"], n_points=3, n_test=1)
        >>> train.codes.tolist(), test.codes.tolist()
        ([1, -1, 0], [2])
    """
    given = [("labels", labels, n_points)]
    given += [] if n_test is None else [("test_labels", test_labels, n_test)]
    columns = read_classes_together(*given)
    for (name, _, _), column in zip(given, columns, strict=True):
        if bool(column.missing.all()):
            raise ValueError(
                f"{name} must have a class for some of the points, got {len(column.missing)} missing values."
            )
    return columns[0], columns[1] if n_test is not None else None


def check_classes(train: ClassColumn, test: ClassColumn | None) -> int:
    """Returns how many classes there are, at least two, among which are those of all held-out points.

    Raises:
        ValueError: If there are fewer, or held-out points have others.
    """
    present = np.unique(train.codes[~train.missing])
    if len(present) < 2:
        raise ValueError(
            f"labels must have at least 2 classes, got {len(present)}: {train.classes[present].tolist()}. "
            "Choose labels that tell points apart."
        )
    if test is not None:
        unseen = np.setdiff1d(test.codes[~test.missing], present)
        if len(unseen):
            raise ValueError(
                f"test_labels must be among labels, got {train.classes[unseen[:5]].tolist()} which no training "
                "row has. Leave such rows out."
            )
    return len(present)


def labeled(column: ClassColumn, device: torch.device) -> tuple[torch.Tensor, torch.Tensor]:
    """Returns which points have a class, and their codes, shape (n_labeled,), both int64.

    Args:
        column: The classes.
        device: Where to put both.
    """
    rows = np.flatnonzero(~column.missing)
    return torch.from_numpy(rows).to(device), torch.from_numpy(column.codes[rows]).to(device)
