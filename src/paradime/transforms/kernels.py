"""Transforms of distances: to similarities, and the selection of neighbours by locally scaled distances."""

from __future__ import annotations

from typing import Any, ClassVar

import torch

from paradime._registry import TRANSFORMS
from paradime.functional import find_ab, modified_cauchy, student_t
from paradime.relationdata import NeighborRelationTuple, RelationData
from paradime.transforms.base import RelationTransform
from paradime.utils.arguments import check_integer, check_positive

__all__ = ["LocalScaling", "ModifiedCauchyTransform", "StudentTTransform"]


def _check_positive(name: str, value: float | torch.Tensor) -> None:
    if not isinstance(value, torch.Tensor):
        check_positive(name, value, remedy="The default suits most data.")


@TRANSFORMS.register("t-dist")
class StudentTTransform(RelationTransform):
    """Converts distances d to (1 + d²/α)^(−(α + 1)/2); entries that are not stored remain zero.

    Args:
        alpha: Degrees of freedom α > 0, or a tensor, such as a trained parameter of the model.

    Raises:
        ValueError: If ``alpha`` is a number ≤ 0.

    Source: van der Maaten, "Learning a parametric embedding by preserving local structure", 2009, eq. 4.

    Example:
        >>> StudentTTransform(alpha=1.0)([0.0, 1.0, 3.0]).data
        array([1. , 0.5, 0.1])
    """

    def __init__(self, alpha: float | torch.Tensor = 1.0) -> None:
        _check_positive("alpha", alpha)
        self.alpha = alpha

    def transform(self, reldata: RelationData) -> RelationData:
        return reldata.map_squares(lambda sq_dists: student_t(sq_dists, self.alpha))


@TRANSFORMS.register("modified cauchy")
class ModifiedCauchyTransform(RelationTransform):
    """Converts distances d to 1/(1 + a d^(2b)); entries that are not stored remain zero.

    Args:
        min_dist: Distance up to which points count as fully similar, in [0, 3 × spread).
        spread: Scale of the decay beyond ``min_dist``, > 0.
        a: Scale > 0, or a tensor, such as a parameter of the model; fitted to ``min_dist`` and ``spread``
            if ``None``.
        b: Exponent > 0, likewise.

    Raises:
        ValueError: If a parameter is out of range.

    Source: McInnes, Healy, Melville, "UMAP", 2018, definition 11.

    Example:
        >>> ModifiedCauchyTransform(a=1.0, b=1.0)([0.0, 1.0, 3.0]).data
        array([1. , 0.5, 0.1])
    """

    def __init__(
        self,
        min_dist: float = 0.1,
        spread: float = 1.0,
        a: float | torch.Tensor | None = None,
        b: float | torch.Tensor | None = None,
    ) -> None:
        self.min_dist = min_dist
        self.spread = spread
        fitted_a, fitted_b = (1.0, 1.0) if a is not None and b is not None else find_ab(spread, min_dist)
        # fitted values, which a specification leaves out
        self._fitted = {} if a is not None else {"a": fitted_a}
        if b is None:
            self._fitted["b"] = fitted_b
        self.a = fitted_a if a is None else a
        self.b = fitted_b if b is None else b
        _check_positive("a", self.a)
        _check_positive("b", self.b)

    def spec_options(self) -> dict[str, Any]:
        """Returns ``None`` for fitted arguments that were not changed since, for a specification."""
        return {name: None for name, value in self._fitted.items() if getattr(self, name) is value}

    def transform(self, reldata: RelationData) -> RelationData:
        return reldata.map_squares(lambda sq_dists: modified_cauchy(sq_dists, self.a, self.b))


@TRANSFORMS.register("local scaling")
class LocalScaling(RelationTransform):
    """Selects the nearest neighbours by d²/(σᵢ σⱼ), as in PaCMAP, and sets their relations to 1.

    σᵢ is the mean distance of point i to its 4th to 6th neighbour, which compensates for different densities.

    Args:
        n_neighbors: Number of neighbours per point, at least 1; all stored ones if there are fewer.
        n_extra: Number of further candidates, at least 0.

    Raises:
        ValueError: If a number is out of range.

    Source: Wang et al., "Understanding how dimension reduction tools work: PaCMAP", 2021, section 4.1.

    Example:
        >>> LocalScaling(1)(([[1, 2], [0, 2], [1, 0]], [[1.0, 3.0], [1.0, 2.0], [2.0, 3.0]])).data[0].tolist()
        [[1], [0], [1]]
    """

    _SCALE: ClassVar[slice] = slice(3, 6)

    def __init__(self, n_neighbors: int = 10, n_extra: int = 50) -> None:
        check_integer("n_neighbors", n_neighbors, remedy="10 suits most data.")
        check_integer("n_extra", n_extra, 0, remedy="50 suits most data.")
        self.n_neighbors = n_neighbors
        self.n_extra = n_extra

    def neighbors_wanted(self) -> int | None:
        return self.n_neighbors + self.n_extra

    def neighbors_needed(self) -> int | None:
        return self.n_neighbors

    def transform(self, reldata: RelationData) -> RelationData:
        stored = reldata.to_neighbor_tuple().without_diagonal()
        assert isinstance(stored, NeighborRelationTuple)
        n, k = stored.indices.shape
        own = torch.arange(n, device=stored.indices.device)[:, None]
        dists = torch.where(stored.indices == own, torch.inf, stored.values)
        # σᵢ is the same for all distances in a row, so that it has no effect on their order
        scaled = dists / self._scales(dists).sqrt()[stored.indices]
        selected = scaled.topk(min(self.n_neighbors, k), dim=1, largest=False, sorted=True).indices
        indices, exists = stored.indices.gather(1, selected), dists.gather(1, selected).isfinite()
        # rows with fewer neighbours are padded with the point itself, at 0
        return NeighborRelationTuple._of(torch.where(exists, indices, own), exists.to(stored.values.dtype))

    def _scales(self, dists: torch.Tensor) -> torch.Tensor:
        """Returns σ > 0, shape (n,); rows with fewer than 6 neighbours use the last ones."""
        nearest = dists.topk(min(self._SCALE.stop, dists.shape[1]), dim=1, largest=False, sorted=True).values
        exists = nearest.isfinite()
        # missing neighbours are replaced by the farthest of the row
        farthest = torch.where(exists, nearest, 0).amax(dim=1, keepdim=True)
        used = torch.where(exists, nearest, farthest)[:, self._SCALE]
        scales = farthest.squeeze(1) if used.shape[1] == 0 else used.mean(dim=1)
        return scales.clamp_min(torch.finfo(dists.dtype).tiny)
