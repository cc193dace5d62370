"""Global relations between all pairs of points, computed or given."""

from __future__ import annotations

import contextlib
import hashlib
import logging
from typing import Any, ClassVar

import numpy as np
import scipy.sparse
import scipy.spatial.distance
import torch

from paradime._registry import RELATIONS
from paradime.data.columns import power_of
from paradime.exceptions import UnsupportedConfigurationError
from paradime.neighbors.given import check_diagonal, checked_distances
from paradime.neighbors.metrics import Comparison, check_metric, comparison_of
from paradime.relationdata import RelationData, relation_factory
from paradime.relations.base import Relations, require_points
from paradime.transforms import RelationTransform
from paradime.types import FloatArray, Metric
from paradime.utils.convert import as_numpy, as_tensor
from paradime.utils.logging import report
from paradime.utils.rows import Rows, rows_of

__all__ = ["PDist", "Precomputed"]

log = logging.getLogger(__name__)

_BLOCK = 512  # number of sparse rows that are made dense at a time


@RELATIONS.register("pdist", "pairwise")
class PDist(Relations):
    """Distances between all pairs of points, each pair once.

    Time and memory grow with n²; use :class:`NeighborBasedPDist` for more than about 5,000 points.

    Args:
        metric: A metric of SciPy or PyNNDescent, or a function of two rows; Euclidean if ``None``.
        transform: One transform, or several that are applied in order.
        keep_result: Whether to store the distances for the next call with the same data.
        data_key: The entry of the data set from which the distances are computed.
        verbose: Whether to log progress.

    Example:
        >>> PDist().compute_relations([[0.0], [3.0], [4.0]]).data
        array([3., 4., 1.], dtype=float32)
    """

    levels: ClassVar[frozenset[str]] = frozenset({"global"})
    full_precision: ClassVar[bool] = True

    def __init__(
        self,
        metric: Metric | None = None,
        transform: RelationTransform | list[RelationTransform] | None = None,
        keep_result: bool = True,
        data_key: str = "main",
        verbose: bool = False,
    ) -> None:
        super().__init__(transform, data_key)
        _check_name(metric)
        self.metric = metric
        self.keep_result = keep_result
        self.verbose = verbose
        self._stored: tuple[str, torch.Tensor] | None = None

    def compute_relations(self, X: Any = None, **kwargs: Any) -> RelationData:
        """Computes the transformed distances of points, shape (n, d); transforms get the triangular layout."""
        require_points(X, "PDist")
        points = rows_of(X)
        if not points.in_memory:
            return self.apply_transforms(self._by_blocks(points))
        rows = np.asarray(as_numpy(points.dense()), np.float64)
        content = f"{rows.shape} {_digest(rows)}" if self.keep_result else ""
        if self._stored is None or self._stored[0] != content or not content:
            report(log, "Computing pairwise distances.", verbose=self.verbose)
            dists = _condensed(rows.reshape(len(rows), -1), self.metric or "euclidean")
            self._stored = content, as_tensor(dists.astype(np.float32))
        # stored distances are copied, because the user may change the result in place
        dists32 = self._stored[1].clone() if self.keep_result else self._stored[1]
        if not self.keep_result:
            self._stored = None
        return self.apply_transforms(as_numpy(dists32))

    def summed_power(self) -> int | None:
        """Returns 2 for Euclidean and 1 for Manhattan distances, else ``None``."""
        return power_of(self.metric)

    def _by_blocks(self, rows: Rows) -> FloatArray:
        """Computes condensed distances of rows that are read in blocks, which are not stored for the next call."""
        report(log, "Computing pairwise distances.", verbose=self.verbose)
        comparison = _comparison(self.metric or "euclidean")
        if not comparison.by_row:
            rows = rows_of(comparison.prepare(as_numpy(rows.dense())))
            comparison = comparison._replace(prepare=np.asarray)
        upper_rows = []
        for i, block in enumerate(rows.split(_BLOCK)):
            prepared = comparison.prepare(as_numpy(block.to(torch.float64)))
            later = rows.take(slice(i * _BLOCK, None)).split(_BLOCK)
            others = (comparison.prepare(as_numpy(other.to(torch.float64))) for other in later)
            dists = np.concatenate([comparison.between(prepared, other) for other in others], 1)
            upper_rows += [row[j + 1 :].astype(np.float32) for j, row in enumerate(dists)]
        condensed: FloatArray = np.concatenate(upper_rows)
        return condensed


