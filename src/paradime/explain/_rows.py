"""Rows to explain: checks, sampling and scales of features."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch

from paradime.data.validation import checked_rows, single_precision
from paradime.metrics._estimates import drawn_rows
from paradime.models import needs_double
from paradime.utils.rows import rows_of
from paradime.utils.sparse import is_sparse

__all__ = ["as_rows", "count_of", "draw", "feature_scale", "first_of"]


def as_rows(X: Any, *, name: str = "X", drawn: np.ndarray | None = None, routine: Any = None) -> torch.Tensor:
    """Checks rows and returns them dense, on the CPU, shape (m, …); in double precision if the model needs it.

    Args:
        X: An array, tensor, data frame, sparse matrix, or nested lists.
        name: The name of the argument in messages.
        drawn: Indices of the rows to return, shape (m,); all if ``None``.
        routine: The routine or model, which determines the precision.

    Raises:
        TypeError: If ``X`` is not an array of numbers.
        ValueError: If rows are not finite, or there are none.
        MemoryError: If sparse rows do not fit into memory as dense rows.
    """
    model = routine if isinstance(routine, torch.nn.Module) else getattr(routine, "model", None)
    is_double = needs_double(model)
    checked = checked_rows(name, X)
    checked = checked.to(torch.float64) if is_double else single_precision(name, checked)
    chosen = rows_of(checked)[slice(None) if drawn is None else torch.from_numpy(drawn)]
    rows = chosen.to(torch.float64 if is_double else torch.float32).detach().cpu()
    return rows[:, None] if rows.ndim == 1 else rows


def count_of(X: Any) -> int:
    """Returns the number of rows; 1 for objects without length, which are refused later."""
    if hasattr(X, "shape"):
        return int(X.shape[0]) if len(X.shape) else 1
    return len(X) if hasattr(X, "__len__") else 1


def first_of(X: Any) -> Any:
    """Returns the first row in its container, shape (1, …); that of a sparse matrix dense."""
    return rows_of(X)[:1] if is_sparse(X) else X[:1]


def draw(n_rows: int, n_samples: int | None, random_state: Any) -> np.ndarray:
    """Draws rows without replacement; all of them if ``n_samples`` is ``None`` or no smaller.

    Returns:
        Sorted indices, shape (m,).

    Raises:
        ValueError: If ``n_samples`` is not a positive integer.

    Example:
        >>> draw(3, 10, 0)
        array([0, 1, 2])
    """
    drawn = drawn_rows(n_rows, n_samples, random_state, least=1)
    return np.arange(n_rows) if drawn is None else drawn.numpy()


def feature_scale(scale: Any, rows: torch.Tensor, *, constant: str) -> torch.Tensor:
    """Returns the unit of length of each feature.

    Args:
        scale: ``"std"`` for the standard deviations of ``rows``, ``"none"`` for 1, or one number per feature.
        rows: Rows to measure, shape (m, …).
        constant: The unit of a constant feature with ``"std"``: ``"zero"``, or ``"typical"`` for the median of
            the others.

    Returns:
        Shape (n_features,), float64.

    Raises:
        ValueError: If ``scale`` is unknown, or does not fit the features, or there is a single row to measure.

    Example:
        >>> feature_scale("std", torch.tensor([[1.0, 5.0], [3.0, 5.0]]), constant="zero")
        tensor([1., 0.], dtype=torch.float64)
    """
    n_features = rows[0].numel()
    if isinstance(scale, str) or scale is None:
        if scale not in ("std", "none"):
            raise ValueError(f"scale must be 'std', 'none' or one number per feature, got {scale!r}.")
        if scale == "none":
            return torch.ones(n_features, dtype=torch.float64)
        if len(rows) < 2:
            raise ValueError(
                "scale='std' needs at least 2 rows to measure standard deviations, got 1. "
                "Pass the training rows as reference=X_train, or scale='none'."
            )
        deviations = _deviations(rows.flatten(1))
        is_varying = deviations > 0
        if constant == "zero" or bool(is_varying.all()):
            return deviations
        typical = deviations[is_varying].median() if bool(is_varying.any()) else torch.ones(())
        return torch.where(is_varying, deviations, typical.to(torch.float64))
    lengths = torch.as_tensor(np.asarray(scale, dtype=np.float64)).flatten()
    if len(lengths) != n_features or not bool((lengths.isfinite() & (lengths >= 0)).all()):
        raise ValueError(
            f"scale must have {n_features} finite numbers of at least 0, one per feature, got {len(lengths)}. "
            "Pass X_train.std(axis=0)."
        )
    return lengths


def _deviations(rows: torch.Tensor) -> torch.Tensor:
    """Returns standard deviations of columns, computed in chunks of columns in double precision."""
    step = max(1, (1 << 22) // len(rows))
    chunks = [
        rows[:, i : i + step].to(torch.float64).std(dim=0, correction=0) for i in range(0, rows.shape[1], step)
    ]
    deviations = torch.cat(chunks)
    lowest, highest = rows.aminmax(dim=0)
    # rounding of the mean gives equal numbers a small deviation
    return torch.where(lowest == highest, 0.0, deviations)
