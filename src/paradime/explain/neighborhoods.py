"""The error of the map at each point: neighbours that are false, and neighbours that are missing."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np
from numpy.typing import NDArray

from paradime.metrics._comparison import as_comparison
from paradime.metrics.overlap import preserved_at
from paradime.metrics.ranks import check_half, exchanged, rank_excess_at, worst_excess
from paradime.types import TensorLike
from paradime.utils.convert import as_numpy, as_tensor

__all__ = ["NeighborhoodError", "neighborhood_error"]


@dataclasses.dataclass(frozen=True)
class NeighborhoodError:
    """How wrong the neighbourhood of each point is.

    Attributes:
        kept: Share of the k neighbours in the data that are neighbours in the map, in [0, 1], shape (m,).
        false: How far away in the data the neighbours in the map are, in [0, 1], shape (m,): 0 if none is false.
            The mean is 1 - trustworthiness.
        missing: How far away in the map the neighbours in the data are, in [0, 1], shape (m,): 0 if none is
            missing. The mean is 1 - continuity.
    """

    kept: NDArray[np.float64]
    false: NDArray[np.float64]
    missing: NDArray[np.float64]


def neighborhood_error(
    X: TensorLike,
    embedding: TensorLike,
    *,
    n_neighbors: int = 15,
    test_X: TensorLike | None = None,
    test_embedding: TensorLike | None = None,
    chunk_size: int | None = None,
) -> NeighborhoodError:
    """Measures for each point how far its neighbours in the map are those in the data.

    Args:
        X: Data, shape (n, …); rows of several axes are flattened.
        embedding: Embedding of the same points, shape (n, out_dim).
        n_neighbors: Size k of the neighbourhoods, in [1, n / 2).
        test_X: Held-out rows, shape (m, …). With them, these are measured instead, among the rows of ``X``.
        test_embedding: Where they are embedded, shape (m, out_dim).
        chunk_size: Rows to compute at a time; by default as many as make a block of moderate size.

    Returns:
        A :class:`NeighborhoodError` of all points, or of the held-out rows.

    Raises:
        TypeError: If the inputs are not real numbers, or ``n_neighbors`` is not an integer.
        ValueError: If the inputs are not finite or differ in length, or a number is out of range.

    Source:
        Venna and Kaski (2001), Neighborhood preservation in nonlinear projection methods, ICANN, for the ranks.

    Example:
        >>> X = np.random.default_rng(0).normal(size=(50, 3))
        >>> found = neighborhood_error(X, X[:, :2], n_neighbors=5)
        >>> found.kept.shape, bool((found.false > 0).any())
        ((50,), True)
    """
    compared = as_comparison(_flat(X), embedding, test_X=_flat(test_X), test_embedding=test_embedding)
    k = check_half(n_neighbors, compared)
    worst = worst_excess(k, compared.n_others)
    excess = rank_excess_at(k)
    preserved, false, missing = compared.row_values(
        preserved_at([k]), excess, exchanged(excess), chunk_size=chunk_size
    )
    return NeighborhoodError(as_numpy(preserved[:, 0]) / k, as_numpy(false) / worst, as_numpy(missing) / worst)


def _flat(X: Any) -> Any:
    """Flattens rows of several axes."""
    if X is None:
        return None
    tensor = as_tensor(X)
    return tensor.flatten(1) if tensor.ndim > 2 else tensor
