"""The recall of a neighbour search."""

from __future__ import annotations

from typing import Any

import torch

from paradime.neighbors.euclidean import EuclideanRows, is_euclidean
from paradime.neighbors.exact import exact_neighbors_of
from paradime.neighbors.moderate import moderate_rows
from paradime.neighbors.sparse_search import measured_sparse_recall
from paradime.neighbors.trial import Trial
from paradime.types import Metric
from paradime.utils.rows import loaded
from paradime.utils.sparse import SparseRows

__all__ = ["measured_recall"]


def measured_recall(
    X: Any,
    indices: torch.Tensor,
    *,
    metric: Metric = "euclidean",
    rows: torch.Tensor | None = None,
    n_neighbors: int | None = None,
    n_rows: int = 500,
    random_state: int = 0,
) -> float:
    """Measures the share of exact nearest neighbours that a search has found, on sampled rows.

    For Euclidean, cosine and correlation distance, points as far as the last exact neighbour count as found, too.

    Args:
        X: The points, rows of any form, shape (n, d).
        indices: Neighbours found by the search, shape (n, k), or (m, k) for the m rows of ``rows``.
        metric: The metric.
        rows: Indices of the rows of ``indices``; if ``None``, rows are sampled.
        n_neighbors: Number of exact neighbours to search; k if ``None``.
        n_rows: Number of rows to sample if ``rows`` is ``None``.
        random_state: Seed of the sample.

    Returns:
        The recall, in [0, 1].

    Example:
        >>> X = torch.tensor([[0.0], [1.0], [3.0]])
        >>> measured_recall(X, torch.tensor([[1], [0], [0]]))
        0.666...
    """
    points = loaded(X)
    if rows is None:
        generator = torch.Generator().manual_seed(random_state)
        rows = torch.randperm(len(points), generator=generator)[:n_rows].to(points.device)
        indices = indices[rows]
    k = n_neighbors or indices.shape[1]
    moderate, _ = moderate_rows(points, metric)
    if isinstance(moderate, SparseRows):
        return measured_sparse_recall(moderate, indices, rows, k, metric)
    exact, dists = exact_neighbors_of(moderate.dense(), rows, k, metric=metric)
    if is_euclidean(metric):
        return Trial(rows, exact, dists[:, -1]).recall(EuclideanRows(moderate.dense(), metric), indices)
    hits = sum(int(torch.isin(true, row).sum()) for true, row in zip(exact, indices, strict=True))
    return hits / exact.numel()
