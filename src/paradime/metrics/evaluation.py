"""Several scores of neighbourhoods, with one computation of the distances."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Literal

import torch

from paradime._registry import did_you_mean
from paradime.metrics._comparison import BlockFunction, Comparison, as_comparison
from paradime.metrics._estimates import Estimate
from paradime.metrics.overlap import preserved_at, recall_of
from paradime.metrics.ranks import check_half, exchanged, rank_excess_at, rank_score
from paradime.types import TensorLike

__all__ = ["evaluate"]

MetricName = Literal["knn_recall", "trustworthiness", "continuity"]
Finish = Callable[[torch.Tensor, int, Comparison], Estimate]

_METRICS: dict[str, tuple[Callable[[int], BlockFunction], Finish]] = {
    "knn_recall": (lambda k: preserved_at([k]), lambda counts, k, compared: recall_of(counts[:, 0], k, compared)),
    "trustworthiness": (rank_excess_at, rank_score),
    "continuity": (lambda k: exchanged(rank_excess_at(k)), rank_score),
}


def evaluate(
    X: TensorLike,
    embedding: TensorLike,
    *,
    metrics: Sequence[MetricName] = ("knn_recall", "trustworthiness", "continuity"),
    n_neighbors: int = 15,
    test_X: TensorLike | None = None,
    test_embedding: TensorLike | None = None,
    n_samples: int | None = None,
    random_state: Any = 0,
    chunk_size: int | None = None,
) -> dict[str, Estimate]:
    """Measures how an embedding preserves neighbourhoods, by several metrics at once.

    The values are those of the single functions; the distances, which take most of the time, are computed once.

    Args:
        X: Data, shape (n, dim).
        embedding: Embedding of the same points, shape (n, out_dim).
        metrics: Names of functions of this package: ``"knn_recall"``, ``"trustworthiness"``, ``"continuity"``.
        n_neighbors: Size k of the neighbourhoods, in [1, n / 2).
        test_X: Held-out rows, shape (m, dim). If given, these are evaluated instead, among the rows of ``X``.
        test_embedding: Embedding of the held-out rows, shape (m, out_dim).
        n_samples: Number of randomly drawn rows to evaluate; all if ``None``.
        random_state: Seed of the draw.
        chunk_size: Number of rows to compute at a time; by default a block has a moderate size.

    Returns:
        Scores in [0, 1] with their standard errors, by the names of the metrics.

    Raises:
        TypeError: If the inputs are not real numbers, or ``n_neighbors`` is not an integer.
        ValueError: If a metric is unknown, if the inputs are not finite matrices of equally many rows, or a number
            is out of range.

    Example:
        >>> import numpy as np
        >>> X = np.random.default_rng(0).normal(size=(100, 5))
        >>> scores = evaluate(X, X[:, :2])
        >>> list(scores), scores["continuity"] > scores["trustworthiness"]
        (['knn_recall', 'trustworthiness', 'continuity'], True)
    """
    for name in metrics:
        if name not in _METRICS:
            raise ValueError(f"unknown metric {name!r}. {did_you_mean(name, _METRICS)}")
    compared = as_comparison(
        X,
        embedding,
        test_X=test_X,
        test_embedding=test_embedding,
        n_samples=n_samples,
        random_state=random_state,
    )
    k = check_half(n_neighbors, compared)
    values = compared.row_values(*(_METRICS[name][0](k) for name in metrics), chunk_size=chunk_size)
    return {name: _METRICS[name][1](of_rows, k, compared) for name, of_rows in zip(metrics, values, strict=True)}
