"""Classes of neighbours: whether neighbourhoods mix them, and whether each class is in one piece."""

from __future__ import annotations

from typing import Any

import numpy as np
import scipy.sparse.csgraph

from paradime.metrics._chunks import as_points, check_n_neighbors
from paradime.metrics._labels import check_classes, read_labels
from paradime.types import AnyArray, TensorLike

__all__ = ["class_connectivity", "class_parity"]


def class_parity(embedding: TensorLike, labels: Any, *, n_neighbors: int = 30) -> float:
    """Measures whether neighbourhoods mix classes as all points do, such as the levels of a sensitive attribute.

    With the mean share s of a point's neighbours that are of its own class, and the share q that two random points
    of a pair are of the same class, the parity is 1 − (s − q)/(1 − q).

    Args:
        embedding: Embedded points, shape (n, out_dim).
        labels: Their classes, shape (n,), at least two; points without a class are left out.
        n_neighbors: Number of neighbours, in [1, n - 1].

    Returns:
        About 1 if neighbours are drawn at random from all points, more if they avoid the point's own class, and 0
        if all are of its own class.

    Raises:
        TypeError: If the embedding is not real numbers.
        ValueError: If it is not finite, there is not one label per point or only one class, or ``n_neighbors`` is
            out of range.

    Source: Newman, "Mixing patterns in networks", Physical Review E 67, 2003: 1 minus the assortativity of the
        graph of neighbours.

    Example:
        >>> line = [[0.0], [1.0], [2.0], [3.0], [10.0], [11.0], [12.0], [13.0]]
        >>> class_parity(line, [0, 0, 0, 0, 1, 1, 1, 1], n_neighbors=3)
        0.0
    """
    codes, neighbors = _labeled_neighbors(embedding, labels, n_neighbors)
    n, counts = len(codes), np.bincount(codes)
    same = float((counts * (counts - 1)).sum() / (n * (n - 1)))
    own = float((codes[neighbors] == codes[:, None]).mean())
    return 1 - (own - same) / (1 - same)


def class_connectivity(embedding: TensorLike, labels: Any, *, n_neighbors: int = 15) -> float:
    """Measures whether each class is in one piece.

    Of the graph that joins each point with its nearest neighbours of all classes, the edges within a class are
    kept. The score of a class is the share of its points in its largest connected part.

    Args:
        embedding: Embedded points, shape (n, out_dim).
        labels: Their classes, shape (n,), at least two; points without a class are left out.
        n_neighbors: Number of neighbours, in [1, n - 1].

    Returns:
        The mean over classes, in (0, 1]; 1 if no class is torn apart.

    Raises:
        TypeError: If the embedding is not real numbers.
        ValueError: If it is not finite, there is not one label per point or only one class, or ``n_neighbors`` is
            out of range.

    Source: Luecken et al., "Benchmarking atlas-level data integration in single-cell genomics", Nature Methods 19,
        2022: graph connectivity.

    Example:
        >>> line = [[0.0], [1.0], [10.0], [11.0], [20.0], [21.0]]
        >>> class_connectivity(line, ["a", "a", "b", "b", "a", "a"], n_neighbors=1)
        0.75
    """
    codes, neighbors = _labeled_neighbors(embedding, labels, n_neighbors)
    starts = np.repeat(np.arange(len(codes)), neighbors.shape[1])
    ends = neighbors.reshape(-1)
    within = codes[starts] == codes[ends]
    edges = np.ones(int(within.sum())), (starts[within], ends[within])
    graph = scipy.sparse.coo_array(edges, shape=(len(codes),) * 2)
    _, parts = scipy.sparse.csgraph.connected_components(graph, directed=False)
    shares = [np.bincount(parts[codes == code]).max() / (codes == code).sum() for code in np.unique(codes)]
    return float(np.mean(shares))


def _labeled_neighbors(embedding: TensorLike, labels: Any, n_neighbors: int) -> tuple[AnyArray, AnyArray]:
    """Returns the classes of the points that have one, and their nearest neighbours among these, shape (n, k)."""
    from sklearn.neighbors import NearestNeighbors

    points = as_points(embedding, name="embedding")
    column, _ = read_labels(labels, None, n_points=len(points), n_test=None)
    check_classes(column, None)
    rows = points.cpu().numpy()[~column.missing]
    k = check_n_neighbors(n_neighbors, n_available=len(rows) - 1, points=f"{len(rows)} points with a class")
    neighbors: AnyArray = NearestNeighbors(n_neighbors=k).fit(rows).kneighbors(return_distance=False)
    return np.unique(column.codes[~column.missing], return_inverse=True)[1].reshape(-1), neighbors
