"""Neighbours within each level of a known factor, so that the relations do not depend on it."""

from __future__ import annotations

import logging
import math
import warnings
from collections.abc import Mapping
from typing import Any, ClassVar

import numpy as np
import torch

from paradime._registry import RELATIONS
from paradime.neighbors import check_search
from paradime.relationdata import NeighborRelationTuple, RelationData, relation_factory
from paradime.relations.base import Relations, require_points
from paradime.transforms import RelationTransform
from paradime.types import AnyArray, Metric
from paradime.utils.convert import as_numpy, to_numpy
from paradime.utils.logging import report
from paradime.utils.rows import loaded

__all__ = ["ConditionalNeighbors", "levels_of"]

log = logging.getLogger(__name__)

_USUAL_NEIGHBORS = 15
_MOST_LEVELS = 100
_USUAL_BINS = 10
_FEWEST = 3  # neighbours in each level
_FEW_POINTS = 50  # of all levels, of which some may be small


@RELATIONS.register("conditional neighbor")
class ConditionalNeighbors(Relations):
    """Neighbours of each point in each level of a factor, so that relations do not depend on the factor.

    The relations of a point are found and rescaled among the points of each level ℓ alone, and are then added with
    the share of the level: p(j | i) = Σ_ℓ share(ℓ) p(j | i, ℓ). Every point thus has the same mixture of levels
    around it, that of the data, while neighbourhoods within each level stay. Without this, the nearest neighbours
    are mostly of the point's own level where the factor shifts the data, as a batch effect does.

    Args:
        given: The entry of the data set with the factor, one value per point: integers for levels, or
            floating-point numbers, which are divided into ``n_levels`` levels of equal size.
        n_neighbors: Number of neighbours of all levels together. If ``None``, the number that the first transform
            with such a number needs, else 15. Each level has at least 3 of them, or all of its points.
        metric: As for :class:`~paradime.relations.NeighborBasedPDist`.
        transform: One transform, or several that are applied in order. Those up to the last that asks for a
            number of neighbours are applied to each level, the others to all relations.
        data_key: The entry of the data set from which the distances are computed.
        n_levels: Number of levels of a numeric factor, at least 2.

    Raises:
        ValueError: If a number is out of range; before training, if the factor has fewer than 2 or more than 100
            levels, or a level of a single point.

    Source: Kang et al., "Conditional t-SNE: more informative t-SNE embeddings", 2021, for the aim; Polański et
        al., "BBKNN: fast batch alignment of single cell transcriptomes", 2020, for neighbours in each batch.

    Example:
        >>> X = torch.tensor([[0.0], [1.0], [2.0], [3.0], [100.0], [101.0], [102.0], [103.0]])
        >>> relations = ConditionalNeighbors("batch", n_neighbors=4)
        >>> found = relations.compute_relations(X, given=torch.arange(8) // 4)
        >>> sorted(found.data[0][1].tolist())
        [0, 2, 3, 4, 5, 6]
    """

    levels: ClassVar[frozenset[str]] = frozenset({"global"})
    full_precision: ClassVar[bool] = True

    def __init__(
        self,
        given: str,
        n_neighbors: int | None = None,
        metric: Metric | None = None,
        transform: RelationTransform | list[RelationTransform] | None = None,
        data_key: str = "main",
        *,
        n_levels: int = _USUAL_BINS,
    ) -> None:
        super().__init__(transform, data_key)
        if n_neighbors is not None and n_neighbors < 1:
            raise ValueError(f"n_neighbors must be at least 1, got {n_neighbors}. 15 suits most data.")
        if n_levels < 2:
            raise ValueError(f"n_levels must be at least 2, got {n_levels}. 10 suits most factors.")
        check_search(metric, "auto")
        self.given = given
        self.n_neighbors = n_neighbors
        self.metric = metric
        self.n_levels = n_levels

    def further_entries(self) -> Mapping[str, str]:
        return {"given": self.given}

    def compute_relations(self, X: Any = None, given: Any = None, **kwargs: Any) -> RelationData:
        """Computes the transformed distances of points.

        Args:
            X: The points, shape (n, d), dense or sparse.
            given: The factor, one value per point, shape (n,) or (n, 1).
            **kwargs: Not used.
        """
        require_points(X, "ConditionalNeighbors")
        points = loaded(X).flat()
        rows = points.exported() if points.is_sparse else as_numpy(points.dense())
        levels = levels_of(given, self.n_levels, name=self.given)
        if len(levels) != len(points):
            raise ValueError(
                f"factor {self.given!r} must have one value per point, {len(points)}, got {len(levels)}."
            )
        wanted = self.n_neighbors or next(
            (k for k in (transform.neighbors_wanted() for transform in self.transform) if k is not None), None
        )
        of_levels = 1 + max(
            (i for i, transform in enumerate(self.transform) if transform.neighbors_wanted() is not None),
            default=-1,
        )
        parts = []
        for level in np.unique(levels):
            members = np.flatnonzero(levels == level)
            share = len(members) / len(levels)
            k = max(_fewest(len(members)), math.ceil(share * (wanted or _USUAL_NEIGHBORS)))
            report(log, f"Neighbors in level {level} of {self.given!r}: {len(members)} points, k = {k}.")
            indices, dists = _nearest_members(rows, members, min(k, len(members) - 1), self.metric or "euclidean")
            found: RelationData = NeighborRelationTuple._of(torch.from_numpy(indices), torch.from_numpy(dists))
            factor = 1.0
            for transform in self.transform[:of_levels]:
                part, own = transform.of_share(share)
                found, factor = part(found), factor * own
            parts.append((np.asarray(found.data[0]), np.asarray(found.data[1]) * np.float32(factor)))
        joined = tuple(np.concatenate(arrays, axis=1) for arrays in zip(*parts, strict=True))
        self._relations = None
        result = relation_factory(joined)
        for transform in self.transform[of_levels:]:
            result = transform(result)
        self._relations = result
        return result

    def summed_power(self) -> int | None:
        """Returns 2 for Euclidean and 1 for Manhattan distances, else ``None``."""
        return {None: 2, "euclidean": 2, "sqeuclidean": 2, "manhattan": 1}.get(self.metric)  # type: ignore[arg-type]


