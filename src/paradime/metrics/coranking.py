"""The co-ranking curve: which sizes of neighbourhoods an embedding keeps."""

from __future__ import annotations

import dataclasses
import math
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from paradime.metrics._comparison import Comparison, as_comparison
from paradime.metrics._estimates import Estimate, mean_estimate
from paradime.types import TensorLike

__all__ = ["CorankingCurve", "coranking_curve"]


@dataclasses.dataclass(frozen=True)
class CorankingCurve:
    """How many neighbours an embedding keeps, at every size of the neighbourhoods.

    Attributes:
        k: The sizes 1, 2, …, shape (n_sizes,).
        kept: Q_NX, the mean share of the k neighbours that are kept, in [0, 1], shape (n_sizes,).
        rescaled: R_NX, the same on a scale where an embedding at random has 0 and a perfect one 1, shape
            (n_sizes,).
        area: The area under R_NX over log k: the mean of R_NX with weights 1 / k, at most 1. One number for all
            sizes, in which each order of magnitude counts alike.
    """

    k: NDArray[np.int64]
    kept: NDArray[np.float64]
    rescaled: NDArray[np.float64]
    area: Estimate


def coranking_curve(
    X: TensorLike,
    embedding: TensorLike,
    *,
    test_X: TensorLike | None = None,
    test_embedding: TensorLike | None = None,
    n_samples: int | None = None,
    random_state: Any = 0,
    chunk_size: int | None = None,
) -> CorankingCurve:
    """Measures the share of neighbours preserved at every size of neighbourhoods, and the area under that curve.

    Args:
        X: Data, shape (n, dim), n at least 3.
        embedding: Embedding of the same points, shape (n, out_dim).
        test_X: Held-out rows, shape (m, dim). With them, these are measured instead: their neighbours are sought
            among the rows of ``X``.
        test_embedding: Where held-out rows are embedded, shape (m, out_dim).
        n_samples: How many rows to measure, drawn at random; all if ``None``. A row takes time of order
            n log n, so that 2,000 of many suit well.
        random_state: Seed of the draw, and of the order of points at equal distance.
        chunk_size: Rows to compute at a time; by default as many as make a block of moderate size.

    Returns:
        A :class:`CorankingCurve` of sizes from 1 to n - 2, or to n - 1 for held-out rows.

    Raises:
        TypeError: If the inputs are not real numbers.
        ValueError: If the inputs are not finite matrices of equally many rows, there are too few, or a number is
            out of range.

    Source:
        Lee and Verleysen (2009), Quality assessment of dimensionality reduction: rank-based criteria,
        Neurocomputing 72; on the area: Lee, Peluffo-Ordóñez and Verleysen (2015), Multi-scale similarities in
        stochastic neighbour embedding, Neurocomputing 169.

    Example:
        >>> X = np.random.default_rng(0).normal(size=(100, 5))
        >>> curve = coranking_curve(X, X[:, :2])
        >>> len(curve.k), bool(0.1 < curve.area < 0.5)
        (98, True)
        >>> round(coranking_curve(X, 3 * X).area, 6)
        1.0
    """
    compared = as_comparison(
        X,
        embedding,
        test_X=test_X,
        test_embedding=test_embedding,
        n_samples=n_samples,
        random_state=random_state,
    )
    n = compared.n_others
    if n < 2:
        raise ValueError(f"a co-ranking curve needs at least 3 points, got {len(compared.points)}. Pass more.")
    largest, weighted, offset = _area_weights(n, device=compared.points.device)
    counts, areas = torch.zeros(n + 1, dtype=torch.int64), []
    for near, shown in _shuffled(compared, random_state).blocks(self_distance=math.inf, chunk_size=chunk_size):
        # a point is kept from the size on that holds it in both
        since = torch.maximum(_ranks(near), _ranks(shown))
        counts += torch.bincount(since.flatten(), minlength=n + 1).cpu()
        areas.append(weighted[since].sum(dim=1) - offset)
    k = np.arange(1, largest + 1)
    kept = np.cumsum(counts.numpy())[:largest] / (k * compared.n_measured)
    rescaled = (n * kept - k) / (n - k)
    area = mean_estimate(torch.cat(areas), n_total=compared.n_total)
    return CorankingCurve(k, kept, rescaled, area)


def _area_weights(n: int, *, device: torch.device) -> tuple[int, torch.Tensor, torch.Tensor]:
    """Returns what a point that is kept from a rank on adds to the area of its row.

    R_NX is linear in the number of kept points, so that the area is a sum over them.

    Args:
        n: How many points each row sees.
        device: Where to compute.

    Returns:
        The largest size; what is added by rank, from 0 to n, shape (n + 1,); and what is subtracted once.
    """
    k = torch.arange(1, n, dtype=torch.float64, device=device)
    share = (1 / k) / (1 / k).sum()
    gain = share * n / (n - k) / k
    weighted = torch.zeros(n + 1, dtype=torch.float64, device=device)
    weighted[: n - 1] = gain.flip(0).cumsum(0).flip(0)
    return n - 1, weighted, (share * k / (n - k)).sum()


def _ranks(distances: torch.Tensor) -> torch.Tensor:
    """Returns the place of each entry in its row in increasing order, from 0, shape (rows, n)."""
    order = distances.argsort(dim=1)
    places = torch.arange(order.shape[1], device=order.device).expand_as(order)
    return torch.empty_like(order).scatter_(1, order, places)


def _shuffled(compared: Comparison, random_state: Any) -> Comparison:
    """Puts the points into random order, for points at equal distance are ranked in their order.

    Rows sorted by class would seem to keep neighbours in an embedding that puts all in one place.
    """
    n = len(compared.points)
    order = torch.from_numpy(np.random.default_rng(random_state).permutation(n)).to(compared.points.device)
    rows = None if compared.rows is None else torch.argsort(order)[compared.rows]
    return dataclasses.replace(
        compared, points=compared.points[order], embedded=compared.embedded[order], rows=rows
    )
