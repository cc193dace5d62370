"""Relations that the user has."""

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
    """Relations that were computed elsewhere.

    Args:
        X: A square matrix (n, n), a condensed vector (n(n − 1)/2,), a SciPy sparse matrix (n, n), a pair
            (indices, values) of neighbours, each (n, k), or a relation container. If ``None``, the entry
            ``data_key`` of the data set is taken for a square matrix.
        transform: One transform, or several that are applied in order.
        data_key: The entry of the data set that holds the relations, if ``X`` is ``None``.

    Raises:
        ValueError: If no layout fits, or if a value is infinite or not a number; or, where the first transform
            takes them for distances, such as perplexity, if they are none: negative, or not 0 on the diagonal.

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
        """Returns the precomputed relations, transformed; ``X`` is looked at only if there were none."""
        if self._given is None:
            require_points(X, "Precomputed without relations of its own")
        given = _checked(X) if self._given is None else self._given
        # what looks for neighbours takes relations for distances
        if self.transform and self.transform[0].neighbors_wanted() is not None:
            with contextlib.suppress(UnsupportedConfigurationError):  # a plain list, which the transform refuses
                checked_distances(given.values)
                others = given.without_diagonal().values
                check_diagonal(given.values - others, others)
        return self.apply_transforms(given)


def _checked(relations: Any) -> RelationData:
    reldata = relation_factory(relations).detached()
    if not bool(reldata.values.isfinite().all()):
        raise ValueError("precomputed relations contain NaN or infinity. Leave such entries out or set them.")
    return reldata
