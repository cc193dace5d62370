"""Class centres in data and embedding: the correlation of their distances, and their nearest neighbours."""

from __future__ import annotations

import math
from typing import Any, Literal, NamedTuple

import torch

from paradime.metrics._chunks import check_n_neighbors
from paradime.metrics._comparison import as_comparison, check_together
from paradime.metrics._labels import check_classes, labeled, read_labels
from paradime.metrics.correlation import check_kind, pearson, spearman
from paradime.metrics.overlap import found_at
from paradime.types import TensorLike

__all__ = ["centroid_correlation", "class_mean_neighbors"]


def centroid_correlation(
    X: TensorLike,
    embedding: TensorLike,
    labels: Any,
    *,
    kind: Literal["pearson", "spearman"] = "pearson",
    test_X: TensorLike | None = None,
    test_embedding: TensorLike | None = None,
    test_labels: Any = None,
) -> float:
    """Computes the correlation of the distances between class centres in the embedding with those in the data.

    Args:
        X: Data, shape (n, dim).
        embedding: Embedding of the same points, shape (n, out_dim).
        labels: Their classes, shape (n,), at least three.
        kind: ``"pearson"`` compares the sizes of the distances, ``"spearman"`` their order.
        test_X: Held-out rows, shape (m, dim). If given, distances from their centres to those of the other
            classes of ``X`` are compared.
        test_embedding: Embedding of the held-out rows, shape (m, out_dim).
        test_labels: Their classes, shape (m,), all among ``labels``, at least two.

    Returns:
        A correlation in [-1, 1]; 0 if all distances in the data, or all in the embedding, are equal. With few
        classes it is coarse: three classes have three distances.

    Raises:
        TypeError: If the inputs are not real numbers.
        ValueError: If the inputs are not finite matrices of equally many rows, labels do not match, or there are
            too few classes.

    Example:
        >>> X = [[0.0, 0.0], [0.0, 2.0], [4.0, 0.0], [4.0, 2.0], [9.0, 0.0], [9.0, 2.0]]
        >>> line = [[x] for x, _ in X]
        >>> centroid_correlation(X, line, [0, 0, 1, 1, 2, 2])
        1.0
    """
    check_kind(kind)
    check_together(test_X=test_X, test_embedding=test_embedding, test_labels=test_labels)
    centers = _center_distances(X, embedding, labels, test_X, test_embedding, test_labels)
    if test_labels is None:
        chosen = torch.ones_like(centers.in_data, dtype=torch.bool).triu_(1)  # each pair once
    else:
        chosen = torch.ones_like(centers.in_data, dtype=torch.bool).scatter_(1, centers.own[:, None], False)
    in_data, in_embedding = centers.in_data[chosen], centers.in_embedding[chosen]
    if len(in_data) < 2:
        raise ValueError(
            "labels must have at least 3 classes to compare distances between their centres, got "
            f"{centers.in_data.shape[1]}. Use silhouette or knn_accuracy for two classes."
        )
    return spearman(in_data, in_embedding) if kind == "spearman" else pearson(in_data, in_embedding)


