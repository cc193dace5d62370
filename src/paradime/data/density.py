"""Local density of the data, as the radius of each point's neighbourhood."""

from __future__ import annotations

from typing import Any

import numpy as np
import scipy.sparse

from paradime._registry import DATA_FUNCTIONS
from paradime.relationdata import RelationData
from paradime.types import AnyArray, FloatArray
from paradime.utils.convert import to_numpy

__all__ = ["local_radius"]

_BLOCK_NUMBERS = 2**22  # number of double-precision differences computed at a time
_SMALLEST = 1e-12  # lower bound of radii, relative to their mean: duplicates have radius 0


@DATA_FUNCTIONS.register("local radius")
def local_radius(relations: RelationData, X: Any) -> FloatArray:
    """Computes logarithms of local radii, log(Σⱼ pᵢⱼ ‖xᵢ − xⱼ‖² / Σⱼ pᵢⱼ), over the stored relations.

    Args:
        relations: Relations p ≥ 0 between n points, such as those of t-SNE or UMAP, preferably sparse. Relations
            of points to themselves are ignored.
        X: The points, shape (n, …), dense or sparse.

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
    sparse = scipy.sparse.issparse(X)
    points: Any = scipy.sparse.csr_array(X) if sparse else to_numpy(X)
    n = points.shape[0]
    points = points if sparse else points.reshape(n, -1)
    if relations.n_points != n:
        raise ValueError(
            f"relations and data must have the same number of points, got {relations.n_points} and {n}. "
            "Compute the relations from the same data."
        )
    rows, cols, weights = (to_numpy(array) for array in relations.edges())
    weights = np.where(rows == cols, 0, weights).astype(np.float64)
    sums = np.zeros(n)
    step = max(1, _BLOCK_NUMBERS // (points.nnz // n + 1 if sparse else points.shape[1]))
    for start in range(0, len(rows), step):
        block = slice(start, start + step)
        differences = points[rows[block]].astype(np.float64) - points[cols[block]]
        if sparse:
            sq_dists = differences.multiply(differences).sum(axis=1)
        else:
            sq_dists = np.einsum("ij,ij->i", differences, differences)
        sums += np.bincount(rows[block], weights[block] * sq_dists, n)
    return _logarithms(sums, np.bincount(rows, weights, n))


def _logarithms(sums: AnyArray, totals: AnyArray) -> FloatArray:
    related = totals > 0
    radii = sums / np.where(related, totals, 1)
    typical = radii[related].mean() if related.any() else 0.0
    logs = np.log(np.maximum(radii, _SMALLEST * typical if typical > 0 else 1.0))
    logs[~related] = logs[related].mean() if related.any() else 0.0
    result: FloatArray = logs.astype(np.float32)
    return result
