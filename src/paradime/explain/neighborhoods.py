"""The neighbourhood error of each point: false and missing neighbours."""

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
    """Errors of the neighbourhood of each point.

    Attributes:
        kept: Share of neighbours preserved: of the k neighbours in the data, those that are neighbours in the
            embedding, in [0, 1], shape (m,).
        false: Excess of the distance ranks in the data of the neighbours in the embedding, in [0, 1], shape (m,):
            0 if none is false. The mean is 1 - trustworthiness.
        missing: Excess of the distance ranks in the embedding of the neighbours in the data, in [0, 1], shape
            (m,): 0 if none is missing. The mean is 1 - continuity.
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
    """Measures for each point how its neighbours in the embedding differ from those in the data.

    Args:
        X: Data, shape (n, …); rows with several axes are flattened.
        embedding: Embedding of the same points, shape (n, out_dim).
        n_neighbors: Size k of the neighbourhoods, in [1, n / 2).
        test_X: Held-out rows, shape (m, …), to measure instead, among the rows of ``X``.
        test_embedding: Their embedding, shape (m, out_dim).
        chunk_size: Rows to compute at a time; by default chosen for blocks of moderate size.

    Returns:
        A :class:`NeighborhoodError` of all points, or of the held-out rows.

    Raises:
        TypeError: If the inputs are not real numbers, or ``n_neighbors`` is not an integer.
        ValueError: If the inputs are not finite or differ in length, or a number is out of range.

    Source:
        Venna and Kaski (2001), Neighborhood preservation in nonlinear projection methods, ICANN, for the ranks.

    Example:
        >>> X = np.random.default_rng(0).normal(size=(50, 3))
        >>> errors = neighborhood_error(X, X[:, :2], n_neighbors=5)
        >>> errors.kept.shape, bool((errors.false > 0).any())
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
    """Flattens rows with several axes."""
    if X is None:
        return None
    tensor = as_tensor(X)
    return tensor.flatten(1) if tensor.ndim > 2 else tensor
