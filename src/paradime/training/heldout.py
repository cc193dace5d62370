"""Which rows are held out, and what is known of them."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

import numpy as np
import torch

from paradime.data import Dataset
from paradime.training.quality import nearest_training_rows
from paradime.types import AnyArray

__all__ = ["check_fraction", "rows_to_hold_out", "split_rows", "with_derived_entries"]

_N_NEIGHBORS = 5  # from which an entry of a held-out row is told


def check_fraction(fraction: Any) -> float:
    """Returns the share of rows to hold out.

    Raises:
        ValueError: If it is no number in [0, 0.5].
    """
    if isinstance(fraction, bool) or not isinstance(fraction, (int, float, np.number)) or not 0 <= fraction <= 0.5:
        raise ValueError(f"validation_fraction must be a number in [0, 0.5], got {fraction!r}.")
    return float(fraction)


def rows_to_hold_out(
    n_rows: int, fraction: float, *, classes: AnyArray | None = None, seed: int | None = 0
) -> AnyArray:
    """Draws rows to hold out, of each class its share.

    Args:
        n_rows: Number of rows n.
        fraction: The share of the rows, in (0, 0.5].
        classes: The number of each row's class, shape (n,); ``None`` if there are none.
        seed: The seed.

    Returns:
        Their numbers in ascending order.

    Raises:
        ValueError: If fewer than two rows would be held out, or be left.

    Example:
        >>> rows = rows_to_hold_out(100, 0.1, classes=np.repeat([0, 1], [80, 20]))
        >>> len(rows), int((rows >= 80).sum())
        (10, 2)
    """
    n_held_out = round(n_rows * fraction)
    if n_held_out < 2 or n_rows - n_held_out < 2:
        raise ValueError(
            f"validation_fraction={fraction:g} of {n_rows} rows holds out {n_held_out} of them; at least 2 rows "
            "must be held out, and 2 be left. Choose another fraction, or pass validation_data."
        )
    generator = np.random.default_rng(seed)
    order = generator.permutation(n_rows)
    if classes is not None:
        order = order[np.argsort(np.asarray(classes)[order], kind="stable")]
    # equally spaced places among rows that are sorted by class: of each class its share, rounded up or down, and
    # never two rows in a row, so that a class of two keeps one
    places = ((np.arange(n_held_out) + generator.random()) * n_rows / n_held_out).astype(np.int64)
    drawn: AnyArray = np.sort(order[places])
    return drawn


def split_rows(data: Dataset, held_out: AnyArray) -> tuple[Dataset, Dataset]:
    """Returns the rows that are left, and those that are held out."""
    keep = np.ones(len(data), dtype=bool)
    keep[held_out] = False
    return data.subset(torch.from_numpy(np.flatnonzero(keep))), data.subset(torch.from_numpy(held_out))


def with_derived_entries(
    held_out: Dataset,
    training: Dataset,
    derived: Collection[str],
    *,
    data_key: str,
    metric: str = "euclidean",
) -> Dataset:
    """Returns held-out rows with what was derived from the training rows, told from the nearest of these.

    Args:
        held_out: The held-out rows.
        training: The training rows, with all entries.
        derived: The keys of derived entries.
        data_key: The entry by which rows are near.
        metric: How distances are measured.

    Returns:
        The data set, with the entries that were missing: floating-point numbers are the mean of the 5 nearest
        training rows, others the value of the nearest.
    """
    missing = [key for key in training if key in derived and key not in held_out]
    if not missing:
        return held_out
    near = nearest_training_rows(held_out, training, _N_NEIGHBORS, data_key=data_key, metric=metric)
    made = held_out.subset(torch.arange(len(held_out)))
    made.add({key: _told(training[key], near) for key in missing})
    return made


def _told(values: Any, near: torch.Tensor) -> torch.Tensor:
    chosen: torch.Tensor = values[near.to(values.device)]
    return chosen.mean(dim=1) if values.is_floating_point() else chosen[:, 0]
