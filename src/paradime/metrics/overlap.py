"""Neighbours preserved: the recall of the neighbours in the data among the nearest rows in the embedding."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, overload

import torch

from paradime.metrics._chunks import check_n_neighbors, nearest
from paradime.metrics._comparison import BlockFunction, Comparison, as_comparison
from paradime.metrics._estimates import Estimate, mean_estimate
from paradime.types import TensorLike
from paradime.utils.arguments import check_within

__all__ = ["fixed_fraction_recall", "found_at", "knn_recall", "preserved_at", "recall_of", "searched_rows"]


@overload
def knn_recall(
    X: TensorLike,
    embedding: TensorLike,
    *,
    n_neighbors: int = 30,
    test_X: TensorLike | None = None,
    test_embedding: TensorLike | None = None,
    n_samples: int | None = None,
    random_state: Any = 0,
    chunk_size: int | None = None,
) -> Estimate: ...


@overload
def knn_recall(
    X: TensorLike,
    embedding: TensorLike,
    *,
    n_neighbors: Sequence[int],
    test_X: TensorLike | None = None,
    test_embedding: TensorLike | None = None,
    n_samples: int | None = None,
    random_state: Any = 0,
    chunk_size: int | None = None,
) -> dict[int, Estimate]: ...


def knn_recall(
    X: TensorLike,
    embedding: TensorLike,
    *,
    n_neighbors: int | Sequence[int] = 30,
    test_X: TensorLike | None = None,
    test_embedding: TensorLike | None = None,
    n_samples: int | None = None,
    random_state: Any = 0,
    chunk_size: int | None = None,
) -> Estimate | dict[int, Estimate]:
    """Measures the share of nearest neighbours in the data that are nearest neighbours in the embedding too.

    Args:
        X: Data, shape (n, dim).
        embedding: Embedding of the same points, shape (n, out_dim).
        n_neighbors: Size k of the neighbourhoods, in [1, n - 1], or in [1, n] for held-out rows; or several
            sizes, which are measured in one pass.
        test_X: Held-out rows, shape (m, dim). If given, these are evaluated instead: their neighbours are
            searched, and ranked, among the rows of ``X``.
        test_embedding: Embedding of the held-out rows, shape (m, out_dim).
        n_samples: Number of randomly drawn rows to evaluate; all if ``None``. Each is compared with all points.
        random_state: Seed of the draw.
        chunk_size: Number of rows to compute at a time; by default a block has a moderate size.

    Returns:
        The mean over the rows of |N_X ∩ N_embedding| / k, a score in [0, 1] with its standard error; for several
        sizes, a dict with the score of each. A random embedding has about k / (n - 1). The choice among points at
        equal distance is arbitrary.

    Raises:
        TypeError: If the inputs are not real numbers, or ``n_neighbors`` is not an integer.
        ValueError: If the inputs are not finite matrices of equally many rows, or a number is out of range.

    Source:
        Lee and Verleysen (2009), Quality assessment of dimensionality reduction: rank-based criteria,
        Neurocomputing 72, as Q_NX.

    Example:
        >>> import numpy as np
        >>> X = np.random.default_rng(0).normal(size=(100, 5))
        >>> knn_recall(X, 3 * X)
        1.0
        >>> knn_recall(X, X[:, :2]) < knn_recall(X, X[:, :4])
        True
        >>> list(knn_recall(X, 3 * X, n_neighbors=(5, 15)).items())
        [(5, 1.0), (15, 1.0)]
    """
    compared = as_comparison(
        X, embedding, test_X=test_X, test_embedding=test_embedding, n_samples=n_samples, random_state=random_state
    )
    several = isinstance(n_neighbors, Sequence) and not isinstance(n_neighbors, str)
    requested: Sequence[Any] = n_neighbors if several else (n_neighbors,)  # type: ignore[assignment]
    if not requested:
        raise ValueError("n_neighbors must have at least one size, got none. Pass, for example, (5, 15, 50).")
    sizes = [check_n_neighbors(k, n_available=compared.n_others, points=compared.words) for k in requested]
    (counts,) = compared.row_values(preserved_at(sizes), chunk_size=chunk_size)
    recalls = {k: recall_of(count, k, compared) for k, count in zip(sizes, counts.T, strict=True)}
    return recalls if several else recalls[sizes[0]]


def fixed_fraction_recall(
    X: TensorLike,
    embedding: TensorLike,
    *,
    n_neighbors: int = 10,
    fraction: float = 0.001,
    test_X: TensorLike | None = None,
    test_embedding: TensorLike | None = None,
    n_samples: int | None = None,
    random_state: Any = 0,
    chunk_size: int | None = None,
) -> Estimate:
    """Measures the share of nearest neighbours in the data within the nearest 0.1 % of the embedding (FFR).

    A reader of a large map sees a region, not the 10 nearest points. This metric counts a neighbour if it lies in
    the region around its point that holds a fixed fraction of all rows.

    Args:
        X: Data, shape (n, dim).
        embedding: Embedding of the same points, shape (n, out_dim).
        n_neighbors: Number k of neighbours in the data, in [1, n - 1], or in [1, n] for held-out rows.
        fraction: Share of the n rows that are searched in the embedding, in (0, 1]: the nearest ⌈fraction · n⌉, at
            least k. With n ≤ k / fraction, the score is that of :func:`knn_recall`.
        test_X: Held-out rows, shape (m, dim). If given, these are evaluated instead: their neighbours are
            searched among the rows of ``X``.
        test_embedding: Embedding of the held-out rows, shape (m, out_dim).
        n_samples: Number of randomly drawn rows to evaluate; all if ``None``. Each is compared with all points.
        random_state: Seed of the draw.
        chunk_size: Number of rows to compute at a time; by default a block has a moderate size.

    Returns:
        The mean share over the rows, a score in [0, 1] with its standard error. A random embedding has about the
        fraction. The choice among points at equal distance is arbitrary.

    Raises:
        TypeError: If the inputs are not real numbers, or ``n_neighbors`` is not an integer.
        ValueError: If the inputs are not finite matrices of equally many rows, or a number is out of range.

    Source:
        Johnson (2026), Latent Basemap: A Reusable Parametric UMAP Frame Trained on 100 Million Text Embeddings, a
        draft, as FFR.

    Example:
        >>> import numpy as np
        >>> X = np.random.default_rng(0).normal(size=(100, 5))
        >>> fixed_fraction_recall(X, X[:, :2], fraction=0.5) > fixed_fraction_recall(X, X[:, :2], fraction=0.2)
        True
        >>> fixed_fraction_recall(X, X[:, :2]) == knn_recall(X, X[:, :2], n_neighbors=10)
        True
    """
    compared = as_comparison(
        X, embedding, test_X=test_X, test_embedding=test_embedding, n_samples=n_samples, random_state=random_state
    )
    k = check_n_neighbors(n_neighbors, n_available=compared.n_others, points=compared.words)
    (counts,) = compared.row_values(found_at(k, searched_rows(fraction, k, compared)), chunk_size=chunk_size)
    return recall_of(counts, k, compared)


def searched_rows(fraction: Any, k: int, compared: Comparison) -> int:
    """Returns the number of nearest rows in the embedding that make up a fraction of all rows, at least k.

    Raises:
        ValueError: If the fraction is not a number in (0, 1].
    """
    check_within("fraction", fraction, "(0, 1]", remedy="0.001 is usual.")
    # rounding keeps a product such as 0.07 * 100 from exceeding 7 by a unit in the last place
    of_all = math.ceil(round(float(fraction) * len(compared.points), 9))
    return min(max(k, of_all), compared.n_others)


def found_at(k: int, n_searched: int) -> BlockFunction:
    """Returns a function that counts, per row, the k nearest in the data among more rows nearest in the embedding.

    Args:
        k: Number of neighbours in the data.
        n_searched: Number of nearest rows in the embedding.

    Returns:
        A function of distances in data and embedding, see :meth:`Comparison.row_values`, that returns counts from
        0 to k, shape (rows,).
    """

    def count(in_data: torch.Tensor, in_embedding: torch.Tensor) -> torch.Tensor:
        is_near = torch.zeros_like(in_embedding, dtype=torch.bool)
        is_near.scatter_(1, nearest(in_embedding, n_searched), True)
        return is_near.gather(1, nearest(in_data, k)).sum(dim=1)

    return count


def preserved_at(sizes: Sequence[int]) -> BlockFunction:
    """Returns a function that counts, per row, neighbours in the data that are neighbours in the embedding too.

    Args:
        sizes: Neighbourhood sizes k.

    Returns:
        A function of distances in data and embedding, see :meth:`Comparison.row_values`, that returns counts from
        0 to k, shape (rows, len(sizes)).

    Example:
        >>> line = torch.arange(4.0)[:, None]
        >>> as_comparison(line, line).row_values(preserved_at([2]))[0].flatten()
        tensor([2, 2, 2, 2])
    """
    most = max(sizes)

    def count(in_data: torch.Tensor, in_embedding: torch.Tensor) -> torch.Tensor:
        first, second = (block.topk(most, dim=1, largest=False).indices for block in (in_data, in_embedding))
        order = torch.arange(most, device=in_data.device, dtype=torch.int32).expand(len(in_data), most)
        data_ranks = torch.full_like(in_data, most, dtype=torch.int32).scatter_(1, first, order)
        # a neighbour is preserved at all sizes k above both of its ranks
        larger_rank = torch.maximum(data_ranks.gather(1, second), order)
        return torch.stack([(larger_rank < k).sum(dim=1) for k in sizes], dim=1)

    return count


def recall_of(count: torch.Tensor, k: int, compared: Comparison) -> Estimate:
    """Returns the recall of counts of preserved neighbours, shape (n_measured,)."""
    return mean_estimate(count / k, n_total=compared.n_total, value=int(count.sum()) / (len(count) * k))
