"""Checks and conversion of precomputed neighbours and distances."""

from __future__ import annotations

from typing import Any

import numpy as np
import scipy.sparse
import torch

from paradime.neighbors.backend import without_self
from paradime.utils.autograd import without_graph
from paradime.utils.convert import as_tensor

__all__ = [
    "check_diagonal",
    "check_square",
    "checked_distances",
    "given_neighbors",
    "looks_like_membership",
    "looks_like_similarities",
    "neighbors_of_distances",
    "neighbors_of_graph",
]

_RULE = "precomputed distances must be real numbers of at least 0, finite, and 0 between a point and itself"
_ROUNDING = 1e-2  # rounding error of a diagonal from single-precision products, relative to the median distance
_PAIRS, _ELEMENTS = 5_000, 4_000_000  # largest numbers of pairs, and of their elements, that are compared
_CONTRARY = -0.5  # distances with a lower rank correlation look like similarities


def given_neighbors(indices: Any, dists: Any) -> tuple[torch.Tensor, torch.Tensor]:
    """Checks precomputed neighbours, and removes each point from its own neighbours.

    If only some rows contain the point itself, the last neighbour of the other rows is removed.

    Args:
        indices: Indices of neighbours, shape (n, k), in [0, n).
        dists: Their distances, shape (n, k), ≥ 0.

    Returns:
        Indices (int64) and distances (float32), each of shape (n, k) or (n, k − 1), distances ascending.

    Raises:
        ValueError: If shapes, indices or distances are invalid, or a row has an index twice.
        TypeError: If the indices are not integers.

    Example:
        >>> indices, dists = given_neighbors([[0, 1], [1, 0]], [[0.0, 2.0], [0.0, 2.0]])
        >>> indices.tolist(), dists.tolist()
        ([[1], [0]], [[2.0], [2.0]])
    """
    neighbors, values = as_tensor(indices), without_graph(as_tensor(dists))
    _check_indices(neighbors)
    if values.shape != neighbors.shape:
        raise ValueError(
            f"precomputed distances must have the shape of the indices, {tuple(neighbors.shape)}, "
            f"got {tuple(values.shape)}. Pass (indices, distances), in this order."
        )
    values, neighbors = checked_distances(values), neighbors.to(torch.int64)
    own = neighbors == torch.arange(len(neighbors), device=neighbors.device)[:, None]
    check_diagonal(values[own], values[~own])
    values, order = values.sort(dim=1, stable=True)
    neighbors, values = neighbors.gather(1, order), values.to(torch.float32)
    if bool(own.any()):
        if neighbors.shape[1] == 1:
            raise ValueError(
                "precomputed neighbours must contain other points, got only the points themselves. Raise k."
            )
        return without_self(neighbors, values)
    return neighbors, values


def neighbors_of_graph(graph: Any) -> tuple[torch.Tensor, torch.Tensor]:
    """Returns the neighbours stored in a sparse matrix of distances, for :func:`given_neighbors`.

    Args:
        graph: A SciPy sparse matrix (n, n), such as that of ``kneighbors_graph(mode="distance")``; row i has the
            distances of point i to its neighbours. If rows have different numbers of neighbours, the farthest are
            left out.

    Returns:
        Indices (int64) and distances (float64), each of shape (n, k), where k is the smallest number in a row.

    Raises:
        ValueError: If the matrix is not square, a row has less than half as many neighbours as another, or the
            values are not distances.

    Example:
        >>> import scipy.sparse
        >>> neighbors_of_graph(scipy.sparse.csr_array([[0.0, 2.0], [2.0, 0.0]]))[0].tolist()
        [[1], [0]]
    """
    csr = scipy.sparse.csr_array(graph)
    check_square(csr.shape)
    checked_distances(csr.data)
    check_diagonal(torch.from_numpy(csr.diagonal() * 1.0), torch.from_numpy(csr.data * 1.0))
    starts = np.asarray(csr.indptr, dtype=np.int64)
    counts = np.diff(starts)
    k, most = int(counts.min()), int(counts.max())
    if k < 1 or 2 * k < most:
        raise ValueError(
            f"a graph must have about as many neighbours in each row, got {k} in row {int(counts.argmin())} "
            f"and {most} in row {int(counts.argmax())}. Pass (indices, distances), each of shape (n, k)."
        )
    rows = np.repeat(np.arange(len(counts)), counts)
    order = np.lexsort((csr.data, rows))
    nearest = order[starts[:-1, None] + np.arange(k)]
    return torch.from_numpy(csr.indices[nearest].astype(np.int64)), torch.from_numpy(csr.data[nearest] * 1.0)


