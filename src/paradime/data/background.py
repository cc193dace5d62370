"""Rows in which the structure of a background is weak, so that what only the data have stands out."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any

import numpy as np
import torch

from paradime._registry import DATA_FUNCTIONS
from paradime.data.derived import DerivedData
from paradime.data.validation import checked_rows
from paradime.functional.spectral import axes_of_covariance, axes_of_rows
from paradime.utils.arguments import check_positive
from paradime.utils.convert import to_numpy
from paradime.utils.rows import rows_of

__all__ = ["Background", "background_of", "contrast"]

_STRENGTH = 100.0
_MOST_ROWS = 50_000
_MOST_COLUMNS = 1_000  # the covariance of so many columns is decomposed within a second
_WIDE_ROWS = 2_000
_MOST_DIRECTIONS = 256
_MOST_NUMBERS = 100_000  # of the directions together, so that a saved model stays small


@dataclasses.dataclass(frozen=True, eq=False)
class Background:
    """The directions in which the rows of a background vary, and how far each of them is to be shrunk.

    With the covariance Σ of the background, the mean variance τ of its columns, and the strength s, rows are
    multiplied by (I + s Σ / τ)^(−1/2): a direction in which the background has the variance λ becomes shorter by
    the factor 1 / √(1 + s λ / τ), and directions in which the background does not vary stay as they are. This is
    whitening by the regularized covariance of the background.

    Args:
        directions: Orthonormal directions, shape (r, d).
        shrinkage: By which share each of them is shortened, shape (r,), in [0, 1).

    Source: Abid, Zhang, Bagaria, Zou, "Exploring patterns enriched in a dataset with contrastive principal
        component analysis", 2018, for the aim.

    Example:
        >>> background = Background.of([[-3.0, 0.0], [3.0, 0.0]], strength=100.0)
        >>> background(torch.tensor([[1.0, 1.0]])).round(decimals=2)
        tensor([[0.0700, 1.0000]])
    """

    directions: torch.Tensor
    shrinkage: torch.Tensor

    @classmethod
    def of(cls, rows: Any, strength: float = _STRENGTH) -> Background:
        """Computes the directions of a background.

        Args:
            rows: The rows of the background, shape (m, …) with m at least 2: an array, tensor, data frame or
                sparse matrix. Of more than 50,000, as many are used, evenly spaced.
            strength: How far the background is shrunk, positive; 1 halves the variance of its directions at
                least, if they all vary alike.

        Raises:
            ValueError: If there are fewer than 2 rows, they do not vary, or ``strength`` is not positive.
            TypeError: If they are no array of numbers.
        """
        check_positive("strength", strength, remedy=f"{_STRENGTH:g} suits most data.")
        points = rows_of(checked_rows("background", rows)).flat()
        n, d = points.shape
        if n < 2:
            raise ValueError(f"background must have at least 2 rows, got {n}. Pass rows that vary.")
        most = _MOST_ROWS if d <= _MOST_COLUMNS else _WIDE_ROWS
        chosen = torch.linspace(0, n - 1, min(n, most)).round().to(torch.int64)
        sample = torch.as_tensor(points[chosen.to(points.device)]).to("cpu", torch.float64)
        sample = sample - sample.mean(dim=0)
        n_axes = min(d, _MOST_DIRECTIONS, max(1, _MOST_NUMBERS // d))
        if d <= _MOST_COLUMNS:
            directions, deviations = axes_of_covariance(sample.T @ sample / len(sample), n_axes)
        else:
            directions, deviations = axes_of_rows(sample, n_axes)
        mean_variance = float(sample.square().mean())
        if not mean_variance > 0:
            raise ValueError("background must vary, got equal rows. Pass rows with the structure to leave out.")
        factors = (1 + strength * deviations.square() / mean_variance).rsqrt()
        return cls(directions.to(torch.float32), (1 - factors).to(torch.float32))

    def __call__(self, rows: torch.Tensor) -> torch.Tensor:
        """Shrinks the directions of the background in rows, shape (n, d) to (n, d)."""
        if rows.shape[1] != self.directions.shape[1]:
            raise ValueError(
                f"background must have the columns of the data, {rows.shape[1]}, got {self.directions.shape[1]}. "
                "Pass the same columns in the same order."
            )
        directions, shrinkage = self.directions.to(rows), self.shrinkage.to(rows)
        return rows - ((rows @ directions.T) * shrinkage) @ directions

    def options(self) -> dict[str, list[Any]]:
        """Returns the arguments of ``contrast`` that stand for the background, for specifications."""
        return {"directions": self.directions.tolist(), "shrinkage": self.shrinkage.tolist()}


@DATA_FUNCTIONS.register("contrast")
def contrast(
    X: Any,
    is_background: Any = None,
    *,
    strength: float = _STRENGTH,
    directions: list[list[float]] | None = None,
    shrinkage: list[float] | None = None,
) -> Any:
    """Shrinks the directions in which a background varies; see :class:`Background`.

    Args:
        X: Rows, shape (n, …); they are flattened, and made dense.
        is_background: Which of them are the background, shape (n,): not 0 for those that are. Without it, the
            background is given by the last two arguments.
        strength: How far the background is shrunk, positive.
        directions: Directions of a background that was given apart from the data.
        shrinkage: By which share each of them is shortened.

    Returns:
        Rows of the same columns, shape (n, d), float64.

    Raises:
        ValueError: If neither is given, or the background has other columns.

    Example:
        >>> contrast([[-3.0, 0.0], [3.0, 0.0], [1.0, 1.0]], [True, True, False]).round(2)[2].tolist()
        [0.07, 1.0]
    """
    points = rows_of(X).flat()
    dense = points[torch.arange(len(points), device=points.device)].to(torch.float64)
    found = _background(points, is_background, strength, directions, shrinkage)
    return found(dense).cpu().numpy()


def background_of(entry: DerivedData, data: Mapping[str, Any], key: str) -> Background | None:
    """Returns the background that a derived entry contrasts an entry with; ``None`` of other derived data.

    Args:
        entry: The recipe of the derived entry.
        data: The entries of the data set.
        key: The entry that is contrasted.
    """
    if entry.func is not contrast or ("data", key) != entry.type_key_tuples[0]:
        return None
    marks = data[entry.type_key_tuples[1][1]] if len(entry.type_key_tuples) > 1 else None
    settings = {"strength": _STRENGTH, "directions": None, "shrinkage": None, **entry.kwargs}
    return _background(rows_of(data[key]).flat(), marks, **settings)


def _background(points: Any, marks: Any, strength: float, directions: Any, shrinkage: Any) -> Background:
    if marks is None:
        if directions is None or shrinkage is None:
            raise ValueError(
                "contrast needs a background, got none. Name an entry that marks its rows, or pass directions and "
                "shrinkage, as Background.of(rows).options() returns them."
            )
        return Background(torch.tensor(directions), torch.tensor(shrinkage))
    marked = np.flatnonzero(to_numpy(marks).reshape(-1))
    if len(marked) < 2:
        raise ValueError(
            f"the entry of the background must mark at least 2 rows, got {len(marked)}. Set it to 1 in the rows "
            "with the structure to leave out."
        )
    return Background.of(points[torch.from_numpy(marked).to(points.device)], strength)
