"""The co-ranking curve: neighbours preserved at every neighbourhood size."""

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
from paradime.utils.seed import generator_of

__all__ = ["CorankingCurve", "coranking_curve"]


@dataclasses.dataclass(frozen=True)
class CorankingCurve:
    """Neighbours preserved by an embedding, at every neighbourhood size.

    Attributes:
        k: Neighbourhood sizes 1, 2, …, shape (n_sizes,).
        preserved: Q_NX, the mean share of the k neighbours that are preserved, in [0, 1], shape (n_sizes,).
        rescaled: R_NX, which is Q_NX rescaled so that a random embedding has 0 and a perfect one 1, shape
            (n_sizes,).
        area: The area under R_NX over log k: the mean of R_NX with weights 1 / k, at most 1. Each order of
            magnitude of k has the same weight.
    """

    k: NDArray[np.int64]
    preserved: NDArray[np.float64]
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
    """Measures the share of neighbours preserved at every neighbourhood size, and the area under this curve.

    Args:
        X: Data, shape (n, dim), n at least 3.
        embedding: Embedding of the same points, shape (n, out_dim).
        test_X: Held-out rows, shape (m, dim). If given, these are evaluated instead: their neighbours are searched
            among the rows of ``X``.
        test_embedding: Embedding of the held-out rows, shape (m, out_dim).
        n_samples: Number of randomly drawn rows to evaluate; all if ``None``. Each row costs O(n log n); 2,000
            rows are enough for large data.
        random_state: Seed of the draw, and of the order of points at equal distance.
        chunk_size: Number of rows to compute at a time; by default a block has a moderate size.

    Returns:
        A :class:`CorankingCurve` of sizes from 1 to n - 2, or to n - 1 for held-out rows.

    Raises:
        TypeError: If the inputs are not real numbers.
        ValueError: If the inputs are not finite matrices of equally many rows, if there are fewer than 3 points,
            or if a number is out of range.

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
        X, embedding, test_X=test_X, test_embedding=test_embedding, n_samples=n_samples, random_state=random_state
    )
    n = compared.n_others
    if n < 2:
        raise ValueError(
            f"a co-ranking curve needs at least 3 points, got {len(compared.points)}. Pass more points."
        )
    largest, weighted, offset = _area_weights(n, device=compared.points.device)
    counts, areas = torch.zeros(n + 1, dtype=torch.int64), []
    blocks = _shuffled(compared, random_state).blocks(self_distance=math.inf, chunk_size=chunk_size)
    for in_data, in_embedding in blocks:
        # a neighbour is preserved at all sizes k above both of its ranks
        larger_rank = torch.maximum(_ranks(in_data), _ranks(in_embedding))
        counts += torch.bincount(larger_rank.flatten(), minlength=n + 1).cpu()
        areas.append(weighted[larger_rank].sum(dim=1) - offset)
    k = np.arange(1, largest + 1)
    preserved = np.cumsum(counts.numpy())[:largest] / (k * compared.n_measured)
    rescaled = (n * preserved - k) / (n - k)
    area = mean_estimate(torch.cat(areas), n_total=compared.n_total)
    return CorankingCurve(k, preserved, rescaled, area)


def _area_weights(n: int, *, device: torch.device) -> tuple[int, torch.Tensor, torch.Tensor]:
    """Returns the terms of the area under R_NX.

    R_NX is linear in the number of preserved neighbours, so that the area is a sum over these.

    Args:
        n: Number of points that each row is compared with.
        device: Device to compute on.

    Returns:
        The largest size; the contribution of a neighbour by the larger of its ranks, from 0 to n, shape (n + 1,);
        and the constant to subtract.
    """
    k = torch.arange(1, n, dtype=torch.float64, device=device)
    share = (1 / k) / (1 / k).sum()
    gain = share * n / (n - k) / k
    weighted = torch.zeros(n + 1, dtype=torch.float64, device=device)
    weighted[: n - 1] = gain.flip(0).cumsum(0).flip(0)
    return n - 1, weighted, (share * k / (n - k)).sum()


def _ranks(distances: torch.Tensor) -> torch.Tensor:
    """Returns the rank of each entry in its row, from 0, shape (rows, n)."""
    order = distances.argsort(dim=1)
    ranks = torch.arange(order.shape[1], device=order.device).expand_as(order)
    return torch.empty_like(order).scatter_(1, order, ranks)


def _shuffled(compared: Comparison, random_state: Any) -> Comparison:
    """Shuffles the points, because points at equal distance are ranked in their order.

    Without it, an embedding with all points at one position would seem to preserve neighbours of sorted rows.
    """
    n = len(compared.points)
    order = torch.from_numpy(generator_of(random_state).permutation(n)).to(compared.points.device)
    rows = None if compared.rows is None else torch.argsort(order)[compared.rows]
    return dataclasses.replace(
        compared, points=compared.points[order], embedded=compared.embedded[order], rows=rows
    )
