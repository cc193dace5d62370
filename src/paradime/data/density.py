"""Local density of the data, as the radius of each point's neighbourhood."""

from __future__ import annotations

from typing import Any

import numpy as np

from paradime._registry import DATA_FUNCTIONS
from paradime.relationdata import RelationData
from paradime.types import AnyArray, FloatArray
from paradime.utils.convert import as_tensor, to_numpy
from paradime.utils.rows import rows_of

__all__ = ["local_radius"]

_SMALLEST = 1e-12  # lower bound of radii, relative to their mean: duplicates have radius 0


@DATA_FUNCTIONS.register("local radius")
def local_radius(relations: RelationData, X: Any) -> FloatArray:
    """Computes logarithms of local radii, log(Σⱼ pᵢⱼ ‖xᵢ − xⱼ‖² / Σⱼ pᵢⱼ), over the stored relations.

    Args:
        relations: Relations p ≥ 0 between n points, such as those of t-SNE or UMAP, preferably sparse. Relations
            of points to themselves are ignored.
        X: The points, rows of any form, shape (n, …).

    Returns:
        Shape (n,), float32. Points without relations get the mean of the others.

    Raises:
        ValueError: If the numbers of points differ.

    Source: Narayan, Berger, Cho, "Assessing single-cell transcriptomic variability through density-preserving data
        visualization", 2021.

    Example:
        >>> from paradime.relationdata import relation_factory
        >>> chain = relation_factory([[0.0, 1.0, 0.0], [1.0, 0.0, 1.0], [0.0, 1.0, 0.0]])
        >>> np.exp(local_radius(chain, [[0.0], [1.0], [3.0]])).round(3)
        array([1. , 2.5, 4. ], dtype=float32)
    """
    points = rows_of(X).flat()
    n = len(points)
    if relations.n_points != n:
        raise ValueError(
            f"relations and data must have the same number of points, got {relations.n_points} and {n}. "
            "Compute the relations from the same data."
        )
    rows, cols, weights = (to_numpy(array) for array in relations.edges())
    weights = np.where(rows == cols, 0, weights).astype(np.float64)
    sq_dists = to_numpy(points.sq_dists(as_tensor(rows), as_tensor(cols)))
    return _logarithms(np.bincount(rows, weights * sq_dists, n), np.bincount(rows, weights, n))


def _logarithms(sums: AnyArray, totals: AnyArray) -> FloatArray:
    related = totals > 0
    radii = sums / np.where(related, totals, 1)
    typical = radii[related].mean() if related.any() else 0.0
    logs = np.log(np.maximum(radii, _SMALLEST * typical if typical > 0 else 1.0))
    logs[~related] = logs[related].mean() if related.any() else 0.0
    result: FloatArray = logs.astype(np.float32)
    return result
