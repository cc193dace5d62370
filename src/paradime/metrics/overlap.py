"""Neighbours preserved: the share of each neighbourhood that the embedding shows."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, overload

import torch

from paradime.metrics._chunks import check_n_neighbors
from paradime.metrics._comparison import Comparison, as_comparison
from paradime.metrics._estimates import Estimate, mean_estimate
from paradime.types import TensorLike

__all__ = ["count_preserved", "knn_recall"]


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
        test_X: Held-out rows, shape (m, dim). With them, these are measured instead: their neighbours are sought,
            and ranked, among the rows of ``X``.
        test_embedding: Where held-out rows are embedded, shape (m, out_dim).
        n_samples: How many rows to measure, drawn at random; all if ``None``. Each is compared with all points
            all the same.
        random_state: Seed of the draw.
        chunk_size: Rows to compute at a time; by default as many as make a block of moderate size.

    Returns:
        The mean over the rows of |N_X ∩ N_embedding| / k, a number in [0, 1] with its standard error; for several
        sizes, a dict with the number of each. An embedding at random keeps about k / (n - 1). Which of several
        points at equal distance are the nearest is left open.

    Raises:
        TypeError: If the inputs are not real numbers, or ``n_neighbors`` is not an integer.
        ValueError: If the inputs are not finite matrices of equally many rows, or a number is out of range.

    Source:
        Lee and Verleysen (2009), Quality assessment of dimensionality reduction: rank-based criteria,
        Neurocomputing 72, where it is called Q_NX.

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
        X,
        embedding,
        test_X=test_X,
        test_embedding=test_embedding,
        n_samples=n_samples,
        random_state=random_state,
    )
    several = isinstance(n_neighbors, Sequence) and not isinstance(n_neighbors, str)
    given: Sequence[Any] = n_neighbors if several else (n_neighbors,)  # type: ignore[assignment]
    if not given:
        raise ValueError("n_neighbors must have at least one size, got none. Pass (5, 15, 50).")
    sizes = [check_n_neighbors(k, n_available=compared.n_others, points=compared.words) for k in given]
    counts = count_preserved(compared, sizes, chunk_size)
    found = {
        k: mean_estimate(kept / k, n_total=compared.n_total, value=int(kept.sum()) / (len(kept) * k))
        for k, kept in zip(sizes, counts, strict=True)
    }
    return found if several else found[sizes[0]]


def count_preserved(
    compared: Comparison, sizes: Sequence[int], chunk_size: int | None = None
) -> list[torch.Tensor]:
    """Counts, row by row, the nearest neighbours in the data that are nearest in the embedding too.

    Args:
        compared: Data and embedding.
        sizes: How many neighbours to look at.
        chunk_size: Rows to compute at a time.

    Returns:
        For each size k, whole numbers from 0 to k, shape (n_measured,).

    Example:
        >>> line = torch.arange(4.0)[:, None]
        >>> count_preserved(as_comparison(line, line), [2])
        [tensor([2, 2, 2, 2])]
    """
    most = max(sizes)
    parts: list[list[torch.Tensor]] = [[] for _ in sizes]
    for near, shown in compared.blocks(self_distance=math.inf, chunk_size=chunk_size):
        first, second = (part.topk(most, dim=1, largest=False).indices for part in (near, shown))
        order = torch.arange(most, device=near.device, dtype=torch.int32).expand(len(near), most)
        places = torch.full_like(near, most, dtype=torch.int32).scatter_(1, first, order)
        # a neighbour is kept from the size on that holds it in both
        since = torch.maximum(places.gather(1, second), order)
        for found, k in zip(parts, sizes, strict=True):
            found.append((since < k).sum(dim=1))
    return [torch.cat(found) for found in parts]
