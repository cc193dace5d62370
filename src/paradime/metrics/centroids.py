"""Correlation of the distances between class centres in data and embedding."""

from __future__ import annotations

from typing import Any, Literal

import torch

from paradime.metrics._comparison import as_comparison, check_together
from paradime.metrics._labels import check_classes, labeled, read_labels
from paradime.metrics.correlation import check_kind, pearson, spearman
from paradime.types import TensorLike

__all__ = ["centroid_correlation"]


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
    compared = as_comparison(X, embedding, test_X=test_X, test_embedding=test_embedding)
    device = compared.points.device
    n_test = None if compared.test_points is None else len(compared.test_points)
    train, test = read_labels(labels, test_labels, n_points=len(compared.points), n_test=n_test)
    n_classes = check_classes(train, test)
    with_class, codes = labeled(train, device)
    points = compared.points[with_class], compared.embedded[with_class]
    if compared.test_points is None or compared.test_embedded is None or test is None:
        first, second = torch.triu_indices(n_classes, n_classes, 1, device=device)
        starts = ends = [_centers(space, codes, n_classes) for space in points]
    else:
        with_class, test_codes = labeled(test, device)
        ends = [_centers(space, codes, n_classes) for space in points]
        held_out = compared.test_points[with_class], compared.test_embedded[with_class]
        starts = [_centers(space, test_codes, n_classes) for space in held_out]
        differs = ~torch.eye(n_classes, dtype=torch.bool, device=device)
        differs[torch.bincount(test_codes, minlength=n_classes) == 0] = False
        first, second = differs.nonzero().T
    if len(first) < 2:
        raise ValueError(
            f"labels must have at least 3 classes to compare distances between their centres, got {n_classes}. "
            "Use silhouette or knn_accuracy for two classes."
        )
    in_data, in_embedding = ((a[first] - b[second]).norm(dim=1) for a, b in zip(starts, ends, strict=True))
    return spearman(in_data, in_embedding) if kind == "spearman" else pearson(in_data, in_embedding)


def _centers(points: torch.Tensor, codes: torch.Tensor, n_classes: int) -> torch.Tensor:
    """Returns the mean of the points of each class, shape (n_classes, dim); zeros for a class without any."""
    # sums of numbers with a large offset lose digits
    offset = points.mean(dim=0)
    sums = points.new_zeros(n_classes, points.shape[1]).index_add_(0, codes, points - offset)
    return sums / torch.bincount(codes, minlength=n_classes).clamp(min=1)[:, None] + offset