def class_mean_neighbors(
    X: TensorLike,
    embedding: TensorLike,
    labels: Any,
    *,
    n_neighbors: int | Literal["auto"] = "auto",
    test_X: TensorLike | None = None,
    test_embedding: TensorLike | None = None,
    test_labels: Any = None,
) -> float:
    """Measures the share of nearest class means in the data that are nearest class means in the embedding (KNC).

    Args:
        X: Data, shape (n, dim).
        embedding: Embedding of the same points, shape (n, out_dim).
        labels: Their classes, shape (n,), at least three.
        n_neighbors: Number k of neighbours of a class, in [1, C - 2] for C classes. ``"auto"``: 10, or half of the
            other classes if that is less: ``min(10, (C - 1) // 2)``.
        test_X: Held-out rows, shape (m, dim). If given, the neighbours of their means among the means of the other
            classes of ``X`` are compared.
        test_embedding: Embedding of the held-out rows, shape (m, out_dim).
        test_labels: Their classes, shape (m,), all among ``labels``.

    Returns:
        The mean over the classes, a score in [0, 1]. Means at random positions have about k / (C - 1), which is
        half with ``"auto"`` and up to 21 classes. The choice among classes at equal distance is arbitrary.

    Raises:
        TypeError: If the inputs are not real numbers, or ``n_neighbors`` is not an integer.
        ValueError: If the inputs are not finite matrices of equally many rows, labels do not match, there are
            too few classes, or ``n_neighbors`` is out of range.

    Source:
        Kobak and Berens (2019), The art of using t-SNE for single-cell transcriptomics, Nature Communications 10,
        as KNC.

    Example:
        >>> X = [[0.0, 0.0], [0.0, 2.0], [4.0, 0.0], [4.0, 2.0], [9.0, 0.0], [9.0, 2.0]]
        >>> line = [[x] for x, _ in X]
        >>> class_mean_neighbors(X, line, [0, 0, 1, 1, 2, 2])
        1.0
    """
    centers = _center_distances(X, embedding, labels, test_X, test_embedding, test_labels)
    n_classes = centers.in_data.shape[1]
    if n_classes < 3:
        raise ValueError(
            f"labels must have at least 3 classes to compare neighbours of their means, got {n_classes}. "
            "Use silhouette or knn_accuracy for two classes."
        )
    k = min(10, (n_classes - 1) // 2) if isinstance(n_neighbors, str) and n_neighbors == "auto" else n_neighbors
    k = check_n_neighbors(k, n_available=n_classes - 2, points=f"{n_classes} classes", of="classes")
    in_data, in_embedding = (
        distances.scatter(1, centers.own[:, None], math.inf)
        for distances in (centers.in_data, centers.in_embedding)
    )
    return int(found_at(k, k)(in_data, in_embedding).sum()) / (len(in_data) * k)


class _CenterDistances(NamedTuple):
    """Distances from the centres of the measured classes to those of all classes of the training rows.

    Attributes:
        in_data: Shape (n_measured, n_classes).
        in_embedding: Shape (n_measured, n_classes).
        own: The measured classes, int64, shape (n_measured,).
    """

    in_data: torch.Tensor
    in_embedding: torch.Tensor
    own: torch.Tensor


def _center_distances(
    X: TensorLike,
    embedding: TensorLike,
    labels: Any,
    test_X: TensorLike | None,
    test_embedding: TensorLike | None,
    test_labels: Any,
) -> _CenterDistances:
    """Checks points and classes, and computes the distances of the classes' centres; all are measured by default.

    With held-out rows, the measured classes are theirs.
    """
    check_together(test_X=test_X, test_embedding=test_embedding, test_labels=test_labels)
    compared = as_comparison(X, embedding, test_X=test_X, test_embedding=test_embedding)
    device = compared.points.device
    n_test = None if compared.test_points is None else len(compared.test_points)
    train, test = read_labels(labels, test_labels, n_points=len(compared.points), n_test=n_test)
    n_classes = check_classes(train, test)
    with_class, codes = labeled(train, device)
    ends = [_centers(space[with_class], codes, n_classes) for space in (compared.points, compared.embedded)]
    if compared.test_points is None or compared.test_embedded is None or test is None:
        own, starts = torch.arange(n_classes, device=device), ends
    else:
        with_class, codes = labeled(test, device)
        own = torch.bincount(codes, minlength=n_classes).nonzero()[:, 0]
        held_out = compared.test_points, compared.test_embedded
        starts = [_centers(space[with_class], codes, n_classes)[own] for space in held_out]
    exact = "donot_use_mm_for_euclid_dist"
    in_data, in_embedding = (torch.cdist(a, b, compute_mode=exact) for a, b in zip(starts, ends, strict=True))
    return _CenterDistances(in_data, in_embedding, own)


def _centers(points: torch.Tensor, codes: torch.Tensor, n_classes: int) -> torch.Tensor:
    """Returns the mean of the points of each class, shape (n_classes, dim); zeros for a class without any."""
    # sums of numbers with a large offset lose digits
    offset = points.mean(dim=0)
    sums = points.new_zeros(n_classes, points.shape[1]).index_add_(0, codes, points - offset)
    return sums / torch.bincount(codes, minlength=n_classes).clamp(min=1)[:, None] + offset
