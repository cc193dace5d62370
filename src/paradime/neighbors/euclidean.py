"""Transformed rows whose Euclidean distances have the order of a metric, computed on access."""

from __future__ import annotations

import torch

from paradime.neighbors.metrics import canonical
from paradime.types import Metric
from paradime.utils.rows import Rows

__all__ = ["EuclideanRows", "is_euclidean"]

_ON_DIRECTIONS = ("cosine", "correlation")
_CHUNK_ELEMENTS = 1 << 21  # 16 MB in double precision
# single precision represents the values of these dtypes exactly
_SINGLE_TYPES = (torch.float32, torch.float16, torch.bfloat16, torch.uint8, torch.int8, torch.int16, torch.bool)


def is_euclidean(metric: Metric) -> bool:
    """Returns whether a metric has the order of Euclidean distances between transformed rows."""
    return canonical(metric) in ("euclidean", "sqeuclidean", *_ON_DIRECTIONS)


class EuclideanRows:
    """A view of points as transformed rows whose Euclidean distances have the order of a metric.

    Rows are transformed on access, so that no copy of the data is stored. Their dtype is single precision if it
    represents the data exactly, else double precision.

    Args:
        X: The points, shape (n, d), also rows that are read in blocks.
        metric: A metric that :func:`is_euclidean` accepts.
    """

    def __init__(self, X: torch.Tensor | Rows, metric: Metric) -> None:
        self.X = X
        self.metric = canonical(metric)
        self.on_directions = self.metric in _ON_DIRECTIONS
        exact = X.dtype in _SINGLE_TYPES and not self.on_directions
        self.dtype = torch.float32 if exact else torch.float64
        self._center: torch.Tensor | None = None

    def __len__(self) -> int:
        return len(self.X)

    @property
    def dim(self) -> int:
        """Number of columns."""
        return self.X.shape[1]

    def at(self, rows: torch.Tensor | slice) -> torch.Tensor:
        """Returns the given rows, shape (m, d), not centred."""
        values = self.X[rows] if isinstance(rows, slice) else self.X.index_select(0, rows)
        values = values.to(self.dtype)
        if not self.on_directions:
            return values
        if self.metric == "correlation":
            values = values - values.mean(dim=1, keepdim=True)
        norms = torch.linalg.vector_norm(values, dim=1, keepdim=True)
        # a row of zeros has no direction: it is at the origin, with cosine distance 1/2 to all others
        return values / torch.where(norms > 0, norms, 1)

    def around(self, center: torch.Tensor, rows: torch.Tensor | slice) -> torch.Tensor:
        """Returns rows minus a centre (rounded to their dtype), in single precision, shape (m, d)."""
        # differences of exactly represented numbers are precise near the centre
        return (self.at(rows) - center.to(self.dtype)).to(torch.float32)

    def chunks(self) -> list[slice]:
        """Returns slices of rows that fit into a few megabytes."""
        step = max(1, _CHUNK_ELEMENTS // max(1, self.dim))
        return [slice(start, min(start + step, len(self))) for start in range(0, len(self), step)]

    def center(self) -> torch.Tensor:
        """Returns the mean of all rows, shape (d,), summed in double precision."""
        if self._center is None:
            total = torch.zeros(self.dim, dtype=torch.float64, device=self.X.device)
            for chunk in self.chunks():
                total += self.at(chunk).sum(dim=0, dtype=torch.float64)
            self._center = total / len(self)
        return self._center

    def centered(self, dtype: torch.dtype) -> torch.Tensor:
        """Returns all rows minus their mean, shape (n, d), then rounded to a dtype."""
        rows = torch.empty(self.X.shape, dtype=dtype, device=self.X.device)
        # the same rounded centre is subtracted from all rows, which changes no distance
        wider = torch.promote_types(self.dtype, dtype)
        center = self.center().to(wider)
        for chunk in self.chunks():
            rows[chunk] = self.at(chunk).to(wider) - center
        return rows

    def pair_sq_dists(self, first: torch.Tensor, second: torch.Tensor) -> torch.Tensor:
        """Computes squared distances of pairs by differences, which are precise at any offset.

        Args:
            first: Indices of rows, shape (p,).
            second: Indices of rows, shape (p,).

        Returns:
            Shape (p,), float64.
        """
        result = torch.empty(len(first), dtype=torch.float64, device=self.X.device)
        step = max(1, _CHUNK_ELEMENTS // max(1, self.dim))
        for start in range(0, len(first), step):
            chunk = slice(start, start + step)
            difference = self.at(first[chunk]).sub_(self.at(second[chunk]))
            result[chunk] = difference.square_().sum(dim=1, dtype=torch.float64)
        return result

    def distances(self, sq_dists: torch.Tensor) -> torch.Tensor:
        """Converts squared distances of these rows to distances of the metric, float32."""
        if self.on_directions:
            return (sq_dists / 2).to(torch.float32)
        return (sq_dists if self.metric == "sqeuclidean" else sq_dists.sqrt()).to(torch.float32)
