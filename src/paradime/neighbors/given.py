"""Neighbours that the user found elsewhere."""

from __future__ import annotations

from typing import Any

import numpy as np
import scipy.sparse
import torch

from paradime.neighbors.backend import without_self
from paradime.utils.convert import as_tensor

__all__ = ["check_square", "given_neighbors", "neighbors_of_distances", "neighbors_of_graph"]


def given_neighbors(indices: Any, dists: Any) -> tuple[torch.Tensor, torch.Tensor]:
    """Checks neighbours that were found elsewhere, and removes each point from its own neighbours.

    Where only some rows hold the point itself, the others lose their last neighbour.

    Args:
        indices: Indices of neighbours, shape (n, k), in [0, n).
        dists: Their distances, shape (n, k), ≥ 0.

    Returns:
        Indices (int64) and distances (float32), each of shape (n, k) or (n, k − 1), distances ascending.

    Raises:
        ValueError: If shapes, indices or distances break these rules, or a row holds an index twice.
        TypeError: If the indices are not integers.

    Example:
        >>> indices, dists = given_neighbors([[0, 1], [1, 0]], [[0.0, 2.0], [0.0, 2.0]])
        >>> indices.tolist(), dists.tolist()
        ([[1], [0]], [[2.0], [2.0]])
    """
    found, values = as_tensor(indices), as_tensor(dists)
    _check_indices(found)
    if values.shape != found.shape:
        raise ValueError(
            f"precomputed distances must have the shape of the indices, {tuple(found.shape)}, "
            f"got {tuple(values.shape)}. Pass (indices, distances), in this order."
        )
    values = values.to(torch.float64)
    if not bool((values.isfinite() & (values >= 0)).all()):
        bad = int((~(values.isfinite() & (values >= 0))).any(dim=1).nonzero()[0])
        raise ValueError(
            f"precomputed distances must be finite and at least 0, got {values[bad].tolist()} in row {bad}."
        )
    found = found.to(torch.int64)
    values, order = values.sort(dim=1, stable=True)
    found, values = found.gather(1, order), values.to(torch.float32)
    if bool((found == torch.arange(len(found), device=found.device)[:, None]).any()):
        if found.shape[1] == 1:
            raise ValueError(
                "precomputed neighbours must hold other points, got only the points themselves. Raise k."
            )
        return without_self(found, values)
    return found, values


def neighbors_of_graph(graph: Any) -> tuple[torch.Tensor, torch.Tensor]:
    """Returns the neighbours that a sparse matrix of distances stores, as :func:`given_neighbors` takes them.

    Args:
        graph: A SciPy sparse matrix (n, n), such as of ``kneighbors_graph(mode="distance")``; row i stores the
            distances of point i to its neighbours. Where rows store more than others, the farthest are left out.

    Returns:
        Indices (int64) and distances (float64), each of shape (n, k), for the k of the row that stores fewest.

    Raises:
        ValueError: If it is not square, or a row stores less than half of what others do.

    Example:
        >>> import scipy.sparse
        >>> neighbors_of_graph(scipy.sparse.csr_array([[0.0, 2.0], [2.0, 0.0]]))[0].tolist()
        [[1], [0]]
    """
    csr = scipy.sparse.csr_array(graph)
    check_square(csr.shape)
    starts = np.asarray(csr.indptr, dtype=np.int64)
    counts = np.diff(starts)
    k, most = int(counts.min()), int(counts.max())
    if k < 1 or 2 * k < most:
        raise ValueError(
            f"a graph of neighbours must store about as many in each row, got {k} in row {int(counts.argmin())} "
            f"and {most} in row {int(counts.argmax())}. Pass (indices, distances), each of shape (n, k)."
        )
    rows = np.repeat(np.arange(len(counts)), counts)
    order = np.lexsort((csr.data, rows))
    places = order[starts[:-1, None] + np.arange(k)]
    return torch.from_numpy(csr.indices[places].astype(np.int64)), torch.from_numpy(csr.data[places] * 1.0)


def neighbors_of_distances(dists: Any, n_neighbors: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Returns the nearest neighbours by a matrix of all distances.

    Args:
        dists: Distances ≥ 0 between all pairs of points, symmetric, shape (n, n).
        n_neighbors: How many, k ≥ 1; at most n − 1 are there.

    Returns:
        Indices (int64) and distances (float32), each of shape (n, k), distances ascending.

    Raises:
        ValueError: If it is not square, not finite, negative or not symmetric.

    Example:
        >>> neighbors_of_distances([[0.0, 1.0, 3.0], [1.0, 0.0, 2.0], [3.0, 2.0, 0.0]], 1)[0].tolist()
        [[1], [0], [1]]
    """
    matrix = as_tensor(dists).to(torch.float64)
    check_square(tuple(matrix.shape))
    rule = "precomputed distances must be finite, at least 0, and symmetric"
    bad = ~(matrix.isfinite() & (matrix >= 0))
    if bool(bad.any()):
        row, column = bad.nonzero()[0].tolist()
        kind = "negative" if bool(matrix[row, column] < 0) else "not finite"
        raise ValueError(f"{rule}, got {float(matrix[row, column]):g} ({kind}) in row {row}, column {column}.")
    if not torch.allclose(matrix, matrix.T, rtol=1e-5, atol=1e-8 * float(matrix.max())):
        row, column = divmod(int((matrix - matrix.T).abs().argmax()), len(matrix))
        raise ValueError(
            f"{rule}; they are not symmetric: got {float(matrix[row, column]):g} in row {row}, column {column}, "
            f"and {float(matrix[column, row]):g} the other way round. Take the mean of both."
        )
    matrix = matrix.clone().fill_diagonal_(torch.inf)
    values, indices = matrix.sort(dim=1, stable=True)
    k = min(n_neighbors, len(matrix) - 1)
    return indices[:, :k], values[:, :k].to(torch.float32)


def check_square(shape: tuple[int, ...]) -> None:
    """Raises ValueError if a shape is not that of a square matrix."""
    if len(shape) != 2 or shape[0] != shape[1]:
        raise ValueError(f"precomputed distances must be a square matrix (n, n), got shape {tuple(shape)}.")


def _check_indices(found: torch.Tensor) -> None:
    if found.ndim != 2 or found.shape[1] < 1:
        raise ValueError(f"precomputed indices must have shape (n, k) with k >= 1, got {tuple(found.shape)}.")
    if found.is_floating_point() or found.is_complex() or found.dtype == torch.bool:
        raise TypeError(
            f"precomputed indices must be integers, got {found.dtype}. Pass (indices, distances), in this order."
        )
    outside = ((found < 0) | (found >= len(found))).any(dim=1)
    if bool(outside.any()):
        row = int(outside.nonzero()[0])
        raise ValueError(
            f"precomputed indices must lie in [0, {len(found)}), got {found[row].tolist()} in row {row}. "
            "-1 stands for a neighbour that a search did not find: search again with more effort."
        )
    ordered = found.sort(dim=1).values
    repeated = (ordered.diff(dim=1) == 0).any(dim=1)
    if bool(repeated.any()):
        row = int(repeated.nonzero()[0])
        raise ValueError(f"precomputed indices must differ within a row, got {found[row].tolist()} in row {row}.")