def levels_of(factor: Any, n_levels: int, *, name: str = "factor") -> AnyArray:
    """Returns the level of each point, from 0.

    Args:
        factor: One value per point, shape (n,) or (n, 1): integers for levels, or numbers.
        n_levels: Number of levels of equal size that numbers are divided into.
        name: The name of the factor, for messages.

    Raises:
        ValueError: If there are fewer than 2 or more than 100 levels, a level has a single point, or values are
            missing.

    Example:
        >>> levels_of([5, 7, 5, 7], 10).tolist(), levels_of([0.1, 0.7, 0.3, 0.9], 2).tolist()
        ([0, 1, 0, 1], [0, 1, 0, 1])
    """
    values = to_numpy(factor).reshape(-1)
    if values.dtype.kind == "f":
        if not np.isfinite(values).all():
            row = int(np.flatnonzero(~np.isfinite(values))[0])
            raise ValueError(
                f"factor {name!r} must be finite, got {values[row]} first in row {row}. Impute values."
            )
        edges = np.unique(np.quantile(values, np.linspace(0, 1, n_levels + 1)[1:-1]))
        values = np.searchsorted(edges, values, side="right")
    known, levels, counts = np.unique(values, return_inverse=True, return_counts=True)
    if not 2 <= len(known) <= _MOST_LEVELS:
        raise ValueError(
            f"factor {name!r} must have from 2 to {_MOST_LEVELS} levels, got {len(known)}. Pass floating-point "
            "numbers for a numeric factor, whose levels are intervals."
        )
    if counts.min() < 2:
        raise ValueError(
            f"each level of factor {name!r} must have at least 2 points, got 1 in level {known[counts.argmin()]}. "
            "Join it with another level."
        )
    if counts.min() <= _FEWEST and len(values) > _FEW_POINTS:
        warnings.warn(
            f"level {known[counts.argmin()]} of factor {name!r} has {counts.min()} points, which all are "
            "neighbours of every point. Join it with another level.",
            stacklevel=3,
        )
    return levels.reshape(-1)


def _fewest(n: int) -> int:
    return min(_FEWEST, max(1, n - 1))


def _nearest_members(rows: Any, members: AnyArray, k: int, metric: Metric) -> tuple[AnyArray, AnyArray]:
    """Returns the nearest members of each point but itself, shape (n, k), by index among all points."""
    from sklearn.neighbors import NearestNeighbors

    search = NearestNeighbors(
        n_neighbors=k + 1, metric=metric, algorithm="auto" if rows.shape[1] < 16 else "brute"
    )
    dists, found = search.fit(rows[members]).kneighbors(rows)
    indices = members[found]
    is_self = indices == np.arange(len(indices))[:, None]
    # of the k + 1 nearest, the point itself is left out, or else the last one
    is_self[~is_self.any(axis=1), -1] = True
    shape = len(indices), k
    return indices[~is_self].reshape(shape), dists[~is_self].reshape(shape).astype(np.float32)
