"""Rows to explain: checked, drawn, named and scaled."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch

from paradime.data.validation import checked_rows, single_precision
from paradime.models import needs_double
from paradime.utils.sparse import SparseRows, is_sparse

__all__ = ["as_rows", "count_of", "draw", "feature_scale", "first_of"]


def as_rows(X: Any, *, name: str = "X", drawn: np.ndarray | None = None, routine: Any = None) -> torch.Tensor:
    """Checks rows and returns them dense, on the CPU, shape (m, …); in double precision where that is needed.

    Args:
        X: An array, tensor, data frame, sparse matrix, or nested lists.
        name: What messages call it.
        drawn: Which rows to return, shape (m,); all if ``None``.
        routine: The routine, or the model, that says which precision is needed.

    Raises:
        TypeError: If they are no array of numbers.
        ValueError: If they are not finite, or there are none.
        MemoryError: If they are sparse, and too many to be dense.
    """
    model = routine if isinstance(routine, torch.nn.Module) else getattr(routine, "model", None)
    is_double = needs_double(model)
    checked = checked_rows(name, X)
    checked = checked.to(torch.float64) if is_double else single_precision(name, checked)
    if drawn is not None:
        checked = checked[torch.from_numpy(drawn).to(checked.device)]
    elif isinstance(checked, SparseRows):
        checked = checked[:]
    rows: torch.Tensor = checked.to(torch.float64 if is_double else torch.float32).detach().cpu()
    return rows[:, None] if rows.ndim == 1 else rows


def count_of(X: Any) -> int:
    """Returns the number of rows; 1 for what has none, which is refused later."""
    if hasattr(X, "shape"):
        return int(X.shape[0]) if len(X.shape) else 1
    return len(X) if hasattr(X, "__len__") else 1


def first_of(X: Any) -> Any:
    """Returns the first row in the container it came in, shape (1, …)."""
    if isinstance(X, torch.Tensor) and is_sparse(X):
        X = SparseRows(X).to_scipy()
    return X.tocsr()[:1] if is_sparse(X) and not isinstance(X, SparseRows) else X[:1]


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
    if n_samples is None:
        return np.arange(n_rows)
    if isinstance(n_samples, bool) or not isinstance(n_samples, (int, np.integer)) or n_samples < 1:
        raise ValueError(f"n_samples must be an integer from 1 on, got {n_samples!r}. None explains all rows.")
    if n_samples >= n_rows:
        return np.arange(n_rows)
    return np.sort(np.random.default_rng(random_state).choice(n_rows, size=int(n_samples), replace=False))


def feature_scale(scale: Any, rows: torch.Tensor, *, constant: str) -> torch.Tensor:
    """Returns the length that counts as 1 in each feature.

    Args:
        scale: ``"std"`` for the standard deviations of ``rows``, ``"none"`` for 1, or one number a feature.
        rows: Rows to measure, shape (m, …).
        constant: What a feature of one value gets from ``"std"``: ``"zero"``, or ``"typical"`` for the median of
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
            raise ValueError(f"scale must be 'std', 'none' or one number a feature, got {scale!r}.")
        if scale == "none":
            return torch.ones(n_features, dtype=torch.float64)
        if len(rows) < 2:
            raise ValueError(
                "scale='std' needs at least 2 rows to measure standard deviations, got 1. "
                "Pass the training rows as reference=X_train, or scale='none'."
            )
        deviations = _deviations(rows.flatten(1))
        some = deviations > 0
        if constant == "zero" or bool(some.all()):
            return deviations
        typical = deviations[some].median() if bool(some.any()) else torch.ones(())
        return torch.where(some, deviations, typical.to(torch.float64))
    found = torch.as_tensor(np.asarray(scale, dtype=np.float64)).flatten()
    if len(found) != n_features or not bool((found.isfinite() & (found >= 0)).all()):
        raise ValueError(
            f"scale must have {n_features} finite numbers from 0 on, one a feature, got {len(found)} numbers. "
            "Pass X_train.std(axis=0)."
        )
    return found


def _deviations(rows: torch.Tensor) -> torch.Tensor:
    """Standard deviations of columns, some columns at a time, without a copy of all in double precision."""
    step = max(1, (1 << 22) // len(rows))
    parts = [
        rows[:, i : i + step].to(torch.float64).std(dim=0, correction=0) for i in range(0, rows.shape[1], step)
    ]
    found = torch.cat(parts)
    lowest, highest = rows.aminmax(dim=0)
    # the mean of equal numbers is rounded, and leaves a deviation
    return torch.where(lowest == highest, 0.0, found)