def neighbors_of_distances(dists: Any, n_neighbors: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Returns the nearest neighbours from a matrix of all distances.

    Args:
        dists: Distances ≥ 0 between all pairs of points, symmetric, shape (n, n).
        n_neighbors: Number of neighbours k ≥ 1; limited to n − 1.

    Returns:
        Indices (int64) and distances (float32), each of shape (n, k), distances ascending.

    Raises:
        ValueError: If the matrix is not square or not symmetric, or the values are not distances.

    Example:
        >>> neighbors_of_distances([[0.0, 1.0, 3.0], [1.0, 0.0, 2.0], [3.0, 2.0, 0.0]], 1)[0].tolist()
        [[1], [0], [1]]
    """
    check_square(tuple(np.shape(dists)))
    matrix = checked_distances(dists)
    check_diagonal(matrix.diagonal(), matrix)
    if not torch.allclose(matrix, matrix.T, rtol=1e-5, atol=1e-8 * float(matrix.max())):
        row, column = divmod(int((matrix - matrix.T).abs().argmax()), len(matrix))
        raise ValueError(
            f"precomputed distances must be symmetric, got {float(matrix[row, column]):g} in row {row}, column "
            f"{column}, and {float(matrix[column, row]):g} in row {column}, column {row}. Take the mean of both."
        )
    matrix = matrix.clone().fill_diagonal_(torch.inf)
    values, indices = matrix.sort(dim=1, stable=True)
    k = min(n_neighbors, len(matrix) - 1)
    return indices[:, :k], values[:, :k].to(torch.float32)


def check_diagonal(diagonal: torch.Tensor, others: torch.Tensor) -> None:
    """Raises a ValueError if the distances of points to themselves are not 0 up to rounding.

    Args:
        diagonal: These distances, in any shape.
        others: Distances between points, in any shape, to which rounding is compared; zeros are ignored.
    """
    positive = others[others > 0]
    typical = float(positive.median()) if positive.numel() else 0.0
    value = float(diagonal.max()) if diagonal.numel() else 0.0
    if value <= _ROUNDING * typical:
        return
    remedy = "Set these entries to 0, np.fill_diagonal(D, 0)."
    if value >= typical:
        remedy = (
            "They look like similarities, which are large for close points. Convert them to distances, for "
            "example 1 - S for correlations or -log(S) for similarities in (0, 1]."
        )
    raise ValueError(f"{_RULE}, got {value:g} there. {remedy}")


def looks_like_similarities(points: Any, indices: torch.Tensor, dists: torch.Tensor) -> float | None:
    """Returns the rank correlation of given distances with those of the rows, if it is strongly negative.

    Args:
        points: The rows, shape (n, d), dense or sparse.
        indices: Neighbours, shape (n, k).
        dists: Their given distances, shape (n, k).

    Returns:
        The rank correlation with the Euclidean distances of the rows, in a sample of pairs; ``None`` unless it is
        strongly negative.

    Example:
        >>> rows = torch.arange(20.0)[:, None] ** 2
        >>> indices = (torch.arange(20)[:, None] + torch.arange(1, 6)) % 20
        >>> dists = (rows[indices] - rows[:, None]).abs().squeeze(2)
        >>> looks_like_similarities(rows, indices, dists), looks_like_similarities(rows, indices, 1 / dists)
        (None, -0.999...)
    """
    n_pairs = min(indices.numel(), _PAIRS, max(200, _ELEMENTS // points.shape[1]))
    chosen = torch.linspace(0, indices.numel() - 1, n_pairs, dtype=torch.float64).long()
    first, second = chosen // indices.shape[1], indices.flatten()[chosen]
    rows = [points[sampled.to(points.device)].to(torch.float64).cpu() for sampled in (first, second)]
    of_rows = torch.linalg.vector_norm((rows[0] - rows[1]).flatten(1), dim=1)
    given = dists.flatten()[chosen]
    ranks = torch.stack([values.argsort().argsort().to(torch.float64) for values in (of_rows, given)])
    correlation = float(torch.corrcoef(ranks)[0, 1]) if n_pairs > 2 else 0.0
    return correlation if correlation < _CONTRARY else None


def looks_like_membership(dists: torch.Tensor) -> bool:
    """Returns whether distances only mark which points are neighbours: all are 1, or all are 0.

    Example:
        >>> looks_like_membership(torch.tensor([[1.0, 1.0]])), looks_like_membership(torch.tensor([[1.0, 2.0]]))
        (True, False)
    """
    return bool((dists == 1).all()) or bool((dists == 0).all())


def checked_distances(dists: Any) -> torch.Tensor:
    """Checks that distances are real, finite and not negative, and returns them in double precision."""
    values = without_graph(as_tensor(dists))
    if values.is_complex() or values.dtype == torch.bool:
        remedy = (
            "Pass their absolute values." if values.is_complex() else "Pass distances, not which points are near."
        )
        raise ValueError(f"{_RULE}, got {str(values.dtype).removeprefix('torch.')}. {remedy}")
    values = values.to(torch.float64)
    bad = ~(values.isfinite() & (values >= 0))
    if bool(bad.any()):
        index = bad.nonzero()[0].tolist()
        value = float(values[tuple(index)])
        where = f" in row {index[0]}, column {index[1]}" if len(index) == 2 else ""
        remedy = "Pass distances, not their negatives or logarithms of similarities."
        if not value < 0:
            remedy = "Leave these pairs out of a list or a graph of neighbours, or give them a large distance."
        kind = "negative" if value < 0 else "not finite"
        raise ValueError(f"{_RULE}, got {value:g} ({kind}){where}. {remedy}")
    return values


def check_square(shape: tuple[int, ...]) -> None:
    """Raises a ValueError if a shape is not that of a square matrix."""
    if len(shape) != 2 or shape[0] != shape[1]:
        raise ValueError(
            f"precomputed distances must be a square matrix (n, n), got shape {tuple(shape)}. "
            "Pass the distances between all pairs of points."
        )


def _check_indices(indices: torch.Tensor) -> None:
    if indices.ndim != 2 or indices.shape[1] < 1:
        raise ValueError(
            f"precomputed indices must have shape (n, k) with k >= 1, got {tuple(indices.shape)}. "
            "Pass one row per point."
        )
    if indices.is_floating_point() or indices.is_complex() or indices.dtype == torch.bool:
        raise TypeError(
            f"precomputed indices must be integers, got {indices.dtype}. Pass (indices, distances), in this order."
        )
    outside = ((indices < 0) | (indices >= len(indices))).any(dim=1)
    if bool(outside.any()):
        row = int(outside.nonzero()[0])
        raise ValueError(
            f"precomputed indices must lie in [0, {len(indices)}), got {indices[row].tolist()} in row {row}. "
            "-1 marks a neighbour that a search did not find: search again with more effort, or for fewer "
            "neighbours."
        )
    ordered = indices.sort(dim=1).values
    repeated = (ordered.diff(dim=1) == 0).any(dim=1)
    if bool(repeated.any()):
        row = int(repeated.nonzero()[0])
        raise ValueError(
            f"precomputed indices must differ within a row, got {indices[row].tolist()} in row {row}. "
            "Remove repeated neighbours."
        )
