"""Transforms of distances to similarities."""

from __future__ import annotations

from typing import Any

import torch

from paradime._registry import TRANSFORMS
from paradime.functional import find_ab, modified_cauchy, student_t
from paradime.relationdata import RelationData
from paradime.transforms.base import RelationTransform
from paradime.utils.arguments import check_positive

__all__ = ["ModifiedCauchyTransform", "StudentTTransform"]


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
