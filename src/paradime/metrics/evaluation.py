"""Several scores at once, with one computation of the distances."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from typing import Any, Literal, TypeAlias, get_args

import torch

from paradime._registry import did_you_mean
from paradime.metrics._comparison import BlockFunction, Comparison, as_comparison
from paradime.metrics._estimates import Estimate
from paradime.metrics.centroids import centroid_correlation, class_mean_neighbors
from paradime.metrics.clusters import knn_accuracy
from paradime.metrics.overlap import found_at, preserved_at, recall_of, searched_rows
from paradime.metrics.ranks import check_half, exchanged, rank_excess_at, rank_score
from paradime.metrics.shepard import random_triplet_accuracy, shepard_correlation
from paradime.types import TensorLike

__all__ = ["evaluate"]

MetricName: TypeAlias = Literal[
    "knn_recall",
    "trustworthiness",
    "continuity",
    "fixed_fraction_recall",
    "random_triplet_accuracy",
    "shepard_correlation",
    "knn_accuracy",
    "centroid_correlation",
    "class_mean_neighbors",
]
Finish: TypeAlias = Callable[[torch.Tensor, int, Comparison], Estimate]

# metrics of neighbourhoods, which share the distances of all pairs
_OF_BLOCKS: dict[str, tuple[Callable[[int, Comparison], BlockFunction], Finish]] = {
    "knn_recall": (
        lambda k, _: preserved_at([k]),
        lambda counts, k, compared: recall_of(counts[:, 0], k, compared),
    ),
    "trustworthiness": (lambda k, _: rank_excess_at(k), rank_score),
    "continuity": (lambda k, _: exchanged(rank_excess_at(k)), rank_score),
    "fixed_fraction_recall": (lambda k, compared: found_at(k, searched_rows(0.001, k, compared)), recall_of),
}
# metrics of drawn pairs and triplets
_OF_DRAWS: dict[str, Callable[..., Estimate]] = {
    "random_triplet_accuracy": random_triplet_accuracy,
    "shepard_correlation": shepard_correlation,
}
_OF_CLASSES = ("knn_accuracy", "centroid_correlation", "class_mean_neighbors")


def evaluate(
    X: TensorLike,
    embedding: TensorLike,
    *,
    labels: Any = None,
    metrics: Sequence[MetricName] | Literal["all"] = ("knn_recall", "trustworthiness", "continuity"),
    n_neighbors: int = 15,
    test_X: TensorLike | None = None,
    test_embedding: TensorLike | None = None,
    test_labels: Any = None,
    n_samples: int | None = None,
    random_state: Any = 0,
    chunk_size: int | None = None,
) -> dict[str, Estimate]:
    """Measures the quality of an embedding by several metrics at once.

    The values are those of the single functions with this ``n_neighbors``, and with their other defaults; the
    distances, which take most of the time, are computed once.

    Args:
        X: Data, shape (n, dim).
        embedding: Embedding of the same points, shape (n, out_dim).
        labels: Classes of the points, shape (n,), for metrics of classes.
        metrics: Names of functions of this package. Of neighbourhoods: ``"knn_recall"``, ``"trustworthiness"``,
            ``"continuity"``, ``"fixed_fraction_recall"``; of all distances: ``"random_triplet_accuracy"``,
            ``"shepard_correlation"``; of classes: ``"knn_accuracy"``, ``"centroid_correlation"``,
            ``"class_mean_neighbors"``. ``"all"`` selects all, those of classes if there are ``labels``.
        n_neighbors: Size k of the neighbourhoods, in [1, n / 2).
        test_X: Held-out rows, shape (m, dim). If given, these are evaluated instead, among the rows of ``X``.
        test_embedding: Embedding of the held-out rows, shape (m, out_dim).
        test_labels: Classes of the held-out rows, shape (m,), all among ``labels``.
        n_samples: Number of rows to measure, drawn at random; all if ``None``. Metrics of all distances draw pairs
            and triplets instead; class means are always those of all rows.
        random_state: Seed of the draws.
        chunk_size: Number of rows to compute at a time; by default a block has a moderate size.

    Returns:
        Scores with their standard errors, by the names of the metrics; correlations in [-1, 1], others in [0, 1].
        The standard error of correlations and neighbours of class means is not known (``nan``).

    Raises:
        TypeError: If the inputs are not real numbers, or ``n_neighbors`` is not an integer.
        ValueError: If a metric is unknown or needs labels, if the inputs are not finite matrices of equally many
            rows, labels do not match, or a number is out of range.

    Example:
        >>> import numpy as np
        >>> X = np.random.default_rng(0).normal(size=(100, 5))
        >>> scores = evaluate(X, X[:, :2])
        >>> list(scores), scores["continuity"] > scores["trustworthiness"]
        (['knn_recall', 'trustworthiness', 'continuity'], True)
        >>> len(evaluate(X, X[:, :2], metrics="all"))
        6
    """
    names = _selected(metrics, labels)
    held_out: dict[str, Any] = {"test_X": test_X, "test_embedding": test_embedding}
    drawn: dict[str, Any] = {"n_samples": n_samples, "random_state": random_state}
    compared = as_comparison(X, embedding, **held_out, **drawn)
    # only metrics of neighbourhoods need a number of rows for k
    needs_neighbors = any(name in _OF_BLOCKS or name == "knn_accuracy" for name in names)
    k = check_half(n_neighbors, compared) if needs_neighbors else 0
    of_blocks = [name for name in names if name in _OF_BLOCKS]
    functions = [_OF_BLOCKS[name][0](k, compared) for name in of_blocks]
    values = compared.row_values(*functions, chunk_size=chunk_size) if functions else []
    scores = {
        name: _OF_BLOCKS[name][1](of_rows, k, compared) for name, of_rows in zip(of_blocks, values, strict=True)
    }
    for name in names:
        if name in _OF_DRAWS:
            scores[name] = _OF_DRAWS[name](X, embedding, **held_out, random_state=random_state)
    classes: dict[str, Any] = {"labels": labels, "test_labels": test_labels}
    if "knn_accuracy" in names:
        scores["knn_accuracy"] = knn_accuracy(
            embedding, **classes, n_neighbors=k, test_embedding=test_embedding, **drawn, chunk_size=chunk_size
        )
    for name, function in (
        ("centroid_correlation", centroid_correlation),
        ("class_mean_neighbors", class_mean_neighbors),
    ):
        if name in names:
            value = function(X, embedding, **classes, **held_out)
            scores[name] = Estimate(value, standard_error=math.nan, n_sampled=len(compared.points))
    return {name: scores[name] for name in names}


def _selected(metrics: Any, labels: Any) -> list[str]:
    """Returns the names of the metrics to compute.

    Raises:
        TypeError: If they are no names.
        ValueError: If a name is unknown, or a metric needs labels.
    """
    known = get_args(MetricName)
    if isinstance(metrics, str) and metrics == "all":
        return [name for name in known if labels is not None or name not in _OF_CLASSES]
    if not isinstance(metrics, Iterable):
        raise TypeError(f"metrics must be names of metrics, or 'all', got {metrics!r}. Pass a list of names.")
    names = [metrics] if isinstance(metrics, str) else list(metrics)
    for name in names:
        if name not in known:
            raise ValueError(f"unknown metric {name!r}. {did_you_mean(name, known)}")
        if name in _OF_CLASSES and labels is None:
            raise ValueError(
                f"{name} needs the classes of the points, got no labels. Pass labels, or omit {name}."
            )
    return names
