"""Neighbours that the user found elsewhere."""

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

_RULE = "precomputed distances must be real numbers from 0 on, finite, and 0 between a point and itself"
_ROUNDING = 1e-2  # of the typical distance; products in single precision leave so much on a diagonal
_PAIRS, _ELEMENTS = 5_000, 4_000_000  # that are compared with the rows, at most
_CONTRARY = -0.5  # the rank correlation from which on distances are hardly any


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
    found, values = as_tensor(indices), without_graph(as_tensor(dists))
    _check_indices(found)
    if values.shape != found.shape:
        raise ValueError(
            f"precomputed distances must have the shape of the indices, {tuple(found.shape)}, "
            f"got {tuple(values.shape)}. Pass (indices, distances), in this order."
        )
    values, found = checked_distances(values), found.to(torch.int64)
    own = found == torch.arange(len(found), device=found.device)[:, None]
    check_diagonal(values[own], values[~own])
    values, order = values.sort(dim=1, stable=True)
    found, values = found.gather(1, order), values.to(torch.float32)
    if bool(own.any()):
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
        ValueError: If it is not square, a row stores less than half of what others do, or what it stores are no
            distances.

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
        ValueError: If it is not square, not symmetric, or what it holds are no distances.

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
            f"{column}, and {float(matrix[column, row]):g} the other way round. Take the mean of both."
        )
    matrix = matrix.clone().fill_diagonal_(torch.inf)
    values, indices = matrix.sort(dim=1, stable=True)
    k = min(n_neighbors, len(matrix) - 1)
    return indices[:, :k], values[:, :k].to(torch.float32)


def check_diagonal(diagonal: torch.Tensor, others: torch.Tensor) -> None:
    """Raises ValueError if the distances of points to themselves are not 0, but for rounding.

    Args:
        diagonal: These distances, in any shape, filled up with zeros.
        others: Distances between points, in any shape, by which rounding is measured; zeros do not count.
    """
    positive = others[others > 0]
    typical = float(positive.median()) if positive.numel() else 0.0
    value = float(diagonal.max()) if diagonal.numel() else 0.0
    if value <= _ROUNDING * typical:
        return
    remedy = "Set these entries to 0, np.fill_diagonal(D, 0)."
    if value >= typical:
        remedy = (
            "They look like similarities, which are large where distances are small. Turn them into distances, "
            "such as 1 - S of correlations or -log(S) of similarities in (0, 1]."
        )
    raise ValueError(f"{_RULE}, got {value:g} there. {remedy}")


def looks_like_similarities(points: Any, indices: torch.Tensor, dists: torch.Tensor) -> float | None:
    """Returns how distances rank against those of the rows, where they clearly rank the other way round.

    Args:
        points: The rows, shape (n, d), dense or sparse.
        indices: Neighbours, shape (n, k).
        dists: What is said to be their distances, shape (n, k).

    Returns:
        The rank correlation with the Euclidean distances of the rows, of a sample of pairs; ``None`` unless it is
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
    rows = [points[part.to(points.device)].to(torch.float64).cpu() for part in (first, second)]
    found = torch.linalg.vector_norm((rows[0] - rows[1]).flatten(1), dim=1)
    ranks = torch.stack([part.argsort().argsort().to(torch.float64) for part in (found, dists.flatten()[chosen])])
    correlation = float(torch.corrcoef(ranks)[0, 1]) if n_pairs > 2 else 0.0
    return correlation if correlation < _CONTRARY else None


def looks_like_membership(dists: torch.Tensor) -> bool:
    """Returns whether distances to neighbours only tell which points are some: all are 1, or all are 0.

    Example:
        >>> looks_like_membership(torch.tensor([[1.0, 1.0]])), looks_like_membership(torch.tensor([[1.0, 2.0]]))
        (True, False)
    """
    return bool((dists == 1).all()) or bool((dists == 0).all())


def checked_distances(dists: Any) -> torch.Tensor:
    """Returns distances in double precision, if they are real, finite and not negative, wherever they stand."""
    values = without_graph(as_tensor(dists))
    if values.is_complex() or values.dtype == torch.bool:
        remedy = (
            "Pass their absolute values." if values.is_complex() else "Pass distances, not which points are near."
        )
        raise ValueError(f"{_RULE}, got {str(values.dtype).removeprefix('torch.')}. {remedy}")
    values = values.to(torch.float64)
    bad = ~(values.isfinite() & (values >= 0))
    if bool(bad.any()):
        place = bad.nonzero()[0].tolist()
        value = float(values[tuple(place)])
        where = f" in row {place[0]}, column {place[1]}" if len(place) == 2 else ""
        remedy = "Negative values are no distances: pass D, not -D or logarithms of similarities."
        if not value < 0:
            remedy = "Leave such pairs out of a list or a graph of neighbours, or give them a large distance."
        kind = "negative" if value < 0 else "not finite"
        raise ValueError(f"{_RULE}, got {value:g} ({kind}){where}. {remedy}")
    return values


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
            "-1 stands for a neighbour that a search did not find: search again with more effort, or for fewer "
            "neighbours."
        )
    ordered = found.sort(dim=1).values
    repeated = (ordered.diff(dim=1) == 0).any(dim=1)
    if bool(repeated.any()):
        row = int(repeated.nonzero()[0])
        raise ValueError(f"precomputed indices must differ within a row, got {found[row].tolist()} in row {row}.")
