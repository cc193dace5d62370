"""Exact search among sparse rows, by products of sparse blocks or by comparing dense blocks."""

from __future__ import annotations

from typing import ClassVar

import numpy as np
import scipy.sparse
import torch

from paradime.neighbors.euclidean import is_euclidean
from paradime.neighbors.metrics import canonical, comparison_of, nearest_in
from paradime.neighbors.products import smallest
from paradime.types import AnyArray, FloatArray, Metric
from paradime.utils.convert import as_numpy
from paradime.utils.sparse import SparseRows, sparse_sq_dists

__all__ = ["SparseComparisons", "SparseProducts", "is_by_products", "unit_rows"]

_CHUNK_ELEMENTS = 1 << 23  # number of products computed at a time
_FREQUENT = 0.07  # columns stored in a larger share of the rows are faster in dense products
_FREQUENT_BYTES = 1 << 28
_FURTHER = 8  # number of candidates beyond the k nearest whose distances are recomputed


def unit_rows(rows: SparseRows, metric: Metric) -> scipy.sparse.csr_array:
    """Returns rows whose Euclidean distances have the order of a metric, in double precision.

    Args:
        rows: The points, shape (n, d).
        metric: ``"euclidean"``, ``"sqeuclidean"`` or ``"cosine"``, for which rows are normalised, except rows of
            zeros.
    """
    matrix = rows.to_scipy().astype(np.float64)
    if canonical(metric) != "cosine":
        return matrix
    norms = np.sqrt(matrix.multiply(matrix).sum(axis=1))
    return scipy.sparse.csr_array(scipy.sparse.diags_array(1 / np.where(norms > 0, norms, 1)) @ matrix)


class SparseProducts:
    """Exact search by products of sparse rows, for Euclidean and cosine distances.

    Columns that many rows store are centred and multiplied dense, all others sparse. The distances of the nearest
    rows and a few more are then recomputed by differences, in double precision.
    """

    name: ClassVar[str] = "exact"
    library: ClassVar[str | None] = None

    def __init__(self, rows: SparseRows, metric: Metric) -> None:
        self._rows = unit_rows(rows, metric)
        self._metric = canonical(metric)
        self.device = rows.device
        frequent = _frequent_columns(self._rows)
        self._dense = self._rows[:, frequent].toarray()
        self._dense -= self._dense.mean(axis=0)
        rare = np.setdiff1d(np.arange(self._rows.shape[1]), frequent, assume_unique=True)
        self._sparse = scipy.sparse.csr_array(self._rows[:, rare].astype(np.float32))
        squares = self._sparse.multiply(self._sparse).sum(axis=1)
        self._sq_norms = (np.square(self._dense).sum(axis=1) + squares).astype(np.float32)
        self._dense = self._dense.astype(np.float32)
        self._columns = self._sparse.T.tocsr()

    def __len__(self) -> int:
        return int(self._rows.shape[0])

    def of(self, queries: AnyArray, k: int) -> tuple[torch.Tensor, torch.Tensor]:
        """Finds the neighbours of query rows.

        Args:
            queries: Indices of rows, shape (m,).
            k: Number of neighbours, in [1, n − 1].

        Returns:
            Indices (int64) and distances (float32), each of shape (m, k), distances ascending.
        """
        starts = range(0, len(queries), self._step)
        chunks = [self._nearest(queries[start : start + self._step], k) for start in starts]
        indices, dists = (torch.cat(tensors).to(self.device) for tensors in zip(*chunks, strict=True))
        return indices, dists

    def refined(self, queries: AnyArray, candidates: AnyArray, k: int) -> tuple[torch.Tensor, torch.Tensor]:
        """Returns the k nearest of candidate rows, by their exact distances.

        Args:
            queries: Indices of rows, shape (m,).
            candidates: Indices of other rows, shape (m, c), c at least k; negative ones are missing.
            k: Number of neighbours.
        """
        pairs = np.repeat(queries, candidates.shape[1]), candidates.reshape(-1)
        sq_dists = torch.from_numpy(sparse_sq_dists(self._rows, *pairs).reshape(candidates.shape))
        sq_dists[torch.from_numpy((candidates < 0) | (candidates == queries[:, None]))] = torch.inf
        # candidates at equal distance are sorted by index
        by_index = torch.from_numpy(candidates.astype(np.int64)).sort(dim=1)
        values, order = sq_dists.gather(1, by_index.indices).sort(dim=1, stable=True)
        return by_index.values.gather(1, order)[:, :k], self._distances(values[:, :k])

    @property
    def _step(self) -> int:
        return max(1, _CHUNK_ELEMENTS // len(self))

    def _nearest(self, queries: AnyArray, k: int) -> tuple[torch.Tensor, torch.Tensor]:
        block = (self._sparse[queries] @ self._columns).toarray()
        block += self._dense[queries] @ self._dense.T
        block *= -2
        block += self._sq_norms
        block[np.arange(len(queries)), queries] = np.inf
        n_selected = min(k + max(_FURTHER, k // 8), len(self) - 1)
        _, selected = smallest(torch.from_numpy(block), n_selected)
        return self.refined(queries, as_numpy(selected), k)

    def _distances(self, sq_dists: torch.Tensor) -> torch.Tensor:
        if self._metric == "cosine":
            return (sq_dists / 2).to(torch.float32)
        return (sq_dists if self._metric == "sqeuclidean" else sq_dists.sqrt()).to(torch.float32)


class SparseComparisons:
    """Exact search that compares dense blocks of rows, for other metrics and few rows."""

    name: ClassVar[str] = "exact"
    library: ClassVar[str | None] = None

    def __init__(self, rows: SparseRows, metric: Metric) -> None:
        self._rows = rows
        self._metric = metric
        self._comparison = comparison_of(metric)

    def of(self, queries: AnyArray, k: int) -> tuple[torch.Tensor, torch.Tensor]:
        """Finds the neighbours of query rows; see :meth:`SparseProducts.of`."""
        n, dim = self._rows.shape
        step = max(1, _CHUNK_ELEMENTS // max(n, dim))
        indices, dists = [], []
        for start in range(0, len(queries), step):
            chunk = queries[start : start + step]
            rows = self._prepared(self._rows[chunk])
            others = (self._prepared(block) for block in self._rows.split(step))
            dists_to_all = np.concatenate([self._comparison.between(rows, block) for block in others], 1)
            nearest, values = nearest_in(dists_to_all, chunk, k, self._metric)
            indices.append(nearest)
            dists.append(values.to(torch.float32))
        return torch.cat(indices).to(self._rows.device), torch.cat(dists).to(self._rows.device)

    def _prepared(self, rows: torch.Tensor) -> FloatArray:
        return self._comparison.prepare(as_numpy(rows.to(torch.float64)))


def is_by_products(metric: Metric) -> bool:
    """Returns whether :class:`SparseProducts` supports a metric."""
    return is_euclidean(metric) and canonical(metric) != "correlation"


def _frequent_columns(rows: scipy.sparse.csr_array) -> AnyArray:
    """Returns the columns that many rows store, limited to the most frequent ones."""
    n = rows.shape[0]
    counts = np.bincount(rows.indices, minlength=rows.shape[1])
    frequent = np.flatnonzero(counts > _FREQUENT * n)
    most = max(1, _FREQUENT_BYTES // (8 * n))
    if len(frequent) > most:
        frequent = np.sort(frequent[np.argsort(-counts[frequent], kind="stable")[:most]])
    chosen: AnyArray = frequent
    return chosen
