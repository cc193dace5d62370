"""Nearest-neighbour search among sparse rows, and the choice of its backend."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import torch

from paradime.neighbors.metrics import canonical, comparison_of
from paradime.neighbors.pynndescent import PynndescentBackend, threads_of_torch_kept
from paradime.neighbors.sparse import SparseComparisons, SparseProducts, is_by_products
from paradime.types import AnyArray, Metric
from paradime.utils.convert import as_numpy, as_tensor
from paradime.utils.sparse import SparseRows, without_offset

__all__ = ["SparseChoice", "choose_sparse", "measured_sparse_recall", "search_sparse", "sparse_neighbors_of"]


_EXACT_PRODUCTS = 3e11  # rows times stored entries: up to this, products take minutes, less than the descent
_FEW_ROWS = 5_000  # up to so many rows, all pairs are compared in any metric
_OF_DIFFERENCES = ("euclidean", "sqeuclidean", "manhattan", "chebyshev")  # independent of an offset of all rows
_WIDER = 5  # ratio of neighbours searched by nearest-neighbour descent to neighbours returned


class SparseChoice(NamedTuple):
    """The name of a backend, and the reason for it."""

    name: str
    reason: str


def choose_sparse(rows: SparseRows, metric: Metric, backend: str = "auto") -> SparseChoice:
    """Chooses the backend for sparse rows.

    Args:
        rows: The points, shape (n, d).
        metric: The metric.
        backend: ``"auto"``, or ``"exact"`` or ``"pynndescent"``.

    Raises:
        ValueError: If the backend or the metric supports only dense rows.
    """
    n = len(rows)
    if backend not in ("auto", "exact", "pynndescent"):
        raise ValueError(
            f"backend {backend!r} does not support sparse data. Use backend='auto', 'exact' or 'pynndescent'."
        )
    # transforms that are not row-wise would differ between blocks of rows
    exact = is_by_products(metric) or comparison_of(metric).by_row
    few = n * len(rows.values) <= _EXACT_PRODUCTS if is_by_products(metric) else exact and n <= _FEW_ROWS
    if backend == "exact" and exact:
        return SparseChoice("exact", "it was specified")
    if backend == "auto" and few:
        return SparseChoice("exact", "the data are sparse, and products of all pairs take minutes at most")
    # checked only here, because the first import of PyNNDescent compiles for half a minute
    by_descent = _descent_supports(metric)
    if not exact and not by_descent:
        raise ValueError(
            f"metric {metric!r} does not support sparse data. Use 'euclidean', 'cosine' or 'manhattan'."
        )
    if backend == "exact" or (backend == "pynndescent" and not by_descent):
        raise ValueError(f"backend {backend!r} does not support metric {metric!r} for sparse data. Use 'auto'.")
    if backend == "pynndescent":
        return SparseChoice("pynndescent", "it was specified")
    if by_descent:
        return SparseChoice("pynndescent", "the data are sparse, and all pairs would take too long")
    return SparseChoice("exact", "the data are sparse, and no other backend supports the metric")


def _descent_supports(metric: Metric) -> bool:
    if not PynndescentBackend().available() or not isinstance(metric, str):
        return False
    from pynndescent.sparse import sparse_named_distances

    return metric in sparse_named_distances


def sparse_neighbors_of(
    rows: SparseRows, queries: AnyArray, k: int, metric: Metric
) -> tuple[torch.Tensor, torch.Tensor]:
    """Finds the exact neighbours of query rows; see :meth:`~paradime.neighbors.sparse.SparseProducts.of`."""
    search = SparseProducts if is_by_products(metric) else SparseComparisons
    return search(rows, metric).of(queries, k)


def search_sparse(
    rows: SparseRows, k: int, *, metric: Metric, backend: str, random_state: int = 0
) -> tuple[torch.Tensor, torch.Tensor]:
    """Finds the neighbours of all sparse rows.

    Args:
        rows: The points, shape (n, d).
        k: Number of neighbours, in [1, n − 1].
        metric: The metric.
        backend: ``"exact"``, or ``"pynndescent"``, which searches more neighbours and returns the nearest.
        random_state: Seed.

    Returns:
        Indices (int64) and distances (float32), each of shape (n, k), distances ascending.
    """
    if backend == "exact":
        return sparse_neighbors_of(rows, np.arange(len(rows)), k, metric)
    return _by_descent(rows, k, metric, random_state)


def _by_descent(rows: SparseRows, k: int, metric: Metric, random_state: int) -> tuple[torch.Tensor, torch.Tensor]:
    import numba
    import pynndescent
    import scipy.sparse

    n = len(rows)
    matrix = rows.to_scipy()
    if canonical(metric) in _OF_DIFFERENCES:
        (matrix,) = without_offset(matrix)  # single precision would lose digits with an offset
    with threads_of_torch_kept():
        index = pynndescent.NNDescent(
            scipy.sparse.csr_matrix(matrix.astype(np.float32)),  # a sparse array is not accepted
            metric=metric,
            n_neighbors=min(max(_WIDER * k, 75), n - 1) + 1,
            random_state=random_state,
            n_jobs=min(torch.get_num_threads(), numba.get_num_threads()),
        )
        indices, dists = index.neighbor_graph
    if is_by_products(metric):
        products, step = SparseProducts(rows, metric), max(1, (1 << 20) // indices.shape[1])
        starts = range(0, n, step)
        chunks = [products.refined(np.arange(s, min(s + step, n)), indices[s : s + step], k) for s in starts]
        return torch.cat([nearest for nearest, _ in chunks]), torch.cat([values for _, values in chunks])
    neighbors, values = as_tensor(indices).to(torch.int64), as_tensor(dists).to(torch.float32)
    values = values.masked_fill((neighbors == torch.arange(n)[:, None]) | (neighbors < 0), torch.inf)
    values, order = values.sort(dim=1, stable=True)
    return neighbors.gather(1, order)[:, :k].to(rows.device), values[:, :k].to(rows.device)


def measured_sparse_recall(
    rows: SparseRows, indices: torch.Tensor, queries: torch.Tensor, k: int, metric: Metric
) -> float:
    """Returns the share of exact nearest neighbours of query rows in ``indices``, shape (m, k), in [0, 1]."""
    exact, _ = sparse_neighbors_of(rows, as_numpy(queries), k, metric)
    hits = sum(int(torch.isin(true, row).sum()) for true, row in zip(exact, indices.to(exact.device), strict=True))
    return hits / exact.numel()