def _digest(rows: FloatArray) -> str:
    return hashlib.sha256(np.ascontiguousarray(rows).data).hexdigest()


def _condensed(rows: FloatArray, metric: Metric) -> FloatArray:
    """Computes the distances of all pairs of dense rows, each once."""
    comparison = _comparison(metric)
    prepared = comparison.prepare(rows)
    if comparison.by_blocks:
        return comparison.between(prepared, prepared)[np.triu_indices(len(rows), 1)]
    return comparison.finish(scipy.spatial.distance.pdist(prepared, comparison.base))


def _comparison(metric: Metric) -> Comparison:
    """Returns the comparison for a metric; names of SciPy have the meaning of SciPy."""
    return Comparison(metric) if isinstance(metric, str) and _is_of_scipy(metric) else comparison_of(metric)


def _is_of_scipy(name: str) -> bool:
    try:
        scipy.spatial.distance.cdist(np.eye(4), np.eye(4), name)  # type: ignore[call-overload]
    except ValueError as error:
        # known metrics may fail, too, because they need more rows or settings
        return "nknown" not in str(error)
    return True


def _check_name(metric: Metric | None) -> None:
    """Raises a ValueError if a metric's name is unknown."""
    if isinstance(metric, str) and not _is_of_scipy(metric):
        check_metric(metric)


@RELATIONS.register("precomp", "precomputed")
class Precomputed(Relations):
    """Precomputed relations.

    Args:
        X: A square matrix (n, n), a condensed vector (n(n − 1)/2,), a SciPy sparse matrix (n, n), a pair
            (indices, values) of neighbours, each (n, k), or a relation container. If ``None``, the entry
            ``data_key`` of the data set is used as a square matrix.
        transform: One transform, or several that are applied in order.
        data_key: The entry of the data set with the relations, if ``X`` is ``None``.

    Raises:
        ValueError: If no layout has this shape, or a value is infinite or NaN; or if the first transform needs
            distances, such as perplexity, and values are negative, or not 0 on the diagonal.

    Example:
        >>> Precomputed([[0.0, 2.0], [2.0, 0.0]]).compute_relations().sub([0, 1])
        tensor([[0., 2.],
                [2., 0.]], dtype=torch.float64)
    """

    levels: ClassVar[frozenset[str]] = frozenset({"global"})

    def __init__(
        self,
        X: Any = None,
        transform: RelationTransform | list[RelationTransform] | None = None,
        *,
        data_key: str = "main",
    ) -> None:
        super().__init__(transform, data_key)
        self.X = X
        self._given = None if X is None else _checked(X)

    def compute_relations(self, X: Any = None, **kwargs: Any) -> RelationData:
        """Returns the transformed precomputed relations; ``X`` is used only if none were given."""
        if self._given is None:
            require_points(X, "Precomputed without relations of its own")
        given = _checked(X) if self._given is None else self._given
        # transforms that need neighbours interpret relations as distances
        if self.transform and self.transform[0].neighbors_wanted() is not None:
            with contextlib.suppress(UnsupportedConfigurationError):  # the transform reports a plain list
                checked_distances(given.values)
                others = given.without_diagonal().values
                check_diagonal(given.values - others, others)
        return self.apply_transforms(given)


def _checked(relations: Any) -> RelationData:
    reldata = relation_factory(relations).detached()
    if not bool(reldata.values.isfinite().all()):
        n_bad = int((~reldata.values.isfinite()).sum())
        raise ValueError(
            f"precomputed relations must be finite, got NaN or infinity in {n_bad} entries. Leave these entries "
            "out, or replace them."
        )
    return reldata
