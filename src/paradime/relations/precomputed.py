"""Precomputed relations."""

from __future__ import annotations

import contextlib
from typing import Any, ClassVar

from paradime._registry import RELATIONS
from paradime.exceptions import UnsupportedConfigurationError
from paradime.neighbors.given import check_diagonal, checked_distances
from paradime.relationdata import RelationData, relation_factory
from paradime.relations.base import Relations, require_points
from paradime.transforms import RelationTransform

__all__ = ["Precomputed"]


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
